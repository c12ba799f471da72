"""Depots, transfer stations, plants and sites for recyclables and hazardous waste: how many, where, open when."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from city.generate.districts import Districts
from city.generate.land import Land, Places
from city.generate.names import DistrictName
from city.generate.places import PointSites, site_near
from city.generate.roads import on_globe
from city.generate.shares import apportion
from city.generate.streets import Streets
from city.registry import Facility, FacilityKind
from city.streams import Stream, format_streams

# Shanghai has 48 transfer stations, 15 incinerators and 11 plants for wet waste for its 61,000 points.
_POINTS = 61_000
_TRANSFER_STATIONS, _INCINERATORS, _WET_PLANTS = 48, 15, 11
# A district has a depot for so many trucks, at least one; two districts share a site for recyclables, eight one for
# hazardous waste.
_DEPOT_TRUCKS = 100
_RECYCLABLES_DISTRICTS, _HAZARDOUS_DISTRICTS = 2, 8
# Depots lie in the quietest part of their district, by share of its points.
_QUIET = 0.3
_BEHIND_KERB_M = 25.0
# Lloyd's rounds for the places of a district's transfer stations.
_ROUNDS = 8


class _Purpose(NamedTuple):
    """What a facility is for, how it works, and its name with a place for its number."""

    kind: FacilityKind
    name: str
    streams: tuple[Stream, ...] = ()
    hours: str = ""
    unloading_s: int = 0


class _Wanted(NamedTuple):
    """A facility and where it should be, as near as there is a street for it."""

    id: str
    district_id: str | None
    number: int
    purpose: _Purpose
    place: complex


_DEPOT = _Purpose(FacilityKind.DEPOT, "{zh}环卫停车场{n} {en} Depot {n}")
_TRANSFER = _Purpose(
    FacilityKind.TRANSFER_STATION,
    "{zh}转运站{n} {en} Transfer Station {n}",
    (Stream.DRY, Stream.WET),
    "05:00-24:00",
    600,
)
_INCINERATOR = _Purpose(FacilityKind.PLANT, "再生能源中心{n} Incinerator {n}", (Stream.DRY,), "", 1200)
_WET_PLANT = _Purpose(FacilityKind.PLANT, "湿垃圾处理厂{n} Wet Waste Plant {n}", (Stream.WET,), "05:00-24:00", 900)
_RECYCLABLES = _Purpose(
    FacilityKind.TRANSFER_STATION,
    "可回收物集散场{n} Recyclables Centre {n}",
    (Stream.RECYCLABLE,),
    "06:00-23:30",
    900,
)
_HAZARDOUS = _Purpose(
    FacilityKind.TRANSFER_STATION,
    "有害垃圾中转站{n} Hazardous Waste Station {n}",
    (Stream.HAZARDOUS,),
    "06:00-20:00",
    600,
)


def build_facilities(
    found: PointSites,
    streets: Streets,
    districts: Districts,
    names: Sequence[DistrictName],
    trucks: NDArray[np.int64],
    *,
    rng: np.random.Generator,
) -> list[Facility]:
    """Build all facilities.

    Parameters
    ----------
    trucks
        How many each district has.
    """
    wanted = [
        *_of_districts(found, districts, names, trucks, rng),
        *_of_the_city(len(found.kind), len(names), streets.land, rng),
    ]
    places = np.array([one.place for one in wanted])
    sites = site_near(streets, places, _BEHIND_KERB_M, rng)
    return [
        Facility(
            id=one.id,
            district_id=one.district_id,
            kind=one.purpose.kind,
            name=_name(one, names),
            lon=float(lon),
            lat=float(lat),
            streams=format_streams(frozenset(one.purpose.streams)),
            hours=one.purpose.hours,
            unloading_s=one.purpose.unloading_s,
        )
        for one, lon, lat in zip(wanted, *on_globe(sites.place), strict=True)
    ]


def _of_districts(
    found: PointSites,
    districts: Districts,
    names: Sequence[DistrictName],
    trucks: NDArray[np.int64],
    rng: np.random.Generator,
) -> Iterator[_Wanted]:
    """Put depots where a district is quiet, and transfer stations amid its points."""
    of = districts.of_segment[found.sites.segment]
    points = np.bincount(of, minlength=len(names))
    stations = apportion(max(len(names), round(_TRANSFER_STATIONS * len(of) / _POINTS)), points, at_least=1)
    for district, name in enumerate(names):
        mine = found.sites.place[of == district]
        in_order = np.argsort(found.bustle[of == district], kind="stable")
        quiet = mine[in_order[: max(1, round(_QUIET * len(mine)))]]
        depots = max(1, round(int(trucks[district]) / _DEPOT_TRUCKS))
        for word, purpose, among, count in (
            ("depot", _DEPOT, quiet, depots),
            ("transfer", _TRANSFER, mine, int(stations[district])),
        ):
            for number, place in enumerate(_middles(among, count, rng).tolist(), start=1):
                yield _Wanted(f"{name.id}-{word}-{number}", name.id, number, purpose, place)


def _of_the_city(points: int, districts: int, land: Land, rng: np.random.Generator) -> Iterator[_Wanted]:
    """Put plants at the edge of the city all round, and what takes little room inside."""
    for word, purpose, exact, out in (
        ("incinerator", _INCINERATOR, _INCINERATORS * points / _POINTS, 1.1),
        ("wet-plant", _WET_PLANT, _WET_PLANTS * points / _POINTS, 1.0),
        ("recyclables", _RECYCLABLES, districts / _RECYCLABLES_DISTRICTS, 0.6),
        ("hazardous", _HAZARDOUS, districts / _HAZARDOUS_DISTRICTS, 0.8),
    ):
        count = max(1, round(exact))
        turn = rng.uniform(0, 2 * np.pi)
        for number in range(1, count + 1):
            place = land.radius_m * out * np.exp(1j * (turn + 2 * np.pi * number / count))
            yield _Wanted(f"{word}-{number}", None, number, purpose, complex(place))


def _name(wanted: _Wanted, names: Sequence[DistrictName]) -> str:
    district = next((name for name in names if name.id == wanted.district_id), None)
    zh, en = (district.name_zh, district.name) if district else ("", "")
    return wanted.purpose.name.format(n=wanted.number, zh=zh, en=en)


def _middles(places: Places, count: int, rng: np.random.Generator) -> Places:
    """Return the middles of so many groups of places (k-means)."""
    middles = places[rng.permutation(len(places))[np.arange(count) % len(places)]]
    for _round in range(_ROUNDS):
        nearest = np.abs(places[:, None] - middles).argmin(axis=1)
        middles = np.array(
            [places[nearest == group].mean() if (nearest == group).any() else middles[group] for group in range(count)]
        )
    return middles
