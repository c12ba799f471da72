"""Alarms and work orders in words: what somebody reads who must go there."""

from collections.abc import Mapping
from typing import Any

from city.wording import Language, say
from sensors.alarms import SENSORS, Alarm, AlarmKind
from sensors.health import Fault
from sensors.work_orders import WorkOrder


def alarm_text(alarm: Alarm, language: Language) -> str:
    """Say what is wrong, with the numbers that show it."""
    evidence = alarm.evidence
    code = alarm.kind.value
    match alarm.kind:
        case AlarmKind.FIRE:
            code = "fire_confirmed" if evidence["confirmed"] else "fire_suspected"
            if evidence.get("flagged"):
                code += "_by_device"
        case AlarmKind.OFFLINE if evidence["heard_at"] is None:
            code = "never_heard"
        case AlarmKind.BATTERY if evidence.get("flagged"):
            code = "battery_by_device"
        case AlarmKind.BATTERY if evidence["days_left"] is None:
            code = "battery_low"
    return say("sensors", f"alarm.{code}", language, **evidence)


def closing_text(alarm: Alarm, language: Language) -> str | None:
    """Say why it was closed: in the words of the person who did, or why by itself; none while it is open."""
    if alarm.closed_at is None:
        return None
    if alarm.closed_by != SENSORS:
        return alarm.close_reason
    return say("sensors", f"alarm_closed.{alarm.close_reason}", language)


def order_text(order: WorkOrder, language: Language) -> str:
    """Say what is to be repaired and why."""
    return _repair_text(order.cause, order.evidence, language)


def reason_text(reason: Mapping[str, Any], language: Language) -> str:
    """Say what costs a device part of its use, from a reason as `sensors.device_days.DeviceHealth` keeps it."""
    return _repair_text(reason["fault"], reason["numbers"], language)


def _repair_text(cause: str, numbers: Mapping[str, Any], language: Language) -> str:
    # Without a charge only the device's own word speaks for it.
    code = "battery_by_device" if cause == Fault.BATTERY and "percent" not in numbers else cause
    return say("sensors", f"work_order.{code}", language, **numbers)
