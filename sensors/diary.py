"""A bin's diary: how full it was every six hours of the last weeks, as believed then and as it looked afterwards.

It is what a forecast learns from: on the days that began about this full, how much came in? A page holds three levels:
what the filter believed, what the sensor had just said, and what the level *settled* at once the readings around were
known. The first two are all that a forecast has to go by; the third is what it should have said.

A page is open until enough readings have come after it. Open pages and the readings they wait for are a short text in
the bin's state, so that they are rewound with it; closed ones are a row of `BinDiary`.
"""

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Field, Session, SQLModel, col

from sensors.bulk import document, given, insert_or_update
from sensors.skill import AGREEMENT, AROUND, AROUND_DISPUTED, LOWER

# Pages are six hours apart: rhythm within a day is seen, and a quarter of a year fits in a kilobyte. Longer memory
# forecast no better on a year of real sensors, half of it 1.5 % worse.
SLOT = timedelta(hours=6)
SLOT_H = SLOT / timedelta(hours=1)
SLOT_MIN = SLOT // timedelta(minutes=1)
SLOTS = 13 * 7 * 4

# A level is one byte, in steps of 0.8 % of the usable volume; the last value says that nothing was known.
STEPS = 125.0
MOST, MISSING = 254, 255
PAGE_BYTES = 3

# The level settles where `sensors.skill` sees it in hindsight, by which forecasts are judged; but readings farther away
# than this say nothing about it.
AROUND_MIN = 12 * 60

# A diary as its row keeps it: slot of the last page, and pages.
Stored = tuple[int, str]

_HEARD = struct.Struct("<IB")
_OPEN = struct.Struct("<IBB")


@dataclass(frozen=True, slots=True)
class Page:
    """A bin at the first reading of a slot; levels in steps of one `STEPS`-th.

    Parameters
    ----------
    slot
        Which six hours since 1970.
    believed, heard
        The filter's level then, and what this reading alone said.
    settled
        The level as it looked when the readings around were known.
    """

    slot: int
    believed: int
    heard: int
    settled: int


class BinDiary(SQLModel, table=True):
    """The closed pages of one bin."""

    __tablename__ = "bin_diary"

    bin_id: str = Field(primary_key=True, foreign_key="bin.id")
    last_slot: int = Field(description="slot of the last page; the first is at most SLOTS - 1 before it")
    pages: str = Field(sa_type=sa.Text, description="base64 of three bytes a slot, see sensors.diary.Page")


def slot_of(at: datetime) -> int:
    """Return the slot that a moment lies in."""
    return int(at.timestamp()) // 60 // SLOT_MIN


def in_steps(level: float) -> int:
    """Round a level to what a page holds."""
    return min(max(round(level * STEPS), 0), MOST)


