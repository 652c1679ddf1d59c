"""Rounds: MLPerf Inference versions as data. What callers use of this package, by name.

`load_round("v3.1")` reads one YAML file of data/; the rest asks it (model.py) or writes loadgen's
text form of it (conf.py).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchwright.rounds.load import load_round, read_round, round_names
from benchwright.rounds.model import (
    BOTH,
    CATEGORIES,
    DIVISIONS,
    SCENARIO_FOLDERS,
    SCENARIOS,
    AuditTest,
    Endpoints,
    Limits,
    Round,
    RoundModel,
    Seeds,
    SystemJson,
    Verdicts,
    system_type_of,
)

if TYPE_CHECKING:
    from benchwright.rounds.conf import (
        USER_KEYS,
        audit_config_text,
        mlperf_conf_text,
        parse_conf,
        user_conf_text,
    )

__all__ = [
    "BOTH",
    "CATEGORIES",
    "DIVISIONS",
    "SCENARIOS",
    "SCENARIO_FOLDERS",
    "USER_KEYS",
    "AuditTest",
    "Endpoints",
    "Limits",
    "Round",
    "RoundModel",
    "Seeds",
    "SystemJson",
    "Verdicts",
    "audit_config_text",
    "load_round",
    "mlperf_conf_text",
    "parse_conf",
    "read_round",
    "round_names",
    "system_type_of",
    "user_conf_text",
]


def __getattr__(name: str) -> Any:
    """The text forms are imported when first asked for: planning needs none of them."""
    if name in __all__:
        return getattr(import_module("benchwright.rounds.conf"), name)
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
