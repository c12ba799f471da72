"""Which errors are the user's to mend: each becomes one sentence on stderr instead of a traceback."""

import importlib

from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

# Module and name of every room's error family. Imported only when something failed.
FAMILIES = (
    ("city.errors", "CityError"),
    ("sensors.errors", "IntakeError"),
    ("sensors.errors", "DutyError"),
    ("routing.errors", "RoutingError"),
    ("agents.errors", "AgentError"),
    ("scenarios.errors", "ScenarioError"),
    ("api.errors", "ApiError"),
)


def sentence_of(error: Exception) -> str | None:
    """Say what went wrong and where, or return ``None`` if the error is a fault in Dustcart itself."""
    match error:
        case OperationalError():
            return f"the database refused: {error.orig}. Is it running, and is DUSTCART_DATABASE_URL right?"
        case ValidationError():
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or error.title}: {fault['msg']}" for fault in error.errors()
            )
            return f"{error.title} cannot be used: {faults}"
        case OSError():
            return str(error)
    return str(error) if isinstance(error, _families()) else None


def _families() -> tuple[type[Exception], ...]:
    found = []
    for module, name in FAMILIES:
        found.append(getattr(importlib.import_module(module), name))
    return tuple(found)
