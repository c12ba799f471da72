"""How a stop's id is made: ``<point>/<stream>``, the bins of one stream at one collection point."""

from city.streams import Stream


def stop_id_of(point_id: str, stream: Stream) -> str:
    """Make the id of a stop."""
    return f"{point_id}/{stream.value}"


def parse_stop_id(stop_id: str) -> tuple[str, Stream]:
    """Take a stop's id apart; a point's own id may hold slashes.

    Raises
    ------
    ValueError
        If it does not end in a stream.
    """
    point_id, _, stream = stop_id.rpartition("/")
    return point_id, Stream(stream)
