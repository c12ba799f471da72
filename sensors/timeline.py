"""A bin's events in the order they happened, whatever the order they arrived in.

What comes in order moves the bin's state on. What comes late is put where it belongs, and everything after it is gone
through again from the last day before it; so any order of arrival ends in the same state and the same verdicts, as
long as nothing comes more than `REACH_DAYS` days after something newer of the same bin. Later still, it is only kept.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from city.database import UtcDateTime
from sensors.bulk import document, given, insert_or_update, update_rows
from sensors.diary import Page, first_open, keep_pages, note, slot_of
from sensors.estimate import Estimate, Judgement, hear, look, observe, serve
from sensors.levels import BinDay
from sensors.states import estimate_from_json, memory_as_json
from sensors.stirred import stir
from sensors.telemetry import HEARD, Reading, Verdict

# Days of which the state at their start is kept, besides the running one.
REACH_DAYS = 2

VERDICT_COLUMNS = ("verdict", "verdict_reason", "verdict_numbers")

Identity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """A reading.

    Parameters
    ----------
    identity
        Device and frame key.
    level
        What the filter should hear; none if only that the sensor spoke.
    """

    at: datetime
    identity: Identity
    level: float | None

    @property
    def order(self) -> tuple[datetime, int, Identity]:
        return self.at, 0, self.identity


@dataclass(frozen=True, slots=True)
class Served:
    """A crew's word that the bin was emptied; `found` is the level they found, if they weighed."""

    at: datetime
    record_id: int
    found: float | None

    @property
    def order(self) -> tuple[datetime, int, Identity]:
        return self.at, 1, (f"{self.record_id:012d}", "")


@dataclass(frozen=True, slots=True)
class Lifted:
    """A truck's word that it emptied the bin; `found` is the level that its scales tell.

    Parameters
    ----------
    identity
        Truck and key of the lift.
    """

    at: datetime
    identity: Identity
    found: float | None

    @property
    def order(self) -> tuple[datetime, int, Identity]:
        return self.at, 2, self.identity


@dataclass(frozen=True, slots=True)
class Looked:
    """What somebody saw, as a level and its standard deviation.

    Parameters
    ----------
    identity
        Who saw it.
    """

    at: datetime
    identity: Identity
    level: float
    sigma: float

    @property
    def order(self) -> tuple[datetime, int, Identity]:
        return self.at, 3, self.identity


Event = Said | Served | Lifted | Looked

# Looks up what crews, trucks and people told of bins since a moment each.
ToldSince = Callable[[Session, Mapping[str, datetime]], Mapping[str, Sequence[Event]]]


@dataclass(frozen=True, slots=True)
class Opinion:
    """The verdict on a reading whose level was put to the filter, worded as ``verdict.<reason>``."""

    verdict: Verdict
    reason: str = ""
    numbers: Mapping[str, float] | None = None


BELIEVED = Opinion(Verdict.OK)
TOO_LATE = Opinion(Verdict.LATE, "late")


@dataclass(slots=True)
class _Telling:
    """What going through a bin's events brought to light; `stirring` are moments that may tell of an emptying."""

    opinions: dict[Identity, Opinion] = field(default_factory=dict)
    turns: list[tuple[Judgement, bool]] = field(default_factory=list)
    days: dict[date, list[Any]] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)
    stirring: list[datetime] = field(default_factory=list)


