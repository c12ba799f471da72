"""Brings a database to the schema this version needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from city.errors import CityError


def config_for(connection: Connection) -> Config:
    """Alembic's configuration for one open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> None:
    """Apply every step that the database lacks, in one transaction.

    Raises
    ------
    CityError
        If the database is from a newer Dustcart than this one.
    """
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        config = config_for(connection)
        present = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if present is not None and present not in known:
            raise CityError(
                f"the database has schema {present}, which this version does not know; it was made by a newer"
                " Dustcart. Start that version, or restore a backup"
            )
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    """Whether the database has exactly the schema that this version needs."""
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
        return present == ScriptDirectory.from_config(config_for(connection)).get_current_head()
