"""Compiles the router's inner loops with numba, once per machine where that can be remembered.

numba keeps what it compiled in ``__pycache__`` beside the source, else under ``NUMBA_CACHE_DIR`` or the user's cache
folder. Where none of these can be written (a read-only image without a home), it compiles again at every start.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

# No NaN ever enters the tables and zero has no sign there; knowing it lets minima become one instruction. Infinity
# does mean something (no way), so the full "fast" arithmetic would be wrong.
FINITE_OR_INFINITE = {"nnan", "nsz"}

# Numbers for calls of compiled functions, which are compiled anew for every number that is written out.
ZERO, ONE = cast("int", np.int64(0)), cast("int", np.int64(1))

# The source files that each compiled function is made of.
_sources: dict[Any, frozenset[Path]] = {}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays and numbers on first call; it runs without the interpreter lock."""
    return cast("Callable[P, R]", _kept(_built(function)))


def uncounted(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that makes no arrays and keeps none, without counting references to those it is given.

    With many arrays and short functions that takes a third of the time, and more of compiling. It is an option of
    numba's own that its manual does not name.
    """
    return cast("Callable[P, R]", _kept(_built(function, _nrt=False)))


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only compiled functions call: nothing to call it from Python, nothing kept of its own."""
    return cast("Callable[P, R]", _built(function, no_cpython_wrapper=True, no_cfunc_wrapper=True))


def _kept(built: Any) -> Any:
    """Let numba keep what it compiles of a function."""
    if built not in _sources:
        return built
    try:
        built.enable_caching()
    except RuntimeError:  # "cannot cache function: no locator available"
        return built
    # numba takes a kept function for good while its own file is unchanged, though the functions it calls are compiled
    # into it. So the stamp that it compares must cover their files too.
    stats = [source.stat() for source in sorted(_sources[built])]
    built._cache._cache_file._source_stamp = tuple((stat.st_mtime, stat.st_size) for stat in stats)
    return built


def _built(function: Callable[P, R], **options: Any) -> Any:
    if getattr(numba.config, "DISABLE_JIT", False):  # NUMBA_DISABLE_JIT=1: for a debugger
        return function
    built = numba.njit(nogil=True, fastmath=FINITE_OR_INFINITE, **options)(function)
    called = (_sources[value] for value in function.__globals__.values() if _is_compiled(value))
    _sources[built] = frozenset([Path(inspect.getfile(function))]).union(*called)
    return built


def _is_compiled(value: object) -> bool:
    return isinstance(value, numba.core.registry.CPUDispatcher) and value in _sources
