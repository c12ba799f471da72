"""From what devices and people report to a fill level one can act on, and a forecast of it."""
