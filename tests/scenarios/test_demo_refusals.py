"""The demo says in one sentence why it does not start, and leaves what is there as it is."""

import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.cli.demo import demo
from api.cli.failures import sentence_of
from city.database import open_engine, transaction
from city.migrate import upgrade
from scenarios.demo import Home, Made


@pytest.fixture(autouse=True)
def _keep_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the test run its own way of being stopped."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def made(directory: Path) -> Home:
    """Pretend that a small city was made."""
    home = Home(directory)
    home.complete(Made(points=20, districts=1, seed=1))
    return home


def refusal(**options: Any) -> str:
    """Start the demo and return the sentence it ends with."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - that it is an error of ours is what is asserted
        demo(**options)
    assert isinstance(caught.value, Exception)
    said = sentence_of(caught.value)
    assert said is not None
    return said


def test_a_busy_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        said = refusal(port=port, data_dir=tmp_path / "city")
    assert str(port) in said
    assert "--port" in said
    assert not (tmp_path / "city").exists()


def test_a_second_demo_in_one_directory_is_refused(tmp_path: Path) -> None:
    with made(tmp_path).locked():
        assert "is running" in refusal(port=0, data_dir=tmp_path)


def test_another_city_than_the_one_that_is_there_is_not_made_over_it(tmp_path: Path) -> None:
    home = made(tmp_path)
    said = refusal(port=0, data_dir=tmp_path, points=30)
    assert "20 points" in said
    assert "--anew" in said
    assert home.made == Made(points=20, districts=1, seed=1)


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    home = made(tmp_path)
    engine = open_engine(home.url)
    upgrade(engine)
    with transaction(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999_from_the_future'"))
    engine.dispose()
    said = refusal(port=0, data_dir=tmp_path)
    assert "9999_from_the_future" in said
    assert "newer Dustcart" in said


def test_what_is_left_of_a_set_up_that_was_killed_is_made_anew(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "dustcart.sqlite").write_bytes(b"half a database")
    assert home.made is None
    home.clear()
    assert list(tmp_path.iterdir()) == []
