"""``dustcart review``: a morning's decisions from a terminal, against a real server."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.publish import publish
from api.accounts import Role
from api.cli.failures import sentence_of
from api.cli.review import app
from tests.api.people import HERE, People, on_sqlite
from tests.api.proposing import OTHER_DATE, make_proposal, stops_of

pytestmark = on_sqlite
Review = Callable[..., Result]


@pytest.fixture
def review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Review:
    """Run a review command as somebody whose home is empty."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, words)

    return invoke


def said(result: Result) -> str:
    """Return what a failed command says on stderr."""
    assert result.exit_code == 1
    assert isinstance(result.exception, Exception)
    sentence = sentence_of(result.exception)
    assert sentence is not None, result.exception
    return sentence


@pytest.fixture
def signed_in(review: Review, server: str, people: People) -> Review:
    """The same, signed in as an operator."""
    code = people.account("li.wei", (Role.OPERATOR, HERE))
    done = review("sign-in", server, code)
    assert done.exit_code == 0, done.output
    assert "signed in as Li.Wei: operator in huangpu" in done.output
    return review


def test_an_operator_sees_the_queue_looks_edits_and_approves(signed_in: Review, people: People) -> None:
    calm = make_proposal(people.engine, people.clock, service_date=OTHER_DATE)
    name = make_proposal(people.engine, people.clock)
    listed = signed_in()
    assert [word in listed.output for word in (calm, name, "Huangpu", "06:30", "1 trucks, 3 stops")] == [True] * 5
    assert "look at it first" in said(signed_in("approve", name))
    shown = signed_in("show", name).output
    assert all(word in shown for word in (*stops_of(HERE), "0 Renmin Road", "06:37", "92%", "left out"))
    assert "filling" not in shown
    assert "filling 0.050 an hour" in signed_in("show", name, "--evidence").output
    cost = signed_in("edit", "drop", name, stops_of(HERE)[0], "--preview").output
    assert "-2.8 km" in cost
    assert "version 1" in signed_in("show", name).output
    assert signed_in("edit", "drop", name, stops_of(HERE)[0]).exit_code == 0
    approved = signed_in("approve", name, "--reason", "scaffolding at the first stop")
    assert "version 2, approved by li.wei" in approved.output
    publish(people.engine, people.clock, name)
    assert "published" in signed_in("dispatches", "--date", "2026-03-03").output


def test_a_decision_is_about_what_was_shown(signed_in: Review, people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    signed_in("show", name)
    colleague = people.client((Role.SUPERVISOR, HERE))
    edit = {"edit": "lock", "stop_id": stops_of(HERE)[0]}
    assert colleague.post(
        f"/api/v1/proposals/{name}/edits", headers={"If-Match": '"1.pending.en"'}, json=edit
    ).is_success  # fmt: skip
    assert "version 2" in said(signed_in("approve", name))
    assert "*" in signed_in("show", name).output
    rejected = signed_in("reject", name, "--reason", "no truck", "--language", "zh")
    assert "rejected by li.wei" in rejected.output
    assert signed_in("reject", name).exit_code == 2
    assert "nothing waits" in signed_in().output


def test_reasons_come_in_the_language_asked_for(signed_in: Review, people: People) -> None:
    name = make_proposal(people.engine, people.clock)
    assert "黄浦区" in signed_in("--language", "zh").output
    assert "必须" in signed_in("show", name, "--language", "zh").output
    assert "Must be served" in signed_in("show", name).output


def test_the_session_is_kept_where_only_its_owner_can_read_it(signed_in: Review, tmp_path: Path) -> None:
    kept = tmp_path / "state" / "dustcart" / "session.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert signed_in("sign-out").exit_code == 0
    assert not kept.exists()
    assert "sign-in" in said(signed_in())


def test_what_keeps_somebody_out_is_said(review: Review, server: str, people: People) -> None:
    assert "Signing in was refused" in said(review("sign-in", server, "WRONG-CODE"))
    assert "does not answer" in said(review("sign-in", "http://127.0.0.1:1", "X"))
    assert "does not answer" in said(review("sign-in", "not an address", "X"))
    viewer = people.account("zhao", (Role.VIEWER, HERE))
    assert review("sign-in", server, viewer).exit_code == 0
    name = make_proposal(people.engine, people.clock)
    review("show", name)
    assert "Not your role" in said(review("approve", name))
    assert "Not found" in said(review("show", "p999"))


def test_an_unencrypted_connection_is_warned_of_before_anything_is_typed_or_sent(
    kind: str, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr("typer.prompt", lambda *_, **__: order.append("asked"))
    monkeypatch.setattr("api.cli.remote.Remote.sign_in", lambda *_: order.append("sent"))
    monkeypatch.setattr("rich.console.Console.print", lambda *words, **__: order.append(str(words[1])))
    review("sign-in", "http://dustcart.example", "--name", "li.wei")
    assert "not encrypted" in order[0]
    assert order[1:] == ["asked", "sent"]
