"""CVRPLIB and VRPLIB files: published instances and optima, the formats' corners, and files that are broken."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import Budget, Plan, RoutingError, TimeWindow, solve, verify
from routing.formats import Format, Instance, parse_instance, read_instance
from routing.formats.solution import plan_to_sol, routes_of_sol

SHARED = Path(__file__).parents[4] / "shared/data/vrp"

# The first capacitated instance there is (Dantzig and Ramser 1959), as CVRPLIB has it. Its published optimum is 247.
E_N13_K4 = """NAME : E-n13-k4
COMMENT : (Eilon et al, Min no of trucks: 4, Optimal value: 247)
TYPE : CVRP
DIMENSION : 13
EDGE_WEIGHT_TYPE : EXPLICIT
EDGE_WEIGHT_FORMAT: LOWER_ROW
DISPLAY_DATA_TYPE: NO_DISPLAY
CAPACITY : 6000
EDGE_WEIGHT_SECTION
     9    14    21    23    22    25    32    36    38    42    50    52
     5    12    22    21    24    31    35    37    41    49    51
     7    17    16    23    26    30    36    36    44    46
    10    21    30    27    37    43    31    37    39
    19    28    25    35    41    29    31    29
     9    10    16    22    20    28    30
     7    11    13    17    25    27
    10    16    10    18    20
     6     6    14    16
    12    12    20
     8    10
    10
DEMAND_SECTION
1 0\n2 1200\n3 1700\n4 1500\n5 1400\n6 1700\n7 1400\n8 1200\n9 1900\n10 1800\n11 1600\n12 1700\n13 1100
DEPOT_SECTION
 1
 -1
