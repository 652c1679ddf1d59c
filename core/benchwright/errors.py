"""The one error type that a user ever sees, exit codes, and near-miss suggestions.

Every message answers four questions: what went wrong, where, why, and what to do next.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """What the process's exit status means, the same for every subcommand."""

    OK = 0
    FINDINGS = 1
    """A task failed, a check has findings, or a result is INVALID."""
    USAGE = 2
    """The request itself is wrong (option, campaign file, task name); nothing was built."""
    INTERRUPTED = 130


class BenchwrightError(Exception):
    """An error with an explanation.

    what: one sentence, no final period; where: a file with line, a URL or a dotted path;
    why: the cause as found; fix: the next step or command.
    """

    exit_code: ExitCode = ExitCode.FINDINGS

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(what, where, why, fix)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword arguments do not survive the default pickling between worker processes.
        return (_rebuild, (type(self), self.what, self.where, self.why, self.fix))


def _rebuild(
    kind: type[BenchwrightError], what: str, where: str | None, why: str | None, fix: str | None
) -> BenchwrightError:
    return kind(what, where=where, why=why, fix=fix)


class UsageError(BenchwrightError):
    """The request is wrong: exit code 2, and nothing has been built."""

    exit_code = ExitCode.USAGE


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence naming the nearest of `known`, and all of them when they are few; may be empty.

    >>> did_you_mean("resnet5", ["resnet50", "bert"])
    'did you mean `resnet50`? (allowed: bert, resnet50)'
    """
    import difflib

    names = sorted(set(known))
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    hint = f"did you mean `{lowered[near[0]]}`?" if near else ""
    allowed = f"allowed: {', '.join(names)}" if 0 < len(names) <= 24 else ""
    if hint and allowed:
        return f"{hint} ({allowed})"
    return hint or allowed


def absent(path: Path) -> str:
    """Why a path is not what it should be: its first part that is not there and what beside it is
    like it, or what there is instead."""
    place = path
    while not os.path.lexists(place.parent) and place.parent != place:
        place = place.parent
    if os.path.lexists(place):
        kind = "folder" if os.path.isdir(place) else "file"
        return f"{place} is a {kind if os.path.exists(place) else 'link that leads nowhere'}"
    told = f"there is no {place.name} in {place.parent}"
    try:
        beside = os.listdir(place.parent)
    except OSError as error:
        return f"{told}: {error.strerror}"
    import difflib

    # Of numbered files, each is like another.
    plain = place.name.translate(_NO_DIGITS)
    beside = [name for name in beside[:_MOST_BESIDE] if name.translate(_NO_DIGITS) != plain]
    near = difflib.get_close_matches(place.name, beside, n=1, cutoff=0.6)
    return f"{told}; did you mean `{near[0]}`?" if near else told


_MOST_BESIDE = 1000
_NO_DIGITS = str.maketrans("", "", "0123456789")
