"""Studies on a real Ray cluster of several nodes: all of them on this machine, and one is killed."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import dse
from dse.errors import DeviceError
from dse.record.epoch import EpochRow
from dse.record.run import Outcome
from dse.record.trial import Trial
from dse.runners.choice import Workers, chosen_runner
from dse.space.load import parse_space
from dse.study.database import open_database
from dse.study.explore import explore
from dse.study.trials import read_trials
from dse.study.watcher import Watcher
from dse.training.machine import Machine
from dse.training.trainer import Trainer
from tests.fakes import Quiet, run_in_memory, study_in_memory
from tests.runners.test_studies import SPACE, TINY, curves
from tests.runners.trainers import Scripted

pytestmark = pytest.mark.slow
pytest.importorskip("ray")

ONE_THREAD = Machine(device="cpu", threads=1)


def test_a_grid_study_is_the_same_set_of_trials_as_inline(cluster) -> None:
    """There is room for two of three workers; the one that waits holds nobody up."""
    from dse.runners.cluster import Needs
    from dse.runners.ray import OnRay

    assert Needs().room() == 2
    trials = explore(study_in_memory(SPACE), SPACE, OnRay(Scripted(), Needs(), 3), Quiet())
    assert curves(trials) == curves(run_in_memory(SPACE, Scripted()))
    assert all(trial.device == "a script, 3 runs at once" for trial in trials)


class Moving(Watcher):
    """Kills the node that trains in the midst of a trial; there is another one by then."""

    def __init__(self, cluster) -> None:
        self.cluster = cluster
        (self.node,) = cluster.worker_nodes

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        if row.epoch == 2 and self.node in self.cluster.worker_nodes:
            self.cluster.add_node(num_cpus=2)
            self.cluster.remove_node(self.node, allow_graceful=False)


def test_the_trials_of_a_node_that_dies_resume_on_another_one_with_the_same_curve(
    cluster, tmp_path: Path
) -> None:
    space = parse_space(TINY | {"trials": 2, "seeds": 1}, "test")
    dse.explore(space, folder=tmp_path / "undisturbed", machine=ONE_THREAD)
    dse.explore(
        space, folder=tmp_path / "s", machine=ONE_THREAD, ray=cluster.address, watcher=Moving(cluster)
    )
    undisturbed, moved = (read_trials(open_database(tmp_path / name)) for name in ("undisturbed", "s"))
    assert curves(undisturbed) == curves(moved)
    cut_off = [trial for trial in moved if trial.state is Outcome.INTERRUPTED]
    assert 1 <= len(cut_off) <= 2
    assert len(moved) == len(undisturbed) + len(cut_off)
    reasons = [trial.run.reason for trial in cut_off]
    # Which of the two ends Ray tells of first is a race.
    told = re.compile(
        r"node \S+, where it was trained, is gone|its worker on node \S+ is gone: .* or with its node"
    )
    assert all(told.fullmatch(reason) for reason in reasons), reasons
    assert 2 in [trial.run.resumed_epochs for trial in moved if trial.attempt == 2]
    assert "2 runs at once" in moved[0].device
    assert not (tmp_path / "s" / ".checkpoints").exists()


OWN = """
from helping import hidden
from torch import nn

def small(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], hidden), nn.Linear(hidden, classes))
"""


def test_the_command_sends_code_and_images_to_the_cluster(cluster, tmp_path: Path) -> None:
    """Another driver joins by the address; the nodes' own folder holds nothing of the network."""
    (tmp_path / "own_of_ray.py").write_text(OWN)
    (tmp_path / "helping.py").write_text("hidden = 8")
    recipe = {
        "model": {"name": "imported", "import": "own_of_ray:small"},
        "batch_size": {"schedule": "constant", "size": {"choices": [64, 128]}},
        "epochs": 2,
    }
    (tmp_path / "space.yaml").write_text(json.dumps(TINY | {"recipe": recipe, "trials": 2, "seeds": 1}))
    command = [
        sys.executable,
        "-m",
        "dse",
        "explore",
        "space.yaml",
        "--device",
        "cpu",
        "--ray",
        cluster.address,
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    trials = read_trials(open_database(tmp_path / "results" / "s"))
    assert [trial.state for trial in trials] == [Outcome.COMPLETE] * 2
    assert trials[0].device.endswith("1 thread, 2 runs at once")


def test_a_cluster_that_is_not_there_is_refused_at_once() -> None:
    from dse.runners.cluster import check_reachable

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    for ray, message in {
        address: f"ray: no cluster answers at '{address}' .*Start one with `ray start --head`.*--ray local",
        "ray://head:10001": "is no address of a cluster. Give local, auto, or the host:port",
        "head": "is no address of a cluster",
    }.items():
        with pytest.raises(DeviceError, match=message):
            check_reachable(ray)


def test_a_gpu_is_not_named_by_its_number(cluster) -> None:
    from dse.runners.cluster import Needs, machine_on

    with pytest.raises(DeviceError, match="device: 'cuda:1'.*Ray chooses.*Use --device cuda"):
        machine_on(Machine(device="cuda:1"))
    assert machine_on(Machine()) == (Machine(device="cpu", threads=1), Needs(1))
    assert machine_on(Machine(device="cuda")) == (Machine(device="cuda"), Needs(1, gpus=1))


def test_without_ray_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dse.runners.choice.find_spec", lambda name: None)
    chosen = chosen_runner(SPACE, Trainer(ONE_THREAD, SPACE.data_choice), Workers(ray="local"), print)
    with pytest.raises(DeviceError, match=r"Ray is not installed.*pip install 'capsnet-dse\[ray\]'"), chosen:
        pass
