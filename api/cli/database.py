"""The configured database, opened for a command."""

from sqlalchemy import Engine

from api.cli import PROGRAM
from city.database import open_engine
from city.errors import CityError
from city.migrate import is_current
from city.settings import Settings

_opened: list[Engine] = []


def open_current(settings: Settings) -> Engine:
    """Open the database that the settings name; it is closed when the command ends.

    Raises
    ------
    CityError
        If its schema is not the one that this version needs.
    """
    engine = open_engine(settings.url)
    _opened.append(engine)
    if not is_current(engine):
        shown = engine.url.render_as_string(hide_password=True)
        raise CityError(f"the database {shown} does not have this version's tables yet; run '{PROGRAM} admin migrate'")
    return engine


def close_opened() -> None:
    """Close the databases that commands opened."""
    while _opened:
        _opened.pop().dispose()
