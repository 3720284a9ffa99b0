"""What must be the same for two trials of one study to compare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dse.errors import StudyError
from dse.record.environment import engine_name

OTHER_NAME = "Give the new study another --name."


def check_compares(
    folder: Path, earlier: Mapping[str, Any], now: Mapping[str, Any], *, any_device: bool = False
) -> None:
    """Refuse to mix what was measured on other images, another device or with another engine.

    Args:
        folder: Of the study, for the error's text.
        earlier: The study's environment; what versions before this one did not record is taken to be the same.
        now: The present one.
        any_device: Whether a device of another name will do, of the same type.

    Raises:
        StudyError: They differ.
    """
    earlier = dict(earlier)
    if "engine" in earlier:
        earlier["engine"] = engine_name(earlier["engine"])
    for key, what in (
        ("data_fingerprint", "other images"),
        ("device_type", "another device"),
        ("engine", "another engine"),
    ):
        if earlier.get(key) != now.get(key):
            raise StudyError(
                f"{folder} was measured with {what}: {earlier.get(key)!r}, now {now.get(key)!r}. "
                f"Their seconds and accuracies do not compare. {OTHER_NAME}"
            )
    threads, now_threads = earlier.get("threads"), now.get("threads")
    if threads is not None and threads != now_threads:
        raise StudyError(
            f"{folder} was measured with another number of threads: {threads}, now {now_threads}. "
            f"Their seconds do not compare. Resume it with --threads {threads}, or give the new study another --name."
        )
    device, now_device = earlier.get("device"), now.get("device")
    if device is not None and device != now_device and not any_device:
        raise StudyError(
            f"{folder} was measured on {device!r}, and this is {now_device!r}. Their seconds do not compare. "
            f"{OTHER_NAME} --any-device resumes it all the same; each trial says what it ran on."
        )
