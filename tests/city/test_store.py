"""Saving a city: whole or not at all, up to date with what others refer to, and read back as it went in."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest
from sqlalchemy import Engine, event
from sqlmodel import select

from city.canonical import canonical, version_of
from city.database import reading, transaction
from city.errors import CityError
from city.network import RoadNetwork
from city.registry import Bin, City, Closure, CollectionPoint, Crew, District, StreamRule
from city.store import Box, changes, city_of, load, load_network, save
from city.streams import Stream
from tests.city.small_city import small_city, small_network


def same(one: RoadNetwork, other: RoadNetwork) -> bool:
    """Whether two networks are equal, array by array and type by type."""
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)]
    return all(
        a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        if isinstance(a, np.ndarray)
        else a == b
        for a, b in pairs
    )


def test_a_city_comes_back_as_it_went_in(engine: Engine) -> None:
    data = small_city()
    save(engine, data)
    with reading(engine) as session:
        back = load(session)
    for table in ("districts", "stream_rules", "points", "bins", "facilities", "trucks", "shifts", "crews"):
        assert [row.model_dump() for row in getattr(back, table)] == [
            row.model_dump() for row in getattr(data, table)
        ], table
    assert [row.model_dump(exclude={"id"}) for row in back.closures] == [
        row.model_dump(exclude={"id"}) for row in data.closures
    ]
    assert (back.city.name, back.city.timezone) == ("黄浦样区", "Asia/Shanghai")
    assert same(back.network, canonical(data.network))


def test_the_roads_version_is_that_of_the_roads_read_back(engine: Engine) -> None:
    save(engine, small_city())
    with reading(engine) as session:
        assert version_of(load_network(session)) == city_of(session).roads_version


def test_the_order_of_the_source_does_not_change_the_roads_version() -> None:
    network = small_network()
    turned = replace(
        network,
        node_id=network.node_id[::-1],
        lon=network.lon[::-1],
        lat=network.lat[::-1],
        from_node=4 - network.from_node,
        to_node=4 - network.to_node,
        forbidden_turns=network.forbidden_turns[::-1] * [1, -1, 1] + [0, 4, 0],
        names=("", "Ring Street", "人民路", "nowhere"),
        name=np.array([1, 1, 2, 2, 0], np.int32),
    )
    assert version_of(canonical(turned)) == version_of(canonical(network))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("speed_kmh", np.array([50, 30, 30, np.nan, 20], np.float32)),
        ("forward", np.array([True, True, True, True, False])),
        ("forbidden_turns", np.array([[0, 1, 1]], np.int64)),
        ("shape_lat", np.array([31.2312, 31.2311, 31.2310])),
        ("names", ("", "人民路", "Rings Treet")),
    ],
)
def test_another_street_is_another_roads_version(field: str, value: object) -> None:
    changed = replace(small_network(), **{field: value})
    assert version_of(canonical(changed)) != version_of(canonical(small_network()))


def test_saving_the_same_city_again_changes_nothing(engine: Engine) -> None:
    assert save(engine, small_city())
    assert not save(engine, small_city())


def test_what_is_gone_from_the_city_becomes_inactive_and_is_named(engine: Engine) -> None:
    save(engine, small_city())
    data = small_city()
    del data.bins[2], data.crews[1]
    data.points[0].name = "里弄二号"
    data.bins.append(Bin(id="b4", point_id="p2", stream=Stream.WET, usable_volume_l=60, depth_cm=70))
    found = {change.table.rows: change for change in save(engine, data)}
    assert found["bins"].retired == ["b3"]
    assert [row["id"] for row in found["bins"].added] == ["b4"]
    assert [row["id"] for row in found["points"].changed] == ["p1"]
    assert found["crews"].retired == ["c-south"]
    with reading(engine) as session:
        assert session.get_one(Bin, "b3").active is False
        assert session.get_one(Crew, "c-south").active is False
        assert session.get_one(CollectionPoint, "p1").name == "里弄二号"
    assert not save(engine, data)


def test_what_comes_back_to_the_city_is_active_again(engine: Engine) -> None:
    data = small_city()
    gone = data.bins.pop()
    save(engine, small_city())
    save(engine, data)
    data.bins.append(gone)
    save(engine, data)
    with reading(engine) as session:
        assert session.get_one(Bin, "b3").active is True


def test_a_closure_made_by_hand_outlives_an_import(engine: Engine) -> None:
    data = small_city()
    save(engine, data)
    with transaction(engine) as session:
        kind, since = data.closures[0].kind, data.closures[0].starts_at
        session.add(Closure(kind=kind, subject_id="200", starts_at=since, reason="scaffolding"))
    data = small_city()
    data.closures[0].reason = "works are longer"
    save(engine, data)
    with reading(engine) as session:
        assert {row.reason for row in session.exec(select(Closure))} == {"scaffolding", "works are longer"}


def test_a_stream_without_a_rule_any_more_has_none(engine: Engine) -> None:
    save(engine, small_city())
    data = small_city()
    data.stream_rules.pop()
    save(engine, data)
    with reading(engine) as session:
        assert [row.stream for row in session.exec(select(StreamRule))] == [Stream.DRY]


def test_new_roads_take_the_place_of_the_old_ones(engine: Engine) -> None:
    save(engine, small_city())
    data = small_city()
    data.network = replace(data.network, node_id=data.network.node_id + 100, segment_id=data.network.segment_id + 100)
    assert save(engine, data).roads
    with reading(engine) as session:
        assert same(load_network(session), canonical(data.network))


@pytest.mark.parametrize("table", ["bin", "road_segment", "forbidden_turn"])
def test_a_crash_in_the_middle_of_saving_leaves_the_old_city(engine: Engine, table: str) -> None:
    save(engine, small_city())
    data = small_city()
    data.points[0].name = "new"
    data.bins.append(Bin(id="b4", point_id="p2", stream=Stream.WET, usable_volume_l=60, depth_cm=70))
    data.network = replace(data.network, segment_id=data.network.segment_id + 100)

    def crash(conn: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith(f"INSERT INTO {table} "):
            raise ConnectionAbortedError("the machine lost power")

    event.listen(engine, "before_cursor_execute", crash)
    with pytest.raises(ConnectionAbortedError):
        save(engine, data)
    event.remove(engine, "before_cursor_execute", crash)
    with reading(engine) as session:
        assert session.get_one(CollectionPoint, "p1").name == "里弄一号"
        assert session.get(Bin, "b4") is None
        assert same(load_network(session), canonical(small_network()))
    assert not save(engine, small_city())


def test_a_city_that_does_not_hold_together_is_refused_by_name(engine: Engine) -> None:
    data = small_city()
    data.bins[1].point_id = "p9"
    with pytest.raises(CityError, match="bin b2 has point_id p9, and there is no such collection point"):
        save(engine, data)
    data = small_city()
    data.bins.append(data.bins[0].model_copy())
    with pytest.raises(CityError, match="bin b1 is there twice"):
        save(engine, data)
    data = small_city()
    data.network = replace(data.network, to_node=np.array([1, 2, 3, 0, 5], np.int32))
    with pytest.raises(CityError, match="to_node of row 4 is 5; there are 5"):
        save(engine, data)
    with reading(engine) as session:
        assert session.exec(select(District)).all() == []


def test_another_city_does_not_replace_this_one_by_accident(engine: Engine) -> None:
    save(engine, small_city())
    data = small_city()
    for row in data.points:
        row.id = row.id.replace("p", "q")
    for row in data.bins:
        row.point_id = row.point_id.replace("p", "q")
    with pytest.raises(CityError, match="retire 2 of the 2 collection points"):
        save(engine, data)
    assert save(engine, data, replace=True)
    with reading(engine) as session:
        assert session.get_one(CollectionPoint, "p1").active is False


def test_rows_come_back_in_one_order_whatever_the_database_calls_alphabetical(engine: Engine) -> None:
    data = small_city()
    ids = ["B", "a", "Á", "a-1", "a1", "_", "北"]
    data.points += [CollectionPoint(**data.points[0].model_dump(exclude={"id"}), id=name) for name in ids]
    save(engine, data)
    with reading(engine) as session:
        assert [row.id for row in load(session).points] == sorted(["p1", "p2", *ids])


def test_asking_what_would_change_changes_nothing(engine: Engine) -> None:
    with reading(engine) as session:
        found = changes(session, small_city())
        assert found.roads
        assert [len(change.added) for change in found] == [1, 2, 2, 2, 3, 2, 2, 1, 2, 1, 0, 0]
        assert session.exec(select(City)).all() == []


def test_a_reader_sees_one_moment_however_many_queries_it_makes(engine: Engine) -> None:
    save(engine, small_city())
    data = small_city()
    data.network = replace(data.network, segment_id=data.network.segment_id + 100)
    with reading(engine) as session:
        version = city_of(session).roads_version
        save(engine, data)
        assert version_of(load_network(session)) == version


def test_of_two_cities_saved_at_once_one_is_there_in_the_end_and_whole(engine: Engine) -> None:
    one, other = small_city(), small_city()
    for name, data in (("one", one), ("other", other)):
        data.city.name = name
        data.bins += [
            Bin(id=f"{name}{row}", point_id="p1", stream=Stream.DRY, usable_volume_l=60, depth_cm=70)
            for row in range(300)
        ]
        data.points[0].name = name
    with ThreadPoolExecutor(2) as workers:
        list(workers.map(lambda data: save(engine, data), (one, other)))
    with reading(engine) as session:
        name = city_of(session).name
        assert session.get_one(CollectionPoint, "p1").name == name
        in_use = {row.id for row in session.exec(select(Bin)) if row.active}
    assert in_use == {row.id for row in (one if name == "one" else other).bins}


def test_a_part_of_the_roads_can_be_read(engine: Engine) -> None:
    save(engine, small_city())
    with reading(engine) as session:
        east = load_network(session, Box(121.4715, 31.2, 121.48, 31.3))
    assert east.segment_id.tolist() == [9]
    assert east.node_id.tolist() == [30, 40]
    assert east.names[east.name[0]] == ""
    assert (east.shape_lon.tolist(), len(east.forbidden_turns)) == ([121.4713, 121.4716], 0)


def test_without_a_city_the_answer_says_how_to_get_one(engine: Engine) -> None:
    with reading(engine) as session, pytest.raises(CityError, match="dustcart city import"):
        city_of(session)
