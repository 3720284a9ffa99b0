"""``dse spaces`` and ``dse datasets``: what there is to choose from."""

from __future__ import annotations

import math
from pathlib import Path

import click

from dse.cli.options import data_dir_option, json_option, print_json
from dse.cli.terminal import console, plain_table, say


@click.command()
@click.argument("name", required=False)
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
    from dse.space.load import find_space, load_space, shipped_spaces

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
@data_dir_option
@json_option
def datasets(data_dir: Path, as_json: bool) -> None:
    """List the data sets, and whether their files are here.

    A data set that is not here is downloaded by the first command that trains on it.
    """
    from dse.data.datasets import DATASETS
    from dse.data.files import find_files

    rows = []
    for dataset in DATASETS.values():
        found = (
            None if dataset.built_in else next((path.parent for path in find_files(dataset, data_dir)), None)
        )
        rows.append(
            {
                "name": dataset.name,
                "images": str(dataset.shape),
                "classes": dataset.shape.classes,
                "train_images": dataset.train_images,
                "test_images": dataset.test_images,
                "found": "built in" if dataset.built_in else str(found) if found else None,
                "description": dataset.title,
            }
        )
    if as_json:
        print_json(rows)
        return
    table = plain_table("name", "images", "train", "test", "files", "what for")
    for row in rows:
        counts = (f"{row['train_images']:,}", f"{row['test_images']:,}")
        files = str(row["found"]) if row["found"] else f"not in {data_dir}/; downloaded when needed"
        table.add_row(str(row["name"]), str(row["images"]), *counts, files, str(row["description"]))
    console().print(table)
