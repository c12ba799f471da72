"""Stores a generated city, but not by accident over another one."""

from sqlalchemy import Engine

from city.database import transaction
from city.errors import CityError
from city.registry import City
from city.store import CityData, keep_other_writers_out, write


def store(engine: Engine, data: CityData, *, replace: bool = False) -> None:
    """Store a generated city; storing the same one again changes nothing.

    Generated cities use the same ids for different things, so what is true of one is not true of the next: readings,
    plans and dispatches of a city that is replaced lose their meaning.

    Parameters
    ----------
    engine
        A database with the current schema.
    data
        What `generate` returned.
    replace
        Also put it in the place of another city.

    Raises
    ------
    CityError
        If there is another city and `replace` is not set. Nothing is written then.
    """
    with transaction(engine) as session:
        keep_other_writers_out(session)
        present = session.get(City, 1)
        if present is not None and present.source != data.city.source and not replace:
            raise CityError(
                f"the database holds {present.name} ({present.source or 'no source'}); nothing was written."
                " Name another database in DUSTCART_DATABASE_URL, write files with --out, or replace the city with"
                " --replace"
            )
        write(session, data, replace=replace)
