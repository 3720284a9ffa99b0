"""Studies that are kept in a storage beside others, on a server; their folders remember where."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna

from dse.errors import StudyError
from dse.space.search_space import SearchSpace
from dse.study.address import Address, find_address
from dse.study.bulk import BulkStorage
from dse.study.database import check_format, open_database, readable
from dse.study.folders import DATABASE
from dse.study.studies import new_study


def where_kept(folder: Path, storage: str | None = None) -> Path | Address:
    """Give where a folder's study is kept, as people find it.

    Raises:
        StudyError: Its address is wrong.
    """
    return find_address(folder, storage) or folder / DATABASE


def open_study(folder: Path, storage: str | None = None) -> optuna.Study:
    """Open a folder's study for reading; what holds it is left as it is.

    Args:
        folder: The study's.
        storage: The URL of its storage, instead of the one that the folder remembers.

    Raises:
        StudyError: There is none, or it cannot be read.
    """
    address = find_address(folder, storage)
    if address is None:
        return open_database(folder)
    from dse.study.server import reader_storage

    study = find_shared(address, reader_storage(address))
    if study is None:
        raise StudyError(f"{address}: there is no such study. `dse explore` makes one.")
    return study


def find_shared(address: Address, storage: BulkStorage | None) -> optuna.Study | None:
    """Find a study in a storage; None if it is not there.

    Raises:
        StudyError: It is another program's, or a newer version's.
    """
    if storage is None:
        return None
    with readable(address):
        try:
            study = optuna.load_study(study_name=address.study, storage=storage)
        except KeyError:
            return None
        if not {"space", "environment"} <= study.user_attrs.keys():
            if not study.get_trials(deepcopy=False) and study.user_attrs.keys() <= {"format", "space"}:
                return None  # its making was broken off
            raise StudyError(f"{address}: is no study of dse. Give the new study another --name.")
        check_format(study, address)
    return study


def make_shared(
    address: Address, storage: BulkStorage, space: SearchSpace, environment: Mapping[str, Any]
) -> optuna.Study:
    """Make a study in a storage that has none of its name, but perhaps one whose making was broken off."""
    with readable(address):
        with suppress(KeyError):
            storage.delete_study(storage.get_study_id_from_name(address.study))
        return new_study(storage, address.study, space, environment)
