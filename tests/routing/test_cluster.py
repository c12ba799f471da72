"""The same search over a real Ray cluster of two nodes, both on this machine."""

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.waste_days import waste_day
from routing import Budget, RoutingError, solve, verify

RAY = importlib.util.find_spec("ray") is not None
DAY = waste_day(320, 5)
SHORT = replace(
    DAY, trucks=tuple(replace(DAY.trucks[0], id=f"truck {number}", max_duration_s=4 * 3600) for number in range(24))
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two nodes with a processor each."""
    if not RAY:
        pytest.skip("Ray is not installed; pip install -e .[ray] to test the cluster")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster.address
    cluster.shutdown()


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_cluster_of_two_nodes_finds_the_same_plan_as_this_process_alone(address: str) -> None:
    alone = solve(SHORT, Budget(900, iterations=400), seed=3)
    spread = solve(SHORT, Budget(900, cores=2, iterations=400, cluster=address), seed=3)
    assert verify(SHORT, spread).ok
    assert spread == alone


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")
def test_both_nodes_search(address: str) -> None:
    from routing.cluster import RayCluster

    with RayCluster(address, 8) as cluster:
        assert cluster.count == 2
        assert len(cluster.machines) == 2


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_keeps_the_time(address: str) -> None:
    from time import monotonic

    begin = monotonic()
    plan = solve(SHORT, Budget(12, cores=2, cluster=address), seed=3)
    assert not [gone for gone in plan.unserved if SHORT.stop_by_id[gone.stop_id].required]
    assert monotonic() - begin < 40  # far above the budget: this is no benchmark, only no hanging


def test_an_address_where_no_cluster_is_says_so() -> None:
    expected = "no Ray cluster answers" if RAY else "install dustcart"
    with pytest.raises(RoutingError, match=expected):
        solve(SHORT, Budget(5, cluster="127.0.0.1:1"))
