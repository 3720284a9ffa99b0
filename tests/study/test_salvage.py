"""A damaged database: what can be read of it is saved as a study that resumes, and the damaged file is left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dse.errors import StudyError
from dse.record.run import Outcome
from dse.record.trial import Trial
from dse.study.database import open_database
from dse.study.load import load_study
from dse.study.trials import read_trials
from tests.fakes import FakeTrainer, make_space, run_study

SPACE = make_space(sampler="grid", trials=12)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    trainer = FakeTrainer()
    trainer.interrupt_at = 5
    with pytest.raises(KeyboardInterrupt):
        run_study(folder, SPACE, trainer)
    run_study(folder, SPACE, trials=9)
    return folder / "s"


def known(trials: list[Trial]) -> dict[tuple[str, int], list[float]]:
    return {
        (trial.recipe.id, trial.seed): [row.accuracy for row in trial.run.curve]
        for trial in trials
        if trial.state is not Outcome.INTERRUPTED
    }


def cut(content: bytes) -> bytes:
    return content[: int(0.9 * len(content))]


def overwritten(at: float, pages: int = 1) -> Callable[[bytes], bytes]:
    def damage(content: bytes) -> bytes:
        begin = int(at * len(content)) // 4096 * 4096
        return content[:begin] + b"\xff" * 4096 * pages + content[begin + 4096 * pages :]

    return damage


@pytest.mark.parametrize("damage", [cut, *(overwritten(at / 10) for at in (3, 4, 5, 8))])
def test_what_can_be_read_is_saved_and_resumes(damage, whole: Path, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    file = tmp_path / "s" / "study.db"
    file.write_bytes(damaged := damage((whole / "study.db").read_bytes()))
    before = known(read_trials(open_database(whole)))
    try:
        load_study(tmp_path / "s")
    except StudyError:
        pass
    else:
        pytest.skip("that page holds nothing that is missed")
    with pytest.raises(
        StudyError, match=r"study\.db: .*is saved as the study .*s-salvaged.*--name s-salvaged"
    ):
        run_study(tmp_path, SPACE)
    assert file.read_bytes() == damaged
    saved = known(read_trials(open_database(tmp_path / "s-salvaged")))
    assert saved
    assert all(before[run][: len(curve)] == curve for run, curve in saved.items())
    with pytest.raises(StudyError, match="was saved as the study"):
        run_study(tmp_path, SPACE)
    again = FakeTrainer()
    trials = run_study(tmp_path, SPACE, again, name="s-salvaged")
    assert known(trials) == before | known(trials)
    assert len(known(trials)) == 12
    assert len(again.trained) < 12, "what was whole is not trained again"


def test_what_holds_nothing_of_ours_is_only_refused(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "study.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(StudyError, match="is no readable Optuna storage"):
        run_study(tmp_path, SPACE)
    assert not (tmp_path / "s-salvaged").exists()
