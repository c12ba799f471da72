"""``dustcart city generate``: stores a city or writes its files, and says what it made."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.city import app
from city.database import open_engine, reading
from city.errors import CityError
from city.migrate import upgrade
from city.store import city_of


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a fresh database that the commands use."""
    url = f"sqlite:///{tmp_path / 'city.sqlite'}"
    monkeypatch.setenv("DUSTCART_DATABASE_URL", url)
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return url


def test_the_command_stores_the_city_and_counts_what_it_made(database: str) -> None:
    done = CliRunner().invoke(app, ["generate", "--points", "40", "--districts", "2", "--seed", "3", "--json"])
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert (made["points"], made["districts"], made["files"]) == (40, 2, [])
    engine = open_engine(database)
    with reading(engine) as session:
        assert city_of(session).source == "generated: 40 points, 2 districts, seed 3"
    engine.dispose()


def test_the_command_writes_files_without_touching_the_database(database: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["generate", "--points", "40", "--out", str(tmp_path / "files")])
    assert done.exit_code == 0, done.output
    assert {file.name for file in (tmp_path / "files").iterdir()} >= {"points.csv", "bins.csv", "roads.osm.pbf"}
    engine = open_engine(database)
    with reading(engine) as session, pytest.raises(CityError, match="no city in this database yet"):
        city_of(session)
    engine.dispose()


def test_a_number_that_cannot_be_is_bad_usage() -> None:
    assert CliRunner().invoke(app, ["generate", "--points", "0"]).exit_code == 2
