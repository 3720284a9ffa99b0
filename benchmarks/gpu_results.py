"""What has been measured, in files that are whole at any time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gpu_plan import FIRST_GUESS_SECONDS, Measured, Piece
from gpu_tables import markdown

from dse.files import write_atomically


class Results:
    """The results of this and earlier calls, in a file that is whole at any time.

    Args:
        folder: Holds ``gpu.json`` and ``gpu.md``.
        machine: Hardware, versions and code, as measured now.
    """

    def __init__(self, folder: Path, machine: Measured) -> None:
        self._folder = folder
        self._sections: list[Measured] = read_sections(folder / "gpu.json")
        same = [section for section in self._sections if _identity(section["machine"]) == _identity(machine)]
        if not same:
            same = [{"machine": machine, "pieces": {}}]
            self._sections += same
        self._section = same[0]
        self._section["machine"] = machine

    @property
    def pieces(self) -> dict[str, Measured]:
        """What this device and code has measured, by the pieces' keys."""
        found: dict[str, Measured] = self._section["pieces"]
        return found

    def record(
        self, piece: Piece, status: str, seconds: float, measured: Measured, message: str = ""
    ) -> None:
        """Write a piece down.

        Args:
            piece: The piece.
            status: ``done``, ``partial`` or ``failed``.
            seconds: How long it took, processes and data included.
            measured: What came of it; of a partial one what there is.
            message: What went wrong.
        """
        before = self.pieces.get(piece.key, {})
        longer = len(before.get("measured", {}).get("curve", ())) > len(measured.get("curve", ()))
        self.pieces[piece.key] = {
            "part": piece.part,
            "parameters": piece.parameters,
            "kind": piece.kind,
            "status": status,
            "seconds": seconds,
            # An earlier call may have come further with the same run.
            "measured": before["measured"] if longer and status != "done" else measured,
            "message": message,
        }
        self.write()

    def write(self) -> None:
        """Write both files."""
        text = json.dumps({"sections": self._sections}, indent=1)
        write_atomically(self._folder / "gpu.json", text + "\n")
        write_atomically(self._folder / "gpu.md", markdown(self._sections))

    def seconds_needed(self, piece: Piece) -> float:
        """Guess how long a piece takes: as long as the longest of its kind, and longer than its own partial try."""
        taken = [
            found["seconds"]
            for key, found in self.pieces.items()
            if found["kind"] == piece.kind and (found["status"] == "done" or key == piece.key)
        ]
        return max(taken, default=FIRST_GUESS_SECONDS[piece.part])

    def left(self, pieces: list[Piece]) -> list[Piece]:
        """Give the pieces that are not done, those that failed last."""
        status = {key: found["status"] for key, found in self.pieces.items()}
        undone = [piece for piece in pieces if status.get(piece.key) != "done"]
        return sorted(undone, key=lambda piece: status.get(piece.key) == "failed")


def _identity(machine: Measured) -> tuple[Any, ...]:
    return machine["device"], machine["versions"]["torch"], machine["code"]


def read_sections(path: Path) -> list[Measured]:
    """Read what earlier calls have written; nothing if there is no such file."""
    if not path.is_file():
        return []
    sections: list[Measured] = json.loads(path.read_text(encoding="utf-8"))["sections"]
    return sections
