"""Policies and batch schedules of other packages: found when they are named, and read from records without them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import dse
from dse.cli import commands
from dse.errors import RecipeError, SpaceError
from dse.recipe.batch_size import SCHEDULES, UnknownSchedule
from dse.recipe.learning_rate import POLICIES, UnknownPolicy
from dse.recipe.recipe import parse_recipe
from dse.space.load import parse_space

PACKAGE = '''
from typing import Literal

import numpy as np
from pydantic import Field

from dse.recipe.batch_size import Schedule
from dse.recipe.learning_rate import Policy


class Halving(Policy):
    """Half the learning rate after each of some shares of the steps."""

    policy: Literal["halving"] = "halving"
    halvings: int = Field(default=2, ge=1, description="how often")
    where: tuple[float, ...] = Field(default=(0.5, 0.75), strict=False, description="shares of the steps")

    @property
    def label(self):
        return f"halving {self.base_rate:g}"

    @property
    def bounds(self):
        return self.base_rate / 2**self.halvings, self.base_rate

    def rates(self, timeline):
        steps = np.arange(timeline.total_steps) / timeline.total_steps
        return self.base_rate * 0.5 ** np.minimum(self.halvings, np.searchsorted(self.where, steps, side="right"))


class Alternating(Schedule):
    """Two sizes in turn."""

    schedule: Literal["alternating"] = "alternating"
    size: int = Field(default=20, ge=1, description="images a step of the first epoch, half as many in the second")

    @property
    def label(self):
        return f"{self.size} and {self.size // 2}"

    def stages_over(self, epochs):
        return tuple((1, self.size if i % 2 == 0 else self.size // 2) for i in range(epochs))


class Misnamed(Halving):
    """Says another name than its entry."""


number = 3
'''
ENTRIES = """
[dse.policies]
halving = their_policies:Halving
misnamed = their_policies:Misnamed
missing = their_policies:Missing
number = their_policies:number

