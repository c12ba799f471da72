"""Whether a mark that devices report, a bin's tag or a truck's terminal, names one thing only."""

from collections.abc import Iterable, Iterator

from city.check.finding import Finding
from city.marks import canonical_tag, canonical_terminal
from city.store import CityData


def mark_findings(data: CityData) -> Iterator[Finding]:
    """Find marks that several rows in use bear: what is reported under such a mark is refused."""
    tags = ((row.id, canonical_tag(row.tag)) for row in data.bins if row.active)
    yield from _borne_twice("tag_twice", "bins", {}, tags)
    # Devices may name a truck by its id as well.
    trucks = [row for row in data.trucks if row.active]
    terminals = ((row.id, canonical_terminal(row.terminal)) for row in trucks)
    yield from _borne_twice("terminal_twice", "trucks", {row.id: row.id for row in trucks}, terminals)


def _borne_twice(code: str, kind: str, taken: dict[str, str], marks: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    for subject, mark in marks:
        first = taken.setdefault(mark, subject) if mark else subject
        if first != subject:
            yield Finding(code, kind, subject, {"mark": mark, "target": kind, "target_id": first})
