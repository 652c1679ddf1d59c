"""loadgen's configuration text: mlperf.conf, user.conf and audit.config, written and read.

The form is one `model.Scenario.setting = value` a line, `*` for any model or scenario, and comments
on lines of their own. loadgen passes over a setting or scenario that it does not know without a
word, and cuts fractions off where it reads whole numbers; what is written and read here may hold
neither. Which settings a round has is model.py's work.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from benchwright.errors import UsageError, did_you_mean
from benchwright.rounds.model import SCENARIOS, Number, Round

USER_KEYS = frozenset(
    {
        "accuracy_sample_count_override",
        "coalesce_queries",
        "infer_token_latencies",
        "max_async_queries",
        "max_duration",
        "max_query_count",
        "min_duration",
        "min_query_count",
        "performance_sample_count_override",
        "print_timestamps",
        "sample_concatenate_permutation",
        "samples_per_query",
        "target_duration",
        "target_latency",
        "target_latency_percentile",
        "target_qps",
        "token_latency_scaling_factor",
        "tpot_latency",
        "ttft_latency",
        "use_token_latencies",
    }
)
"""What a user.conf may set (loadgen 6.0.17). No loadgen reads `target_duration`; it is in use."""

_SEEDS = ("qsl_rng_seed", "sample_index_rng_seed", "schedule_rng_seed")
_FRACTIONS = frozenset({"target_qps", "target_latency_percentile"})
_LARGEST = 2**64 - 1
# No leading zero: loadgen would read an octal number.
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
# What C takes for white space; Python's own split knows more.
_WORDS = re.compile(r"[^ \t\v\f\r]+")


def mlperf_conf_text(of: Round) -> str:
    """The round's settings as a complete mlperf.conf, for loadgen up to 4.0 and for submissions."""
    lines = [
        f"# Settings of MLPerf Inference {of.name} for loadgen.",
        "# Each line: model.Scenario.setting = value; * stands for any model or any scenario.",
        "# Of the lines that fit, the first of model.Scenario, *.Scenario, model.*, *.* counts.",
        "# Durations and latencies are in milliseconds, percentiles in percent.",
    ]
    groups: dict[str, list[str]] = {"Random seeds": [], "All scenarios": []}
    groups |= {scenario: [] for scenario in SCENARIOS}
    for line, value in of.mlperf_conf.items():
        scenario = line.rsplit(".", 2)[1]
        title = "All scenarios" if scenario == "*" else scenario
        if line.endswith("_rng_seed"):
            title = "Random seeds"
        groups[title].append(f"{line} = {value!r}")
    for title, group in groups.items():
        if group:
            lines += ["", f"# {title}", *group]
    return "\n".join(lines) + "\n"


def user_conf_text(conf_key: str, scenario: str, settings: Mapping[str, Number]) -> str:
    """A user.conf with these settings for one model and scenario.

    conf_key: the model's settings key (`RoundModel.conf_key`). settings: loadgen's names (see
    `USER_KEYS`), times in ms, percentiles in percent. Never empty: there is a comment at least.
    Raises `UsageError` for a name or value that loadgen would silently drop, cut or misread.
    """
    where = f"user.conf: {conf_key}.{scenario}"
    if not re.fullmatch(r"[^\s#=*]+|\*", conf_key):
        raise UsageError(f"`{conf_key}` cannot be a model's settings key", where="user.conf")
    if scenario not in SCENARIOS:
        raise UsageError(
            f"loadgen has no scenario `{scenario}`",
            where=where,
            fix=did_you_mean(scenario, SCENARIOS),
        )
    lines = ["# Settings of this run; all others come from the round."]
    for key, value in settings.items():
        if key in _SEEDS:
            raise UsageError(
                "the seeds cannot be set here",
                where=f"{where}.{key}",
                why="loadgen 5 and later pass over them in a user.conf",
                fix="set them on the test's settings, after the configuration is read",
            )
        if key not in USER_KEYS:
            raise UsageError(
                "loadgen knows no such setting",
                where=f"{where}.{key}",
                fix=did_you_mean(key, USER_KEYS) or None,
            )
        lines.append(f"{conf_key}.{scenario}.{key} = {_value(key, scenario, value, where)}")
    return "\n".join(lines) + "\n"


