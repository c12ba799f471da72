"""Rules of a street that hold for some hours, some trucks, or those without a permit: closed, or slower.

As text, the form of the registry, a rule is ``closed @ Mo-Fr 07:30-19:00 above 7500 kg without permit`` or
``30 km/h @ 22:00-06:00``; several are put together with `` | ``.
"""

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

from city.hours import Span

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
DAY_MIN = 1440
WEEK_MIN = 7 * DAY_MIN
ALWAYS = "24/7"

_RULE = re.compile(
    r"^(?P<what>closed|[\d.]+ km/h) @ (?P<hours>.+?)(?: above (?P<above>\d+) kg)?(?P<permit> without permit)?$"
)
_TIMES = re.compile(r"^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$")


class WeekSpan(NamedTuple):
    """From one minute of the week up to another; minute 0 is Monday's midnight."""

    start_min: int
    end_min: int


class RoadRule(NamedTuple):
    """What a street asks of trucks at certain hours.

    Attributes
    ----------
    hours
        When it holds, in order, apart from one another.
    kmh
        How fast one may drive then; 0: the street is closed.
    above_kg
        It concerns trucks of more than this gross weight.
    without_permit
        It concerns only trucks without a permit for such streets.
    """

    hours: tuple[WeekSpan, ...]
    kmh: float = 0.0
    above_kg: int = 0
    without_permit: bool = False

    def concerns(self, weight_kg: int, *, permit: bool) -> bool:
        """Whether a truck must mind it."""
        return (not self.above_kg or weight_kg > self.above_kg) and not (permit and self.without_permit)

    def spans(self, weekday: int, within: Span) -> list[Span]:
        """Return when it holds during a span of a service day that begins on a weekday (0: Monday), in order."""
        found = []
        midnight_min = weekday * DAY_MIN
        first_week = (midnight_min * 60 + within.start_s) // (WEEK_MIN * 60)
        last_week = (midnight_min * 60 + within.end_s) // (WEEK_MIN * 60)
        for week in range(first_week, last_week + 1):
            shift_min = week * WEEK_MIN - midnight_min
            for span in self.hours:
                start_s = max(within.start_s, (span.start_min + shift_min) * 60)
                end_s = min(within.end_s, (span.end_min + shift_min) * 60)
                if start_s < end_s:
                    found.append(Span(start_s, end_s))
        return merged(found)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Put spans in order, those that touch or overlap together."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start_s <= found[-1].end_s:
            found[-1] = Span(found[-1].start_s, max(found[-1].end_s, span.end_s))
        else:
            found.append(span)
    return found


def parse_rules(text: str) -> tuple[RoadRule, ...]:
    """Read the rules of a street.

    Raises
    ------
    ValueError
        If a rule is not of the form above, quoting it.
    """
    rules = []
    for part in filter(None, (piece.strip() for piece in text.split("|"))):
        match = _RULE.match(part)
        if match is None:
            raise ValueError(f"road rule {part!r} is not of the form 'closed @ Mo-Fr 07:30-19:00 above 7500 kg'")
        kmh = 0.0 if match["what"] == "closed" else float(match["what"].removesuffix(" km/h"))
        rules.append(RoadRule(parse_week(match["hours"]), kmh, int(match["above"] or 0), match["permit"] is not None))
    return tuple(rules)


def format_rules(rules: Iterable[RoadRule]) -> str:
    """Write rules the way `parse_rules` reads them."""
    texts = []
    for rule in rules:
        text = f"{f'{rule.kmh:g} km/h' if rule.kmh else 'closed'} @ {format_week(rule.hours)}"
        text += f" above {rule.above_kg} kg" if rule.above_kg else ""
        texts.append(text + (" without permit" if rule.without_permit else ""))
    return " | ".join(texts)


def parse_week(text: str) -> tuple[WeekSpan, ...]:
    """Read hours of the week as OpenStreetMap writes them: ``Mo-Fr 07:00-09:00,16:00-18:00; Sa off``, ``24/7``.

    Days without times are whole days, times without days hold every day, and a later part replaces what earlier ones
    say about its days. Public and school holidays (``PH``, ``SH``) are not told apart from other days.

    Raises
    ------
    ValueError
        If it says more than days and times: dates, months, sunset.
    """
    by_day: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        if part == ALWAYS:
            by_day = [[(0, DAY_MIN)] for _ in DAYS]
            continue
        days, times = _days_and_times(part)
        for day in days:
            by_day[day] = times
    minutes = [(day * DAY_MIN + start, day * DAY_MIN + end) for day, times in enumerate(by_day) for start, end in times]
    return week_spans(minutes)


