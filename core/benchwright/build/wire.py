"""Calls of tasks as lines of JSON, between a build and its own worker processes.

Only plain data travels (None, booleans, numbers, texts, lists, tuples, mappings with texts as
keys, paths, recipes), and comes out as it went in. What is anything else stays in the build's
own process.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchwright.build.recipe import Recipe, resolve

_GIVEN_BY_DOIT = {"task", "targets", "dependencies", "changed"}
"""Parameters of an action that doit fills in from the task, which does not travel."""


class NotPlain(Exception):
    """A value or an action that cannot be sent to another process."""


def encode(value: Any) -> Any:
    """A value as JSON of one meaning: every object has one key, which says what it is."""
    if value is None or isinstance(value, bool | int | float | str):
        if type(value) not in (type(None), bool, int, float, str):
            raise NotPlain(f"{type(value).__name__}")
        return value
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, tuple) and type(value) is tuple:
        return {"tuple": [encode(item) for item in value]}
    if isinstance(value, Recipe):
        return {"recipe": {name: encode(item) for name, item in value._asdict().items()}}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, Mapping):
        if not all(type(name) is str for name in value):
            raise NotPlain("a mapping with keys that are no texts")
        return {"mapping": {name: encode(item) for name, item in value.items()}}
    raise NotPlain(f"{type(value).__name__}")


def decode(value: Any) -> Any:
    """What `encode` was given."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tuple":
        return tuple(decode(item) for item in content)
    if kind == "path":
        return Path(content)
    named = {name: decode(item) for name, item in content.items()}
    return Recipe(**named) if kind == "recipe" else named


def calls_of(task: Any) -> list[Any]:
    """The actions of a doit task as JSON; NotPlain when one cannot run in another process."""
    if task.options or task.pos_arg is not None:
        raise NotPlain("a task with options of its own")
    return [_call(action) for action in task.actions]


def _call(action: Any) -> list[Any]:
    function = getattr(action, "py_callable", None)
    if function is None or not inspect.isfunction(function):
        raise NotPlain("an action that is no function")
    path = f"{function.__module__}:{function.__qualname__}"
    if function.__module__ == "__main__" or not _found(path, function):
        raise NotPlain(f"{path} cannot be imported")
    if _GIVEN_BY_DOIT & inspect.signature(function).parameters.keys():
        raise NotPlain(f"{path} takes the task itself")
    return [path, encode(list(action.args)), encode(dict(action.kwargs))]


def _found(path: str, function: Callable[..., Any]) -> bool:
    try:
        return resolve(path) is function
    except (AttributeError, ImportError):
        return False


def line(message: Mapping[str, Any]) -> bytes:
    """A message as one line."""
    return json.dumps(message).encode("ascii") + b"\n"
