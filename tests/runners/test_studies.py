"""Studies with several workers: the same trials as with one, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from optuna.trial import TrialState

import dse
from dse.errors import DeviceError, RunError
from dse.record.epoch import EpochRow
from dse.record.run import Outcome
from dse.record.trial import Trial
from dse.runners.processes import Processes
from dse.runners.shares import shares
from dse.space.load import parse_space
from dse.study.database import open_database
from dse.study.explore import explore
from dse.study.queue import MOST_DEATHS
from dse.study.runner import EpochEnded, Job, Started
from dse.study.trials import read_trials
from dse.study.watcher import Watcher
from dse.training.machine import Machine
from tests.fakes import Quiet, make_space, run_in_memory, study_in_memory
from tests.runners.trainers import DIES, Parent, Scripted, Unborn

pytestmark = pytest.mark.slow

SPACE = make_space(
    recipe={
        "model": {"name": "capsnet", "preset": "tiny"},
        "batch_size": {"schedule": "constant", "size": {"choices": [16, 32, 64, 128]}},
        "epochs": 4,
    },
    baseline={"batch_size": {"size": 128}},
    sampler="grid",
    seeds=2,
    trials=8,
)
TINY = {
    "name": "s",
    "recipe": {
        "model": {"name": "capsnet", "preset": "tiny"},
        "batch_size": {"schedule": "constant", "size": {"choices": [64, 128]}},
        "epochs": 3,
    },
    "baseline": {"batch_size": {"size": 128}},
    "data": {"images": 300, "test_images": 100, "validation_images": 100},
    "trials": 4,
    "seeds": 2,
    "sampler": "grid",
    "timing": "measured",
}


def with_two_workers(space, trainer=None, watcher=None, study=None) -> list[Trial]:
    study = study_in_memory(space) if study is None else study
    trainer = Scripted() if trainer is None else trainer
    return explore(study, space, Processes([trainer, trainer]), watcher or Quiet())


def curves(trials: list[Trial]) -> dict[tuple[str, int], list[tuple[float, float]]]:
    return {
        (trial.recipe.id, trial.seed): [(row.loss, row.accuracy) for row in trial.run.curve]
        for trial in trials
        if trial.state is not Outcome.INTERRUPTED
    }


@pytest.mark.parametrize("sampler", ["grid", "expected_gain"])
def test_a_finished_study_is_the_same_set_of_trials_as_inline(sampler: str) -> None:
    space = SPACE.model_copy(update={"sampler": sampler})
    trials, inline = with_two_workers(space), run_in_memory(space, Scripted())
    assert curves(trials) == curves(inline)
    assert len(trials) == len(inline) == 8
    assert all(trial.device == "a script, 2 runs at once" for trial in trials)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_two_workers_are_not_given_the_same_point_and_seed(sampler: str) -> None:
    space = SPACE.model_copy(update={"sampler": sampler, "trials": 12})
    trials = with_two_workers(space)
    assert len(curves(trials)) == len(trials) == 12


def test_a_trial_whose_worker_dies_is_tried_again_and_not_without_end() -> None:
    space = SPACE.model_copy(update={"seed": DIES, "seeds": 1, "trials": 8})

    class Counting(Quiet):
        def __init__(self) -> None:
            super().__init__()
            self.ends: list[Trial] = []

        def trial_ended(self, trial, trials, standing) -> None:
            self.ends.append(trial)

    watcher = Counting()
    with pytest.raises(dse.DseError, match="the baseline failed.*its process ended 3 times"):
        with_two_workers(space, watcher=watcher)
    of_baseline = [trial for trial in watcher.ends if trial.recipe.id == space.baseline_recipe.id]
    assert [str(trial.state) for trial in of_baseline] == ["interrupted"] * (MOST_DEATHS - 1) + ["failed"]
    assert [trial.attempt for trial in of_baseline] == [1, 2, 3]
    assert "SIGKILL" in of_baseline[0].run.reason


def test_workers_that_do_not_even_begin_end_the_study(capfd: pytest.CaptureFixture[str]) -> None:
    study = study_in_memory(SPACE)
    with pytest.raises(RunError, match="5 workers in a row were gone before a trial began.*status 1"):
        with_two_workers(SPACE, Unborn(), study=study)
    assert "no number" in capfd.readouterr().err
    assert not read_trials(study)
    assert curves(with_two_workers(SPACE, study=study)) == curves(run_in_memory(SPACE, Scripted()))


class Killing(Watcher):
    """Kills all workers after some epochs of real trainings."""

    def __init__(self, *epochs: int) -> None:
        self.epochs, self.seen = epochs, 0

    def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
        self.seen += 1
        if self.seen in self.epochs:
            for worker in children():
                os.kill(worker, signal.SIGKILL)


def children() -> list[int]:
    found = psutil.Process().children()
    return [each.pid for each in found if any("spawn_main" in part for part in each.cmdline())]


def test_a_killed_workers_trial_resumes_with_the_same_curve(tmp_path: Path) -> None:
    space, machine = parse_space(TINY, "test"), Machine(device="cpu", threads=1)
    dse.explore(space, folder=tmp_path / "undisturbed", machine=machine)
    dse.explore(space, folder=tmp_path / "s", machine=machine, workers=2, watcher=Killing(3, 7))
    undisturbed, killed = (read_trials(open_database(tmp_path / name)) for name in ("undisturbed", "s"))
    assert curves(undisturbed) == curves(killed)
    cut_off = [trial for trial in killed if trial.state is Outcome.INTERRUPTED]
    assert 2 <= len(cut_off) <= 4
    assert any(trial.run.resumed_epochs for trial in killed if trial.attempt == 2)
    assert not children()
    assert not (tmp_path / "s" / ".checkpoints").exists()


def test_workers_end_with_their_driver_and_take_along_what_they_began(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from dse.runners.processes import Processes\n"
        "from dse.study.explore import explore\n"
        "from tests.fakes import Quiet, study_in_memory\n"
        "from tests.runners.test_studies import SPACE\n"
        "from tests.runners.trainers import Parent\n"
        "trainer = Parent(Path(sys.argv[1]))\n"
        "explore(study_in_memory(SPACE), SPACE, Processes([trainer, trainer]), Quiet())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) as driver:
        until(lambda: len(numbers_in(tmp_path)) == 4)
        processes = numbers_in(tmp_path)
        workers = [int(file.read_text()) for file in tmp_path.glob("*-904-*")]
        scores = [Path(f"/proc/{worker}/oom_score_adj").read_text().strip() for worker in workers]
        driver.kill()
    assert scores == ["1000", "1000"], "the system takes the memory of workers first"
    until(lambda: not any(is_alive(process) for process in processes))


def numbers_in(folder: Path) -> list[int]:
    return [int(text) for file in folder.iterdir() if (text := file.read_text())]


def test_a_worker_that_is_given_up_takes_along_what_it_began(tmp_path: Path) -> None:
    trainer = Parent(tmp_path)
    runner = Processes([trainer])
    runner.submit(Job(0, SPACE.plan(SPACE.baseline_recipe), 0))
    events = runner.events()
    assert isinstance(next(events), Started)
    assert isinstance(next(events), EpochEnded)
    runner.close()
    processes = numbers_in(tmp_path)
    assert len(processes) == 2
    until(lambda: not any(is_alive(process) for process in processes))


def test_one_trial_more_than_there_are_workers_is_asked_for() -> None:
    study = study_in_memory(SPACE)

    class Counting(Quiet):
        def __init__(self) -> None:
            super().__init__()
            self.asked: set[int] = set()

        def epoch_ended(self, trial: Trial, row: EpochRow) -> None:
            self.asked.add(len(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))))

    watcher = Counting()
    with_two_workers(SPACE, watcher=watcher, study=study)
    assert max(watcher.asked) == 3


def until(true, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z"


def test_threads_are_divided_and_too_many_workers_refused() -> None:
    cores = os.cpu_count() or 1
    assert [each.threads for each in shares(Machine("cpu"), 1)] == [None]
    assert [each.threads for each in shares(Machine("cpu"), cores)] == [1] * cores
    with pytest.raises(
        DeviceError, match=f"workers: {cores + 1} with 1 thread each, but this machine has {cores}"
    ):
        shares(Machine("cpu"), cores + 1)
    with pytest.raises(
        DeviceError, match=f"workers: {cores} with 2 threads each.*Use at most {max(1, cores // 2)}"
    ):
        shares(Machine("cpu", threads=2), cores)


def test_each_worker_has_a_gpu_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dse.runners.shares.find_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr("dse.runners.shares.gpus_here", lambda: 2)
    assert [each.device for each in shares(Machine("cuda"), 2)] == ["cuda:0", "cuda:1"]
    with pytest.raises(DeviceError, match="a GPU trains one run at a time, and there are 2. Use at most 2"):
        shares(Machine("cuda"), 3)
    with pytest.raises(DeviceError, match="workers: 2 on device 'cuda:1'"):
        shares(Machine("cuda:1"), 2)
