"""The example of a vendor's package in a project: options, precisions, formatters, capabilities;
what cannot be is refused before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from functional import vendor
from functional.project import ROOT, Project

SOURCE = ROOT / "examples" / "benchwright-acme" / "src"
CAMPAIGN = """\
category: edge
benchmarks: [waves]
backends: {acme: {streams: 2}}
scenarios: [Offline]
"""
SUBJECT = "waves-tiny/acme"


@pytest.fixture
def acme(fresh: Project) -> Project:
    """A project with the example's plugins, not installed."""
    fresh.plug("acme", "benchwright_acme", source=SOURCE)
    fresh.campaign(CAMPAIGN)
    return fresh


def names(project: Project) -> list[str]:
    return [row["task"] for row in project.benchwright("list", "--json").json]


def test_what_it_brings_is_listed(acme: Project) -> None:
    told = acme.benchwright("plugins", "--json").json
    (row,) = [row for row in told["plugins"] if row["name"] == "acme"]
    assert row["status"] == "active"
    assert row["problems"] == []
    assert len(row["hooks"]) == 7
    detail = acme.benchwright("plugins", "acme", "--json").json["brought"]
    backend = next(item for item in detail if item["family"] == "backends")
    assert [option["name"] for option in backend["options"]] == ["streams", "fold"]
    assert backend["options"][0]["description"] == "parts of a batch that run side by side"
    assert backend["capabilities"]["precisions"] == ["fp32", "int8"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{streams: 2}", "{streems: 4}", "backends.acme.streems: unknown key `streems`; did you "
         "mean `streams`? (allowed: fold, streams)"),
        ("{streams: 2}", "{streams: 0}", "backends.acme.streams: input should be greater than"),
        ("{streams: 2}", "{streams: many}", "backends.acme.streams: input should be a valid int"),
        ("category", "precision: int4\ncategory", "precision: backend `acme` cannot compute in "
         "int4; did you mean `int8`?"),
        ("category", "quantizers: [acme-int4]\ncategory", "unknown quantizer `acme-int4`; did you "
         "mean `acme-int8`?"),
        ("category", "quantizers: [acme-int8]\ncategory", "nothing in this campaign is quantised "
         "by `acme-int8`"),
        ("category", "quantizers: {acme-int8: {per_chanel: true}}\nprecision: int8\ncategory",
         "quantizers.acme-int8.per_chanel: unknown key `per_chanel`; did you mean `per_channel`"),
        ("category", "formatter: acme-sheets\ncategory", "unknown formatter `acme-sheets`; did "
         "you mean `acme-sheet`?"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_any_work(
    acme: Project, old: str, new: str, told: str
) -> None:
    acme.change(old, new)
    outcome = acme.benchwright("run", code=2)
    assert outcome.err.startswith("error: benchwright.yaml:")
    assert told in outcome.err
    assert not (acme.folder / "build").exists()


@pytest.mark.parametrize(
    ("able", "told"),
    [
        ('forms=("other",)', "it takes other, the model comes as onnx, torch"),
        ('forms=("onnx",), dtypes=("float32",)', "it does not take int64"),
        ('forms=("onnx",), dynamic_axes=False', "it cannot do dynamic shapes"),
        ('forms=("onnx",), precisions=("bf16",)', "backend `acme` cannot compute in fp32"),
    ],
)
def test_a_backend_is_not_asked_for_what_it_cannot_do(
    fresh: Project, tmp_path: Path, able: str, told: str
) -> None:
    source = vendor.BACKEND.replace('forms=("onnx",)', able)
    fresh.path.append(vendor.install(tmp_path, "acme", source))
    fresh.campaign(vendor.CAMPAIGN)
    outcome = fresh.benchwright("run", code=2)
    assert told in outcome.err
    assert not (fresh.folder / "build").exists()


def test_a_precision_has_a_stage_of_its_own(acme: Project) -> None:
    acme.change("category", "precision: [fp32, int8]\ncategory")
    found = names(acme)
    assert f"quantize:{SUBJECT}+int8" in found
    assert f"quantize:{SUBJECT}" not in found
    for mode in ("performance", "accuracy"):
        assert {f"{mode}:{SUBJECT}/Offline", f"{mode}:{SUBJECT}+int8/Offline"} <= set(found)
    acme.run("engine")
    quantised = acme.file("quantized", SUBJECT + "+int8")
    assert {path.name for path in quantised.glob("*.onnx")} == {"whole.onnx"}
    plain = acme.file("engines", SUBJECT, "main.onnx").read_bytes()
    assert acme.file("engines", SUBJECT + "+int8", "main.onnx").read_bytes() != plain
    assert acme.run("engine", code=0).executed == []
    acme.change("precision", "quantizers: {acme-int8: {per_channel: false}}\nprecision")
    assert acme.explain(f"quantize:{SUBJECT}+int8")["reasons"] == [
        "option options.per_channel changed from true to false"
    ]
    assert acme.explain(f"engine:{SUBJECT}")["status"] == "up-to-date"


def test_a_precision_outside_the_campaign_can_be_asked_for(acme: Project) -> None:
    executed = acme.run(f"engine:{SUBJECT}+int8").executed
    assert executed[-2:] == [f"quantize:{SUBJECT}+int8", f"engine:{SUBJECT}+int8"]


def test_a_tree_is_checked_by_the_formatter_that_is_named(acme: Project) -> None:
    acme.write("tree/results.csv", "")
    arguments = ["check", "tree", "--round", "v3.1", "--formatter"]
    found = acme.benchwright(*arguments, "acme-sheet", "--json", code=1).json["findings"]
    assert [item["path"] for item in found] == ["sheet.json"]
    outcome = acme.benchwright(*arguments, "acme-shet", code=2)
    assert "--formatter: unknown formatter `acme-shet`; did you mean `acme-sheet`" in outcome.err


def test_a_fused_program_enters_the_engines_key(acme: Project, tmp_path: Path) -> None:
    """The chip has a program of its own for `waves`, ONNX Runtime has none."""
    acme.change("{acme: {streams: 2}}", "[acme, onnxruntime]")
    acme.run("engine")
    assert acme.file("engines", SUBJECT, "main.onnx").is_file()
    assert acme.file("engines", "waves-tiny/onnxruntime", "head.onnx").is_file()
    recipe: dict[str, Any] = acme.explain(f"engine:{SUBJECT}")
    assert recipe["status"] == "up-to-date"
    without = (SOURCE / "benchwright_acme/__init__.py").read_text("utf-8")
    changed = tmp_path / "src" / "benchwright_acme"
    changed.mkdir(parents=True)
    for path in (SOURCE / "benchwright_acme").glob("*.py"):
        (changed / path.name).write_bytes(path.read_bytes())
    cut = without.index("@hookimpl\ndef programs")
    end = without.index("@hookimpl\ndef power_meters")
    (changed / "__init__.py").write_text(without[:cut] + without[end:])
    acme.path.insert(0, str(tmp_path / "src"))
    reasons = acme.explain(f"engine:{SUBJECT}")["reasons"]
    assert reasons[0] == 'option program changed from "fused" to "plain"'
    assert acme.explain("engine:waves-tiny/onnxruntime")["status"] == "up-to-date"
