"""Where a study is kept if not in its own folder: a storage's URL, remembered and shown without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dse.errors import StudyError
from dse.files import read_yaml, write_yaml
from dse.record.tables import write_view
from dse.study.dialects import DIALECTS, Dialect
from dse.study.folders import STORAGE_FILE
from dse.units import without_passwords

FORM = "Give one as postgresql://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE."

_SECRET = re.compile(r"pass(?!file)|secret|token|pwd", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A study in a storage that may hold many.

    Attributes:
        url: The storage's, without any secret.
        study: Name of the study there.
        secrets: What the connection takes beside the URL.
        typed: Whether the user gave it now; else a study's folder did, which may be somebody else's.
    """

    url: str
    study: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    typed: bool = True

    @property
    def dialect(self) -> Dialect:
        """What the storage's server understands."""
        return DIALECTS[self.url.partition(":")[0]]

    def __str__(self) -> str:
        return f"{self.url}, study {self.study}"


def parse_address(text: str, study: str, *, typed: bool = True) -> Address:
    """Read a storage's URL, and part it from its password.

    Args:
        text: The URL.
        study: Name of the study there.
        typed: Whether the user gave it, and no file.

    Raises:
        StudyError: It is no URL, or one of a kind that is not known.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    shown = f"--storage {without_passwords(text)}"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StudyError(f"{shown}: is no URL of an Optuna storage. {FORM}") from None
    if re.search(r"\s", text) or "@" in (url.host or ""):
        # What follows the first @ of an unquoted password would be taken for the host, and shown.
        raise StudyError(
            "--storage: the URL holds a space, or more than one @. Write them in user and password as %20 and %40."
        )
    dialect = DIALECTS.get(url.drivername)
    if dialect is None:
        raise StudyError(
            f"{shown}: studies are kept on servers that Optuna is tested with (by {', '.join(DIALECTS)}), or, without "
            "--storage, in a SQLite file in their folder."
        )
    if dialect.options is not None and (unknown := sorted(url.query.keys() - dialect.options)):
        raise StudyError(
            f"{shown}: the option {unknown[0]} is not taken for {dialect.name}. Leave it out; known are "
            f"{', '.join(sorted(dialect.options))}."
        )
    secrets = {key: str(value) for key, value in url.query.items() if _SECRET.search(key)}
    if url.password is not None:
        secrets["password"] = str(url.password)
    bare = url._replace(password=None).difference_update_query(list(secrets))
    return Address(bare.render_as_string(hide_password=False), study, secrets, typed)


def remembered(folder: Path) -> Address | None:
    """Give the address that a study's folder remembers; None if the study is in the folder itself.

    Raises:
        StudyError: The file that holds it is damaged.
    """
    path = folder / STORAGE_FILE
    if not path.exists():
        return None
    content = read_yaml(path, StudyError)
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), str) for key in ("url", "study")
    ):
        raise StudyError(
            f"{path}: lacks url or study. `dse explore` with --storage and the study's --name writes it again once it "
            "is removed."
        )
    return parse_address(content["url"], content["study"], typed=False)


def find_address(folder: Path, storage: str | None) -> Address | None:
    """Give the address of a folder's study, the URL that the user gave before the one that the folder remembers.

    Raises:
        StudyError: Either is wrong.
    """
    known = remembered(folder)
    if storage is None:
        return known
    return parse_address(storage, folder.name if known is None else known.study)


def remember(folder: Path, address: Address) -> None:
    """Write into a study's folder where it is kept.

    Raises:
        StudyError: The folder cannot be written to.
    """
    write_view(folder / STORAGE_FILE, write_yaml({"url": address.url, "study": address.study}))
