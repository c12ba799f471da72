"""Opening the states of bins for a change: locked in one order, made from priors where there was none, written back."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from operator import attrgetter
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import Session, col, select

from city.registry import Bin, CollectionPoint, PointKind
from sensors.bulk import document, given, insert_new, update_rows
from sensors.estimate import Estimate, Explanation, LevelSource, begin
from sensors.levels import BinState, peers_of
from sensors.priors import Peers, prior_for

# The columns of a state in the order of `memory_of`.
REMEMBERED = (
    "fill_level",
    "sigma",
    "as_of",
    "emptied_at",
    "rival_level",
    "rival_sigma",
    "rival_as_of",
    "rival_emptied_at",
    "rival_odds",
    "disputed_since",
    "rate_per_h",
    "rate_sigma",
    "volatility",
    "learned_h",
    "anchor_level",
    "anchor_at",
    "noise",
    "echo_level",
    "echo_weight",
    "interval_h",
    "heard_at",
    "recent",
    "source",
)
MOMENTS = frozenset(name for name in REMEMBERED if name.endswith(("_at", "_of", "_since")))

# What is remembered beside the two explanations, as a tuple.
_OTHERS = attrgetter(*REMEMBERED[8:])

_STATES: sa.Table = BinState.__table__  # type: ignore[attr-defined]


def memory_of(estimate: Estimate) -> tuple[Any, ...]:
    """Write an estimate as the values of its columns."""
    return _told(estimate.believed) + _told(estimate.rival) + _OTHERS(estimate)


def estimate_of(memory: Sequence[Any]) -> Estimate:
    """Read an estimate from the values of its columns."""
    return Estimate(_explanation(*memory[:4]), _explanation(*memory[4:8]), *memory[8:])


def estimate_from_json(memory: Sequence[Any]) -> Estimate:
    """Read an estimate from its memory as JSON keeps it."""
    values: list[Any] = [
        datetime.fromisoformat(value) if name in MOMENTS and value is not None else value
        for name, value in zip(REMEMBERED, memory, strict=True)
    ]
    return estimate_of([*values[:-1], LevelSource(values[-1])])


def memory_as_json(estimate: Estimate) -> list[Any]:
    """Write an estimate's memory so that JSON keeps it to the last bit."""
    return [value.isoformat() if isinstance(value, datetime) else value for value in memory_of(estimate)]


def _told(explanation: Explanation | None) -> tuple[float | None, float, datetime | None, datetime | None]:
    if explanation is None:
        return None, 0.0, None, None
    return explanation.level, explanation.sigma, explanation.as_of, explanation.emptied_at


def _explanation(
    level: float | None, sigma: float, as_of: datetime | None, emptied_at: datetime | None
) -> Explanation | None:
    return None if level is None or as_of is None else Explanation(level, sigma, as_of, emptied_at)


@contextmanager
def open_estimates(session: Session, bin_ids: Collection[str]) -> Iterator[dict[str, Estimate]]:
    """Lend the estimates of bins, by id, and write back what became of them when the block ends well.

    Rows are locked in the order of their ids, so that two processes that change the same bins wait for each other
    instead of blocking each other. They pass by the session's objects: this runs for every reading.
    """
    before: dict[str, tuple[Any, ...]] = {row[0]: tuple(row[1:]) for row in _locked(session, sorted(bin_ids))}
    estimates = {bin_id: estimate_of(memory) for bin_id, memory in before.items()}
    yield estimates
    changed = [
        {"bin_id": bin_id, **dict(zip(REMEMBERED, memory, strict=True))}
        for bin_id, estimate in estimates.items()
        if (memory := memory_of(estimate)) != before[bin_id]
    ]
    update_rows(session, BinState, changed)


def lock_states(session: Session, bin_ids: Collection[str]) -> None:
    """Keep others from changing what is known of bins until the transaction ends, in the order that all others lock."""
    _locked(session, sorted(bin_ids))


def _locked(session: Session, bin_ids: Sequence[str]) -> Sequence[sa.Row[Any]]:
    """Read the states of bins and keep them from others; make those that are missing."""
    if not bin_ids:
        return []
    wanted = given(session, bin_id=sa.String())
    query = (
        sa.select(*(_STATES.c[name] for name in ("bin_id", *REMEMBERED)))
        .join(wanted, wanted.c.bin_id == _STATES.c.bin_id)
        .order_by(_STATES.c.bin_id)
        .with_for_update(of=_STATES)
    )
    named = document(session, [{"bin_id": bin_id} for bin_id in bin_ids])
    rows = session.connection().execute(query, named).all()
    if len(rows) < len(bin_ids):
        _make(session, sorted(set(bin_ids) - {row.bin_id for row in rows}))
        rows = session.connection().execute(query, named).all()
    return rows


def _make(session: Session, bin_ids: Sequence[str]) -> None:
    wanted = given(session, bin_id=sa.String())
    query = (
        select(Bin, CollectionPoint.kind, CollectionPoint.district_id)
        .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
        .join(wanted, wanted.c.bin_id == Bin.id)
        .order_by(col(Bin.id))
    )
    named = document(session, [{"bin_id": bin_id} for bin_id in bin_ids])
    found = cast("Iterable[tuple[Bin, PointKind, str]]", session.execute(query, named))
    peers: dict[str, Peers] = {}
    rows = []
    for bin_, kind, district_id in found:
        if district_id not in peers:
            peers[district_id] = peers_of(session, district_id)
        estimate = begin(prior_for(bin_.stream, kind, bin_.usable_volume_l, peers[district_id]))
        rows.append({"bin_id": bin_.id, **dict(zip(REMEMBERED, memory_of(estimate), strict=True))})
    insert_new(session, BinState, rows)
