"""Kinds of things that other packages offer through entry points, loaded when one of them is named."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points


def offered(group: str) -> dict[str, EntryPoint]:
    """List what the installed packages offer in a group, by name; nothing of them is loaded."""
    return {entry.name: entry for entry in sorted(entry_points(group=group), key=lambda each: each.name)}


def load_kind(entry: EntryPoint, base: type, tag: str) -> type:
    """Load a kind of section that a package offers.

    Args:
        entry: What the package says.
        base: What it must be derived from.
        tag: The key that names the kind, whose default must be the entry's name.

    Raises:
        ValueError: It cannot be loaded, or is something else.
    """
    where = f"the entry point {entry.name} = {entry.value} of the group {entry.group}"
    try:
        kind = entry.load()
    except Exception as error:
        raise ValueError(
            f"{where} cannot be loaded: {type(error).__name__}: {error}. Correct its package."
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise ValueError(
            f"{where} is no class derived from {base.__module__}.{base.__name__}. Correct its package."
        )
    field = getattr(kind, "model_fields", {}).get(tag)
    if field is None or field.default != entry.name:
        raise ValueError(
            f"{where}: the class says {tag}={None if field is None else field.default!r}. Give it {tag}: "
            f'Literal["{entry.name}"] = "{entry.name}".'
        )
    return kind
