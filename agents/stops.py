"""Stops: the bins of one stream at one point, emptied together, with what waits there and when it is open."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod

from agents.decisions import Decision, RouteWish, Rule
from agents.ground import Ground, Point
from agents.needs import NeedReason
from agents.outlook import BinOutlook
from agents.stop_ids import stop_id_of
from agents.windows import to_begin
from city.streams import Stream
from routing.problem import Stop, TimeWindow

# Time per bin on top of the point's own: a rear loader's lift takes about 15 s up and down; fetching the bin and
# putting it back take as long again.
BIN_SERVICE_S = 30
# Weight of a litre where the registry says nothing about a stream: household waste in a bin, uncompacted.
ASSUMED_DENSITY_KG_PER_L = 0.15


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stop that the shift's trucks may or must serve.

    Attributes
    ----------
    required, prize_cents
        Whether it must be served, or what serving it is worth.
    probability
        That at least one of its bins overflows before the next chance.
    rule, decision
        The weightiest rule that speaks for it, with its decision.
    bins, needs
        All bins that are emptied there, and the causes found with some of them, by bin id.
    windows
        When service may begin; empty: at any time of the shift.
    certificates
        What a crew must be certified for.
    """

    stop_id: str
    point: Point
    stream: Stream
    required: bool
    prize_cents: int
    probability: float
    decision: Decision
    bins: Sequence[BinOutlook]
    needs: Mapping[str, NeedReason]
    demand_kg: int
    demand_l: int
    service_s: int
    windows: tuple[TimeWindow, ...]
    certificates: frozenset[str] = frozenset()

    def at(self, location: int) -> Stop:
        """Return it as a stop of a routing problem."""
        return Stop(
            id=self.stop_id,
            location=location,
            stream=self.stream.value,
            demand_kg=self.demand_kg,
            demand_l=self.demand_l,
            service_s=self.service_s,
            windows=self.windows,
            required=self.required,
            prize_cents=self.prize_cents,
            certificates=self.certificates,
            max_width_cm=self.point.max_width_cm,
            max_height_cm=self.point.max_height_cm,
            max_weight_kg=self.point.max_weight_kg,
        )


@dataclass(frozen=True, slots=True)
class JudgedNeed:
    """A need with the decision about it; without a reason it is a person's wish."""

    point_id: str
    stream: Stream
    bin_id: str | None
    reason: NeedReason | None
    decision: Decision

    @property
    def stop_id(self) -> str:
        """The stop it is about."""
        return stop_id_of(self.point_id, self.stream)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Needs as stops.

    Attributes
    ----------
    candidates
        Stops that trucks may or must serve.
    kept_back
        Stops that the dispatcher kept out of this shift although they have a need: closed, or open at other times.
    """

    candidates: tuple[Candidate, ...]
    kept_back: tuple[Candidate, ...]


KEPT_BACK = frozenset({Rule.POINT_BURNS, Rule.POINT_CLOSED, Rule.WINDOW_OUTSIDE_SHIFT})


def group(ground: Ground, bins: Iterable[BinOutlook], judged: Iterable[JudgedNeed]) -> Grouped:
    """Put needs that a truck comes for, or would come for, together as stops. Whoever is there empties every bin."""
    bins_by_stop: dict[str, list[BinOutlook]] = defaultdict(list)
    for outlook in bins:
        bins_by_stop[outlook.stop_id].append(outlook)
    needs_by_stop: dict[str, list[JudgedNeed]] = defaultdict(list)
    for need in judged:
        needs_by_stop[need.stop_id].append(need)
    candidates, kept_back = [], []
    for stop_id, needs in sorted(needs_by_stop.items()):
        if not bins_by_stop[stop_id]:
            continue  # the bins were taken away since the need was found
        if any(need.decision.route is not None for need in needs):
            candidates.append(candidate(ground, bins_by_stop[stop_id], needs))
        elif hindered := [need for need in needs if need.decision.rule in KEPT_BACK]:
            # Beside them may be needs that an attendant sees to: they do not say why no truck comes.
            kept_back.append(candidate(ground, bins_by_stop[stop_id], hindered))
    return Grouped(tuple(candidates), tuple(kept_back))


def candidate(ground: Ground, bins: Sequence[BinOutlook], needs: Sequence[JudgedNeed]) -> Candidate:
    """Make one stop of bins of one stream at one point, for the needs there.

    Optional needs add up: each bin that does not overflow is worth its own prize.
    """
    stream = bins[0].stream
    point = ground.points[bins[0].point_id]
    service_s = point.service_s + len(bins) * BIN_SERVICE_S
    expected_l = sum(outlook.expected_l for outlook in bins)
    rule = ground.rules.get(stream)
    required = any(need.decision.route is RouteWish.REQUIRED for need in needs)
    return Candidate(
        stop_id=stop_id_of(point.id, stream),
        point=point,
        stream=stream,
        required=required,
        prize_cents=0 if required else sum(need.decision.prize_cents for need in needs),
        probability=1.0 - prod(1.0 - outlook.full_by_next for outlook in bins),
        decision=min((need.decision for need in needs), key=lambda decision: WEIGHT[decision.rule]),
        bins=bins,
        needs={need.bin_id: need.reason for need in needs if need.bin_id is not None and need.reason is not None},
        demand_kg=ceil(expected_l * (rule.density_kg_per_l if rule else ASSUMED_DENSITY_KG_PER_L)),
        demand_l=ceil(expected_l),
        service_s=service_s,
        windows=to_begin(ground.open_windows(point.id), ground.within, service_s) or (),
        certificates=frozenset({rule.certificate}) if rule and rule.certificate else frozenset(),
    )


# Which of several rules is named first: the order they are listed in.
WEIGHT = {rule: weight for weight, rule in enumerate(Rule)}
