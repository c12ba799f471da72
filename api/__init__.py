"""The doors: HTTP and the command line. They check who asks, call the rooms below and hold no rules."""
