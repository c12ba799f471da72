"""``dustcart plan``: a rehearsal that keeps nothing, and a proposal for those who want one."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlmodel import select
from typer.testing import CliRunner

from agents.needs import Need
from agents.proposals import ProposalState, list_proposals
from api.cli import app
from city.database import reading
from tests.agents.town import bins_of, know

# The command takes the machine's time, so the town is planned for tomorrow.
TOMORROW = (datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=1)).date().isoformat()


@pytest.fixture
def command(database: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Let commands work on the town, of which three bins are full."""
    monkeypatch.setenv("DUSTCART_DATABASE_URL", database)
    monkeypatch.setenv("DUSTCART_SOLVE_SECONDS", "0.3")
    monkeypatch.setenv("DUSTCART_CORES", "1")
    now = datetime.now(UTC)
    know(engine, 0.1, *bins_of("garden"), at=now, rate_per_h=0.001, emptied_at=now)
    know(engine, 1.0, "garden-1-dry", "garden-2-dry", "garden-5-dry", at=now, rate_per_h=0.01)
    return CliRunner()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_rehearsal_prints_the_plan_and_keeps_nothing_and_a_proposal_waits(command: CliRunner, engine: Engine) -> None:
    shown = command.invoke(app, ["plan", "garden", TOMORROW, "--shift", "morning"])
    assert shown.exit_code == 0, shown.stderr
    assert "3 stops" in shown.stdout
    assert "garden-2/dry" in shown.stdout
    machine = command.invoke(app, ["plan", "garden", TOMORROW, "--shift", "morning", "--json"])
    (plan,) = json.loads(machine.stdout)
    assert plan["summary"]["stops"] == 3
    assert {reason["rule"] for reason in plan["reasons"].values()} == {"overflowing"}
    with reading(engine) as session:
        assert list_proposals(session) == []
        assert session.exec(select(Need)).all() == []
    proposed = command.invoke(app, ["plan", "garden", TOMORROW, "--shift", "morning", "--propose", "--json"])
    assert proposed.exit_code == 0, proposed.stderr
    (cycle,) = json.loads(proposed.stdout)
    with reading(engine) as session:
        (proposal,) = list_proposals(session)
    assert (proposal.id, proposal.state) == (cycle["proposal_id"], ProposalState.PENDING)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_cannot_be_planned_is_said_with_its_name(command: CliRunner) -> None:
    for words, named in (
        (["nowhere", TOMORROW, "--shift", "morning"], "nowhere"),
        (["garden", TOMORROW, "--shift", "night"], "night"),
        (["garden", "2020-01-01"], "2020-01-01"),
    ):
        failed = command.invoke(app, ["plan", *words])
        assert failed.exit_code != 0
        assert named in str(failed.exception)
    assert command.invoke(app, ["plan", "garden", "tomorrow"]).exit_code == 2
