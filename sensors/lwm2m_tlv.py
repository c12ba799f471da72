"""The binary form of LwM2M values, TLV: type, length and value, one inside another.

Source: OMA LwM2M 1.1 Core, 7.4.3.
"""

import struct
from collections.abc import Iterator

from sensors.errors import IntakeError

INSTANCE, RESOURCE_INSTANCE, SEVERAL, RESOURCE = range(4)
# Resources that are floats; whole numbers and truths are told by their length alone.
FLOATS = frozenset({2, 4, 6, 8, 16, 5700, 6050})

Place = tuple[int, int, int]


def read_tlv(encoded: bytes, path: tuple[int, ...]) -> list[tuple[Place, float]]:
    """Return the numbers below a path; values of other lengths are texts and passed over.

    Parameters
    ----------
    path
        Of what was encoded: an object, an instance, or one resource.

    Raises
    ------
    IntakeError
        ``truncated`` if a value is cut off, ``wrong_shape`` if the path does not fit.
    """
    if not 1 <= len(path) <= 3:
        raise IntakeError("wrong_shape", "a TLV needs the path of an object, an instance or a resource as res")
    found = []
    for kind, number, value in _entries(encoded):
        if kind == INSTANCE:
            inner = [(resource, one) for of, resource, one in _entries(value) if of == RESOURCE]
            instance = number
        elif kind == RESOURCE:
            inner, instance = [(number, value)], path[1] if len(path) > 1 else 0
        else:
            continue
        for resource, one in inner:
            if (told := _number(resource, one)) is not None:
                found.append(((path[0], instance, resource), told))
    return found


def _entries(encoded: bytes) -> Iterator[tuple[int, int, bytes]]:
    place = 0
    while place < len(encoded):
        head = encoded[place]
        id_bytes = 2 if head & 0x20 else 1
        length_bytes = head >> 3 & 3
        begins = place + 1 + id_bytes + length_bytes
        number = int.from_bytes(encoded[place + 1 : place + 1 + id_bytes])
        length = int.from_bytes(encoded[place + 1 + id_bytes : begins]) if length_bytes else head & 7
        if begins + length > len(encoded):
            raise IntakeError("truncated", f"the TLV {encoded.hex()[:60]} ends inside what byte {place} opens")
        yield head >> 6, number, encoded[begins : begins + length]
        place = begins + length


def _number(resource: int, value: bytes) -> float | None:
    if resource in FLOATS and len(value) in (4, 8):
        number = struct.unpack(">f" if len(value) == 4 else ">d", value)[0]
        if number - number != 0.0:
            raise IntakeError("impossible_value", f"resource {resource} is {number}")
        return float(number)
    return float(int.from_bytes(value, signed=True)) if len(value) in (1, 2, 4, 8) else None
