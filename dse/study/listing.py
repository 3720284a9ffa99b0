"""All studies of a folder at a glance, each in a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dse.errors import DseError
from dse.record.answer import Answer
from dse.study.folders import study_names
from dse.study.load import summarise
from dse.units import value_text


@dataclass(frozen=True)
class Listed:
    """A study in a line.

    Attributes:
        name: Its folder's.
        data: Its data set, and how many images are trained on if not all.
        states: How many of its trials are in which state.
        answer: What it found, without its interval; None if it cannot be read.
        problem: Why it cannot be read; else empty.
    """

    name: str
    data: str
    states: Mapping[str, int]
    answer: Answer | None
    problem: str = ""

    @property
    def trials(self) -> int:
        """How many there are, whatever became of them."""
        return sum(self.states.values())

    @property
    def finding(self) -> str:
        """The answer, or why there is none, as short as a line asks for."""
        if self.answer is None:
            return self.problem
        found, baseline = self.answer.fastest, self.answer.baseline
        if found is None or baseline is None:
            return self.answer.missing
        seconds, instead = (value_text(each.seconds, "s") for each in (found, baseline))
        return f"{seconds}, not {instead}".replace(" s", "\u00a0s")

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON holds it; ``dse front`` has the answer's interval."""
        answer = None if self.answer is None else self.answer.as_dict()
        return {
            "name": self.name,
            "data": self.data,
            "trials": self.trials,
            "states": dict(self.states),
            "finding": self.finding,
            "answer": answer and {key: value for key, value in answer.items() if key != "interval"},
            "problem": self.problem,
        }


def list_studies(results: Path) -> list[Listed]:
    """Read every study below a folder; one that cannot be read is listed with the reason.

    Raises:
        StudyError: The folder cannot be read.
    """
    return [_listed(results / name) for name in study_names(results)]


def _listed(folder: Path) -> Listed:
    try:
        found = summarise(folder)
    except DseError as error:
        return Listed(folder.name, "", {}, None, str(error))
    return Listed(found.name, data_text(found.space), found.states, found.answer)


def data_text(space: Mapping[str, Any]) -> str:
    """Name the data of a recorded space; empty if it does not say.

    >>> data_text({"data": {"name": "mnist", "images": 10_000}}), data_text({"data": {"name": "digits"}})
    ('mnist, 10,000 images', 'digits')
    """
    data = space.get("data")
    if not isinstance(data, Mapping):
        return ""
    images = data.get("images")
    return (
        f"{data.get('name', '')}, {images:,} images" if isinstance(images, int) else str(data.get("name", ""))
    )
