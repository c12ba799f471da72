"""Open alarms and plans: nobody is sent to a fire with a truck, and somebody is told to look."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select, update

from agents.decisions import Decision, Rule
from agents.editing import Desk, preview
from agents.edits import AddStop
from agents.errors import EditRefusedError
from agents.needs import Need, NeedAction
from agents.proposals import list_proposals, read_proposal
from agents.reasons import Exclusion, Standing, rule_sentence
from agents.worker import Worker
from city.clock import ManualClock
from city.database import reading, transaction
from city.registry import Bin
from city.store import zone_of
from city.streams import Stream
from sensors.alarms import Alarm, AlarmKind, Cause, acknowledge, close, settle
from sensors.telemetry import Device
from tests.agents.town import PLANNING, know, open_needs

BEGAN = PLANNING - timedelta(minutes=7)


def raise_alarm(engine: Engine, kind: AlarmKind, bin_id: str, device_id: str = "sensor-1") -> Alarm:
    with transaction(engine) as session:
        if session.get(Device, device_id) is None:
            session.add(Device(id=device_id, bin_id=bin_id, mounting_height_cm=110))
            session.flush()
        subject = f"bin/{bin_id}" if kind is AlarmKind.FIRE else f"device/{device_id}"
        cause = Cause(kind, subject, BEGAN, {"confirmed": True}, bin_id=bin_id, device_id=device_id)
        (alarm,) = settle(session, causes=[cause], now=PLANNING)
        return alarm


def needs(engine: Engine) -> dict[str, Need]:
    return {need.open_key or "": need for need in open_needs(engine)}


def rule(need: Need) -> Rule:
    return Decision.model_validate(need.action_reason).rule


def test_a_fire_keeps_trucks_and_attendants_away_from_its_point_and_somebody_must_look_at_once(
    engine: Engine, clock: ManualClock, worker: Worker, desk: Desk
) -> None:
    know(engine, 1.2, "garden-0-dry")
    know(engine, 0.97, "garden-1-dry", "garden-1-wet", "garden-2-dry", rate_per_h=0.03)
    raise_alarm(engine, AlarmKind.FIRE, "garden-0-wet")
    alarm = raise_alarm(engine, AlarmKind.FIRE, "garden-1-wet", "sensor-2")
    assert alarm.id is not None
    acknowledge(engine, clock, alarm_id=alarm.id, version=alarm.version, actor="wang")
    worker.step()
    found = needs(engine)
    fire = found["fire/garden-1-wet"]
    assert (fire.action, rule(fire), fire.deadline) == (NeedAction.PERSON_LOOKS, Rule.BIN_BURNS, BEGAN)
    # Both streams of the point wait, and the attendant of point 0 does not swap a bin beside the burning one.
    for key in ("overflow_risk/garden-1-dry", "overflow_risk/garden-1-wet", "overflowing/garden-0-dry"):
        assert (found[key].action, rule(found[key])) == (NeedAction.WAIT, Rule.POINT_BURNS), key
    with reading(engine) as session:
        zone = zone_of(session)
        (proposal,) = list_proposals(session)
        shown = read_proposal(session, proposal.id)
    assert {stop_id for route in shown.plan.routes for stop_id in route.stop_ids} == {"garden-2/dry"}
    left = shown.reasons["garden-1/dry"]
    assert (left.standing, left.excluded) == (Standing.EXCLUDED, Exclusion.POINT_BURNS)
    assert "garden-1-wet" in rule_sentence(left.rule, left.numbers, "en", zone)
    assert "03-03 03:53" in rule_sentence(rule(fire), fire.action_reason["numbers"], "zh", zone)
    with pytest.raises(EditRefusedError) as refused:
        preview(
            desk,
            proposal_id=proposal.id,
            version=shown.version.version,
            edit=AddStop(point_id="garden-1", stream=Stream.DRY),
            actor="wang",
        )
    assert refused.value.code == "point_not_open"


def test_when_the_fire_alarm_is_closed_the_need_closes_and_the_point_is_planned_again(
    engine: Engine, clock: ManualClock, worker: Worker
) -> None:
    know(engine, 0.97, "garden-1-dry", rate_per_h=0.03)
    alarm = raise_alarm(engine, AlarmKind.FIRE, "garden-1-dry")
    worker.step()
    first = needs(engine)["fire/garden-1-dry"]
    assert alarm.id is not None
    close(engine, clock, alarm_id=alarm.id, version=alarm.version, actor="wang", reason="hot ash, put out")
    know(engine, 0.97, "garden-1-dry", rate_per_h=0.03, at=PLANNING + timedelta(hours=8))
    clock.advance(timedelta(hours=8))
    worker.step()
    with reading(engine) as session:
        gone = session.get_one(Need, first.id)
        plans = [read_proposal(session, proposal.id).plan for proposal in list_proposals(session)]
    assert (gone.open_key, gone.closed_at) == (None, clock.now())
    assert any(plan.route_of("garden-1/dry") is not None for plan in plans)


def test_a_fire_alarm_follows_its_bin_to_another_point(engine: Engine, worker: Worker) -> None:
    know(engine, 0.97, "garden-1-dry", "garden-2-dry", rate_per_h=0.03)
    raise_alarm(engine, AlarmKind.FIRE, "garden-1-wet")
    with transaction(engine) as session:
        session.exec(update(Bin).where(col(Bin.id) == "garden-1-wet").values(point_id="garden-2"))
    worker.step()
    found = needs(engine)
    assert found["fire/garden-1-wet"].point_id == "garden-2"
    assert rule(found["overflow_risk/garden-2-dry"]) is Rule.POINT_BURNS
    assert found["overflow_risk/garden-1-dry"].action is NeedAction.ROUTE_REQUIRED


def test_a_bin_that_lies_is_looked_at_and_what_levels_and_silence_say_is_not_said_twice(
    engine: Engine, worker: Worker
) -> None:
    know(engine, 1.2, "garden-1-dry")
    raise_alarm(engine, AlarmKind.TILT, "garden-1-wet", "sensor-2")
    raise_alarm(engine, AlarmKind.OVERFLOW, "garden-1-dry")
    raise_alarm(engine, AlarmKind.OFFLINE, "garden-3-dry", "sensor-3")
    worker.step()
    found = needs(engine)
    assert set(found) == {"tilted/garden-1-wet", "overflowing/garden-1-dry"}
    lies = found["tilted/garden-1-wet"]
    assert (lies.action, rule(lies), lies.deadline) == (NeedAction.PERSON_LOOKS, Rule.BIN_LIES, None)
    with reading(engine) as session:
        alarms = {alarm.id: alarm.kind for alarm in session.exec(select(Alarm))}
    assert alarms[lies.evidence["alarm_id"]] is AlarmKind.TILT
