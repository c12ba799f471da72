"""Ruin and recreate in compiled code: the engine that knows every rule of a problem."""

from routing.engines.recreate.engine import Recreate, warm

__all__ = ["Recreate", "warm"]
