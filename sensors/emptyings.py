"""When a bin was emptied, by all that speaks of it: its level, crews' records, lifts with weight, trucks that stopped.

Each source is fallible in its own way. A level falls late where something in the way still answers, a record is
written for a stop that was driven past, a lift is read off the wrong tag. So what they say is brought together by time,
each adds or takes its weight of evidence, and where they contradict each other the contradiction is kept beside the
result, with the numbers that show it. Claims that are not believed are kept too, with their low confidence.

Pure: values in, values out. `sensors.emptied` reads and stores them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from statistics import median

from sensors.falls import LEAST_DROP, NEARLY_EMPTY, Fall, Hint, Read, read

# How far a source's clock, and what it calls the moment, may be off, in hours.
RECORD_OFF_H, LIFT_OFF_H = 1.5, 0.5
# Claims within so many hours of each other are of one visit.
ONE_VISIT_H = 2.0
# A sensor may go on telling the old level for so long after an emptying, if something clings before it.
CLINGS_H = 24.0
# A sensor that says nothing within so many hours after a claim has no say in it.
ANSWERS_WITHIN_H = 12.0

# How likely a claim alone makes an emptying, for the reading of the level.
RECORD_HINT, LIFT_HINT = 0.9, 0.95

# Weights of evidence, as log odds. Of records 9 in 10 are true (an assumption; the look-out for contradictions is there
# to find out), of lifts with a tag and a weight all but a few.
LEVEL_FELL, LEVEL_STAYED = 4.0, -4.0
RECORDED, LIFTED, LIFTED_UNWEIGHED, WEIGHED_NOTHING = 2.2, 3.5, 2.0, -1.5
TRUCK_NEAR, NO_TRUCK_NEAR = 1.0, -2.0
BELIEVED = 0.5

# Below this share of the usable volume a weighed bin was empty; and weight and level disagree if they differ by this
# factor and by this much.
NOTHING_WEIGHED = 0.03
DISAGREES_TIMES, DISAGREES_BY = 2.5, 0.3

# A longer gap around a fall is narrowed by how much came in after it.
LONG_GAP_H = 6.0
HOUR = timedelta(hours=1)


class Source(StrEnum):
    """Who says that a bin was emptied."""

    LEVEL = "level"
    RECORD = "service_record"
    LIFT = "lift"
    WEIGHT = "weight"
    TRUCK = "truck"


class Conflict(StrEnum):
    """How sources contradict each other, worded as ``conflict.<code>``."""

    LEVEL_STAYED = "level_stayed"
    NO_TRUCK_NEAR = "no_truck_near"
    LIFT_WITHOUT_WEIGHT = "lift_without_weight"
    WEIGHED_NOTHING = "weighed_nothing"
    WEIGHT_DISAGREES = "weight_disagrees"
    COULD_NOT_BUT_FELL = "could_not_but_fell"
    SEEN_LATE = "seen_late"


class Sighting(StrEnum):
    """Whether a truck stopped near the bin's point, as the trucks' positions tell."""

    NEAR = "near"
    NONE = "none"
    UNTRACKED = "untracked"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A service record: the bin was emptied, or could not be; and the level found, if what was weighed tells."""

    at: datetime
    done: bool = True
    found: float | None = None


@dataclass(frozen=True, slots=True)
class LiftReported:
    """A lift, and the level that its weight tells; none if nothing was weighed."""

    at: datetime
    found: float | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """All that was said of one bin.

    Parameters
    ----------
    readings
        When, and the level each reading alone says, ascending; of those that the filter was to hear.
    records, lifts
        In any order.
    sees
        Whether the sensor can be trusted to see: a stuck one says nothing of emptyings.
    """

    readings: Sequence[tuple[datetime, float]] = ()
    records: Sequence[Recorded] = ()
    lifts: Sequence[LiftReported] = ()
    sees: bool = True


