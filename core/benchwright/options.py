"""Options, declared once: a typed model that becomes YAML keys, errors and documentation.

A plugin subclasses `Options` beside the code that uses them. Unknown keys are refused, with the
near miss named; every field carries a description.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Options(BaseModel):
    """Base of every options model: frozen, strict about names, with documented fields."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False
    )


def describe(model: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    """Yields (name, type, default, description) of each field, for help, docs and `plugins`."""
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        default = _default_text(field)
        yield name, _type_text(schema["properties"].get(name, {})), default, field.description or ""


def _default_text(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return repr(field.get_default(call_default_factory=True, validated_data={}))


def _type_text(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " | ".join(_type_text(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type_text(schema.get('items', {}))}"
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    return str(schema.get("type", "any"))
