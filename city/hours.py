"""Hours of a day, written ``06:00-09:00,17:30-20:00``, the one form used in files, tables and answers."""

import itertools
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY_S = 86_400
_SPAN = re.compile(r"^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$")


class Span(NamedTuple):
    """From `start_s` up to `end_s`, in seconds after the local midnight of the service day; may end after 24:00."""

    start_s: int
    end_s: int


def parse_hours(text: str) -> tuple[Span, ...]:
    """Read opening hours. Empty text means no hours are given, which every caller reads as "always".

    A span that ends at or before its start runs into the next day: ``22:00-04:00`` is six hours.

    Raises
    ------
    ValueError
        If a part is not ``HH:MM-HH:MM`` or two spans overlap, quoting the part.
    """
    spans = []
    for part in (piece.strip() for piece in text.split(",")):
        if not part:
            continue
        match = _SPAN.match(part)
        if match is None:
            raise ValueError(f"hours {part!r} are not of the form HH:MM-HH:MM")
        from_h, from_m, to_h, to_m = (int(group) for group in match.groups())
        if from_h > 23 or from_m > 59 or to_m > 59 or (to_h, to_m) > (24, 0):
            raise ValueError(f"hours {part!r} name a time that no clock shows")
        start_s, end_s = from_h * 3600 + from_m * 60, to_h * 3600 + to_m * 60
        spans.append(Span(start_s, end_s if end_s > start_s else end_s + DAY_S))
    spans.sort()
    for earlier, later in itertools.pairwise(spans):
        if later.start_s < earlier.end_s:
            raise ValueError(f"hours {text!r} overlap")
    return tuple(spans)


def format_hours(spans: tuple[Span, ...]) -> str:
    """Write spans the way `parse_hours` reads them."""
    return ",".join(f"{format_time(span.start_s)}-{format_time(span.end_s % DAY_S or span.end_s)}" for span in spans)


def format_time(second_of_day: int) -> str:
    """Write a second of the service day as ``HH:MM``; past midnight the hours go on (``25:10``)."""
    return f"{second_of_day // 3600:02d}:{second_of_day % 3600 // 60:02d}"


def service_moment(service_date: date, second: int, timezone: ZoneInfo) -> datetime:
    """Return the moment that lies `second` seconds after the service day's local midnight, UTC."""
    return datetime.combine(service_date, time(), timezone).astimezone(UTC) + timedelta(seconds=second)


def service_second(service_date: date, moment: datetime, timezone: ZoneInfo) -> int:
    """Return how many seconds after the service day's local midnight a moment lies; may be negative."""
    return round((moment - service_moment(service_date, 0, timezone)).total_seconds())
