"""The waste streams a city keeps apart, in the order their colours are shown."""

from enum import StrEnum


class Stream(StrEnum):
    """One kind of waste. Shanghai's four, which every city's own can be mapped to."""

    DRY = "dry"
    WET = "wet"
    RECYCLABLE = "recyclable"
    HAZARDOUS = "hazardous"


def parse_streams(text: str) -> frozenset[Stream]:
    """Read a comma-separated list such as ``"dry,wet"``.

    Raises
    ------
    ValueError
        If a name is not one of the four, naming it.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    known = {stream.value for stream in Stream}
    unknown = sorted(set(names) - known)
    if unknown:
        raise ValueError(f"unknown stream {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    return frozenset(Stream(name) for name in names)


def format_streams(streams: frozenset[Stream]) -> str:
    """Write a set of streams the way `parse_streams` reads it, always in the same order."""
    return ",".join(stream.value for stream in Stream if stream in streams)
