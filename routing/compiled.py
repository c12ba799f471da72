"""Compiles the router's inner loops with numba, once per machine where that can be remembered.

numba keeps what it compiled in ``__pycache__`` beside the source, else under ``NUMBA_CACHE_DIR`` or the user's cache
folder. Where none of these can be written (a read-only image without a home), it compiles again at every start.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

# No NaN ever enters the tables and zero has no sign there; knowing it lets minima become one instruction. Infinity
# does mean something (no way), so the full "fast" arithmetic would be wrong.
FINITE_OR_INFINITE = {"nnan", "nsz"}

# The source files that each compiled function is made of.
_sources: dict[Any, frozenset[Path]] = {}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays and numbers on first call; it runs without the interpreter lock."""
    if getattr(numba.config, "DISABLE_JIT", False):  # NUMBA_DISABLE_JIT=1: for a debugger
        return function
    built: Any = numba.njit(nogil=True, fastmath=FINITE_OR_INFINITE)(function)
    called = (_sources[value] for value in function.__globals__.values() if _is_compiled(value))
    sources = frozenset([Path(inspect.getfile(function))]).union(*called)
    _sources[built] = sources
    try:
        built.enable_caching()
    except RuntimeError:  # "cannot cache function: no locator available"
        return cast("Callable[P, R]", built)
    # numba takes a kept function for good while its own file is unchanged, though the functions it calls are compiled
    # into it. So the stamp that it compares must cover their files too.
    stats = [source.stat() for source in sorted(sources)]
    built._cache._cache_file._source_stamp = tuple((stat.st_mtime, stat.st_size) for stat in stats)
    return cast("Callable[P, R]", built)


def _is_compiled(value: object) -> bool:
    return isinstance(value, numba.core.registry.CPUDispatcher) and value in _sources
