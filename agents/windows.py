"""When a place can be used in a shift: its opening hours without its closures, cut to the shift."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from city.hours import DAY_S, Span, parse_hours, service_second
from city.registry import Closure
from routing.problem import TimeWindow

# A shift may begin late and end after midnight, and opening hours may reach into the next day: hours of the day before
# and of the day after count too.
DAYS_AROUND = (-1, 0, 1)


class Closed(NamedTuple):
    """A time during which a place is closed; `until_s` ``None``: until further notice."""

    from_s: int
    until_s: int | None


def closed_times(
    closures: Iterable[Closure], service_date: date, zone: ZoneInfo, *, by: datetime
) -> dict[str, tuple[Closed, ...]]:
    """Return closures as seconds of a service day, by subject; those that begin after `by` are left out."""
    found: dict[str, tuple[Closed, ...]] = {}
    for closure in closures:
        if closure.starts_at >= by:
            continue
        until_s = None if closure.ends_at is None else service_second(service_date, closure.ends_at, zone)
        span = Closed(service_second(service_date, closure.starts_at, zone), until_s)
        found[closure.subject_id] = (*found.get(closure.subject_id, ()), span)
    return found


@lru_cache(maxsize=4096)
def open_windows(hours: str, closed: tuple[Closed, ...], within: Span) -> tuple[Span, ...]:
    """Return when a place is open within a shift, in order and apart; empty: not at all.

    Remembered: the thousands of points of a district share a few opening hours.
    """
    spans = [
        Span(start_s + day * DAY_S, end_s + day * DAY_S)
        for start_s, end_s in (parse_hours(hours) or (Span(0, DAY_S),))
        for day in DAYS_AROUND
    ]
    for from_s, until_s in closed:
        spans = [part for span in spans for part in _without(span, from_s, until_s)]
    cut = [Span(max(start_s, within.start_s), min(end_s, within.end_s)) for start_s, end_s in spans]
    return tuple(_merged(sorted(span for span in cut if span.start_s < span.end_s)))


def to_begin(windows: Sequence[Span], within: Span, lasting_s: int) -> tuple[TimeWindow, ...] | None:
    """Turn open times into windows for beginning something that must end in them.

    Returns
    -------
    tuple of TimeWindow or None
        Empty where the place is open throughout, as `routing.problem` has it; ``None`` where it is not open at all. A
        time shorter than the service must be begun with.
    """
    if tuple(windows) == (within,):
        return ()
    return tuple(TimeWindow(start_s, max(start_s, end_s - lasting_s)) for start_s, end_s in windows) or None


def overlap(one: Sequence[Span], other: Sequence[Span]) -> tuple[Span, ...]:
    """Return the times that lie in both of two lists of spans, each in order and apart."""
    cut = (Span(max(a.start_s, b.start_s), min(a.end_s, b.end_s)) for a in one for b in other)
    return tuple(span for span in cut if span.start_s < span.end_s)


def both(one: tuple[TimeWindow, ...], other: tuple[TimeWindow, ...]) -> tuple[TimeWindow, ...] | None:
    """Return the windows in which something may begin by two lists of them, either empty: at any time.

    ``None`` where they have no time in common.
    """
    if not one or not other:
        return one or other
    cut = (TimeWindow(max(a.start_s, b.start_s), min(a.end_s, b.end_s)) for a in one for b in other)
    return tuple(window for window in cut if window.start_s <= window.end_s) or None


def _without(span: Span, from_s: int, until_s: int | None) -> list[Span]:
    before = Span(span.start_s, min(span.end_s, from_s))
    parts = [before] if before.start_s < before.end_s else []
    if until_s is not None:
        after = Span(max(span.start_s, until_s), span.end_s)
        parts += [after] if after.start_s < after.end_s else []
    return parts


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in spans:
        if merged and span.start_s <= merged[-1].end_s:
            merged[-1] = Span(merged[-1].start_s, max(merged[-1].end_s, span.end_s))
        else:
            merged.append(span)
    return merged
