"""The search spaces that come with dse, as files; nothing is read here."""

from __future__ import annotations

from pathlib import Path

from dse.errors import SpaceError


def shipped_spaces() -> list[Path]:
    """List the search-space files that come with dse."""
    package = Path(__file__).resolve().parents[1]
    # A wheel carries the folder inside the package; a checkout has it beside.
    folder = next(
        place for place in (package / "search_spaces", package.parent / "search_spaces") if place.is_dir()
    )
    return sorted(folder.glob("*.yaml"))


def find_space(source: str | Path) -> Path:
    """Find a search-space file by its path, or by the name of one that comes with dse.

    Raises:
        SpaceError: There is no such file.
    """
    path = Path(source)
    shipped = {space.stem: space for space in shipped_spaces()}
    if path.is_file():
        return path
    if str(source) in shipped:
        return shipped[str(source)]
    raise SpaceError(
        f"search space {str(source)!r} is neither a file nor one that comes with dse. "
        f"Those are: {', '.join(shipped)}; `dse spaces NAME` prints one."
    )
