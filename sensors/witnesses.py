"""What trucks and people told of bins since a moment, as events of the bins' timelines."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col

from city.database import UtcDateTime
from city.registry import Bin, StreamRule
from sensors.bulk import document, given
from sensors.cleaning import HIGHEST_LEVEL
from sensors.observation import SEEN_SIGMA, Seen
from sensors.telemetry import LiftRecord, ObservationRecord
from sensors.timeline import Lifted, Looked


def found_level(weight_kg: float | None, volume_l: float, density_kg_per_l: float | None) -> float | None:
    """Return the mean fill level of what was weighed, out of bins of a volume; none if that is not known."""
    if weight_kg is None or density_kg_per_l is None or volume_l == 0:
        return None
    return min(weight_kg / (density_kg_per_l * volume_l), HIGHEST_LEVEL)


def lifted_since(session: Session, since: Mapping[str, datetime]) -> dict[str, list[Lifted]]:
    """Return the lifts of bins since a moment each, by bin."""
    wanted = given(session, bin_id=sa.String(), since=UtcDateTime())
    query = (
        sa.select(
            col(LiftRecord.bin_id),
            col(LiftRecord.at),
            col(LiftRecord.truck_id),
            col(LiftRecord.lift_key),
            col(LiftRecord.weight_kg),
            col(Bin.usable_volume_l),
            col(StreamRule.density_kg_per_l),
        )
        .join(wanted, wanted.c.bin_id == LiftRecord.bin_id)
        .join(Bin, col(Bin.id) == LiftRecord.bin_id)
        .outerjoin(StreamRule, col(StreamRule.stream) == Bin.stream)
        .where(col(LiftRecord.at) >= wanted.c.since)
    )
    lifted: dict[str, list[Lifted]] = defaultdict(list)
    for bin_id, at, truck_id, lift_key, weight_kg, volume_l, density in session.connection().execute(
        query, document(session, [{"bin_id": bin_id, "since": at} for bin_id, at in since.items()])
    ):
        lifted[str(bin_id)].append(Lifted(at, (truck_id, lift_key), found_level(weight_kg, volume_l, density)))
    return lifted


def looked_since(session: Session, since: Mapping[str, datetime]) -> dict[str, list[Looked]]:
    """Return what people saw of bins since a moment each, by bin."""
    wanted = given(session, bin_id=sa.String(), since=UtcDateTime())
    seen = ObservationRecord
    query = (
        sa.select(col(seen.bin_id), col(seen.at), col(seen.observer), col(seen.seen))
        .join(wanted, wanted.c.bin_id == seen.bin_id)
        .where(col(seen.at) >= wanted.c.since)
    )
    looked: dict[str, list[Looked]] = defaultdict(list)
    for bin_id, at, observer, word in session.connection().execute(
        query, document(session, [{"bin_id": bin_id, "since": at} for bin_id, at in since.items()])
    ):
        looked[bin_id].append(Looked(at, (observer, ""), Seen(word).level, SEEN_SIGMA))
    return looked
