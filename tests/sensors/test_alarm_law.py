"""The law of alarms: never two open ones of a kind and object, whatever is said, done and swept in whatever order."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, delete
from sqlmodel import col, select

from city.clock import ManualClock
from city.database import reading, transaction
from city.journal import OutboxEvent
from sensors.alarms import SENSORS, Alarm, AlarmState, acknowledge, close
from sensors.errors import MovedDutyError
from sensors.intake import receive
from sensors.levels import BinDay, BinState
from sensors.silence import DeviceState
from sensors.sweep import sweep
from sensors.telemetry import Reading
from tests.sensors.test_alarms import furnished, watched  # noqa: F401 - fixtures

BEGIN = datetime(2026, 7, 3, 6, tzinfo=UTC)
# In the order in which their rows may go.
TABLES = (Reading, BinState, BinDay, DeviceState, Alarm, OutboxEvent)


class Duty(RuleBasedStateMachine):
    """A bin with two devices, people, and time."""

    engine: Engine

    @initialize()
    def begin(self) -> None:
        """Begin with nothing said."""
        self.clock = ManualClock(BEGIN)
        with transaction(self.engine) as session:
            for table in TABLES:
                session.execute(delete(table))

    @rule(
        device=st.sampled_from(["one", "two"]),
        late_h=st.sampled_from([0, 0, 0, 1, 5, 30]),
        temperature=st.sampled_from([20, 45, 56, 74, 85, 120]),
        tilted=st.booleans(),
        distance=st.sampled_from([5, 12, 70, 110]),
    )
    def say(self, device: str, late_h: int, temperature: int, tilted: bool, distance: int) -> None:
        """Let a device speak, now or late."""
        at = self.clock.now() - timedelta(hours=late_h)
        said = {"device": device, "at": at.isoformat(), "temperature_c": temperature, "tilted": tilted}
        body = json.dumps(said | {"distance_cm": distance}).encode()
        receipt = receive(self.engine, self.clock, format="dustcart", body=body)
        assert not receipt.rejected

    @rule(hours=st.sampled_from([0.1, 1, 7, 200]))
    def wait(self, hours: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(hours=hours))

    @rule()
    def sweep(self) -> None:
        """Let time decide."""
        sweep(self.engine, self.clock)

    def _alarms(self) -> list[Alarm]:
        with reading(self.engine) as session:
            return list(session.exec(select(Alarm).order_by(col(Alarm.id))))

    @precondition(lambda self: bool(self._alarms()))
    @rule(data=st.data(), stale=st.booleans(), acknowledging=st.booleans())
    def act(self, data: st.DataObject, stale: bool, acknowledging: bool) -> None:
        """Let somebody acknowledge or close an alarm, of the version it has or an older one."""
        alarm = data.draw(st.sampled_from(self._alarms()))
        asked = {"alarm_id": alarm.id or 0, "version": alarm.version - stale, "actor": "li.wei"}
        try:
            if acknowledging:
                acknowledge(self.engine, self.clock, **asked)
            else:
                close(self.engine, self.clock, **asked, reason="looked")
        except MovedDutyError:
            assert stale or alarm.state is AlarmState.CLOSED or (acknowledging and alarm.state is not AlarmState.OPEN)

    @invariant()
    def one_open_of_a_kind_and_object(self) -> None:
        """The law."""
        if not hasattr(self, "clock"):
            return
        alarms = self._alarms()
        open_ = Counter((alarm.kind, alarm.subject) for alarm in alarms if alarm.closed_at is None)
        assert not [key for key, count in open_.items() if count > 1]
        for alarm in alarms:
            assert alarm.gone_at is None or alarm.closed_at is not None
            assert alarm.closed_by != SENSORS or alarm.gone_at is not None
        self._every_step_is_told_once(alarms)

    def _every_step_is_told_once(self, alarms: list[Alarm]) -> None:
        with reading(self.engine) as session:
            told = Counter(session.exec(select(OutboxEvent.kind, OutboxEvent.subject)).all())
        steps = {(f"alarm.{alarm.kind}.raised", f"alarm/{alarm.id}") for alarm in alarms}
        steps |= {(f"alarm.{alarm.kind}.closed", f"alarm/{alarm.id}") for alarm in alarms if alarm.closed_at}
        steps |= {
            (f"alarm.{alarm.kind}.acknowledged", f"alarm/{alarm.id}") for alarm in alarms if alarm.acknowledged_at
        }
        confirmed = {key for key in told if key[0].endswith(".confirmed")}
        assert told.keys() == steps | confirmed
        assert set(told.values()) <= {1}


def test_never_two_open_alarms_of_a_kind_and_object(watched: Engine) -> None:  # noqa: F811 - the fixture
    machine = type("Watched", (Duty,), {"engine": watched})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=10, stateful_step_count=20, suppress_health_check=list(HealthCheck)),
    )


@pytest.mark.parametrize("first", ["hot", "cool"])
def test_two_sensors_of_one_bin_raise_one_fire(watched: Engine, first: str) -> None:  # noqa: F811 - the fixture
    clock = ManualClock(BEGIN)
    for device in ("one", "two") if first == "hot" else ("two", "one"):
        temperature = 90 if device == "one" or first == "cool" else 25
        said = {"device": device, "at": BEGIN.isoformat(), "temperature_c": temperature, "distance_cm": 70}
        receive(watched, clock, format="dustcart", body=json.dumps(said).encode())
    with reading(watched) as session:
        (alarm,) = session.exec(select(Alarm)).all()
    assert (alarm.subject, alarm.closed_at) == ("bin/b", None)
