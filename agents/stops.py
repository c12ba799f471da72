"""Stops: the bins of one stream at one collection point, visited together. This file knows how their id is made."""

from city.streams import Stream


def stop_id_of(point_id: str, stream: Stream) -> str:
    """Make the id of a stop, ``<point>/<stream>``."""
    return f"{point_id}/{stream.value}"


def parse_stop_id(stop_id: str) -> tuple[str, Stream]:
    """Take a stop's id apart; a point's own id may hold slashes."""
    point_id, _, stream = stop_id.rpartition("/")
    return point_id, Stream(stream)
