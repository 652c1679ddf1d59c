"""Plain data held against an options model; every fault is told with its line in the file."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pydantic import ValidationError

from benchwright import yamlfile
from benchwright.errors import UsageError, did_you_mean
from benchwright.options import Options

Model = TypeVar("Model", bound=Options)


def validate(
    model: type[Model],
    data: Any,
    document: yamlfile.Document,
    prefix: tuple[str | int, ...] = (),
) -> Model:
    """`model` from plain data, or one UsageError that lists every fault with its line."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = [_fault(model, dict(item), document, prefix) for item in error.errors()]
        raise UsageError("\n".join(dict.fromkeys(faults))) from None


def _fault(
    model: type[Options],
    item: dict[str, Any],
    document: yamlfile.Document,
    prefix: tuple[str | int, ...],
) -> str:
    location = tuple(
        part for part in item["loc"] if not (isinstance(part, str) and _is_union_tag(part))
    )
    where = document.where((*prefix, *location))
    kind = item["type"]
    name = str(location[-1]) if location else ""
    if kind == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return f"{where}: unknown key `{name}`; {did_you_mean(name, known)}".rstrip("; ")
    if kind == "missing":
        return f"{where}: the key `{name}` is missing"
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(item.get("ctx", {}).get("expected", "")))
        found = str(item["input"])
        return f"{where}: unknown value `{found}`; {did_you_mean(found, allowed)}".rstrip("; ")
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]} (found: {item['input']!r})"


def _is_union_tag(part: str) -> bool:
    return part in ("int", "[key]") or part.startswith(("literal[", "function-"))


def _fields_at(model: type[Options], location: tuple[str | int, ...]) -> list[str]:
    """The known keys of the model that `location` leads to."""
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, Options):
            if part not in current.model_fields:
                continue
            current = _model_in(current.model_fields[str(part)].annotation)
    known = isinstance(current, type) and issubclass(current, Options)
    return list(current.model_fields) if known else []


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