def note(recent: str, at: datetime, level: float, believed: float) -> tuple[str, list[Page]]:
    """Take a reading down, not older than the last one.

    Parameters
    ----------
    recent
        Open pages and the last readings, as this function left them; empty at first.
    at, level
        When and what the sensor said.
    believed
        What the filter made of it.

    Returns
    -------
    tuple
        What to pass next time, and the pages that are closed by this reading, oldest first.
    """
    minute = int(at.timestamp()) // 60
    packed = bytes.fromhex(recent)
    count = packed[0] if packed else 0
    split = 1 + count * _HEARD.size
    heard, opened = packed[1:split], packed[split:]
    last = _HEARD.unpack_from(heard, len(heard) - _HEARD.size)[0] if heard else -SLOT_MIN
    heard = (heard + _HEARD.pack(minute, in_steps(level)))[-AROUND_DISPUTED * _HEARD.size :]
    if minute // SLOT_MIN > last // SLOT_MIN:
        opened += _OPEN.pack(minute, in_steps(believed), in_steps(level))
    pages: list[Page] = []
    after = AROUND_DISPUTED // 2
    known = len(heard) // _HEARD.size
    enough = _HEARD.unpack_from(heard, (known - 1 - after) * _HEARD.size)[0] if known > after else -1
    while opened:
        begun, its_believed, its_heard = _OPEN.unpack_from(opened)
        if enough < begun and minute - begun <= AROUND_MIN:
            break
        settled = _settled(list(_HEARD.iter_unpack(heard)), begun)
        pages.append(Page(begun // SLOT_MIN, its_believed, its_heard, its_heard if settled is None else settled))
        opened = opened[_OPEN.size :]
    return (bytes([known]) + heard + opened).hex(), pages


def last_heard(recent: str) -> float | None:
    """Return the level the last reading said by itself."""
    if not recent:
        return None
    count = int(recent[:2], 16)
    return int(recent[2 * count * _HEARD.size : 2 * count * _HEARD.size + 2], 16) / STEPS


def first_open(recent: str) -> int | None:
    """Return the slot of the oldest page that is still open."""
    packed = bytes.fromhex(recent)
    split = 1 + packed[0] * _HEARD.size if packed else 0
    return int(_OPEN.unpack_from(packed, split)[0]) // SLOT_MIN if len(packed) > split else None


def _settled(heard: Sequence[tuple[int, int]], minute: int) -> int | None:
    """Return the level around a moment, in steps; none if nothing was heard near it."""
    near = [level for at, level in heard if abs(at - minute) <= AROUND_MIN]
    if not near:
        return None
    place = sum(at <= minute for at, _ in heard if abs(at - minute) <= AROUND_MIN) - 1
    around = sorted(near[max(place - AROUND // 2, 0) : place + AROUND // 2 + 1])
    if _share(around, 1 - LOWER) - _share(around, LOWER) < AGREEMENT * STEPS:
        return round(_share(around, 0.5))
    wide = AROUND_DISPUTED // 2
    return round(_share(sorted(near[max(place - wide, 0) : place + wide + 1]), LOWER))


def _share(ordered: Sequence[int], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def keep_pages(session: Session, pages: Mapping[str, Sequence[Page]], rewound: Mapping[str, int]) -> None:
    """Write pages into bins' diaries, in the caller's transaction.

    Parameters
    ----------
    pages
        Closed pages by bin, oldest first.
    rewound
        Bins whose past was gone through again: pages from this slot on are forgotten first.
    """
    wanted = sorted({bin_id for bin_id, its in pages.items() if its} | rewound.keys())
    if not wanted:
        return
    stored = stored_diaries(session, wanted)
    rows = []
    for bin_id in wanted:
        last, text = stored.get(bin_id, (0, ""))
        kept = base64.b64decode(text)
        if bin_id in rewound:
            last, kept = _before(last, kept, rewound[bin_id])
        for page in pages.get(bin_id, ()):
            last, kept = _with(last, kept, page)
        if kept:
            rows.append({"bin_id": bin_id, "last_slot": last, "pages": base64.b64encode(kept).decode()})
    insert_or_update(session, BinDiary, rows, update=["last_slot", "pages"])


def stored_diaries(session: Session, bin_ids: Sequence[str]) -> dict[str, Stored]:
    """Read the diaries of bins, by id; those that have one."""
    wanted = given(session, bin_id=sa.String())
    query = sa.select(col(BinDiary.bin_id), col(BinDiary.last_slot), col(BinDiary.pages)).join(
        wanted, wanted.c.bin_id == BinDiary.bin_id
    )
    rows = session.connection().execute(query, document(session, [{"bin_id": one} for one in bin_ids]))
    return {bin_id: (last, pages) for bin_id, last, pages in rows}


def _before(last: int, kept: bytes, slot: int) -> tuple[int, bytes]:
    """Forget pages from a slot on, and the unknown ones that are then the last."""
    dropped = max(last - slot + 1, 0) * PAGE_BYTES
    kept = kept[: len(kept) - dropped] if dropped < len(kept) else b""
    last = min(last, slot - 1)
    while kept and kept[-1] == MISSING:
        last, kept = last - 1, kept[:-PAGE_BYTES]
    return last, kept


def _with(last: int, kept: bytes, page: Page) -> tuple[int, bytes]:
    """Add a page; slots in between are unknown, and what is too old goes."""
    between = page.slot - last - 1 if kept else 0
    if between < 0:
        return last, kept
    unknown = bytes([MISSING]) * (PAGE_BYTES * min(between, SLOTS))
    kept += unknown + bytes([page.believed, page.heard, page.settled])
    kept = kept[-SLOTS * PAGE_BYTES :]
    while kept[0] == MISSING:
        kept = kept[PAGE_BYTES:]
    return page.slot, kept
