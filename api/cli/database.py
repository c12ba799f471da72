"""The configured database, opened for a command."""

from sqlalchemy import Engine

from api.cli import PROGRAM
from city.database import open_engine
from city.errors import CityError
from city.migrate import is_current
from city.settings import Settings


def open_current(settings: Settings) -> Engine:
    """Open the database that the settings name.

    Raises
    ------
    CityError
        If its schema is not the one that this version needs.
    """
    engine = open_engine(settings.url)
    if not is_current(engine):
        shown = engine.url.render_as_string(hide_password=True)
        raise CityError(f"the database {shown} does not have this version's tables yet; run '{PROGRAM} admin migrate'")
    return engine
