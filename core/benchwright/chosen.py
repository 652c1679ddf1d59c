"""The options that a campaign sets for a plugin's backend, quantizer or meter, checked."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright.contracts.options import LoadOptions, no_options
from benchwright.distributions import tool_version
from benchwright.errors import BenchwrightError
from benchwright.remembered import remembered
from benchwright.yamlfile import Document

if TYPE_CHECKING:
    from benchwright.options import Options


def chosen(
    load: LoadOptions, given: Mapping[str, Any], document: Document, prefix: tuple[str, str]
) -> dict[str, Any]:
    """Every option's value as JSON; UsageError that names the line of each fault.

    load: as the descriptor has it; prefix: where in the campaign's file the options stand, which
    ends in the name of what has them. What was found right before, and
    whose plugin has not changed, is not checked again.
    """
    if load is no_options and not given:
        return {}

    def make() -> tuple[dict[str, Any], list[str]]:
        from benchwright.validation import validate

        model = options_model(prefix[1], load)
        options = validate(model, dict(given), document, prefix).model_dump(mode="json")
        return options, _sources(load, model)

    try:
        asked = json.dumps(given, sort_keys=True)
    except (TypeError, ValueError):
        # A date, say: the model refuses it, or makes of it what it wants.
        return make()[0]
    found: dict[str, Any] = remembered(
        f"options {'.'.join(prefix)}", [asked, tool_version("pydantic")], make
    )
    return found


def options_model(name: str, load: LoadOptions) -> type[Options]:
    """The options model of what is called `name`; BenchwrightError where it has none."""
    from benchwright.options import Options

    try:
        model = load()
    except Exception as error:
        raise BenchwrightError(
            f"the options of `{name}` cannot be had",
            why=f"{type(error).__name__}: {error}",
            fix="`benchwright plugins` says which package brings it",
        ) from error
    if not (isinstance(model, type) and issubclass(model, Options)):
        raise BenchwrightError(
            f"the options of `{name}` are no subclass of benchwright.options.Options",
            why=f"its `load_options` gave {model!r}",
            fix="`benchwright plugins` says which package brings it",
        )
    return model


def _sources(load: LoadOptions, model: type[Options]) -> list[str]:
    """The Python files of the packages that say what the options are."""
    found: set[str] = set()
    for name in {load.__module__, *(base.__module__ for base in model.__mro__)}:
        top = name.partition(".")[0]
        if top in ("builtins", "pydantic"):
            continue
        package = sys.modules[top].__file__
        if package is not None and Path(package).name == "__init__.py":
            found.update(str(path) for path in Path(package).parent.rglob("*.py"))
        else:
            found.add(str(package or sys.modules[name].__file__))
    return sorted(found)
