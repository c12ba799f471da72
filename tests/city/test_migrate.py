"""The schema: what migrations make is what the tables declare, on both databases."""

import importlib
import pkgutil

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlmodel import SQLModel

from city.errors import CityError
from city.migrate import upgrade


def _import_every_table() -> None:
    for room in ("city", "sensors", "agents", "api"):
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if "migrations" not in module.name:
                importlib.import_module(module.name)


def test_migrations_make_what_the_tables_declare(engine: Engine) -> None:
    _import_every_table()
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_a_database_from_the_future_is_refused_by_name(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CityError, match="9999"):
        upgrade(engine)