[dse.schedules]
alternating = their_policies:Alternating
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that offers them, installed as pip does it."""
    (tmp_path / "their_policies.py").write_text(PACKAGE)
    described = tmp_path / "their_policies-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: their-policies\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    forget()


def forget() -> None:
    """Be as a process that has not named them."""
    POLICIES.pop("halving", None)
    SCHEDULES.pop("alternating", None)
    sys.modules.pop("their_policies", None)


RECIPE = {
    "model": {"name": "cnn", "filters": 2},
    "learning_rate": {"policy": "halving", "base_rate": 0.004, "where": [0.25, 0.5]},
    "batch_size": {"schedule": "alternating"},
    "epochs": 2,
}
SPACE = {
    "name": "theirs",
    "data": {"name": "digits", "images": 60, "validation_images": 40, "test_images": 40},
    "recipe": RECIPE
    | {
        "batch_size": {"schedule": "constant", "size": 20},
        "learning_rate": [{"policy": "fixed"}, {"policy": "halving", "halvings": {"choices": [1, 2]}}],
    },
    "baseline": {"learning_rate": {"policy": "fixed"}},
    "trials": 3,
}


@pytest.mark.usefixtures("installed")
def test_a_policy_is_loaded_when_it_is_named() -> None:
    assert "their_policies" not in sys.modules
    parse_recipe({"learning_rate": {"policy": "fixed"}}, "test")
    assert "their_policies" not in sys.modules
    recipe = parse_recipe(RECIPE, "test")
    assert "their_policies" in sys.modules
    plan = dse.compile_plan(recipe, dse.find_dataset("digits").shape, 40)
    assert plan.batch_sizes.tolist() == [20, 10]
    assert plan.rates.tolist() == [0.004, 0.004, 0.002, 0.001, 0.001, 0.001]
    again = parse_recipe(json.loads(recipe.model_dump_json()), "test")
    assert (again, again.id) == (recipe, recipe.id)
    assert dse.Recipe(learning_rate=recipe.learning_rate).learning_rate is recipe.learning_rate
    dse.check_policy(recipe.learning_rate)
    dse.check_schedule(recipe.batch_size)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"policy": "halvign"}, "policy='halvign' is unknown. Choose one of 'fixed', .*'halving', 'mis"),
        ({"policy": "halving", "halvings": 0}, "halvings=0: Input should be greater than or equal to 1$"),
        ({"policy": "halving", "where": ["a"]}, r"where\[0\]='a': Input should be a valid number"),
        ({"policy": "halving", "size": 3}, "size: unknown key"),
        ({"policy": "misnamed"}, 'the class says policy=\'halving\'. Give it policy: Literal."misnamed"'),
        ({"policy": "missing"}, "missing = their_policies:Missing of the group dse.policies cannot be loaded: Attrib"),
        ({"policy": "number"}, "is no class derived from dse.recipe.learning_rate.Policy. Correct its package"),
    ],
)  # fmt: skip
def test_errors_are_as_of_our_own(policy: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=f"^test: learning_rate[.:] ?.*{message}"):
        parse_recipe({"learning_rate": policy}, "test")


def test_a_record_is_read_without_the_package(installed: Path) -> None:
    recipe = parse_recipe(RECIPE, "test")
    content = json.loads(recipe.model_dump_json())
    forget()
    read = parse_recipe(content, "record", recorded=True)
    assert "their_policies" not in sys.modules  # though it is installed
    assert isinstance(read.learning_rate, UnknownPolicy)
    assert isinstance(read.batch_size, UnknownSchedule)
    assert read.id == recipe.id
    assert json.loads(read.model_dump_json()) == content
    assert (
        read.label
        == "cnn, 2 filters · halving 0.004, halvings 2, where [0.25, 0.5] · batch alternating, size 20"
    )
    with pytest.raises(
        RecipeError, match=r"batch_size\.schedule='alternating' is unknown here\. Install the package"
    ):
        dse.compile_plan(read, dse.find_dataset("digits").shape, 40)
    fixed = read.model_copy(update={"batch_size": dse.Constant(size=20)})
    with pytest.raises(
        RecipeError, match=r"learning_rate\.policy='halving' is unknown here\. Install the package"
    ):
        dse.compile_plan(fixed, dse.find_dataset("digits").shape, 40)
    assert parse_recipe(content, "file").learning_rate.bounds == (0.001, 0.004)


def test_without_the_package_a_space_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"policy='halving' is unknown. Choose one of 'fixed'"):
        parse_space(SPACE, "test")


@pytest.mark.slow
def test_a_study_is_shown_without_the_package_and_resumed_with_it(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "results" / "theirs"
    space = tmp_path / "space.yaml"
    space.write_text(yaml.safe_dump(SPACE | {"trials": 2}))
    first = dse.explore(space, folder=folder, machine=dse.Machine("cpu"))
    assert first.trials["state"].tolist() == ["complete"] * 2
    forget()
    with monkeypatch.context() as without:
        without.setattr(sys, "path", [each for each in sys.path if each != str(installed)])
        for command in ("trials", "front", "report"):
            result = CliRunner().invoke(commands, [command, str(folder)])
            assert result.exit_code == 0, result.output
        shown = dse.load_study(folder)
        assert shown.trials["recipe_id"].tolist() == first.trials["recipe_id"].tolist()
        assert shown.trials["policy"].tolist() == first.trials["policy"].tolist()
        for command in (["replay", str(folder)], ["explore", str(space), "--results", str(folder.parent)]):
            result = CliRunner().invoke(commands, command)
            assert result.exit_code == 2
            assert "'halving' is unknown. Choose one of 'fixed'" in result.stderr
    again = dse.explore(space, folder=folder, machine=dse.Machine("cpu"), trials=3)
    assert again.trials["state"].tolist() == ["complete"] * 3
    assert len(set(again.trials["recipe_id"])) == 3


class Wild(dse.Fixed):
    """A policy that keeps to nothing."""

    given: str = "short"

    def rates(self, timeline):
        rates = super().rates(timeline)
        return {
            "short": rates[:-1],
            "high": rates * 1.01,
            "nan": rates * float("nan"),
            "sound": rates,
        }[self.given]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("short", r"has the shape \(0,\), not one a step"),
        ("high", r"gives \[0.00101\], out of bounds=\(0.001, 0.001\)"),
        ("nan", r"holds what is no finite number"),
        ("sound", r"no recipe can name it: recipe: learning_rate.given: unknown key"),
    ],
)
def test_the_conformance_suite_finds_what_is_wrong(given: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        dse.check_policy(Wild(given=given))


class Short(dse.Constant):
    """A schedule that forgets an epoch."""

    def stages_over(self, epochs):
        return ((epochs - 1, self.size),) if epochs > 1 else ((1, self.size),)


def test_the_conformance_suite_finds_a_schedule_that_ends_early() -> None:
    with pytest.raises(AssertionError, match=r"stages_over\(2\)=\(\(1, 128\),\) does not cover the run"):
        dse.check_schedule(Short())