def tell(
    session: Session,
    estimates: dict[str, Estimate],
    news: Mapping[str, Sequence[Event]],
    told_since: ToldSince,
) -> dict[Identity, Opinion]:
    """Take new events of bins in, and return the verdicts on their readings.

    Verdicts on readings that are stored already are changed where the news say so.

    Parameters
    ----------
    estimates
        Open estimates of the bins, by id; changed, or replaced by others.
    news
        Events not stored yet, by bin.
    told_since
        Looks up what crews, trucks and people told of bins, for those whose past is gone through again.
    """
    opinions: dict[Identity, Opinion] = {}
    days: dict[str, dict[date, list[Any]]] = {}
    rewound: dict[str, int] = {}
    late: dict[str, list[Event]] = {}
    tellings: dict[str, tuple[_Telling, datetime]] = {}
    for bin_id, events in news.items():
        ordered = sorted(events, key=lambda event: event.order)
        latest = estimates[bin_id].latest
        if latest is not None and ordered[0].at <= latest:
            late[bin_id] = ordered
            continue
        telling = _go_through(estimates[bin_id], ordered)
        tellings[bin_id] = telling, ordered[0].at
        opinions |= telling.opinions
        days[bin_id] = telling.days
    _judge_stored(session, tellings)
    if late:
        opinions |= _tell_again(session, estimates, late, days, told_since, tellings, rewound)
    _keep_days(session, days)
    keep_pages(session, {bin_id: telling.pages for bin_id, (telling, _) in tellings.items()}, rewound)
    stir(session, _stirred(tellings, late))
    return opinions


def _stirred(
    tellings: Mapping[str, tuple[_Telling, datetime]], late: Mapping[str, Sequence[Event]]
) -> dict[str, tuple[datetime, datetime]]:
    """Return the bins that must be looked at again, and from when to when; whatever came late may tell something."""
    stirring = {bin_id: list(telling.stirring) for bin_id, (telling, _) in tellings.items()}
    for bin_id, events in late.items():
        stirring.setdefault(bin_id, []).extend(event.at for event in events)
    return {bin_id: (min(moments), max(moments)) for bin_id, moments in stirring.items() if moments}


def _go_through(estimate: Estimate, events: Sequence[Event]) -> _Telling:
    telling = _Telling()
    seen: list[Said] = []
    latest = estimate.latest
    for event in events:
        if latest is None or event.at.date() > latest.date():
            telling.days[event.at.date()] = memory_as_json(estimate)
        latest = event.at
        if isinstance(event, Served | Lifted):
            serve(estimate, event.at, event.found)
            telling.stirring.append(event.at)
            continue
        if isinstance(event, Looked):
            look(estimate, event.at, event.level, event.sigma)
            continue
        hear(estimate, event.at)
        if event.level is None:
            continue
        judgement = observe(estimate, event.at, event.level)
        _note(estimate, telling, event.at, event.level)
        seen.append(event)
        telling.opinions[event.identity] = BELIEVED if judgement.believed else _doubted(judgement)
        if judgement.turned_at is not None and estimate.believed is not None:
            risen = estimate.believed.level > judgement.divide
            telling.turns.append((judgement, risen))
            telling.stirring += [judgement.turned_at, event.at]
            for said in seen:
                if said.at >= judgement.turned_at and said.level is not None:
                    agrees = (said.level > judgement.divide) == risen
                    telling.opinions[said.identity] = BELIEVED if agrees else _doubted(judgement)
    return telling


def _note(estimate: Estimate, telling: _Telling, at: datetime, level: float) -> None:
    """Take a reading down in the bin's diary."""
    believed = estimate.believed
    if believed is not None:
        estimate.recent, closed = note(estimate.recent, at, level, believed.level)
        telling.pages += closed


def _doubted(judgement: Judgement) -> Opinion:
    numbers = {"expected": round(judgement.expected, 3), "sigma": round(judgement.sigma, 3)}
    return Opinion(Verdict.SPIKE, "unexpected", numbers)


def _judge_stored(session: Session, tellings: Mapping[str, tuple[_Telling, datetime]]) -> None:
    """Turn the verdicts on stored readings since belief and rival parted: what was false is true, and vice versa.

    Parameters
    ----------
    tellings
        By bin: what was gone through, and from when on.
    """
    rounds: list[list[dict[str, Any]]] = []
    for bin_id, (telling, begun) in tellings.items():
        before = [(judgement, risen) for judgement, risen in telling.turns if (judgement.turned_at or begun) < begun]
        for number, (judgement, risen) in enumerate(before):
            if number == len(rounds):
                rounds.append([])
            turn = {"bin_id": bin_id, "since": judgement.turned_at, "before": begun, "divide": judgement.divide}
            rounds[number].append({**turn, "risen": risen, "numbers": _doubted(judgement).numbers})
    # A bin that turned more than once needs its turns in order; the first ones of all bins go together.
    for turns in rounds:
        session.connection().execute(_turned(session), document(session, turns))