@dataclass(frozen=True, slots=True)
class Emptying:
    """A bin was emptied, or somebody says so.

    Parameters
    ----------
    at
        The likeliest moment.
    earliest, latest
        Between which it was.
    confidence
        Probability that it took place; from `BELIEVED` on it counts.
    sources
        Who says so.
    before, after
        Fill levels that the sensor saw; none if it saw none.
    found
        The level that weights tell.
    conflicts
        Contradictions, with the numbers that show them.
    """

    at: datetime
    earliest: datetime
    latest: datetime
    confidence: float
    sources: tuple[Source, ...]
    before: float | None = None
    after: float | None = None
    found: float | None = None
    conflicts: tuple[tuple[Conflict, dict[str, float]], ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it is believed."""
        return self.confidence >= BELIEVED


@dataclass(slots=True)
class _Visit:
    """What people and machines say of one visit, in hours."""

    records_h: list[float] = field(default_factory=list)
    lifts_h: list[float] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    unweighed: int = 0

    @property
    def at_h(self) -> float:
        return min(self.lifts_h or self.records_h)

    @property
    def off_h(self) -> float:
        return LIFT_OFF_H if self.lifts_h else RECORD_OFF_H


Near = Callable[[datetime, datetime], Sighting]


def untracked(_since: datetime, _until: datetime) -> Sighting:
    """Say that nobody knows where the trucks were."""
    return Sighting.UNTRACKED


def emptyings(told: Told, *, rate_per_h: float, near: Near = untracked) -> tuple[tuple[Emptying, ...], Read]:
    """Bring together what was said of one bin.

    Parameters
    ----------
    told
        All of it, within the time looked at.
    rate_per_h
        How fast the bin fills, as far as that is known.
    near
        Whether a truck stopped near between two moments.

    Returns
    -------
    tuple of Emptying, Read
        In the order of time, those that are not believed included; and what the readings say in hindsight.
    """
    moments = [at for at, _ in told.readings]
    moments += [record.at for record in told.records] + [lift.at for lift in told.lifts]
    if not moments:
        return (), read((), (), rate_per_h=rate_per_h)
    zero = min(moments)
    hours = [(at - zero) / HOUR for at, _ in told.readings]
    levels = [level for _, level in told.readings]
    visits = _visits(told, zero)
    hints = [
        Hint(visit.at_h - visit.off_h, visit.at_h + visit.off_h, LIFT_HINT if visit.lifts_h else RECORD_HINT)
        for visit in visits
    ]
    seen = read(hours, levels, rate_per_h=rate_per_h, hints=hints)
    falls = [fall for fall in seen.falls if fall.before - fall.after >= LEAST_DROP] if told.sees else []
    refused_h = [(record.at - zero) / HOUR for record in told.records if not record.done]
    look = _Look(zero, hours, seen, told.sees, refused_h, near)
    found: list[Emptying] = []
    for visit, fall in _matched(visits, falls):
        found.append(look.judge(visit, fall))
    return tuple(sorted(found, key=lambda one: (one.at, one.sources))), seen


def _visits(told: Told, zero: datetime) -> list[_Visit]:
    """Group records and lifts that are of one visit."""
    said: list[Recorded | LiftReported] = [*(record for record in told.records if record.done), *told.lifts]
    claims = [((one.at - zero) / HOUR, one) for one in said]
    claims.sort(key=lambda claim: (claim[0], isinstance(claim[1], LiftReported), claim[1].found or 0.0))
    visits: list[_Visit] = []
    last_h = -math.inf
    for at_h, one in claims:
        if at_h - last_h > ONE_VISIT_H:
            visits.append(_Visit())
            last_h = at_h
        visit = visits[-1]
        (visit.lifts_h if isinstance(one, LiftReported) else visit.records_h).append(at_h)
        if one.found is not None:
            visit.found.append(one.found)
        elif isinstance(one, LiftReported):
            visit.unweighed += 1
    return visits


def _matched(visits: Sequence[_Visit], falls: Sequence[Fall]) -> list[tuple[_Visit | None, Fall | None]]:
    """Say which fall is of which visit: the nearest within reach; a fall may also be seen late."""
    pairs = sorted(
        (distance, number, row)
        for number, visit in enumerate(visits)
        for row, fall in enumerate(falls)
        if (distance := _apart(visit, fall)) is not None
    )
    of_visit: dict[int, int] = {}
    taken: set[int] = set()
    for _, number, row in pairs:
        if number not in of_visit and row not in taken:
            of_visit[number] = row
            taken.add(row)
    matched: list[tuple[_Visit | None, Fall | None]] = [
        (visit, falls[of_visit[number]] if number in of_visit else None) for number, visit in enumerate(visits)
    ]
    return matched + [(None, fall) for row, fall in enumerate(falls) if row not in taken]


def _apart(visit: _Visit, fall: Fall) -> float | None:
    """Return how far a visit is from a fall, in hours; none if they cannot be the same."""
    if fall.after_h - visit.off_h <= visit.at_h <= fall.by_h + visit.off_h:
        return max(fall.after_h - visit.at_h, visit.at_h - fall.by_h, 0.0)
    late_h = fall.by_h - visit.at_h
    return late_h if 0 < late_h <= CLINGS_H else None


@dataclass(frozen=True, slots=True)
class _Look:
    """What a judgement needs besides the visit and the fall."""

    zero: datetime
    hours: Sequence[float]
    seen: Read
    sees: bool
    refused_h: Sequence[float]
    near: Near

    def judge(self, visit: _Visit | None, fall: Fall | None) -> Emptying:
        """Weigh what speaks for one emptying and against it."""
        odds = 0.0
        sources: list[Source] = []
        conflicts: list[tuple[Conflict, dict[str, float]]] = []
        before = after = None
        found = median(visit.found) if visit is not None and visit.found else None
        if fall is not None:
            before, after = fall.before, fall.after
            sources.append(Source.LEVEL)
            odds += LEVEL_FELL * fall.probability
        elif visit is not None:
            before, after = self._around(visit.at_h)
            if before is not None and after is not None and before > NEARLY_EMPTY and before - after < LEAST_DROP:
                odds += LEVEL_STAYED
                conflicts.append((Conflict.LEVEL_STAYED, _numbers(before=before, after=after)))
        if visit is not None:
            odds += self._claimed(visit, found, before, sources, conflicts)
        at_h, earliest_h, latest_h = self._when(visit, fall)
        if visit is not None and fall is not None and fall.by_h - visit.at_h > visit.off_h + LONG_GAP_H:
            conflicts.append((Conflict.SEEN_LATE, {"hours": round(fall.by_h - visit.at_h, 1)}))
        if fall is not None and visit is None:
            refused = [at for at in self.refused_h if earliest_h - RECORD_OFF_H <= at <= latest_h + RECORD_OFF_H]
            if refused:
                conflicts.append((Conflict.COULD_NOT_BUT_FELL, _numbers(before=fall.before, after=fall.after)))
        earliest, latest = self._moment(earliest_h), self._moment(latest_h)
        match self.near(earliest, latest):
            case Sighting.NEAR:
                odds += TRUCK_NEAR
                sources.append(Source.TRUCK)
            case Sighting.NONE:
                odds += NO_TRUCK_NEAR
                conflicts.append((Conflict.NO_TRUCK_NEAR, {}))
        return Emptying(
            at=self._moment(at_h),
            earliest=earliest,
            latest=latest,
            confidence=round(1 / (1 + math.exp(-odds)), 4),
            sources=tuple(sources),
            before=before,
            after=after,
            found=found,
            conflicts=tuple(conflicts),
        )

    def _claimed(
        self,
        visit: _Visit,
        found: float | None,
        before: float | None,
        sources: list[Source],
        conflicts: list[tuple[Conflict, dict[str, float]]],
    ) -> float:
        """Return what a visit's claims weigh, and note who made them and what contradicts them."""
        odds = 0.0
        if visit.records_h:
            sources.append(Source.RECORD)
            odds += RECORDED
        if visit.lifts_h:
            sources.append(Source.LIFT)
            odds += LIFTED_UNWEIGHED if found is None else LIFTED
            if found is None and visit.unweighed:
                conflicts.append((Conflict.LIFT_WITHOUT_WEIGHT, {}))
        if found is None:
            return odds
        sources.append(Source.WEIGHT)
        if before is None or before <= NEARLY_EMPTY:
            return odds
        if found < NOTHING_WEIGHED:
            conflicts.append((Conflict.WEIGHED_NOTHING, _numbers(before=before)))
            return odds + WEIGHED_NOTHING
        times = max(found / before, before / found)
        if times > DISAGREES_TIMES and abs(found - before) > DISAGREES_BY:
            conflicts.append((Conflict.WEIGHT_DISAGREES, _numbers(before=before, found=found)))
        return odds

    def _around(self, at_h: float) -> tuple[float | None, float | None]:
        """Return the levels that the sensor saw before and after a moment; none where it has no say."""
        if not self.sees:
            return None, None
        before = after = None
        for hour, level, false in zip(self.hours, self.seen.levels, self.seen.false, strict=True):
            if false:
                continue
            if hour <= at_h:
                before = level if at_h - hour <= 2 * ANSWERS_WITHIN_H else None
            elif hour > at_h + RECORD_OFF_H and hour - at_h <= ANSWERS_WITHIN_H:
                after = level if after is None else min(after, level)
            elif hour - at_h > ANSWERS_WITHIN_H:
                break
        return before, after

    def _when(self, visit: _Visit | None, fall: Fall | None) -> tuple[float, float, float]:
        if visit is not None:
            return visit.at_h, visit.at_h - visit.off_h, visit.at_h + visit.off_h
        if fall is None:
            raise ValueError("an emptying needs a fall or a visit")
        if fall.by_h - fall.last_h <= LONG_GAP_H:
            return (fall.last_h + fall.by_h) / 2, fall.after_h, fall.by_h
        # What lies in the bin now came in after the emptying, but for what crews leave behind.
        left = min([one.after for one in self.seen.falls if one.by_h - one.last_h <= LONG_GAP_H], default=0.0)
        filling_h = max(fall.after - left, 0.0) / self.seen.rate_per_h
        at_h = min(max(fall.by_h - filling_h, fall.last_h), fall.by_h)
        return at_h, fall.after_h, fall.by_h

    def _moment(self, at_h: float) -> datetime:
        return (self.zero + at_h * HOUR).astimezone(UTC)


def _numbers(**values: float) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}
