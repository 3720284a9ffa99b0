"""A real Ray cluster, all of its nodes on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

# So that a node's death is noticed in seconds.
SYSTEM = {
    "worker_niceness": 0,
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2_000,
    "health_check_failure_threshold": 4,
}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster of two nodes that this process has joined: its own, which trains nothing, and one of two cores."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    from dse.runners.cluster import joined

    started = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": SYSTEM},
    )
    started.add_node(num_cpus=2)
    with joined(started.address):
        yield started
    started.shutdown()


@pytest.fixture(autouse=True)
def joined_for_ray(request: pytest.FixtureRequest) -> None:
    """Let the tests of every kind of runner find a cluster where the kind is ``ray``."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None and callspec.params.get("kind") == "ray":
        request.getfixturevalue("cluster")
