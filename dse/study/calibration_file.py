"""The user's file of calibrations: what was measured on this machine once is known to every later study."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dse.errors import StudyError
from dse.files import read_text, write_atomically
from dse.record.calibration import Calibration

FORMAT = 1
FILE = "calibration.json"
# What a key is made of, beside the code: what the seconds of a step depend on.
OF_MACHINE = ("device", "device_type", "threads", "engine", "dse", "commit")
_SECONDS_TO_LOCK = 30.0
# Packages whose code a step runs.
_STEPPING = ("networks", "training")


@dataclass(frozen=True, slots=True)
class CalibrationFile:
    """Calibrations by machine and reference, in one file that is read and replaced as a whole.

    Attributes:
        path: The file.
    """

    path: Path

    def read(self, machine: str, reference: str) -> Calibration | None:
        """Give what is known of a machine beside a reference.

        Raises:
            StudyError: The file is damaged.
        """
        content = self._content().get(machine, {}).get(reference)
        if content is None:
            return None
        try:
            return Calibration.parse(content)
        except ValueError as reason:
            raise self._damaged(str(reason)) from None

    def keep(self, machine: str, calibration: Calibration, *, afresh: bool = False) -> None:
        """Add what is not known of a machine yet; networks of the user's own are left out, whose code may change.

        Args:
            machine: Its key.
            calibration: What was measured there.
            afresh: Whether it takes the place of what is known.

        Raises:
            StudyError: The file is damaged, or cannot be written.
        """
        kept = {kind_id: ratio for kind_id, ratio in calibration.ratios.items() if ratio.lasts}
        with self._locked():
            everything = self._content()
            known = self.read(machine, calibration.reference.id)
            if known is not None:
                kept = {**known.ratios, **kept} if afresh else {**kept, **known.ratios}
            reference = calibration.reference if known is None or afresh else known.reference
            mine = everything.setdefault(machine, {})
            mine[reference.id] = Calibration(reference, kept).dump()
            content = {"format": FORMAT, "machines": everything}
            try:
                write_atomically(self.path, json.dumps(content, indent=1) + "\n")
            except OSError as reason:
                raise self._unwritable(reason) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
            lock.acquire(timeout=_SECONDS_TO_LOCK)
        except Timeout:
            raise StudyError(
                f"{self.path}: another dse has held its lock for {_SECONDS_TO_LOCK:.0f} s. Wait for it, or end it."
            ) from None
        except OSError as reason:
            raise self._unwritable(reason) from None
        try:
            yield
        finally:
            lock.release()

    def _content(self) -> dict[str, dict[str, Any]]:
        if not self.path.exists():
            return {}
        try:
            content = json.loads(read_text(self.path, StudyError))
        except (ValueError, RecursionError) as reason:
            raise self._damaged(str(reason)) from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise self._damaged(f"its format is not {FORMAT}")
        machines = content.get("machines")
        if not isinstance(machines, dict) or not all(isinstance(each, dict) for each in machines.values()):
            raise self._damaged("it lists no machines")
        return machines

    def _damaged(self, reason: str) -> StudyError:
        return StudyError(
            f"{self.path}: cannot be read ({reason:.200}). Remove it: what it held is measured again. Studies have "
            "copies of their own."
        )

    def _unwritable(self, reason: OSError) -> StudyError:
        return StudyError(
            f"{self.path}: cannot be written ({reason.strerror}). Free the disk or the folder's rights, or set "
            "XDG_CACHE_HOME to another folder."
        )


def users_file() -> CalibrationFile:
    """Give the file in the user's cache folder: that of XDG_CACHE_HOME, else ~/.cache."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    # The specification has relative paths ignored.
    folder = Path(named) if os.path.isabs(named) else Path.home() / ".cache"
    return CalibrationFile(folder / "dse" / FILE)


def machine_key(environment: Mapping[str, Any]) -> str:
    """Name the machine and code of an environment: what a step's seconds depend on.

    A checkout whose files differ from its commit is told apart by the content of those that a step runs.
    """
    versions = environment.get("versions") or {}
    parts = [f"{key}={environment.get(key)}" for key in OF_MACHINE] + [f"torch={versions.get('torch')}"]
    if str(environment.get("commit") or "").endswith("+"):
        parts.append(f"code={_code()}")
    return ", ".join(parts)


@cache
def _code() -> str:
    package = Path(__file__).resolve().parents[1]
    files = sorted(path for name in _STEPPING for path in (package / name).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
