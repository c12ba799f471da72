"""The garbage collector of a process that works through batches."""

import gc

# Objects that may be made before the collector looks at the young ones. A batch of a thousand messages makes about
# thirty thousand and drops them together; at Python's own 700 the collector took a fifth of the time of intake
# (benchmarks/intake.py), to find nothing.
YOUNG_OBJECTS = 50_000


def settle() -> None:
    """Leave what is loaded by now out of every later collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
