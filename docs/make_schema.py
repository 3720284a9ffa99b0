"""Write docs/schema.md from the types that read search spaces and recipes: python docs/make_schema.py."""

import json
import re
from pathlib import Path
from typing import Any

from dse.recipe.recipe import Recipe
from dse.space.search_space import SearchSpace

REFERENCE = "#/$defs/"
LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "pattern": "matches `{}`",
}


def reference() -> str:
    """Give the page: every key of a search space and of a recipe."""
    parts = [
        "# Keys of search spaces and recipes\n\n"
        "Made from the types that read the files by `python docs/make_schema.py`; `dse spaces --schema` prints the "
        "same\nas JSON Schema, for editors. In a space's `recipe` any value may be left open, as "
        "[search-spaces.md](search-spaces.md)\nsays.\n"
    ]
    for title, schema in (
        ("Search space", SearchSpace.model_json_schema()),
        ("Recipe", Recipe.model_json_schema()),
    ):
        definitions = schema.get("$defs", {})
        parts.append(section(title, schema, definitions))
        mentioned = re.findall(
            rf"{re.escape(REFERENCE)}(\w+)", json.dumps([schema["properties"], definitions])
        )
        parts += [
            section(name, definitions[name], definitions)
            for name in dict.fromkeys(mentioned)
            if "properties" in definitions[name]
        ]
    return "\n".join(parts)


def section(name: str, schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Give the part of the page on one type: what it is, and its keys as a table."""
    meaning = schema.get("description", "").partition("\n\n")[0].replace("\n", " ").replace("``", "`")
    required = schema.get("required", ())
    rows = [
        f"| `{key}` | {values(each, definitions)} | {default(each, key in required)} | "
        f"{cell(each.get('description', ''))} |"
        for key, each in schema["properties"].items()
    ]
    head = "| key | values | default | meaning |\n|---|---|---|---|\n"
    return f"## {name}\n\n{meaning}\n\n{head}" + "\n".join(rows) + "\n"


def values(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Say in a few words which values a key takes."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REFERENCE)
        target = definitions[name]
        return f"[{name}](#{name.lower()})" if "properties" in target else values(target, definitions)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(values(each, definitions) for each in schema[several]))
    if schema.get("type") == "array":
        items = schema.get("prefixItems", [schema.get("items", {})])
        count = f" {len(items)}:" if "prefixItems" in schema else ""
        return f"list of{count} {values(items[0], definitions)}"
    words = {"number": "number", "integer": "whole number", "string": "text", "boolean": "`true` or `false`",
             "null": "`null`", "object": "keys and values"}  # fmt: skip
    limits = [form.format(number(schema[limit])) for limit, form in LIMITS.items() if limit in schema]
    return cell(", ".join([words[schema["type"]], *limits]) if "type" in schema else "any value")


def number(limit: float | str) -> str:
    """Write a limit as people read it."""
    return limit if isinstance(limit, str) else f"{limit:,}".removesuffix(".0")


def default(schema: dict[str, Any], required: bool) -> str:
    """Give a key's default as a file would hold it."""
    if required or "default" not in schema:
        return "required" if required else ""
    return f"`{json.dumps(schema['default'], ensure_ascii=False)}`"


def cell(text: str) -> str:
    """Keep a text within its cell of a table."""
    return " ".join(text.split()).replace("|", r"\|")


if __name__ == "__main__":
    Path(__file__).with_name("schema.md").write_text(reference(), encoding="utf-8")
