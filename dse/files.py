"""Files: written whole or not at all, and YAML read strictly."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from dse.errors import InputError


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


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, but ``1e-3`` is a number, ``on`` is a word, and a repeated key is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here twice", key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else repr(key))
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:bool")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|false|False)$"), list("tTfF")
)


# What people write fits many times over; a device or a disk image given by mistake does not.
LARGEST_TEXT = 4_000_000


def read_text(path: Path, error: type[InputError]) -> str:
    """Read a text file.

    Args:
        path: The file.
        error: What to raise.

    Raises:
        InputError: As ``error``: it cannot be read, is no UTF-8 or has more than 4 MB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_TEXT + 1)
        text = content.decode("utf-8")
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror}). Check the path.") from None
    except UnicodeDecodeError as reason:
        raise error(f"{path}: is no UTF-8 text ({reason.reason} at byte {reason.start}).") from None
    if len(content) > LARGEST_TEXT:
        raise error(f"{path}: has more than {LARGEST_TEXT:,} bytes, too much for a file of this kind.")
    return text


def read_yaml(path: Path, error: type[InputError]) -> object:
    """Read one YAML document.

    Args:
        path: The file.
        error: What to raise: the error of a recipe, of a space or of a study.

    Raises:
        InputError: As ``error``: the file cannot be read, is not YAML, or repeats a key.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror}). Check the path.") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as reason:
        raise error(f"{path}: is not valid YAML: {reason}") from None


def write_yaml(content: object) -> str:
    """Write plain dictionaries, lists, strings and numbers as YAML, keys in their order."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
