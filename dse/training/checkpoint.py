"""Checkpoints: what a run needs to resume after its last finished epoch, kept in files until it has ended."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from dse.errors import CheckpointError
from dse.files import write_atomically
from dse.recipe.plan import Plan
from dse.record.epoch import EpochRow, check_curve


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A run after one of its epochs.

    Attributes:
        curve: One row for each epoch so far.
        setup_seconds: Spent so far before first steps.
        state: Every tensor that the next epoch depends on, by name; see ``Engine.state``.
    """

    curve: tuple[EpochRow, ...]
    setup_seconds: float
    state: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class CheckpointFiles:
    """The latest checkpoint of each run, in a file named by its recipe and seed.

    Attributes:
        folder: Where they are kept; made when it is needed.
    """

    folder: Path

    def file_of(self, plan: Plan, seed: int) -> Path:
        """Give where a run's checkpoint lies, if it has one."""
        return self.folder / self._name(plan.recipe.id, seed)

    @staticmethod
    def _name(recipe_id: str, seed: int) -> str:
        return f"{recipe_id}-{seed}.safetensors"

    def take(self, plan: Plan, seed: int, content: bytes) -> None:
        """Write the content of a run's checkpoint in place of its last one.

        Raises:
            CheckpointError: The file cannot be written.
        """
        file = self.file_of(plan, seed)
        try:
            # The study's own folder is not made again, if somebody removed it.
            self.folder.mkdir(exist_ok=True)
            write_atomically(file, content)
        except OSError as error:
            raise CheckpointError(
                f"{file}: the checkpoint cannot be written ({error.strerror}). Make room, or leave checkpoints out "
                "with --no-checkpoints."
            ) from None

    def content(self, plan: Plan, seed: int) -> bytes | None:
        """Read the content of a run's checkpoint; None if there is none, or, with a warning, none to be read."""
        file = self.file_of(plan, seed)
        with _warned(file):
            if file.exists():
                return file.read_bytes()
        return None

    def forget(self, plan: Plan, seed: int) -> None:
        """Remove a run's checkpoint, if it has one."""
        self.file_of(plan, seed).unlink(missing_ok=True)
        with suppress(OSError):  # others are kept there, or nothing ever was
            self.folder.rmdir()

    def forget_others(self, runs: Collection[tuple[str, int]]) -> None:
        """Remove whatever is kept here, or half written, but of these runs: a kill may come before ``forget``."""
        wanted = {self._name(recipe_id, seed) for recipe_id, seed in runs}
        with suppress(OSError):  # there is no such folder
            for file in self.folder.iterdir():
                if file.name not in wanted:
                    file.unlink(missing_ok=True)
            self.folder.rmdir()


@dataclass(frozen=True, slots=True)
class Checkpoints(CheckpointFiles):
    """The same for a machine, which writes them, and resumes from its own.

    Attributes:
        machine: What a run must find again to go on as it would have: versions, device, engine, data. Plain values.
    """

    machine: Mapping[str, object]

    def keep(self, plan: Plan, seed: int, checkpoint: Checkpoint) -> None:
        """Write a run's checkpoint in place of its last one.

        Raises:
            CheckpointError: The file cannot be written.
        """
        tensors = {name: tensor.detach().contiguous() for name, tensor in checkpoint.state.items()}
        about = {
            "machine": self.machine,
            "plan": _about(plan),
            "curve": [row.stored() for row in checkpoint.curve],
            "setup_seconds": checkpoint.setup_seconds,
        }
        self.take(plan, seed, safetensors.torch.save(tensors, {"dse": json.dumps(about)}))

    def find(self, plan: Plan, seed: int) -> Checkpoint | None:
        """Read a run's checkpoint; None if there is none, or, with a warning, none that it can resume from."""
        file = self.file_of(plan, seed)
        with _warned(file):
            if file.exists():
                return self._read(file, plan)
        return None

    def curve(self, plan: Plan, seed: int) -> tuple[EpochRow, ...]:
        """Read the rows of a run's checkpoint alone; none where ``find`` gives none."""
        file = self.file_of(plan, seed)
        with _warned(file):
            if file.exists():
                with safetensors.safe_open(file, framework="pt") as content:
                    return self._told(content.metadata(), plan)[0]
        return ()

    def _read(self, file: Path, plan: Plan) -> Checkpoint:
        with safetensors.safe_open(file, framework="pt") as content:
            curve, setup_seconds = self._told(content.metadata(), plan)
            state = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 (not a dict)
        return Checkpoint(curve, setup_seconds, state)

    def _told(self, metadata: dict[str, str] | None, plan: Plan) -> tuple[tuple[EpochRow, ...], float]:
        about = json.loads((metadata or {})["dse"])
        then, now = about["machine"] | about["plan"], {**self.machine, **_about(plan)}
        differ = [f"{key} was {then.get(key)!r}, is {now[key]!r}" for key in now if then.get(key) != now[key]]
        if differ:
            raise ValueError(", ".join(differ))
        curve = tuple(EpochRow.parse(row) for row in about["curve"])
        check_curve(curve, plan.recipe.epochs)
        return curve, float(about["setup_seconds"])


@contextmanager
def _warned(file: Path) -> Iterator[None]:
    """Say why a file is not resumed from."""
    try:
        yield
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as reason:
        warnings.warn(f"{file}: the run begins again with its first epoch, since {reason}.", stacklevel=4)


def _about(plan: Plan) -> dict[str, object]:
    return {"images": plan.images, "image": dataclasses.asdict(plan.image)}
