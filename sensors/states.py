"""Opening the states of bins for a change: locked in one order, made from priors where there was none, written back."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from city.registry import Bin, CollectionPoint, PointKind
from sensors.estimate import Estimate, begin
from sensors.levels import BinState, LevelSource, peers_of
from sensors.priors import Peers, prior_for

REMEMBERED = tuple(field.name for field in fields(Estimate))
# Bins of one look-up; SQLite takes no more than 32,766 values in a statement.
CHUNK = 10_000


@contextmanager
def open_estimates(session: Session, bin_ids: Collection[str]) -> Iterator[dict[str, Estimate]]:
    """Lend the estimates of bins, by id, and write back what became of them when the block ends well.

    Rows are locked in the order of their ids, so that two processes that change the same bins wait for each other
    instead of blocking each other.
    """
    ids = sorted(bin_ids)
    states: dict[str, BinState] = {}
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        _make_missing(session, chunk)
        query = select(BinState).where(col(BinState.bin_id).in_(chunk)).order_by(col(BinState.bin_id))
        states |= {state.bin_id: state for state in session.exec(query.with_for_update())}
    estimates = {bin_id: estimate_of(state) for bin_id, state in states.items()}
    yield estimates
    for bin_id, estimate in estimates.items():
        state = states[bin_id]
        for name in REMEMBERED:
            value = getattr(estimate, name)
            if getattr(state, name) != value:
                setattr(state, name, LevelSource(value) if name == "source" else value)
        session.add(state)
    session.flush()


def estimate_of(state: BinState) -> Estimate:
    """Take the filter's memory out of its row."""
    return Estimate(**{name: getattr(state, name) for name in REMEMBERED})


def _make_missing(session: Session, bin_ids: Collection[str]) -> None:
    known = set(session.exec(select(BinState.bin_id).where(col(BinState.bin_id).in_(bin_ids))))
    missing = [bin_id for bin_id in bin_ids if bin_id not in known]
    if not missing:
        return
    query = (
        select(Bin, CollectionPoint.kind, CollectionPoint.district_id)
        .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
        .where(col(Bin.id).in_(missing))
        .order_by(col(Bin.id))
    )
    peers: dict[str, Peers] = {}
    rows = []
    for bin_, kind, district_id in cast("Iterable[tuple[Bin, PointKind, str]]", session.exec(query)):
        if district_id not in peers:
            peers[district_id] = peers_of(session, district_id)
        estimate = begin(prior_for(bin_.stream, kind, bin_.usable_volume_l, peers[district_id]))
        rows.append({"bin_id": bin_.id} | {name: getattr(estimate, name) for name in REMEMBERED})
    session.connection().execute(insert_new(session, BinState), rows)


def insert_new(session: Session, table: type) -> postgresql.Insert | sqlite.Insert:
    """Make an insert that passes over rows which are there already."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
