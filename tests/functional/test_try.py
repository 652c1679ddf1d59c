"""`benchwright try` and `benchwright compare` as a person uses them, on a graph of a few bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from core.tried import graphs
from functional.project import Project


@pytest.fixture
def project(place: Path) -> Iterator[Project]:
    found = Project(place / "project")
    graphs.embedding(found.folder / "model.onnx")
    yield found
    found.close()


TRY = ("try", "model.onnx", "--duration", "1", "--latency-bound", "1000")
SUBJECT = "model-len4-9-tried/onnxruntime"


@pytest.mark.slow
def test_a_model_is_tried_and_compared(project: Project) -> None:
    lengths = ("--lengths", "4..9")
    found = project.benchwright(*TRY, *lengths, "--scenario", "all", "--json")
    records = {record["scenario"]: record for record in found.json}
    assert set(records) == {"SingleStream", "MultiStream", "Server", "Offline"}
    for record in records.values():
        assert record["valid"], record["reasons"]
        assert record["value"] > 0
        assert record["benchmark"] == "model-len4-9"
        assert record["mode"] == "performance"
        assert not record["official"]
    root = project.folder / "build" / "try"
    run = root / "model" / "runs" / SUBJECT / "Offline" / "performance"
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    assert result["unofficial"][0].startswith("preliminary")
    details = result["details"]
    assert details["facts"]["asked"] == {"lengths": [4, 9]}
    assert details["peak_memory_bytes"] > 20_000_000
    assert details["model_bytes"] > 0

    # Nothing to do, and the table all the same; the page lies where the last line says.
    again = project.benchwright(*TRY, *lengths, "--scenario", "all")
    assert "nothing to do" in again.err
    page = (project.folder / again.last).read_text(encoding="utf-8")
    assert "preliminary" in page
    assert "Offline: latency" in page
    assert "check errors" not in page

    # It is a benchmark like others, and enters no tree.
    own = root / "model" / "campaign.yaml"
    tasks = {row["task"] for row in project.benchwright("list", "-c", str(own), "--json").json}
    assert {f"performance:{SUBJECT}/Offline", "report"} <= tasks
    assert not {"submission", "check"} & tasks
    mixed = "\n".join(
        (
            "benchmarks: {resnet50: {preset: tiny}, model-len4-9: {preset: tried}}",
            "backends: [onnxruntime]",
            "scenarios: [SingleStream]",
        )
    )
    project.campaign(mixed)
    listed = project.benchwright("list", "--json").json
    targets = {row["task"]: row for row in listed}
    assert f"performance:{SUBJECT}/SingleStream" in targets
    graph = json.dumps(project.benchwright("graph", "--json", "submission").json)
    assert "resnet50-tiny" in graph
    assert "model-len4-9" not in graph
    (project.folder / "benchwright.yaml").unlink()

    # Another try of the same model, beside the first.
    other = project.benchwright(*TRY, "--lengths", "4", "--scenario", "Offline", "--repeat", "2")
    assert "±" in other.out
    compared = project.benchwright("compare", "model", "model-2", "--json").json
    offline = next(row for row in compared if row["after"])
    assert offline["before"] == f"{SUBJECT}/Offline"
    assert offline["old"]["runs"] == 1
    assert offline["new"]["runs"] == 2
    assert offline["noise"] > 0
    assert "model asked.lengths: [4, 9] -> [4, 4]" in offline["differences"]
    same = project.benchwright("compare", "model", "model", "--fail-if-slower", "1%")
    assert "+0.0%" in same.out
    gate = project.benchwright("compare", "model", "model-2", "--fail-if-slower", "3%", code=1)
    assert "only the first has it" in gate.out


@pytest.mark.slow
def test_a_strict_duration_ends_on_time_and_is_not_valid(project: Project) -> None:
    found = project.benchwright(
        *TRY[:2], "--scenario", "MultiStream", "--duration", "1", "--strict-duration", code=1
    )
    assert "INVALID" in found.out
    assert "plain" in found.out
    (record,) = project.benchwright(
        *TRY[:2],
        *("--scenario", "MultiStream", "--duration", "1", "--strict-duration", "--json"),
        code=1,
    ).json
    assert record["metric"] == "plain p99 latency"
    assert record["value"] > 0
    assert not record["valid"]
    assert "strict duration: it stopped after 1 s" in record["reasons"][0]
    assert record["duration_s"] < 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing.onnx",), "there is no file or folder"),
        (("model.onnx", "--scenario", "Ofline"), "did you mean `Offline`"),
        (("model.onnx", "--backend", "onnxruntim"), "did you mean `onnxruntime`"),
        (("model.onnx", "--precision", "fp8"), "cannot compute in fp8"),
        (("model.onnx", "--exporter", "optimun"), "did you mean `optimum`"),
        (("model.onnx", "--exporter", "optimum"), "this one is there as ONNX"),
        (("model.onnx", "--device", "tpu"), "does not run on `tpu`"),
        (("model.onnx", "--lengths", "9..4"), "begins above its end"),
        (("model.onnx", "--shape", "x=3"), "neither an input nor a dimension `x`"),
        (("model.onnx", "--duration", "0"), "1 at the least"),
        (("model.onnx", "--name", "shared"), "cannot be the name"),
        (("model.onnx", "model.onnx"), "named twice"),
    ],
)
def test_what_cannot_be_tried(project: Project, arguments: tuple[str, ...], message: str) -> None:
    found = project.benchwright("try", *arguments, code=2)
    assert message in found.err
    assert not (project.folder / "build" / "try" / "model").exists()


def test_the_campaign_of_a_try_says_what_was_asked(project: Project) -> None:
    """Pins that a scenario has, and no others."""
    from benchwright.tried.campaign import Way, text
    from benchwright.tried.describe import describe
    from benchwright.tried.request import Asked
    from benchwright.tried.resolve import Located

    path = project.folder / "model.onnx"
    model = describe(Located("model", path.parent, path), Asked(batch=8), {})
    way = Way(
        {"onnxruntime": {}}, ("SingleStream", "Offline"), batch=8, target_qps=50.0, strict=True
    )
    values = yaml.safe_load(text("model", [model], way))
    assert values["benchmarks"] == {
        "model-b8": {"settings": {"Offline": {"target_qps": 50.0, "batch": 8}}}
    }
    assert values["strict_duration"] is True
    assert values["modes"] == ["performance"]
    assert values["name"] == "try/model"