def _turned(session: Session) -> sa.Update:
    turn = given(
        session,
        bin_id=sa.String(),
        since=UtcDateTime(),
        before=UtcDateTime(),
        divide=sa.Float(),
        risen=sa.Boolean(),
        numbers=sa.JSON(),
    )
    true = (col(Reading.fill_level) > turn.c.divide) == turn.c.risen
    verdict, reason, numbers = (Reading.__table__.c[name].type for name in VERDICT_COLUMNS)  # type: ignore[attr-defined]
    return (
        sa.update(Reading)
        .where(
            col(Reading.bin_id) == turn.c.bin_id,
            col(Reading.at) >= turn.c.since,
            col(Reading.at) < turn.c.before,
            col(Reading.verdict).in_(HEARD),
        )
        .values(
            verdict=sa.case((true, sa.literal(Verdict.OK, verdict)), else_=sa.literal(Verdict.SPIKE, verdict)),
            verdict_reason=sa.case((true, sa.literal("", reason)), else_=sa.literal("unexpected", reason)),
            verdict_numbers=sa.case((true, sa.null()), else_=sa.type_coerce(turn.c.numbers, numbers)),
        )
        .execution_options(synchronize_session=False)
    )


def _columns(opinion: Opinion) -> dict[str, Any]:
    numbers = None if opinion.numbers is None else dict(opinion.numbers)
    return dict(zip(VERDICT_COLUMNS, (opinion.verdict, opinion.reason, numbers), strict=True))


def _tell_again(
    session: Session,
    estimates: dict[str, Estimate],
    late: Mapping[str, Sequence[Event]],
    days: dict[str, dict[date, list[Any]]],
    told_since: ToldSince,
    tellings: dict[str, tuple[_Telling, datetime]],
    rewound: dict[str, int],
) -> dict[Identity, Opinion]:
    """Go through the past of bins again from the last day before what came late.

    Parameters
    ----------
    tellings, rewound
        Filled: what was gone through, and the first page of each bin's diary that is written anew.
    """
    opinions: dict[Identity, Opinion] = {}
    kept = _kept_days(session, late)
    since: dict[str, datetime] = {}
    wanted: dict[str, list[Event]] = {}
    for bin_id, events in late.items():
        by_day = kept.get(bin_id, {})
        placed = [event for event in events if _day_for(event.at.date(), by_day) is not None]
        opinions |= {event.identity: TOO_LATE for event in events if isinstance(event, Said) and event not in placed}
        if placed:
            day = _day_for(placed[0].at.date(), by_day)
            assert day is not None  # noqa: S101 - it was there a moment ago
            estimates[bin_id] = estimate_from_json(by_day[day])
            since[bin_id] = min(datetime.combine(day, time(), UTC), placed[0].at)
            begun = first_open(estimates[bin_id].recent)
            rewound[bin_id] = slot_of(since[bin_id]) if begun is None else begun
            wanted[bin_id] = placed
    stored = _stored_readings(session, since)
    for bin_id, told in told_since(session, since).items():
        new = {event.order for event in wanted[bin_id]}
        wanted[bin_id] += [event for event in told if event.order not in new]
    changed: list[dict[str, Any]] = []
    again: dict[str, tuple[_Telling, datetime]] = {}
    for bin_id, events in wanted.items():
        past = stored.get(bin_id, {})
        telling = _go_through(estimates[bin_id], sorted([*events, *past], key=lambda event: event.order))
        again[bin_id] = telling, since[bin_id]
        days[bin_id] = telling.days
        for said, opinion in past.items():
            if said.identity in telling.opinions and telling.opinions[said.identity] != opinion:
                device_id, frame_key = said.identity
                columns = _columns(telling.opinions[said.identity])
                changed.append({"device_id": device_id, "frame_key": frame_key, **columns})
        known = {said.identity for said in past}
        opinions |= {identity: opinion for identity, opinion in telling.opinions.items() if identity not in known}
    _judge_stored(session, again)
    tellings |= again
    update_rows(session, Reading, changed)
    return opinions


