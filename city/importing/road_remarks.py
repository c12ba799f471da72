"""What an operator should know of the roads that were read."""

from city.importing.osm import RoadsRead
from city.importing.osm_turns import Outcome
from city.importing.report import Remark

# How many of the values that could not be read are shown.
SHOWN = 5


def road_remarks(file: str, read: RoadsRead) -> list[Remark]:
    """Say what the roads are, and what of the file they do not carry."""
    network = read.network
    km = float(network.length_m.sum()) / 1000
    remarks = [Remark(file, "roads", {"ways": read.ways, "segments": len(network.segment_id), "km": km})]
    for code, count in (
        ("roads_closed", read.closed_segments),
        ("roads_barriers", read.barriers),
        ("roads_missing_nodes", read.missing_nodes),
        ("roads_conditional", read.conditional_ways),
    ):
        if count:
            remarks.append(Remark(file, code, {"count": count}))
    if read.restrictions:
        counts = {outcome.value: read.restrictions[outcome] for outcome in Outcome}
        remarks.append(Remark(file, "roads_turns", {"count": read.restrictions.total(), **counts}))
    if read.unread:
        values = ", ".join(value for value, _ in read.unread.most_common(SHOWN))
        remarks.append(Remark(file, "roads_unread", {"count": read.unread.total(), "values": values}))
    return remarks
