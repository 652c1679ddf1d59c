"""Names in a submission tree: what a system's folder and an implementation are called.

Where things of a round lie is the round's data (`Round.path`); here is only what is filled in.
"""

from __future__ import annotations

import re

from benchwright.results import RunResult

MARK = "NOT_FOR_SUBMISSION.md"
"""Lies beside the division folder of a tree that must not be handed in."""

NOT_STATED = "not stated"
"""What a description says where it must say something and nobody said anything."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(text: str) -> str:
    """`text` as the name of a file or folder that git, shells and the official checkers all take:
    letters, digits, dots, dashes and underscores, with no dot or dash in front."""
    return _UNSAFE.sub("-", text).lstrip(".-").rstrip("-") or "unnamed"


def implementation(result: RunResult) -> str:
    """`<backend>`, or `<backend>-<precision>` where the precision is not the plain fp32."""
    plain = result.precision in ("", "fp32")
    return safe_name(result.backend if plain else f"{result.backend}-{result.precision}")


def system_folder(system_name: str, result: RunResult) -> str:
    """`<system>-<implementation>`: so that two backends' results of one benchmark on one machine
    never claim the same folder."""
    return f"{safe_name(system_name)}-{implementation(result)}"
