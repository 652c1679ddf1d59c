"""Whether a plugin is one: the interface it was built for, its hooks, what it hands over.

Nothing here calls a plugin's functions; the registry does, and knows what becomes of each.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pluggy

from benchwright import __version__
from benchwright.errors import did_you_mean
from benchwright.hooks import INTERFACE, INTERFACE_NAME, OLDEST_INTERFACE, Hooks

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names become parts of task names and of paths."""

HOOK_NAMES = tuple(name for name in vars(Hooks) if not name.startswith("_"))
"""Every hook, by name."""


class NotFit(Exception):
    """Why a plugin, or a thing that it hands over, cannot be used."""


def interface_of(plugin: object, module: str, distribution: str) -> int:
    """The interface that a plugin says it was built for; NotFit where we do not have that one."""
    found = getattr(plugin, INTERFACE_NAME, None)
    if found is None:
        raise NotFit(
            f"it does not say which interface it was built for: add `{INTERFACE_NAME} = "
            f"{INTERFACE}` to `{module}` (docs/hooks.md)"
        )
    if type(found) is not int:
        raise NotFit(f"{INTERFACE_NAME} is {found!r}, not a whole number such as {INTERFACE}")
    if found > INTERFACE:
        raise NotFit(
            f"it was built for interface {found}, and Benchwright {__version__} has {INTERFACE}: "
            "upgrade Benchwright (`pip install --upgrade benchwright`), or install an older "
            f"`{distribution or module}`"
        )
    if found < OLDEST_INTERFACE:
        raise NotFit(
            f"it was built for interface {found}, and Benchwright {__version__} takes "
            f"{OLDEST_INTERFACE} at the oldest: upgrade the plugin (`pip install --upgrade "
            f"{distribution or module}`)"
        )
    return found


def check_hooks(plugin: object, callers: Iterable[pluggy.HookCaller]) -> tuple[str, ...]:
    """The names of a registered plugin's hooks, sorted. A misspelt hook, and a function that is
    named as a hook but not marked as one, are NotFit, not silence."""
    found = list(callers)
    for caller in found:
        if not caller.has_spec():
            near = did_you_mean(caller.name, HOOK_NAMES)
            raise NotFit(f"unknown hook `{caller.name}`; {near}".rstrip("; "))
    names = {caller.name for caller in found}
    for name in HOOK_NAMES:
        if name not in names and _own_function(plugin, name):
            raise NotFit(f"`{name}` is not marked as a hook: put `@hookimpl` above it")
    if not names:
        raise NotFit("it implements no hook (docs/hooks.md lists them)")
    return tuple(sorted(names))


def _own_function(plugin: object, name: str) -> bool:
    """Whether the plugin itself defines a plain function of this name."""
    found = inspect.getattr_static(plugin, name, None)
    if not inspect.isfunction(found):
        return False
    return not inspect.ismodule(plugin) or found.__module__ == plugin.__name__


def check_descriptor(item: Any, kind: type) -> None:
    """NotFit where a descriptor is of another type than its hook's, or its fields are."""
    if not isinstance(item, kind):
        raise NotFit(f"{type(item).__name__}, not {kind.__name__}")
    for field in ("name", "benchmark", "backend", "family"):
        name = getattr(item, field, "unset")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise NotFit(
                f"a {kind.__name__} whose `{field}` is {name!r}; names are made of letters, "
                "digits, `.`, `_` and `-`"
            )
    named = next(getattr(item, field) for field in ("name", "benchmark") if hasattr(item, field))
    for field in ("load", "load_options", "available", "describe_system"):
        if hasattr(item, field) and not callable(getattr(item, field)):
            raise NotFit(f"`{named}`, whose `{field}` cannot be called")
    able = getattr(item, "capabilities", None)
    if hasattr(item, "capabilities") and type(able).__name__ != "Capabilities":
        raise NotFit(f"`{named}`, whose `capabilities` is {type(able).__name__}, not Capabilities")
    if hasattr(item, "presets") and not isinstance(item.presets, Mapping):
        raise NotFit(f"`{named}`, whose `presets` is {type(item.presets).__name__}, not a mapping")


def check_facts(facts: Any) -> None:
    """NotFit where a probe's answer is anything but JSON values by name."""
    if not isinstance(facts, dict):
        raise NotFit(f"{type(facts).__name__}, not a dict of facts")
    for name, value in facts.items():
        if not isinstance(name, str) or not _is_json(value):
            raise NotFit(f"the fact {name!r} as {type(value).__name__}, which is no JSON value")


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)
