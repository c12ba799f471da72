"""Opening the states of bins for a change: locked in one order, made from priors where there was none, written back."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from city.registry import Bin, CollectionPoint, PointKind
from sensors.estimate import Estimate, begin
from sensors.levels import BinState, LevelSource, peers_of
from sensors.priors import Peers, prior_for

REMEMBERED = tuple(field.name for field in fields(Estimate))
# Bins of one look-up; SQLite takes no more than 32,766 values in a statement.
CHUNK = 10_000

_STATES: sa.Table = BinState.__table__  # type: ignore[attr-defined]
_READ = sa.select(*(_STATES.c[name] for name in ("bin_id", *REMEMBERED)))
_WRITE = (
    sa.update(_STATES)
    .where(_STATES.c.bin_id == sa.bindparam("of_bin"))
    .values({name: sa.bindparam(name) for name in REMEMBERED})
)


@contextmanager
def open_estimates(session: Session, bin_ids: Collection[str]) -> Iterator[dict[str, Estimate]]:
    """Lend the estimates of bins, by id, and write back what became of them when the block ends well.

    Rows are locked in the order of their ids, so that two processes that change the same bins wait for each other
    instead of blocking each other. They pass by the session's objects: this runs for every reading.
    """
    ids = sorted(bin_ids)
    rows: dict[str, list[Any]] = {}
    for start in range(0, len(ids), CHUNK):
        rows |= {row.bin_id: list(row[1:]) for row in _locked(session, ids[start : start + CHUNK])}
    estimates = {bin_id: Estimate(*row) for bin_id, row in rows.items()}
    yield estimates
    changed = [
        {"of_bin": bin_id, **dict(zip(REMEMBERED, values, strict=True)), "source": LevelSource(estimate.source)}
        for bin_id, estimate in estimates.items()
        if (values := _values(estimate)) != rows[bin_id]
    ]
    if changed:
        session.connection().execute(_WRITE, changed)


def _locked(session: Session, bin_ids: Sequence[str]) -> Sequence[sa.Row[Any]]:
    """Read the states of bins and keep them from others; make those that are missing."""
    query = _READ.where(col(BinState.bin_id).in_(bin_ids)).order_by(col(BinState.bin_id)).with_for_update()
    rows = session.connection().execute(query).all()
    if len(rows) == len(bin_ids):
        return rows
    _make_missing(session, set(bin_ids) - {row.bin_id for row in rows})
    return session.connection().execute(query).all()


def _values(estimate: Estimate) -> list[Any]:
    return [getattr(estimate, name) for name in REMEMBERED]


def _make_missing(session: Session, bin_ids: Collection[str]) -> None:
    query = (
        select(Bin, CollectionPoint.kind, CollectionPoint.district_id)
        .join(CollectionPoint, col(CollectionPoint.id) == Bin.point_id)
        .where(col(Bin.id).in_(bin_ids))
        .order_by(col(Bin.id))
    )
    peers: dict[str, Peers] = {}
    rows = []
    for bin_, kind, district_id in cast("Iterable[tuple[Bin, PointKind, str]]", session.exec(query)):
        if district_id not in peers:
            peers[district_id] = peers_of(session, district_id)
        estimate = begin(prior_for(bin_.stream, kind, bin_.usable_volume_l, peers[district_id]))
        rows.append({"bin_id": bin_.id, **dict(zip(REMEMBERED, _values(estimate), strict=True))})
    if rows:
        session.connection().execute(insert_new(session, BinState), rows)


def insert_new(session: Session, table: type) -> postgresql.Insert | sqlite.Insert:
    """Make an insert that passes over rows which are there already."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
