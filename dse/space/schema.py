"""The JSON Schema of search-space files, for editors: the recipe's own, any value of it left open."""

from __future__ import annotations

import json
import re
from typing import Any

from dse.recipe.recipe import BLOCKS, Recipe
from dse.space.search_space import SearchSpace
from dse.space.tree import ONE_OF

_DEFINITIONS = "#/$defs/"


def space_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of a search-space file."""
    schema = SearchSpace.model_json_schema()
    recipe = Recipe.model_json_schema()
    blocks = set(re.findall(rf"{re.escape(_DEFINITIONS)}(\w+)", json.dumps(recipe["properties"])))
    definitions = {
        name: _opened(part) if name in blocks else part for name, part in recipe.pop("$defs").items()
    }
    opened = _opened(recipe)
    for block in BLOCKS:
        one = opened["properties"][block]
        opened["properties"][block] = {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}
    opened["properties"][ONE_OF] = {
        "description": "groups of blocks that belong together, by a name of each",
        "type": "object",
        "additionalProperties": {"$ref": f"{_DEFINITIONS}Recipe"},
        "minProperties": 1,
    }
    schema["$defs"] = {**schema.get("$defs", {}), **definitions, "Recipe": opened}
    schema["properties"]["recipe"] = {"$ref": f"{_DEFINITIONS}Recipe"}
    for part in (schema, *schema["$defs"].values()):
        part["description"] = part.get("description", "").partition("\n\n>>>")[0]  # no examples of Python
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "dse search space", **schema}


def _opened(definition: dict[str, Any]) -> dict[str, Any]:
    """Let every value of an object be a choice or a range."""
    properties = {key: _opened_value(value) for key, value in definition.get("properties", {}).items()}
    return {k: v for k, v in definition.items() if k != "required"} | {"properties": properties}


def _opened_value(value: dict[str, Any]) -> dict[str, Any]:
    if "oneOf" in value or "$ref" in value:  # a block, opened in its own definition
        return {k: v for k, v in value.items() if k != "discriminator"}
    description = {"description": value["description"]} if "description" in value else {}
    forms: list[dict[str, Any]] = [
        value,
        {
            "type": "object",
            "properties": {"choices": {"type": "array", "items": value, "minItems": 1, "uniqueItems": True}},
            "required": ["choices"],
            "additionalProperties": False,
        },
    ]
    kinds = {value.get("type"), *(option.get("type") for option in value.get("anyOf", ()))}
    if kinds & {"number", "integer"}:
        forms.append(
            {
                "type": "object",
                "properties": {
                    "low": {"type": "number"},
                    "high": {"type": "number"},
                    "log": {"type": "boolean", "default": False},
                    "integer": {"type": "boolean", "default": False},
                },
                "required": ["low", "high"],
                "additionalProperties": False,
            }
        )
    return {**description, "anyOf": forms}
