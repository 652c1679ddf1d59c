"""How an examination speaks: one sentence that says what is wrong, without a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest

from benchwright.build.artifact import sha256_of
from benchwright.errors import BenchwrightError

Value = TypeVar("Value")


def fail(what: str) -> NoReturn:
    """The examination is not passed."""
    pytest.fail(what, pytrace=False)


def require(condition: object, what: str) -> None:
    """Fails unless the condition holds."""
    if not condition:
        fail(what)


def explained(action: Callable[[], Any], what: str, *, mentions: str = "") -> BenchwrightError:
    """The BenchwrightError that an action raises; anything else does not pass.

    what: the fault that the action is confronted with; mentions: what the error's text must name.
    """
    try:
        action()
    except BenchwrightError as error:
        require(
            mentions.lower() in str(error).lower(),
            f"{what}: the error does not name `{mentions}`:\n{error}",
        )
        return error
    except Exception as error:
        # Any other kind reaches the user as a bug of ours, with no word of what to do.
        fail(
            f"{what}: raised {type(error).__name__}: {error}\n"
            "raise benchwright.errors.BenchwrightError, which says what, where, why and what next"
        )
    fail(f"{what}: nothing was raised")


def require_json(value: Any, what: str) -> None:
    """Fails unless the value survives JSON unchanged (tuples count as lists)."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        fail(f"{what} is no JSON value: {error}")
    require(json.loads(text) == _listed(value), f"{what} changes when it is written as JSON")


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def contents(folder: Path) -> dict[str, str]:
    """Relative path → sha256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def require_close(
    found: Any, wanted: Any, what: str, *, rtol: float = 0.0, atol: float = 0.0
) -> None:
    """Fails unless two arrays agree: floats within the tolerance, anything else exactly."""
    import numpy as np

    found, wanted = np.asarray(found), np.asarray(wanted)
    require(found.shape == wanted.shape, f"{what}: shape {found.shape} instead of {wanted.shape}")
    if np.issubdtype(wanted.dtype, np.floating):
        good = np.isclose(found, wanted, rtol=rtol, atol=atol, equal_nan=True)
    else:
        good = found == wanted
    if good.all():
        return
    place = tuple(int(index) for index in np.argwhere(~good)[0])
    fail(
        f"{what}: {int((~good).sum())} of {good.size} values differ; the first at {place}: "
        f"{found[place]} instead of {wanted[place]} (allowed: rtol {rtol:g}, atol {atol:g})"
    )
