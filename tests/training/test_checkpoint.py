"""A run that was cut off ends as if it had not been: the same curve bit for bit, the seconds aside."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from dse.errors import CheckpointError
from dse.recipe.averaging import ExponentialAveraging, NoAveraging
from dse.recipe.batch_size import Constant, Stage, Stages
from dse.recipe.models.capsnet import CapsNetModel
from dse.recipe.models.efficient_capsnet import EfficientCapsNetModel
from dse.recipe.models.lenet5 import LeNet5Model
from dse.recipe.optimizer import OPTIMIZERS, Muon, Optimizer, ScheduleFree
from dse.recipe.recipe import Recipe
from dse.record.epoch import EpochRow
from dse.record.run import Outcome, Run
from dse.training.machine import Machine
from dse.training.trainer import Trainer
from tests.small import FEW_DIGITS

SMALL = Recipe(
    model=LeNet5Model(),
    batch_size=Stages(stages=(Stage(epochs=1, size=16), Stage(epochs="rest", size=32))),
    epochs=4,
)


def trainer(folder: Path | None, engine: str = "fast") -> Trainer:
    return Trainer(Machine(device="cpu", engine=engine, threads=1), FEW_DIGITS, folder)


def cut_off(trainer: Trainer, recipe: Recipe, after: int) -> None:
    def interrupt(row: EpochRow) -> None:
        if row.epoch == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.train(trainer.plan(recipe), 5, interrupt)


def figures(run: Run) -> list[dict[str, object]]:
    """Everything of a curve but the seconds."""
    return [
        {name: value for name, value in dataclasses.asdict(row).items() if "seconds" not in name}
        for row in run.curve
    ]


def assert_resumes(folder: Path, recipe: Recipe, engine: str = "fast") -> None:
    undisturbed = trainer(None, engine)
    expected = undisturbed.train(undisturbed.plan(recipe), 5)
    cut_off(trainer(folder, engine), recipe, after=1)
    cut_off(trainer(folder, engine), recipe, after=2)
    again, rows = trainer(folder, engine), []
    plan = again.plan(recipe)
    assert [row.epoch for row in again.kept(plan, 5)] == [1, 2]
    resumed = again.train(plan, 5, lambda row: rows.append(row.epoch))
    assert rows == list(range(3, recipe.epochs + 1))
    assert figures(resumed) == figures(expected)
    assert resumed.outcome is Outcome.COMPLETE
    seconds = [row.train_seconds for row in resumed.curve]
    assert all(before < after for before, after in itertools.pairwise(seconds))
    assert resumed.setup_seconds > 0


@pytest.mark.parametrize("averages", [False, True])
@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimizer_resumes(tmp_path: Path, kind: type[Optimizer], averages: bool) -> None:
    if kind is ScheduleFree and averages:
        pytest.skip("schedule_free keeps a mean of its own")
    mean = ExponentialAveraging(half_life=0.2) if averages else NoAveraging()
    assert_resumes(tmp_path, SMALL.model_copy(update={"epochs": 3, "optimizer": kind(), "averaging": mean}))


@pytest.mark.parametrize("engine", ["reference", "fast"])
def test_capsules_resume(tmp_path: Path, engine: str) -> None:
    tiny = CapsNetModel(preset="tiny")
    recipe = Recipe(model=tiny, epochs=3, batch_size=Constant(size=32), optimizer=Muon())
    assert_resumes(tmp_path, recipe, engine)


def test_running_means_resume(tmp_path: Path) -> None:
    model = EfficientCapsNetModel()
    assert_resumes(tmp_path, Recipe(model=model, epochs=3, batch_size=Constant(size=50)))


def test_a_run_that_had_trained_its_last_epoch_trains_nothing_more(tmp_path: Path) -> None:
    cut_off(trainer(tmp_path), SMALL, after=4)
    again = trainer(tmp_path)
    run = again.train(again.plan(SMALL), 5, lambda row: pytest.fail("an epoch was trained"))
    assert (len(run.curve), run.outcome) == (4, Outcome.COMPLETE)


def test_a_checkpoint_is_of_one_recipe_and_one_seed_and_can_be_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    cut_off(trainer(folder), SMALL, after=2)
    again = trainer(folder)
    plan = again.plan(SMALL)
    assert len(again.kept(plan, 5)) == 2
    assert again.kept(plan, 6) == ()
    assert again.kept(again.plan(SMALL.model_copy(update={"epochs": 5})), 5) == ()
    again.forget(plan, 6)
    assert again.kept(plan, 5)
    again.forget(plan, 5)
    assert again.kept(plan, 5) == ()
    assert not folder.exists()


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    cut_off(trainer(None), SMALL, after=2)
    none = trainer(None)
    assert none.kept(none.plan(SMALL), 5) == ()
    none.forget(none.plan(SMALL), 5)
    assert list(tmp_path.iterdir()) == []


def test_what_would_not_go_on_alike_begins_anew_and_says_so(tmp_path: Path) -> None:
    cut_off(trainer(tmp_path), SMALL, after=2)
    other = trainer(tmp_path, "reference")
    with pytest.warns(
        UserWarning,
        match="the run begins again with its first epoch, since engine was 'fast', is 'reference'",
    ):
        assert other.kept(other.plan(SMALL), 5) == ()


@pytest.mark.parametrize("damage", ["cut short", "of zeros", "without a word"])
def test_a_damaged_checkpoint_is_not_resumed_from(tmp_path: Path, damage: str) -> None:
    cut_off(trainer(tmp_path), SMALL, after=2)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    file.write_bytes(
        {"cut short": content[:-10], "of zeros": bytes(len(content)), "without a word": b""}[damage]
    )
    again = trainer(tmp_path)
    with pytest.warns(UserWarning, match=f"{file.name}: the run begins again with its first epoch, since"):
        assert again.kept(again.plan(SMALL), 5) == ()
    with pytest.warns(UserWarning, match="begins again with its first epoch"):
        assert len(again.train(again.plan(SMALL), 5).curve) == 4


def test_a_checkpoint_that_cannot_be_written_is_an_error_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    full = trainer(tmp_path / "file")
    with pytest.raises(CheckpointError, match="the checkpoint cannot be written .*--no-checkpoints"):
        full.train(full.plan(SMALL), 5)
