"""Where studies lie: folders below another one, told by the files in them. Nothing is opened here."""

from __future__ import annotations

from pathlib import Path

from dse.errors import StudyError

DATABASE = "study.db"
# Of a study that is kept on a server: the URL without its password, and the study's name there.
STORAGE_FILE = "storage.yaml"
TRIALS_FILE = "trials.csv"
SPACE_FILE = "space.yaml"


def keeps_study(folder: Path) -> bool:
    """Tell whether a folder has a study, and not its published files alone."""
    return (folder / DATABASE).exists() or (folder / STORAGE_FILE).exists()


def study_names(results: Path) -> list[str]:
    """Name the studies below a folder, in the order of the alphabet.

    Raises:
        StudyError: The folder cannot be read.
    """
    try:
        folders = [path for path in results.iterdir() if path.is_dir()] if results.is_dir() else []
    except OSError as reason:
        raise StudyError(f"{results}: cannot be read ({reason.strerror}). Name another --results.") from None
    kept = (DATABASE, STORAGE_FILE, TRIALS_FILE)
    return sorted(folder.name for folder in folders if any((folder / file).is_file() for file in kept))


def find_study(name: str, results: Path) -> Path:
    """Find a study's folder by its name below ``results``, or by its path.

    Raises:
        StudyError: There is neither.
    """
    for folder in (results / name, Path(name)):
        if folder.is_dir():
            return folder
    known = study_names(results)
    there = f"the studies in {results}/ are: {', '.join(known)}" if known else f"{results}/ holds none"
    raise StudyError(f"study {name!r} is neither a name below {results}/ nor a folder; {there}.")
