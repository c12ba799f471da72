"""The command line: quick help, exit codes, errors that say what to do, processes that stop when told."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from typer.testing import CliRunner

from api.cli import COMMANDS, admin, app, main, schema
from city.database import open_engine, transaction
from city.migrate import upgrade
from city.registry import Bin, CollectionPoint, District, PointKind
from city.streams import Stream
from sensors.levels import BinState, LevelSource

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "api.cli"]


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An empty folder to run in, with nothing configured but where the data lies."""
    for name in [name for name in os.environ if name.startswith("DUSTCART_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DUSTCART_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    return dict(os.environ)


@pytest.fixture
def migrated(surroundings: dict[str, str]) -> dict[str, str]:
    """The same with a database that has the current schema."""
    engine = open_engine(f"sqlite:///{surroundings['DUSTCART_DATA_DIR']}/dustcart.sqlite")
    upgrade(engine)
    engine.dispose()
    return surroundings


class Done(NamedTuple):
    """How a run of the program ended."""

    code: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the program as `main` does, in this process."""

    def called(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["dustcart", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        # A sentence as the code is printed by the interpreter, which then exits with 1.
        return Done(code, *printed) if isinstance(code, int) else Done(1, printed.out, f"{printed.err}{code}")

    return called


def test_help_names_every_command_without_importing_a_room(surroundings: dict[str, str]) -> None:
    told = (
        "import sys; from api.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", told, "--help"], env=surroundings, capture_output=True, text=True, check=True
    )
    assert all(f" {name} " in done.stdout for name in COMMANDS)
    imported = done.stdout.splitlines()[-1]
    assert not [room for room in ("agents", "routing", "numpy", "sqlalchemy", "fastapi") if f"'{room}'" in imported]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_explain_itself(name: str) -> None:
    told = CliRunner().invoke(app, [name, "--help"])
    assert told.exit_code == 0, told.output
    assert "Usage" in told.output


def test_exit_codes_tell_failure_from_wrong_use(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--version") == (0, "dustcart 0.1.0\n", "")
    for wrong in (["no-such-command"], ["admin", "account", "create"], ["serve", "--port", "70000"], []):
        refused = run(*wrong)
        assert refused.code == 2, wrong
        assert refused.stderr or not wrong
    failed = run("admin", "account", "list")
    assert (failed.code, failed.stdout) == (1, "")
    assert "admin migrate" in failed.stderr
    monkeypatch.setenv("DUSTCART_PORT", "lots")
    misconfigured = run("serve")
    assert misconfigured.code == 1
    assert "port" in misconfigured.stderr
    monkeypatch.setenv("DUSTCART_PORT", "0")
    monkeypatch.setenv("DUSTCART_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    unreachable = run("serve")
    assert unreachable.code == 1
    assert "DUSTCART_DATABASE_URL" in unreachable.stderr


def test_accounts_and_keys_are_made_listed_and_taken_away(migrated: dict[str, str]) -> None:
    runner = CliRunner()

    def admin_does(*words: str, stdin: str | None = None) -> str:
        done = runner.invoke(admin.app, words, input=stdin)
        assert done.exit_code == 0, done.output
        return done.stdout

    code = json.loads(admin_does("account", "create", "li.wei", "--role", "supervisor", "--json"))["code"]
    assert len(code) == 19
    admin_does("account", "grant", "li.wei", "--role", "viewer")
    admin_does("account", "revoke", "li.wei", "--role", "supervisor")
    admin_does("account", "password", "li.wei", stdin="correct horse battery\n")
    admin_does("account", "close", "li.wei")
    (account,) = json.loads(admin_does("account", "list", "--json"))
    assert account == {"name": "li.wei", "display": "li.wei", "active": False, "roles": ["viewer:"]}
    key = json.loads(admin_does("key", "create", "east gate", "--json"))
    admin_does("key", "revoke", key["id"])
    listed = json.loads(admin_does("key", "list", "--json"))
    assert [(one["name"], one["revoked_at"] is not None) for one in listed] == [("east gate", True)]
    assert key["key"] not in json.dumps(listed)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("account", "create", "Li Wei", "--role", "viewer"), "lower-case"),
        (("account", "create", "li", "--role", "viewer:nowhere"), "no district nowhere"),
        (("account", "code", "nobody"), "no account nobody"),
        (("key", "revoke", "x"), "no key x"),
        (("key", "create", "x", "--role", "admin"), "machines are"),
    ],
)
def test_what_an_administrator_gets_wrong_is_named(words: tuple[str, ...], said: str, migrated: dict[str, str]) -> None:
    done = CliRunner().invoke(admin.app, words)
    assert done.exit_code == 1
    assert said in str(done.exception)


def test_the_schema_is_printed_as_json_for_machines_and_as_a_table_for_people(
    surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    document = json.loads(CliRunner().invoke(schema.app, ["schema", "--json"]).stdout)
    assert document["openapi"] == "3.1.0"
    assert "/api/v1/proposals" in document["paths"]
    assert "/api/v1/proposals/{proposal_id}" in CliRunner().invoke(schema.app, ["schema"]).stdout


@pytest.mark.parametrize(
    ("command", "stop"),
    [("serve", signal.SIGTERM), ("serve", signal.SIGINT), ("intake", signal.SIGTERM), ("work", signal.SIGTERM)],
)
def test_a_process_starts_serves_and_stops_cleanly_when_told(
    command: str, stop: signal.Signals, migrated: dict[str, str]
) -> None:
    ports = ["--port", "0"] if command != "work" else []
    with subprocess.Popen([*PROGRAM, command, *ports], env=migrated, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            ready = next(line for line in process.stderr if "listening on" in line or "at work" in line)
            if command != "work":
                address = ready.split()[-1]
                assert httpx.get(f"{address}/ready", timeout=30).json()["status"] == "ready"
                proposals = httpx.get(f"{address}/api/v1/proposals", timeout=30).status_code
                assert proposals == (401 if command == "serve" else 404)
            process.send_signal(stop)
            rest = process.stderr.read()
            assert process.wait(timeout=30) == 0, rest
            assert "Traceback" not in rest
        finally:
            process.kill()


def test_terminals_of_trucks_connect_to_intake_where_a_port_is_opened_for_them(migrated: dict[str, str]) -> None:
    opened = migrated | {"DUSTCART_TERMINALS_PORT": "0"}
    with subprocess.Popen(
        [*PROGRAM, "intake", "--port", "0"], env=opened, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            ready = next(line for line in process.stderr if "terminals of trucks" in line)
            with socket.create_connection(("127.0.0.1", int(ready.split()[-1])), timeout=30) as terminal:
                terminal.sendall(bytes.fromhex("7e0002000004304832546500b7ca7e"))
                assert terminal.recv(100).hex().startswith("7e80010005043048325465")
                process.send_signal(signal.SIGTERM)
                rest = process.stderr.read()
                assert process.wait(timeout=30) == 0, rest
            assert "Traceback" not in rest
        finally:
            process.kill()


def test_a_port_that_is_taken_is_named(run: Run, migrated: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = run("serve", "--port", str(other.getsockname()[1]))
    assert taken.code == 1
    assert "--port" in taken.stderr


def test_a_bins_forecast_is_told_with_what_moves_it(migrated: dict[str, str], run: Run) -> None:
    engine = open_engine(f"sqlite:///{migrated['DUSTCART_DATA_DIR']}/dustcart.sqlite")
    now = datetime.now(UTC)
    with transaction(engine) as session:
        session.add(District(id="d", name="D"))
        session.flush()
        session.add(CollectionPoint(id="p", district_id="d", kind=PointKind.STREET, name="P", lon=0, lat=0))
        session.flush()
        session.add(Bin(id="b", point_id="p", stream=Stream.DRY, usable_volume_l=240, depth_cm=100))
        session.flush()
        known = {"fill_level": 0.5, "sigma": 0.05, "rate_per_h": 0.01, "volatility": 0.03, "learned_h": 400.0}
        session.add(BinState(bin_id="b", as_of=now, source=LevelSource.SENSOR, **known))
    engine.dispose()
    told = json.loads(run("sensors", "forecast", "b", "--json", "--language", "zh").stdout)
    assert [one["hours"] for one in told["hours"]] == [6, 12, 24, 48, 72]
    assert told["hours"][0]["middle"] == pytest.approx(0.56, abs=0.03)
    assert list(told["overflow"]) == ["10%", "50%", "90%"]
    assert told["facts"][0]["text"].startswith("每天增满 24%")
    people = run("sensors", "forecast", "b")
    assert (people.code, "It fills by 24% a day" in people.stdout) == (0, True)
    unknown = run("sensors", "forecast", "c")
    assert unknown.code == 1
    assert "no bin c in use" in unknown.stderr