def _day_for(day: date, kept: Mapping[date, list[Any]]) -> date | None:
    """Choose the day from whose start on an event can be placed: the last before it, or the bin's very first."""
    if not kept:
        return None
    earlier = [start for start in kept if start <= day]
    first = min(kept)
    return max(earlier) if earlier else first if estimate_from_json(kept[first]).latest is None else None


def _kept_days(session: Session, bin_ids: Iterable[str]) -> dict[str, dict[date, list[Any]]]:
    wanted = given(session, bin_id=sa.String())
    query = sa.select(col(BinDay.bin_id), col(BinDay.day), col(BinDay.memory)).join(
        wanted, wanted.c.bin_id == BinDay.bin_id
    )
    kept: dict[str, dict[date, list[Any]]] = defaultdict(dict)
    for bin_id, day, memory in session.connection().execute(
        query, document(session, [{"bin_id": bin_id} for bin_id in bin_ids])
    ):
        kept[bin_id][day] = memory
    return kept


def _stored_readings(session: Session, since: Mapping[str, datetime]) -> dict[str, dict[Said, Opinion]]:
    """Read what bins' sensors said since a moment each, with the verdicts of then; not what was too late already."""
    wanted = given(session, bin_id=sa.String(), since=UtcDateTime())
    query = (
        sa.select(
            col(Reading.bin_id),
            col(Reading.at),
            col(Reading.device_id),
            col(Reading.frame_key),
            col(Reading.fill_level),
            col(Reading.verdict),
            col(Reading.verdict_reason),
            col(Reading.verdict_numbers),
        )
        .join(wanted, wanted.c.bin_id == Reading.bin_id)
        .where(col(Reading.at) >= wanted.c.since, col(Reading.verdict) != Verdict.LATE)
    )
    rows = [{"bin_id": bin_id, "since": at} for bin_id, at in since.items()]
    found: dict[str, dict[Said, Opinion]] = defaultdict(dict)
    for bin_id, at, device_id, frame_key, level, verdict, reason, numbers in session.connection().execute(
        query, document(session, rows)
    ):
        heard = level if verdict in HEARD else None
        found[str(bin_id)][Said(at, (device_id, frame_key), heard)] = Opinion(verdict, reason, numbers)
    return found


def _keep_days(session: Session, days: Mapping[str, Mapping[date, list[Any]]]) -> None:
    """Keep the states at the start of days, and forget those that nothing can be late for any more."""
    rows = [
        {"bin_id": bin_id, "day": day, "memory": memory}
        for bin_id, of_bin in sorted(days.items())
        for day, memory in sorted(of_bin.items())
    ]
    if not rows:
        return
    insert_or_update(session, BinDay, rows, update=["memory"])
    wanted = given(session, bin_id=sa.String(), reach=sa.Date())
    stored, newer = aliased(BinDay), aliased(BinDay)
    within_reach = (
        sa.select(sa.func.max(newer.day))
        .where(col(newer.bin_id) == wanted.c.bin_id, col(newer.day) <= wanted.c.reach)
        .scalar_subquery()
    )
    # From the given bins to their days by key: the other way round every stored day would go through all given bins.
    outlived = (
        sa.select(col(stored.bin_id), col(stored.day))
        .join(wanted, wanted.c.bin_id == stored.bin_id)
        .where(col(stored.day) < within_reach)
    )
    reach = timedelta(days=REACH_DAYS)
    latest = [{"bin_id": bin_id, "reach": max(of_bin) - reach} for bin_id, of_bin in days.items() if of_bin]
    gone = sa.delete(BinDay).where(sa.tuple_(col(BinDay.bin_id), col(BinDay.day)).in_(outlived))
    session.connection().execute(gone, document(session, latest))
