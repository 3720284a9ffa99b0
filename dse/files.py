"""Files: written whole or not at all, and YAML read strictly."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from dse.errors import InputError
from dse.units import clipped


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
        unfinished.unlink(missing_ok=True)
        with unfinished.open("xb") as file:  # whatever lies there since, it is not written through
            file.write(content.encode() if isinstance(content, str) else content)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def refuse_link(path: Path, error: type[InputError]) -> None:
    """Refuse a link where something is to be written: it would lie elsewhere.

    Raises:
        InputError: As ``error``.
    """
    if path.is_symlink():
        raise error(f"{path}: is a link, and a study is written into its own folder alone. Remove it.")


# Another process may be about to put its own in place.
UNFINISHED_SECONDS = 3600

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
    content = read_bytes(path, error, LARGEST_TEXT)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as reason:
        raise error(f"{path}: is no UTF-8 text ({reason.reason} at byte {reason.start}).") from None


def read_bytes(path: Path, error: type[InputError], most: int) -> bytes:
    """Read a file of a size that fits.

    Raises:
        InputError: As ``error``: it cannot be read, is a pipe, which may never end, or has more bytes than ``most``.
    """
    if path.is_fifo():
        raise error(f"{path}: is a pipe. Give a file.")
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror}). Check the path.") from None
    if len(content) > most:
        raise error(f"{path}: has more than {most:,} bytes, too much for a file of this kind.")
    return content


# A file's content with every alias written out: characters and values together, and levels of nesting.
LARGEST_CONTENT = LARGEST_TEXT
DEEPEST_CONTENT = 50

_TAG = "tag:yaml.org,2002:"
_NUMBERS = {
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    ),
}


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process left half written in a folder and the folders in it, an hour ago or more."""
    for path in (*folder.glob(".*.unfinished"), *folder.glob("*/.*.unfinished")):
        with suppress(OSError):
            if (
                path.is_file()
                and not path.is_symlink()
                and time.time() - path.stat().st_mtime > UNFINISHED_SECONDS
            ):
                path.unlink()


class _StrictLoader(yaml.SafeLoader):
    """YAML 1.2's core schema: ``010`` is ten, ``1:30``, ``on`` and a date are words; a repeated key is an error.

    Nesting and aliases are bounded: a file of a few lines may stand for gigabytes.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        is_alias = self.check_event(yaml.AliasEvent)
        self._depth += 1
        node: yaml.Node | None = (
            super().compose_node(parent, index) if self._depth <= DEEPEST_CONTENT else None
        )
        self._depth -= 1
        if node is None:
            raise yaml.composer.ComposerError(
                None, None, f"it is nested deeper than {DEEPEST_CONTENT} levels"
            )
        if is_alias and id(node) not in self._sizes:
            raise _refused("an alias stands in what it stands for", node.start_mark)
        if self._size(node) > LARGEST_CONTENT:
            raise _refused("its aliases stand for more than fits", node.start_mark)
        return node

    def _size(self, node: yaml.Node) -> int:
        """Measure a node with its aliases written out; the parts of one that is composed are measured already."""
        size = self._sizes.get(id(node))
        if size is None:
            if isinstance(node, yaml.ScalarNode):
                size = 1 + len(node.value)
            else:
                pairs = (
                    node.value
                    if isinstance(node, yaml.SequenceNode)
                    else [x for pair in node.value for x in pair]
                )
                size = 1 + sum(self._sizes[id(part)] for part in pairs)
            self._sizes[id(node)] = size
        return size

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise _refused(f"the key {clipped(repr(key))} stands here twice", key_node.start_mark)
            seen.add(key if isinstance(key, str) else repr(key))
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> bool | int | float:
        """Read what a plain word stands for, or what a tag says that it is."""
        kind, text = node.tag.removeprefix(_TAG), self.construct_scalar(node)
        if not _NUMBERS[kind].fullmatch(text) or len(text) > 400:
            raise _refused(f"{clipped(repr(text))} is no {kind} of YAML 1.2", node.start_mark)
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _refused(problem: str, mark: yaml.Mark) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, mark)


_StrictLoader.yaml_implicit_resolvers = {
    first: kept
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    if (kept := [each for each in resolvers if each[0] == f"{_TAG}null"])
}
_StrictLoader.yaml_constructors = {
    tag: construct
    for tag, construct in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag in {f"{_TAG}{name}" for name in ("null", "str", "seq", "map")}
}
for _kind, _first in (("bool", "tTfF"), ("int", "-+0123456789"), ("float", "-+.0123456789")):
    _StrictLoader.add_implicit_resolver(
        f"{_TAG}{_kind}", re.compile(f"(?:{_NUMBERS[_kind].pattern})$"), list(_first)
    )
    _StrictLoader.add_constructor(f"{_TAG}{_kind}", _StrictLoader.construct_number)


def read_yaml(path: Path, error: type[InputError]) -> object:
    """Read one document of YAML 1.2's core schema.

    Args:
        path: The file.
        error: What to raise: the error of a recipe, of a space or of a study.

    Raises:
        InputError: As ``error``: the file cannot be read, is not YAML, repeats a key, or is nested too deeply.
    """
    text = read_text(path, error)
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as reason:
        raise error(f"{path}: is not valid YAML: {clipped(str(reason), 500)}") from None


def write_yaml(content: object) -> str:
    """Write plain dictionaries, lists, strings and numbers as YAML, keys in their order."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
