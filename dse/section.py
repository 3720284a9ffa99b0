"""Sections of a file as frozen objects: their errors name key, value and limit in the words of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, Self, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from dse.errors import InputError
from dse.plugins import load_kind, offered
from dse.units import clipped

MOST_MESSAGES = 10


class Section(BaseModel):
    """A group of keys, frozen and complete: values are never converted, and unknown keys are refused.

    Attributes:
        refusal: The error that is raised for a bad value, from a file and in Python alike.
        told_by: The key that tells a kind from its siblings where the file does not name it; empty if none does.
    """

    # A key that is no name in Python has an alias, and is written by it everywhere.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        serialize_by_alias=True,
        validate_by_alias=True,
        validate_by_name=True,
    )

    refusal: ClassVar[type[InputError]] = InputError
    told_by: ClassVar[str] = ""

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise self.refusal(f"{type(self).__name__}: {'; '.join(messages(error, values))}") from None

    # To pydantic this is still its own constructor. A part of a larger section is so validated without it, and
    # the larger one's error names the whole path.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def parse(cls, content: object, source: str, *, recorded: bool = False) -> Self:
        """Make a section of what a file holds.

        Args:
            content: Nested dictionaries and lists, as YAML or JSON gives them.
            source: Where it comes from, for the error's text.
            recorded: Whether it is a record of what was explored: kinds that other packages offer are then read as
                they are written, see ``OneOf``, and no package is loaded.

        Raises:
            InputError: As ``refusal``: a key is unknown, or a value is of the wrong type or out of its limits.
        """
        try:
            return cls.model_validate(content, context={RECORDED: recorded})
        except ValidationError as error:
            raise cls.refusal(f"{source}: {'; '.join(messages(error, content))}") from None

    def id_content(self) -> dict[str, Any]:
        """Give what an id is made of: all values, but those of ``Later`` keys only where they are not the default."""
        # Not dict(self), which also gives what is cached.
        values = {key: getattr(self, key) for key in type(self).model_fields} | (self.model_extra or {})
        later, written = _later_defaults(type(self)), _aliases(type(self))
        return {
            written.get(key, key): _id_value(value)
            for key, value in values.items()
            if key not in later or value != later[key](values)
        }


RECORDED = "recorded"
"""Key of pydantic's context: whether what is read is a record."""


def is_recorded(info: ValidationInfo) -> bool:
    """Tell whether what is validated is a record, for which neither code nor other files are read."""
    return bool(info.context and info.context.get(RECORDED))


@dataclass(frozen=True)
class Later:
    """Annotates a key that came after ids were recorded: what lacks it keeps its id.

    Its default is therefore how things were before there was a choice, and may never change.
    """


@dataclass(frozen=True)
class OneOf:
    """Annotates a section that is one of several kinds, which a key distinguishes.

    Attributes:
        tag: The key that names the kind.
        kinds: The registry of the kinds, by that name.
        group: The group of entry points by which other packages offer kinds; one that is named joins the registry.
        unknown: Stands for a kind in a record whose package is not loaded.
    """

    tag: str
    kinds: MutableMapping[str, Any]
    group: str = ""
    unknown: type[Section] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        kinds = {name: handler.generate_schema(kind) for name, kind in self.kinds.items()}
        union = core_schema.tagged_union_schema(kinds, self.tag)
        known = set(self.kinds.values())
        if not self.group:
            return core_schema.no_info_before_validator_function(self._tagged, union)

        def validated(content: Any, of_union: Callable[[Any], Any], info: ValidationInfo) -> Any:
            if isinstance(content, source) and type(content) not in known:
                return content
            name = content.get(self.tag) if isinstance(content, Mapping) else None
            if not isinstance(name, str) or name in kinds:
                return of_union(content)
            return self._other(name, source, is_recorded(info)).model_validate(content, context=info.context)

        written = core_schema.plain_serializer_function_ser_schema(
            lambda section, info: section.model_dump(mode=info.mode, exclude_unset=info.exclude_unset),
            info_arg=True,
        )
        return core_schema.with_info_wrap_validator_function(validated, union, serialization=written)

    def _other(self, name: str, base: type[Section], recorded: bool) -> type[Section]:
        """Find a kind that came to the registry later, is offered by a package, or stands for either."""
        if name not in self.kinds:
            if recorded and self.unknown is not None:
                return self.unknown
            entries = offered(self.group)
            if name not in entries:
                expected = ", ".join(repr(each) for each in dict.fromkeys([*self.kinds, *entries]))
                context = {"discriminator": self.tag, "tag": name, "expected_tags": expected}
                raise PydanticCustomError("union_tag_invalid", "unknown", context)
            self.kinds[name] = load_kind(entries[name], base, self.tag)
        kind: type[Section] = self.kinds[name]
        return kind

    def _tagged(self, content: object) -> object:
        """Name the kind where a key tells it."""
        if not isinstance(content, Mapping) or self.tag in content:
            return content
        told = [name for name, kind in self.kinds.items() if kind.told_by and kind.told_by in content]
        return {self.tag: told[0], **content} if len(told) == 1 else content