def week_spans(minutes: Iterable[tuple[int, int]]) -> tuple[WeekSpan, ...]:
    """Put spans of minutes in order, those that run beyond Sunday's midnight cut in two."""
    cut = []
    for start, end in minutes:
        cut.append(Span(start, min(end, WEEK_MIN)))
        if end > WEEK_MIN:
            cut.append(Span(0, end - WEEK_MIN))
    return tuple(WeekSpan(*span) for span in merged(cut))


def _days_and_times(part: str) -> tuple[list[int], list[tuple[int, int]]]:
    words = part.split(" ", 1)
    named = [] if words[0][0].isdigit() else _days(words[0])
    times = part if words[0][0].isdigit() else words[1] if len(words) > 1 else ""
    days = list(range(len(DAYS))) if words[0][0].isdigit() else named
    if times.strip() in ("off", "closed"):
        return days, []
    return days, [_minutes(piece.strip()) for piece in times.split(",")] if times.strip() else [(0, DAY_MIN)]


def _days(text: str) -> list[int]:
    days: list[int] = []
    for piece in text.split(","):
        if piece in ("PH", "SH"):
            continue
        first, _, last = piece.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise ValueError(f"{text!r} are no days of the week")
        start, end = DAYS.index(first), DAYS.index(last or first)
        days += [day % len(DAYS) for day in range(start, end + 1 if end >= start else end + 1 + len(DAYS))]
    return days


def _minutes(text: str) -> tuple[int, int]:
    match = _TIMES.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not of the form HH:MM-HH:MM")
    from_h, from_m, to_h, to_m = map(int, match.groups())
    if from_m > 59 or to_m > 59 or from_h > 24 or to_h > 48:
        raise ValueError(f"{text!r} names a time that no clock shows")
    start, end = from_h * 60 + from_m, to_h * 60 + to_m
    return start, end if end > start else end + DAY_MIN


def format_week(spans: Iterable[WeekSpan]) -> str:
    """Write hours of the week, days with the same hours together."""
    by_day: list[list[str]] = [[] for _ in DAYS]
    for start, end in sorted(_by_day(spans)):
        day = start // DAY_MIN
        by_day[day].append(f"{_clock(start - day * DAY_MIN)}-{_clock(end - day * DAY_MIN)}")
    hours = [",".join(times) for times in by_day]
    if len(set(hours)) == 1:
        return ALWAYS if hours[0] == "00:00-24:00" else hours[0]
    parts = []
    for times, group in itertools.groupby(range(len(DAYS)), key=hours.__getitem__):
        days = list(group)
        if times:
            name = DAYS[days[0]] if len(days) == 1 else f"{DAYS[days[0]]}-{DAYS[days[-1]]}"
            parts.append(f"{name} {times}")
    return "; ".join(parts)


def _by_day(spans: Iterable[WeekSpan]) -> list[tuple[int, int]]:
    """Cut spans at midnights, but leave nights whole: up to a day's length they stay with the evening they begin in."""
    whole = list(spans)
    if len(whole) > 1 and whole[0].start_min == 0 and whole[-1].end_min == WEEK_MIN:
        # The night from Sunday to Monday is one.
        whole = [*whole[1:-1], WeekSpan(whole[-1].start_min, WEEK_MIN + whole[0].end_min)]
    found = []
    for begin, finish in whole:
        start, end = begin, finish
        while end - start >= DAY_MIN:
            midnight = (start // DAY_MIN + 1) * DAY_MIN
            found.append((start, midnight))
            start = midnight
        if start < end:
            found.append((start, end))
    return [(start % WEEK_MIN, end - start + start % WEEK_MIN) for start, end in found]


def _clock(minute: int) -> str:
    """Write a minute of the day; the end of a night is the next morning's."""
    return f"{minute // 60:02d}:{minute % 60:02d}" if minute <= DAY_MIN else _clock(minute - DAY_MIN)
