"""Compiles the router's inner loops with numba, once per machine where that can be remembered.

numba keeps what it compiled in ``__pycache__`` beside the source, else under ``NUMBA_CACHE_DIR`` or the user's cache
folder. Where none of these can be written (a read-only image without a home), it compiles again at every start.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

# No NaN ever enters the tables and zero has no sign there; knowing it lets minima become one instruction. Infinity
# does mean something (no way), so the full "fast" arithmetic would be wrong.
FINITE_OR_INFINITE = {"nnan", "nsz"}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays and numbers on first call; it runs without the interpreter lock."""
    try:
        built = numba.njit(cache=True, nogil=True, fastmath=FINITE_OR_INFINITE)(function)
    except RuntimeError:  # "cannot cache function: no locator available"
        built = numba.njit(nogil=True, fastmath=FINITE_OR_INFINITE)(function)
    return cast("Callable[P, R]", built)
