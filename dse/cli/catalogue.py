"""``dse spaces`` and ``dse datasets``: what there is to choose from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dse.cli.completion import space_names
from dse.cli.options import data_dir_option, json_option, print_json, test_share_option
from dse.cli.terminal import console, plain_table, say

if TYPE_CHECKING:
    from dse.data.datasets import Dataset


@click.command()
@click.argument("name", required=False, shell_complete=space_names)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of search-space files, for editors.")
@json_option
def spaces(name: str | None, schema: bool, as_json: bool) -> None:
    """List the search spaces that come with dse, or print one as a start for your own.

    \b
    Examples:
      dse spaces
      dse spaces quickstart > mine.yaml
      dse spaces --schema > space.schema.json
    """
    from dse.errors import SpaceError
    from dse.files import read_text
    from dse.space.load import load_space
    from dse.space.shipped import find_space, shipped_spaces

    if schema:
        from dse.space.schema import space_schema

        print_json(space_schema())
        return
    if name is not None:
        say(read_text(find_space(name), SpaceError).removesuffix("\n"))
        return
    rows = []
    for path in shipped_spaces():
        space = load_space(path)
        rows.append(
            {
                "name": space.name,
                "dataset": space.data.name,
                "recipes": None if math.isinf(space.size) else int(space.size),
                "trials": space.trials,
                "objectives": list(space.objectives),
                "description": space.description,
                "file": str(path),
            }
        )
    if as_json:
        print_json(rows)
        return
    table = plain_table("name", "data set", "recipes", "trials", "what for")
    for row in rows:
        recipes = "∞" if row["recipes"] is None else f"{row['recipes']:,}"
        table.add_row(
            str(row["name"]), str(row["dataset"]), recipes, str(row["trials"]), str(row["description"])
        )
    console().print(table)


@click.command()
@click.argument("path", required=False)
@test_share_option
@data_dir_option
@json_option
def datasets(path: str | None, test_share: float | None, data_dir: Path, as_json: bool) -> None:
    """List the data sets, and whether their files are here; or check your own images at PATH.

    A data set that is not here is downloaded by the first command that trains on it.

    \b
    Examples:
      dse datasets
      dse datasets pictures --test-share 0.15
    """
    from dse.data.choice import DataSection
    from dse.data.datasets import DATASETS
    from dse.data.files import find_files

    if path is not None:
        rows = [_dataset_row(DataSection(path=path, test_share=test_share).dataset, path)]
    elif test_share is not None:
        raise click.UsageError("--test-share is for your own images. Give their PATH too.")
    else:
        rows = []
        for dataset in DATASETS.values():
            folder = next((file.parent for file in find_files(dataset, data_dir)), None)
            rows.append(
                _dataset_row(dataset, "built in" if dataset.built_in else str(folder) if folder else None)
            )
    if as_json:
        print_json(rows)
        return
    table = plain_table("name", "images", "classes", "train", "test", "files", "what for")
    for row in rows:
        counts = (f"{row['train_images']:,}", f"{row['test_images']:,}")
        files = str(row["found"]) if row["found"] else f"not in {data_dir}/; downloaded when needed"
        table.add_row(
            str(row["name"]), str(row["images"]), str(row["classes"]), *counts, files, str(row["description"])
        )
    console().print(table)


def _dataset_row(dataset: Dataset, found: str | None) -> dict[str, object]:
    return {
        "name": dataset.name,
        "images": str(dataset.shape),
        "classes": dataset.shape.classes,
        "train_images": dataset.train_images,
        "test_images": dataset.test_images,
        "found": found,
        "description": dataset.title,
    }