def audit_config_text(of: Round, test: str, conf_key: str) -> str:
    """The audit.config of a compliance test for the model with this settings key.

    loadgen reads that file for the model `*`, so every line is written so. Raises `UsageError` when
    no model of the round has this key, or none of them needs the test.
    """
    models = [m for m in of.models.values() if conf_key in (m.conf_key, m.interactive_conf_key)]
    if not models:
        raise UsageError(
            f"round {of.name} has no model with the settings key `{conf_key}`",
            fix=did_you_mean(conf_key, [m.conf_key for m in of.models.values()]) or None,
        )
    tests = {test for model in models for test in model.compliance}
    if test not in tests:
        raise UsageError(
            f"round {of.name} has no test `{test}` for `{conf_key}`",
            why=None if tests else "the round asks for no compliance test of this model",
            fix=did_you_mean(test, tests) or None,
        )
    settings = of.audit_settings(test, models[0].conf_key)
    lines = [f"# {test} of MLPerf Inference {of.name} for {conf_key}."]
    for key, value in settings.items():
        prefix = "*" if "." in key else "*.*"
        lines.append(f"{prefix}.{key} = {value!r}")
    return "\n".join(lines) + "\n"


def parse_conf(text: str, source: str = "configuration") -> dict[str, str]:
    """Read a mlperf.conf, user.conf or audit.config: `model.Scenario.setting` -> value as written.

    As strict as loadgen, and stricter where it is silent: a line without a value, a scenario that
    does not exist and a key given twice are errors too. Raises `UsageError` with source and line.
    """
    found: dict[str, str] = {}
    # Not splitlines: loadgen ends a line at a line feed only.
    for number, line in enumerate(text.split("\n"), start=1):
        words = _WORDS.findall(line)
        if not words or words[0] == "#" or _switched_off(words):
            continue
        if problem := _problem(words, found):
            raise UsageError(problem[0], where=f"{source}:{number}", fix=problem[1])
        found[words[0]] = words[2]
    return found


def _switched_off(words: list[str]) -> bool:
    """`#model.Scenario.setting = value`, which loadgen keeps under a name that nobody asks for."""
    return (
        words[0].startswith("#")
        and len(words) == 3
        and words[1] == "="
        and _NUMBER.fullmatch(words[2]) is not None
    )


def _problem(words: list[str], known: Iterable[str]) -> tuple[str, str | None] | None:
    """What is wrong with a line, and what to do about it."""
    key = words[0]
    if key.startswith("#"):
        return "loadgen cannot read this comment", "put a space after `#`"
    if len(words) < 3 or words[1] != "=":
        return "expected `model.Scenario.setting = value`", None
    if len(words) > 3:
        return f"`{words[3]}` after the value", "comments stand on lines of their own"
    parts = key.rsplit(".", 2)
    if len(parts) != 3 or not all(parts):
        return f"`{key}` must have the form model.Scenario.setting", None
    if parts[1] not in (*SCENARIOS, "*"):
        return f"loadgen has no scenario `{parts[1]}`", did_you_mean(parts[1], (*SCENARIOS, "*"))
    if not _NUMBER.fullmatch(words[2]):
        return f"the value `{words[2]}` is not a number", None
    if key in known:
        return f"`{key}` is given twice", None
    return None


def _value(key: str, scenario: str, value: Number, where: str) -> str:
    where = f"{where}.{key}"
    if not math.isfinite(value) or not 0 <= value <= _LARGEST:
        raise UsageError(f"{value!r} is not a number that loadgen can read", where=where)
    streams = key == "target_latency" and scenario in ("SingleStream", "MultiStream")
    if key in _FRACTIONS or streams:
        # By way of float, since other libraries' numbers write themselves in their own manner.
        return repr(int(value) if isinstance(value, int) else float(value))
    if value != int(value):
        raise UsageError(
            f"{value!r} must be a whole number",
            where=where,
            why="loadgen would cut the fraction off",
        )
    return repr(int(value))
