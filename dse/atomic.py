"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file beside its place, then put it there: whoever reads it sees the old one or the new one.

    Args:
        path: The file; an older one is replaced. Its folder is made if missing.
        content: Text, written as UTF-8, or bytes.

    Raises:
        OSError: The folder cannot be made or written to, or the disk is full. The older file is untouched.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
