"""What crews and attendants saw, in quarters, in Dustcart's own JSON; one object, or a list of them.

::

    {"observer": "wang.li",               who saw it: a person's account, a crew or a truck
     "at": "2026-03-01T06:30:00+08:00",   when
     "bin": "hp-104-dry",                 the bin, or
     "point": "hp-104", "stream": "dry",  every bin of a stream at a point
     "seen": "3/4",                       0, 1/4, 1/2, 3/4, full or overflowing
     "note": "lid broken"}

Only ``note`` may be left out.
"""

from typing import Any

from city.streams import Stream
from sensors.decoders import decoder
from sensors.errors import IntakeError
from sensors.fields import an_object, one_word, only, text, time
from sensors.observation import Observation, Seen
from sensors.uplink import Unusable, normal_device_id, one_or_list

FIELDS = frozenset({"observer", "at", "bin", "point", "stream", "seen", "note"})


@decoder("observations")
def decode(body: bytes) -> list[Observation | Unusable]:
    """Read one observation or a list of them."""
    return one_or_list(body, _observation, "observer")


def _observation(element: Any) -> Observation:
    record = an_object(element, "an observation")
    observer = normal_device_id(record.get("observer"))
    only(record, FIELDS, "an observation")
    bin_id, point_id = text(record, "bin") or None, text(record, "point") or None
    if (bin_id is None) == (point_id is None):
        raise IntakeError("wrong_shape", "an observation names a bin, or a point and a stream")
    return Observation(
        observer=observer,
        at=time(record.get("at"), "at"),
        seen=one_word(record, "seen", Seen),
        bin_id=bin_id,
        point_id=point_id,
        stream=None if point_id is None else one_word(record, "stream", Stream),
        note=text(record, "note"),
    )
