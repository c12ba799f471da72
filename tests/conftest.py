"""What tests share: where the real inputs are, and a fresh database of each kind."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from city.database import open_engine
from city.migrate import upgrade

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
POSTGRES_URL = os.environ.get("DUSTCART_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


@pytest.fixture(scope="session", autouse=True)
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the tests a data folder of their own, so that none is made where they are run."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUSTCART_DATA_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real inputs; the test is skipped where it is not there."""
    if not SHARED.is_dir():
        pytest.skip(f"real inputs are not at {SHARED}")
    return SHARED


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Yield an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'test.sqlite'}")
        yield engine
        engine.dispose()
        return
    server = create_engine(POSTGRES_URL, isolation_level="AUTOCOMMIT")
    name = f"dustcart_test_{uuid.uuid4().hex}"
    try:
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except Exception as error:  # noqa: BLE001 - whatever kept us from the server is the reason to skip
        pytest.skip(f"no PostgreSQL at {POSTGRES_URL} ({error}); name one in DUSTCART_TEST_POSTGRES")
    engine = open_engine(str(server.url.set(database=name).render_as_string(hide_password=False)))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def engine(empty_engine: Engine) -> Engine:
    """Return a database with the current schema."""
    upgrade(empty_engine)
    return empty_engine