EOF
"""

# Burma14 of TSPLIB; its published optimum, one tour of all, is 3323.
BURMA14 = """NAME: burma14
TYPE: CVRP
DIMENSION: 14
CAPACITY: 13
EDGE_WEIGHT_TYPE: GEO
NODE_COORD_SECTION
1 16.47 96.10\n2 16.47 94.44\n3 20.09 92.54\n4 22.39 93.37\n5 25.23 97.24\n6 22.00 96.05\n7 20.47 97.02
8 17.20 96.29\n9 16.30 97.38\n10 14.05 98.12\n11 16.53 97.38\n12 21.52 95.59\n13 19.41 97.13\n14 20.09 94.55
DEMAND_SECTION
1 0\n2 1\n3 1\n4 1\n5 1\n6 1\n7 1\n8 1\n9 1\n10 1\n11 1\n12 1\n13 1\n14 1
DEPOT_SECTION
1 -1
"""

# Three nodes around a depot that is not the first of them.
CORNERS = """TYPE : CVRP
DIMENSION : 4
EDGE_WEIGHT_TYPE : {rule}
CAPACITY : 10
NODE_COORD_SECTION
10 3 4
20 0 0
30 -3.5 4
40 6 8.25
DEMAND_SECTION
10 4\n20 0\n30 5\n40 3
DEPOT_SECTION
20
-1
EOF
"""


def read(text: str) -> Instance:
    return parse_instance(text.encode(), "file")


def length(instance: Instance, routes: list[list[int]]) -> int:
    """Add up routes in the numbers of a .sol file, for instances whose depot is the first node."""
    metres = instance.problem.matrices[0].distance_m
    return sum(int(metres[a, b]) for route in routes for a, b in zip([0, *route], [*route, 0], strict=True))


def solved(instance: Instance) -> Plan:
    plan = solve(instance.problem, Budget(60, iterations=500))
    assert verify(instance.problem, plan).ok
    return plan


@pytest.mark.parametrize("file", ["x/X-n101-k25", "x/X-n502-k39", "x/X-n1001-k43", "belgium/Leuven1"])
def test_the_best_known_routes_of_real_instances_have_their_published_length(file: str) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there")
    instance = read_instance(SHARED / f"{file}.vrp")
    best = (SHARED / f"{file}.sol").read_text()
    assert instance.name == Path(file).name
    assert length(instance, routes_of_sol(best)) == int(best.split()[-1])
    assert len(instance.problem.trucks) >= len(routes_of_sol(best))


def test_a_written_out_matrix_has_its_published_optimum() -> None:
    plan = solved(read(E_N13_K4))
    assert (plan.cost.total_cents, plan.distance_m, len(plan.routes), plan.unserved) == (247, 247, 4, ())


def test_geographical_distances_have_their_published_optimum() -> None:
    assert length(read(BURMA14), [[1, 13, 2, 3, 4, 5, 11, 6, 12, 7, 10, 8, 9]]) == 3323


@pytest.mark.parametrize(
    ("rule", "to_10", "to_30", "to_40", "per_unit"),
    [
        pytest.param("EUC_2D", 5, 5, 10, 1, id="5.315 and 10.201 are rounded to the nearest"),
        pytest.param("CEIL_2D", 5, 6, 11, 1, id="rounded up, 5 stays 5"),
        pytest.param("FLOOR_2D", 5, 5, 10, 1, id="rounded down"),
        pytest.param("EXACT_2D", 5000, 5315, 10201, 1000, id="kept to a thousandth"),
        pytest.param("MAN_2D", 7, 8, 14, 1, id="7.5 is rounded up"),
        pytest.param("MAX_2D", 4, 4, 8, 1, id="the longer axis"),
        pytest.param("ATT", 2, 2, 4, 1, id="the root of a tenth of the square, rounded up: 1.58, 1.68, 3.23"),
    ],
)
def test_each_rule_measures_and_rounds_its_own_way(
    rule: str, to_10: int, to_30: int, to_40: int, per_unit: int
) -> None:
    instance = read(CORNERS.format(rule=rule))
    problem = instance.problem
    distances = {stop.id: int(problem.matrices[0].distance_m[1, stop.location]) for stop in problem.stops}
    assert distances == {"10": to_10, "30": to_30, "40": to_40}
    assert instance.per_unit == per_unit
    assert instance.number_of == {"10": 1, "30": 2, "40": 3}


LAYOUTS = {
    "FULL_MATRIX": "7 1 2 3  1 7 4 5  2 4 7 6  3 5 6 7",
    "UPPER_ROW": "1 2 3  4 5  6",
    "LOWER_ROW": "1  2 4  3 5 6",
    "UPPER_DIAG_ROW": "0 1 2 3  0 4 5  0 6  0",
    "LOWER_DIAG_ROW": "0  1 0  2 4 0  3 5 6 0",
    "UPPER_COL": "1  2 4  3 5 6",
    "LOWER_COL": "1 2 3  4 5  6",
    "UPPER_DIAG_COL": "0  1 0  2 4 0  3 5 6 0",
    "LOWER_DIAG_COL": "0 1 2 3  0 4 5  0 6  0",
}


def explicit(layout: str, weights: str, *more: str) -> str:
    return "\n".join(
        [
            "DIMENSION: 4", "CAPACITY: 9", "EDGE_WEIGHT_TYPE: EXPLICIT", f"EDGE_WEIGHT_FORMAT: {layout}", *more,
            "EDGE_WEIGHT_SECTION", weights, "DEMAND_SECTION", "1 0", "2 3", "3 3", "4 3", "DEPOT_SECTION", "1", "-1",
        ]
    )  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("separator", [" ", "\n", "\t"])
def test_every_layout_of_a_matrix_says_the_same_wherever_its_lines_break(layout: str, separator: str) -> None:
    metres = read(explicit(layout, separator.join(LAYOUTS[layout].split()))).problem.matrices[0].distance_m
    assert metres.tolist() == [[0, 1, 2, 3], [1, 0, 4, 5], [2, 4, 0, 6], [3, 5, 6, 0]]


def test_a_full_matrix_may_be_asymmetric() -> None:
    metres = read(explicit("FULL_MATRIX", "0 1 2 3 4 0 5 6 7 8 0 9 10 11 12 0")).problem.matrices[0].distance_m
    assert (metres[0, 3], metres[3, 0]) == (3, 10)


def test_a_matrix_with_decimals_is_kept_whole_and_said_in_its_own_unit() -> None:
    instance = read(explicit("UPPER_ROW", "1.25 2 3 4 5 6"))
    assert instance.per_unit == 100
    assert instance.in_units(solved(instance).cost.total_cents) == pytest.approx(2 * (1.25 + 2 + 3))


def test_sections_come_in_any_order_with_tabs_comments_any_line_ends_and_no_end() -> None:
    ordinary = CORNERS.format(rule="EUC_2D")
    header, *sections = re.split(r"(?=^[A-Z_]+_SECTION)", ordinary.replace("EOF\n", ""), flags=re.MULTILINE)
    strange = "# a remark\n".join([*sections[::-1], header + "COMMENT : one\n   and another line of it\n"])
    strange = strange.replace(" ", "\t").replace("_SECTION", "_SECTION :  ").replace("\n", "\r\n\r\n")
    usual, odd = read(ordinary).problem, read("\ufeff" + strange).problem
    assert {stop.id: stop.demand_kg for stop in odd.stops} == {stop.id: stop.demand_kg for stop in usual.stops}
    assert np.array_equal(odd.matrices[0].distance_m, usual.matrices[0].distance_m)


def test_a_length_limit_counts_ways_and_service() -> None:
    # The shortest route over two customers is 7 of way and 20 of service.
    limited = explicit("UPPER_ROW", "1 2 3 4 5 6", "DISTANCE : 26", "SERVICE_TIME : 10")
    alone = solved(read(limited))
    assert [len(route.stop_ids) for route in alone.routes] == [1, 1, 1]
    assert alone.cost.total_cents == 2 + 4 + 6
    roomy = solved(read(limited.replace("DISTANCE : 26", "DISTANCE : 29").replace("1 2 3 4 5 6", "1 2 3 1 5 6")))
    assert sorted(len(route.stop_ids) for route in roomy.routes) == [1, 2]
    assert roomy.cost.total_cents == 1 + 1 + 2 + 6


def test_no_more_trucks_set_out_than_the_file_has() -> None:
    one = read(explicit("UPPER_ROW", "1 2 3 4 5 6", "VEHICLES : 1").replace("CAPACITY: 9", "CAPACITY: 6"))
    plan = solved(one)
    assert len(plan.routes) == 1
    assert len(plan.unserved) == 1


def test_awkward_loads_get_trucks_enough() -> None:
    # No two share a truck, though by weight alone 8 trucks would do.
    nodes = "\n".join(f"{node} {51 if node > 1 else 0}" for node in range(1, 16))
    places = "\n".join(f"{node} {node} 0" for node in range(1, 16))
    text = f"DIMENSION:15\nCAPACITY 100\nNODE_COORD_SECTION\n{places}\nDEMAND_SECTION\n{nodes}\nDEPOT_SECTION\n1\n-1"
    assert len(read(text).problem.trucks) == 14


def test_time_windows_and_service_times_are_read() -> None:
    sections = (
        "TIME_WINDOW_SECTION\n10 5 60\n20 0 100\n30 0 100\n40 30 40.7\nSERVICE_TIME_SECTION\n10 7\n20 0\n30 8\n40 9\n"
    )
    problem = read(CORNERS.format(rule="EUC_2D").replace("EOF\n", sections)).problem
    stops = problem.stop_by_id
    assert stops["40"].windows == (TimeWindow(30, 40),)
    assert [stops[name].service_s for name in ("10", "30", "40")] == [7, 8, 9]
    assert problem.trucks[0].shift == TimeWindow(0, 100)


def test_the_solution_format_names_customers_by_their_place_in_the_file() -> None:
    instance = read(E_N13_K4)
    text = plan_to_sol(instance, solved(instance))
    assert text.endswith("Cost 247\n")
    assert length(instance, routes_of_sol(text)) == 247
    assert sorted(customer for route in routes_of_sol(text) for customer in route) == list(range(1, 13))


BROKEN = [
    ("CAPACITY : 6000", "CAPACITY : lots", "line 8: CAPACITY is 'lots'; it should be a number"),
    ("CAPACITY : 6000", "CAPACITY : -1", "line 8: CAPACITY is '-1'; it cannot be negative"),
    ("CAPACITY : 6000\n", "", "no CAPACITY"),
    ("CAPACITY : 6000", "CAPACITY : 6000\nCAPACITY : 7", "line 9: CAPACITY is '7', but line 8 says otherwise"),
    ("DIMENSION : 13", "DIMENSION : 12", "DEMAND_SECTION has 13 nodes; DIMENSION says 12"),
    ("DIMENSION : 13", "DIMENSION : 99999999999", "DIMENSION is '99999999999'; it should be a number of nodes"),
    ("DIMENSION : 13", "DIMENSION : 13.5", "line 4: DIMENSION is '13.5'; it should be a whole number"),
    ("TYPE : CVRP", "TYPE : CPDPTW", "line 3: TYPE is 'CPDPTW'; the types read are CVRP"),
    ("LOWER_ROW", "LOWER_HEAP", "line 6: EDGE_WEIGHT_FORMAT is 'LOWER_HEAP'"),
    ("EXPLICIT", "RAY", "line 5: EDGE_WEIGHT_TYPE is 'RAY'; those read are EXPLICIT, EUC_2D"),
    ("EXPLICIT", "EUC_2D", "no NODE_COORD_SECTION"),
    ("     8    10\n", "     8\n", "EDGE_WEIGHT_SECTION holds 77 numbers; LOWER_ROW of 13 nodes takes 78"),
    ("     8    10\n", "     8    ten\n", "line 20: a distance is 'ten'"),
    ("     8    10\n", "     8    nan\n", "line 20: a distance is 'nan'"),
    ("     8    10\n", "     8    -10\n", "holds the distance -10; none may be negative"),
    ("     8    10\n", "     8    1e12\n", "1e+12 apart; distances must stay below"),
    ("\n7 1400", "\n7 -1400", "line 29: node 7 has the demand -1400"),
    ("\n7 1400", "\n6 1400", "line 29: node 6 comes a second time in DEMAND_SECTION"),
    ("\n7 1400", "\n7 1400 3", "line 29: DEMAND_SECTION takes a node and 1 number"),
    ("1 0\n", "1 10\n", "line 23: the depot has a demand"),
    ("DEMAND_SECTION", "DEMANDS_SECTION", "line 22: DEMANDS_SECTION is not understood; the sections read are"),
    ("DEPOT_SECTION\n 1\n", "DEPOT_SECTION\n 99\n", "line 37: depot 99 is not one of the nodes"),
    ("DEPOT_SECTION\n 1\n", "DEPOT_SECTION\n 1 2\n", "names 2 depots; instances with exactly one are read"),
    ("DEPOT_SECTION\n 1\n -1\n", "", "no DEPOT_SECTION"),
    ("NAME : E-n13-k4\n", "hello\n", "line 1: 'hello' belongs to no section"),
]


@pytest.mark.parametrize(("part", "put", "message"), BROKEN, ids=[message for _, _, message in BROKEN])
def test_a_broken_file_says_where_and_what(part: str, put: str, message: str, tmp_path: Path) -> None:
    assert part in E_N13_K4
    file = tmp_path / "broken.vrp"
    file.write_text(E_N13_K4.replace(part, put))
    with pytest.raises(RoutingError) as caught:
        read_instance(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


LINES = E_N13_K4.splitlines()


@given(st.data())
def test_whatever_happens_to_a_file_it_is_read_or_refused(data: st.DataObject) -> None:
    lines = [*LINES]
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        junk = data.draw(st.text(max_size=12) | st.sampled_from(["1e400", "-1", "0", "", "1 2 3", "EOF", "1_0", "٣"]))
        words = lines[place].split(" ")
        words[data.draw(st.integers(0, len(words) - 1))] = junk
        match data.draw(st.sampled_from(["word", "line", "drop", "twice"])):
            case "word":
                lines[place] = " ".join(words)
            case "line":
                lines[place] = junk
            case "drop":
                lines.pop(place)
            case "twice":
                lines.insert(data.draw(st.integers(0, len(lines))), lines[place])
    body = "\n".join(lines).encode("utf-8", "surrogatepass")
    assert what_comes_of(body) in (Format.CVRPLIB, "refused in one line")


def what_comes_of(body: bytes) -> str:
    try:
        return parse_instance(body, "file").format
    except RoutingError as error:
        return "refused in one line" if len(str(error).splitlines()) == 1 else str(error)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_harm_than_to_be_refused(body: bytes) -> None:
    with pytest.raises(RoutingError):
        parse_instance(body, "file")
