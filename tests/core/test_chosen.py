"""Options that a campaign sets: checked once, and again when anything about them has changed."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from benchwright import yamlfile
from benchwright.chosen import chosen, options_model
from benchwright.contracts.options import no_options
from benchwright.errors import BenchwrightError, UsageError
from benchwright.options import Options

DOCUMENT = yamlfile.parse("backends:\n  acme: {streams: 2}\n", "c.yaml")
PREFIX = ("backends", "acme")


class AcmeOptions(Options):
    streams: int = Field(1, ge=1, description="streams")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    return tmp_path


def test_defaults_are_filled_up_and_faults_have_their_line() -> None:
    assert chosen(lambda: AcmeOptions, {}, DOCUMENT, PREFIX) == {"streams": 1}
    assert chosen(lambda: AcmeOptions, {"streams": 2}, DOCUMENT, PREFIX) == {"streams": 2}
    with pytest.raises(UsageError, match=r"c\.yaml:2: backends\.acme\.streams: .*greater"):
        chosen(lambda: AcmeOptions, {"streams": 0}, DOCUMENT, PREFIX)
    with pytest.raises(UsageError, match="did you mean `streams`"):
        chosen(lambda: AcmeOptions, {"streems": 2}, DOCUMENT, PREFIX)


def test_what_has_no_options_takes_none() -> None:
    assert chosen(no_options, {}, DOCUMENT, PREFIX) == {}
    with pytest.raises(UsageError, match=r"c\.yaml:2: backends\.acme\.streams: unknown key"):
        chosen(no_options, {"streams": 2}, DOCUMENT, PREFIX)


def test_a_value_that_is_no_json_is_told() -> None:
    given = {"streams": datetime.date(2026, 1, 1)}
    with pytest.raises(UsageError, match=r"backends\.acme\.streams"):
        chosen(lambda: AcmeOptions, given, DOCUMENT, PREFIX)


MODEL = """
from pydantic import Field
from benchwright.options import Options
class Chip(Options):
    streams: int = Field({default}, description="streams")
def load_options():
    return Chip
"""


def _fresh(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delitem(sys.modules, "chip_of_a_test", raising=False)
    import chip_of_a_test  # type: ignore[import-not-found]

    return chip_of_a_test.load_options


def test_a_plugin_that_has_changed_is_asked_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(place))
    module = place / "chip_of_a_test.py"
    module.write_text(MODEL.format(default=1))
    assert chosen(_fresh(monkeypatch), {}, DOCUMENT, PREFIX) == {"streams": 1}

    def never() -> Any:
        raise AssertionError("it was known")

    assert chosen(never, {}, DOCUMENT, PREFIX) == {"streams": 1}
    module.write_text(MODEL.format(default=100))
    assert chosen(_fresh(monkeypatch), {}, DOCUMENT, PREFIX) == {"streams": 100}
    monkeypatch.delitem(sys.modules, "chip_of_a_test", raising=False)


@pytest.mark.parametrize("model", [int, AcmeOptions(), None])
def test_a_model_that_is_none_is_refused(model: Any) -> None:
    with pytest.raises(BenchwrightError, match="`acme` are no subclass"):
        options_model("acme", lambda: model)


def test_a_model_that_cannot_be_imported_is_told() -> None:
    def broken() -> Any:
        raise ImportError("no acme runtime")

    with pytest.raises(BenchwrightError, match="options of `acme` cannot be had") as caught:
        options_model("acme", broken)
    assert "no acme runtime" in str(caught.value.why)