@dataclass(frozen=True)
class NameIn:
    """Annotates a string that is the name of an entry of a registry."""

    registry: Mapping[str, object]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.registry))


@cache
def _later_defaults(section: type[Section]) -> dict[str, Callable[[dict[str, Any]], object]]:
    """Give what makes the default of each ``Later`` key from a section's values; most are made here, once."""
    return {
        key: _default_of(field) for key, field in section.model_fields.items() if Later() in field.metadata
    }


def _default_of(field: FieldInfo) -> Callable[[dict[str, Any]], object]:
    if field.default_factory_takes_validated_data:
        # Asked for the default, the field would look at its factory's signature each time.
        return cast(Callable[[dict[str, Any]], object], field.default_factory)
    default = field.get_default(call_default_factory=True)
    return lambda values: default


@cache
def _aliases(kind: type[Section]) -> Mapping[str, str]:
    """Give the keys that are written otherwise than they are named in Python."""
    return {key: field.alias for key, field in kind.model_fields.items() if field.alias is not None}


def _id_value(value: Any) -> Any:
    if isinstance(value, Section):
        return value.id_content()
    return [_id_value(part) for part in value] if isinstance(value, tuple) else value


def given_keys(section: Section) -> dict[str, Any]:
    """Give the keys that a section was made with, in their order, and the one that names its kind."""
    kind = type(section)
    named = {
        key
        for key, field in kind.model_fields.items()
        if get_origin(field.annotation) is Literal and get_args(field.annotation) == (field.default,)
    }
    keys = [key for key in kind.model_fields if key in section.model_fields_set | named]
    written = _aliases(kind)
    return {written.get(key, key): getattr(section, key) for key in keys} | (section.model_extra or {})


def messages(error: ValidationError, content: object) -> list[str]:
    """Say what pydantic found in the words of the file that held the content: key, value, limit."""
    # A default that follows from a bad value is no mistake of its own.
    found = (details for details in error.errors() if details["type"] != "default_factory_not_called")
    told = list(dict.fromkeys(_message(details, content) for details in found))
    return (
        told
        if len(told) <= MOST_MESSAGES
        else [*told[:MOST_MESSAGES], f"and {len(told) - MOST_MESSAGES} more"]
    )


def _message(details: ErrorDetails, content: object) -> str:
    key = _key(details, content)
    text = details["msg"].removeprefix("Value error, ")
    match details["type"]:
        case "extra_forbidden":
            return f"{clipped(key)}: unknown key. Remove it or correct its spelling"
        case "missing":
            return f"{key}: the key is missing"
        case "value_error":
            return f"{key}: {text}" if key else text
        case "union_tag_invalid":
            context = details["ctx"]
            tag = context["discriminator"].strip("'")
            return f"{key}.{tag}={clipped(repr(context['tag']))} is unknown. Choose one of {context['expected_tags']}"
        case "union_tag_not_found":
            return f"{key}: the key {details['ctx']['discriminator']} is missing"
        case "model_type" | "model_attributes_type":
            text = "Input should be a group of keys"
    return f"{key or 'the whole'}={clipped(repr(details['input']))}: {clipped(text, 1_000)}"


def _key(details: ErrorDetails, content: object) -> str:
    """Give the place in the file. Pydantic's also holds the chosen kinds of unions, which are no keys."""
    key, here = "", content
    for i, part in enumerate(details["loc"], start=1):
        here = given_keys(here) if isinstance(here, Section) else here
        if isinstance(part, int):
            key += f"[{part}]"
            here = here[part] if isinstance(here, list | tuple) else None
        elif isinstance(here, Mapping) and (
            part in here or (i == len(details["loc"]) and details["type"] == "missing")
        ):
            key += f".{part}"
            here = here.get(part)
    return key.removeprefix(".")
