"""Finding rounds and reading their YAML files.

A round is a file `data/<name>.yaml`; nothing else lists them. Read lazily, once per process.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from benchwright.errors import BenchwrightError, UsageError, did_you_mean
from benchwright.remembered import remembered
from benchwright.rounds.decode import decode
from benchwright.rounds.model import SCENARIOS, Round

DATA = Path(__file__).with_name("data")

_PATHS = frozenset(
    {
        "system",
        "code",
        "measurements",
        "implementation",
        "performance",
        "ranging",
        "power",
        "accuracy",
        "compliance",
        "calibration",
        "model_mapping",
    }
)
_TEXT = ("scalar", "tag:yaml.org,2002:str")
_LIST = ("sequence", "tag:yaml.org,2002:seq")
_MAPPING = ("mapping", "tag:yaml.org,2002:map")
_PLACES = frozenset({"system", "benchmark", "scenario", "implementation", "test"})


def round_names() -> list[str]:
    """The rounds of this installation, oldest first."""
    return sorted((path.stem for path in DATA.glob("v*.yaml")), key=_version)


def load_round(name: str) -> Round:
    """The round of this name (`v3.1`; `3.1` will do); the same object on every call.

    Raises `UsageError` when there is none, `BenchwrightError` when its file is wrong.
    """
    known = round_names()
    wanted = name if name.startswith("v") else f"v{name}"
    if wanted not in known:
        raise UsageError(f"there is no round `{name}`", fix=did_you_mean(wanted, known) or None)
    return _load(wanted)


@cache
def _load(name: str) -> Round:
    return read_round(DATA / f"{name}.yaml")


def read_round(path: Path) -> Round:
    """Read a round's file; its name is the file's. Raises `BenchwrightError`."""
    source = path.name
    try:
        text = path.read_text(encoding="utf-8")
        raw = remembered(f"round {path}", [text], lambda: (_parse(text, source), [__file__]))
    except (OSError, UnicodeDecodeError) as error:
        raise BenchwrightError(
            "cannot read the round's file", where=str(path), why=str(error)
        ) from error
    # What a file's name and a model's key already say is not said again inside.
    if isinstance(raw, dict):
        raw = _named(raw, path.stem, source, "")
        if isinstance(models := raw.get("models"), dict):
            raw["models"] = {
                name: _named(entry, name, source, f"models.{name}.")
                if isinstance(entry, dict)
                else entry
                for name, entry in models.items()
            }
    found = decode(Round, raw, source)
    for where, what in _contradictions(found):
        raise BenchwrightError(what, where=f"{source}: {where}")
    return found


def _named(entry: dict[Any, Any], name: object, source: str, prefix: str) -> dict[Any, Any]:
    if "name" in entry:
        raise BenchwrightError("unknown key", where=f"{source}: {prefix}name")
    return {"name": name, **entry}


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.removeprefix("v").split("."))


def _parse(text: str, source: str) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _plain(node, loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BenchwrightError(
            "the round's file cannot be read as YAML",
            where=f"{source}:{line}",
            why=error.problem,
        ) from error
    finally:
        loader.dispose()


def _plain(node: Any, loader: Any) -> Any:
    """A node's value. The three kinds that nearly everything in a round is are read here: the
    library takes three times as long for them, and lets the last of two equal keys win."""
    kind = node.id, node.tag
    if kind == _TEXT:
        return node.value
    if kind == _LIST:
        return [_plain(item, loader) for item in node.value]
    if kind == _MAPPING:
        return {key: _plain(value, loader) for key, value in _pairs(node, loader)}
    return loader.construct_object(node, deep=True)


def _pairs(node: Any, loader: Any) -> Iterator[tuple[Any, Any]]:
    from yaml.constructor import ConstructorError

    seen = set()
    for key, value in node.value:
        if key.id != "scalar":
            raise ConstructorError(None, None, "a key must be plain text", key.start_mark)
        name = _plain(key, loader)
        if name in seen:
            what = f"the key `{name}` is given twice"
            raise ConstructorError(None, None, what, key.start_mark)
        seen.add(name)
        yield name, value


def _contradictions(found: Round) -> Iterator[tuple[str, str]]:
    """(dotted path, what is wrong) wherever two parts of the data do not fit each other."""
    yield from _wrong_names(found)
    yield from _wrong_settings(found)
    for kind in sorted(_PATHS - set(found.paths)):
        yield f"paths.{kind}", "this value is missing"
    for kind, path in found.paths.items():
        for _, place, _, _ in Formatter().parse(path):
            if place is not None and place not in _PLACES:
                yield (
                    f"paths.{kind}",
                    f"`{{{place}}}` is unknown (known: {', '.join(sorted(_PLACES))})",
                )


def _wrong_names(found: Round) -> Iterator[tuple[str, str]]:
    for alias, name in found.aliases.items():
        if name not in found.models or alias in found.models:
            yield f"aliases.{alias}", f"must lead from another name to a model, not to `{name}`"
    for table in ("metric_keys", "metric_units"):
        for scenario in SCENARIOS:
            if scenario not in getattr(found, table):
                yield f"{table}.{scenario}", "this value is missing"
    keys = {model.conf_key for model in found.models.values()}
    for test, audit in found.audit.items():
        for key in audit.overrides:
            if key not in keys:
                yield f"audit.{test}.overrides.{key}", "no model has this settings key"
    for name, model in found.models.items():
        for test in model.compliance:
            if test not in found.audit:
                yield f"models.{name}.compliance", f"there are no audit settings for `{test}`"
        for limit in ("accuracy_minimum", "accuracy_upper_limit"):
            for metric in getattr(model, limit):
                if metric not in found.accuracy_patterns:
                    yield f"models.{name}.{limit}.{metric}", "accuracy_patterns has no such metric"
        if model.performance_sample_count_min > model.dataset_size:
            yield (
                f"models.{name}.performance_sample_count_min",
                f"is more than the data set has ({model.dataset_size})",
            )


def _wrong_settings(found: Round) -> Iterator[tuple[str, str]]:
    for line in found.mlperf_conf:
        parts = line.rsplit(".", 2)
        if len(parts) != 3 or parts[1] not in (*SCENARIOS, "*"):
            yield f"mlperf_conf.{line}", "must have the form model.Scenario.setting"
    pairs = [("", found.seeds)] + ([("test05_", found.test05_seeds)] if found.test05_seeds else [])
    for prefix, seeds in pairs:
        for name, seed in seeds._asdict().items():
            line = f"*.*.{prefix}{name}"
            if found.mlperf_conf.get(line) != seed:
                yield f"mlperf_conf.{line}", f"differs from {prefix}seeds.{name}"
