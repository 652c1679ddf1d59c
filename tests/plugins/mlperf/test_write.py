"""The tree that is written: what lies where, what it says, and that it is the same every time."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchwright.contracts.formatter import Submission
from benchwright.errors import BenchwrightError
from benchwright.harness.logs import read_detail
from benchwright.results import RunResult
from benchwright.rounds import load_round
from benchwright.rounds.conf import parse_conf
from benchwright_mlperf.formatter import MlperfFormatter
from benchwright_mlperf.places import safe_name
from benchwright_mlperf.write.accuracy import truncated, with_hash
from plugins.mlperf.conftest import TreeOf
from plugins.mlperf.fabricate import SCENARIOS, Workshop, edit_log
from plugins.mlperf.spoiling import At, at

BOTH = pytest.mark.parametrize("round_name", ["v3.1", "v6.1"])


def write(submission: Submission, out: Path) -> At:
    out.mkdir()
    MlperfFormatter().write(submission, out)
    return At(out, submission.round, submission.division)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@BOTH
def test_the_same_runs_give_the_same_bytes(
    workshop: Workshop, tmp_path: Path, round_name: str
) -> None:
    submission = workshop.submission(round_name, "closed")
    first = write(submission, tmp_path / "first")
    backwards = submission._replace(results=list(reversed(submission.results)))
    second = write(backwards, tmp_path / "second")
    assert files(first.root) == files(second.root)


def test_v3_1_has_its_folders(written: TreeOf) -> None:
    home = written("v3.1", "closed") / "closed" / "Acme"
    names = {path.name for path in home.iterdir()}
    assert names == {
        "calibration.md",
        "code",
        "compliance",
        "measurements",
        "results",
        "systems",
    }
    assert not (written("v3.1", "open") / "open" / "Acme" / "compliance").exists()


def test_v6_1_has_everything_of_a_scenario_in_one_folder(written: TreeOf) -> None:
    place = at(written("v6.1", "closed"), "v6.1", "closed")
    assert {path.name for path in place.home.iterdir()} == {
        "documentation",
        "results",
        "src",
        "systems",
    }
    assert {path.name for path in (place.model / "Offline").iterdir()} == {
        "README.md",
        "TEST01",
        "TEST04",
        "accuracy",
        "measurements.json",
        "performance",
        "user.conf",
    }


@BOTH
def test_logs_are_those_of_the_runs(workshop: Workshop, written: TreeOf, round_name: str) -> None:
    place = at(written(round_name, "closed"), round_name, "closed")
    for run in workshop.results(round_name, official=True):
        folder = {
            ("performance", None): place.place("performance", run.scenario),
            ("accuracy", None): place.place("accuracy", run.scenario),
        }.get((run.mode, run.test)) or (
            place.place("compliance", run.scenario, test=run.test or "") / "performance/run_1"
        )
        for name in ("mlperf_log_detail.txt", "mlperf_log_summary.txt"):
            assert (folder / name).read_bytes() == (Path(run.path) / name).read_bytes()


@BOTH
def test_a_run_folder_holds_only_the_two_logs(written: TreeOf, round_name: str) -> None:
    place = at(written(round_name, "open"), round_name, "open")
    for scenario in SCENARIOS[round_name]:
        names = {path.name for path in place.place("performance", scenario).iterdir()}
        assert names == {"mlperf_log_detail.txt", "mlperf_log_summary.txt"}


@BOTH
def test_the_accuracy_log_is_cut_and_its_checksum_stated(
    workshop: Workshop, written: TreeOf, round_name: str
) -> None:
    run = next(r for r in workshop.results(round_name, official=True) if r.mode == "accuracy")
    whole = (Path(run.path) / "mlperf_log_accuracy.json").read_bytes()
    place = at(written(round_name, "closed"), round_name, "closed")
    folder = place.place("accuracy", run.scenario)
    cut = (folder / "mlperf_log_accuracy.json").read_bytes()
    assert len(whole) > 1_000_000
    assert cut == whole[:4096] + b"\n\n...\n\n" + whole[-4096:]
    lines = (folder / "accuracy.txt").read_text().splitlines()
    assert lines == [
        "accuracy=76.456%, good=38228, total=50000",
        f"hash={hashlib.sha256(whole).hexdigest()}",
    ]


@pytest.mark.parametrize(("size", "result"), [(4095, 4095), (4096, 8199), (9000, 8199)])
def test_short_logs_stay_whole(tmp_path: Path, size: int, result: int) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * size)
    assert len(truncated(log, 4096)) == result


@pytest.mark.parametrize("text", ["a=1", "a=1\n", "a=1\nhash=old\n", "a=1\n\n"])
def test_one_hash_on_a_line_of_its_own(tmp_path: Path, text: str) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"")
    lines = with_hash(text, log).splitlines()
    assert lines == ["a=1", f"hash={hashlib.sha256(b'').hexdigest()}"]


@BOTH
def test_comparisons_are_of_the_runs_in_the_tree(
    workshop: Workshop, tmp_path: Path, round_name: str
) -> None:
    # The performance run was repeated after the test, and is twice as fast now.
    repeated = tmp_path / "repeated"
    results = []
    for run in workshop.results(round_name, official=True):
        if (run.scenario, run.mode) == ("Offline", "performance"):
            shutil.copytree(run.path, repeated)
            log = repeated / "mlperf_log_detail.txt"
            rate = read_detail(log).number("result_samples_per_second") or 0.0
            edit_log(log, {"result_samples_per_second": 2 * rate})
            run = replace(run, path=str(repeated))
        results.append(run)
    place = write(workshop.submission(round_name, "closed", results=results), tmp_path / "tree")
    tests = [place.place("compliance", "Offline", test=test) for test in ("TEST01", "TEST04")]
    texts = [(folder / "verify_performance.txt").read_text() for folder in tests]
    assert "ratio: 0.5000" in texts[0]
    assert texts[0].endswith("TEST FAIL\n")
    # Slower than the performance run is what TEST04 allows.
    assert texts[1].endswith("TEST PASS\n")
    assert (tests[0] / "verify_accuracy.txt").read_text().endswith("TEST PASS\n")


@BOTH
def test_results_that_do_not_count_say_so_everywhere(written: TreeOf, round_name: str) -> None:
    tree = written(round_name, "open")
    place = at(tree, round_name, "open")
    assert "duration quick" in (tree / "NOT_FOR_SUBMISSION.md").read_text()
    for scenario in SCENARIOS[round_name]:
        first, *_ = (place.place("measurements", scenario) / "README.md").read_text().splitlines()
        assert first == "Not for submission: duration quick; preset tiny."
    assert "Not for submission" in json.loads(place.system.read_text())["sw_notes"]


@BOTH
def test_official_results_carry_no_mark(written: TreeOf, round_name: str) -> None:
    tree = written(round_name, "closed")
    assert [path.name for path in tree.iterdir()] == ["closed"]
    texts = [p.read_text() for p in tree.rglob("*") if p.suffix in (".md", ".adoc", ".json")]
    assert not any("Not for submission" in text for text in texts)


def test_one_unofficial_run_is_marked_among_official_ones(
    workshop: Workshop, tmp_path: Path
) -> None:
    results = [
        replace(run, official=False, unofficial=("settings pinned",))
        if (run.scenario, run.mode, run.test) == ("Offline", "performance", None)
        else run
        for run in workshop.results("v3.1", official=True)
    ]
    place = write(workshop.submission("v3.1", "closed", results=results), tmp_path / "tree")
    readme = (place.place("measurements") / "README.md").read_text()
    assert readme.startswith("Not for submission: settings pinned.\n")
    other = (place.place("measurements", "SingleStream") / "README.md").read_text()
    assert other.startswith("# resnet50")


def test_missing_runs_are_named(workshop: Workshop, tmp_path: Path) -> None:
    tasks = ["accuracy:x", "accuracy:a"]
    submission = workshop.submission("v3.1", "open", missing=tasks)
    place = write(submission, tmp_path / "tree")
    text = (place.root / "NOT_FOR_SUBMISSION.md").read_text()
    assert text.index("accuracy:a") < text.index("accuracy:x")


@BOTH
def test_how_it_was_measured(written: TreeOf, round_name: str) -> None:
    place = at(written(round_name, "closed"), round_name, "closed")
    folder = place.place("measurements")
    readme = (folder / "README.md").read_text()
    for text in ("benchwright run -c acme.yaml", "onnxruntime: 1.31.1", "min_duration_ms: 600000"):
        assert text in readme
    conf = parse_conf((folder / "user.conf").read_text())
    assert conf == {"resnet50.Offline.min_duration": "600000"}
    assert (folder / "mlperf.conf").exists() is (round_name == "v3.1")
    assert json.loads(place.description.read_text()) == {
        "input_data_types": "fp32",
        "retraining": "No",
        "starting_weights_filename": "https://example.org/resnet50.onnx",
        "weight_data_types": "fp32",
        "weight_transformations": "No",
    }
    assert (place.code / "resnet50" / "onnxruntime" / "campaign.yaml").read_text() == (
        f"round: {round_name}\n"
    )


def test_a_run_that_says_nothing_of_itself(workshop: Workshop, tmp_path: Path) -> None:
    results = [replace(run, details={}) for run in workshop.results("v3.1", official=False)]
    for run in results:
        (Path(run.path) / "user.conf").rename(Path(run.path) / "user.conf.away")
    try:
        submission = workshop.submission("v3.1", "open", results=results, system={})
        place = write(submission, tmp_path / "tree")
    finally:
        for run in results:
            (Path(run.path) / "user.conf.away").rename(Path(run.path) / "user.conf")
    findings = MlperfFormatter().check(place.root, load_round("v3.1"), rehearsal=True)
    assert [f for f in findings if f.level == "error"] == []
    description = json.loads(place.description.read_text())
    assert description["input_data_types"] == "not stated"
    assert description["retraining"] == "the weights are those of the preset tiny"


@pytest.mark.parametrize(
    "details",
    [
        {"versions": ["x"], "loadgen": 1, "latency_ms": [[1], "x", [50, 1.5]], "settings": "x"},
        {"versions": {"a": None}, "operation": {"threads": [1, 2]}, "weights": ["x", 1]},
        {"latency_ms": 3, "started": None, "user_conf": [], "weights": {"x": 1}, "conf_key": None},
    ],
)
def test_odd_details_do_no_harm(
    workshop: Workshop, tmp_path: Path, details: dict[str, Any]
) -> None:
    results = [replace(run, details=details) for run in workshop.results("v6.1", official=False)]
    place = write(workshop.submission("v6.1", "open", results=results), tmp_path / "tree")
    findings = MlperfFormatter().check(place.root, load_round("v6.1"), rehearsal=True)
    assert [f for f in findings if f.level == "error"] == []


@BOTH
def test_inferred_scenarios_hold_the_logs_of_another(
    workshop: Workshop, tmp_path: Path, round_name: str
) -> None:
    results = [
        run
        for run in workshop.results(round_name, official=True)
        if run.scenario not in ("Offline", "Server")
    ]
    submission = workshop.submission(
        round_name,
        "closed",
        results=results,
        categories=("edge",),
        # Server can be inferred from nothing, so that nobody would ask for it.
        inferred={"Offline": "SingleStream", "Server": "SingleStream"},
    )
    place = write(submission, tmp_path / "tree")
    assert sorted(path.name for path in place.model.iterdir()) == [
        "MultiStream",
        "Offline",
        "SingleStream",
    ]
    name = "mlperf_log_detail.txt"
    for kind in ("performance", "accuracy"):
        logs = [place.place(kind, scenario) / name for scenario in ("Offline", "SingleStream")]
        assert logs[0].read_bytes() == logs[1].read_bytes()
    readme = (place.place("measurements", "Offline") / "README.md").read_text()
    assert "inferred from SingleStream" in readme
    findings = MlperfFormatter().check(place.root, load_round(round_name))
    assert findings == []


@BOTH
def test_how_weights_were_quantised_is_told(
    workshop: Workshop, tmp_path: Path, round_name: str
) -> None:
    how = "by the quantizer acme, offered the first 128 samples"
    results = [
        replace(run, precision="int8", details={**run.details, "calibration": how})
        for run in workshop.results(round_name, official=False)
    ]
    place = write(workshop.submission(round_name, "open", results=results), tmp_path / "tree")
    text = (place.home / load_round(round_name).path("calibration")).read_text()
    assert text.count(f"Quantised {how}.") == 1


def test_what_the_campaign_names_lies_beside_it(workshop: Workshop, tmp_path: Path) -> None:
    submission = workshop.submission("v3.1", "open", files={"../box/system.yaml": "cooling: air\n"})
    place = write(submission, tmp_path / "tree")
    folder = place.code / "resnet50" / "onnxruntime"
    assert (folder / "system.yaml").read_text() == "cooling: air\n"


def test_what_nobody_stated_is_said_to_be_so(workshop: Workshop, tmp_path: Path) -> None:
    system = {"host_processor_model_name": "Acme 9000", "hw_notes": 'a "fast" box'}
    place = write(workshop.submission("v6.1", "open", system=system), tmp_path / "tree")
    fields = json.loads(place.system.read_text())
    rules = load_round("v6.1").system_json
    assert set(rules.required) <= set(fields)
    assert all(fields[name] for name in rules.must_not_be_empty)
    assert fields["cooling"] == "not stated"
    assert fields["status"] == "rdi"
    assert fields["accelerator_model_name"] == "N/A"
    assert fields["host_processor_frequency"] == ""
    assert fields["hw_notes"].startswith("a 'fast' box Not stated by the submitter: status")
    assert "cooling" in fields["hw_notes"]
    assert "operating_system" in fields["sw_notes"]
    assert fields["system_type"] == "edge"


def test_the_campaign_cannot_deny_where_it_hands_in(workshop: Workshop, tmp_path: Path) -> None:
    system = {"division": "closed", "submitter": "Other", "system_type": "x", "number_of_nodes": 2}
    place = write(
        workshop.submission("v3.1", "open", system=system, submitter="Acme Corp."),
        tmp_path / "tree",
    )
    folder = place.root / "open" / "Acme-Corp." / "systems"
    fields = json.loads(next(folder.iterdir()).read_text())
    assert (fields["division"], fields["submitter"]) == ("open", "Acme-Corp.")
    assert fields["system_type"] == "datacenter,edge"
    assert fields["number_of_nodes"] == "2"
    findings = MlperfFormatter().check(place.root, load_round("v3.1"), rehearsal=True)
    assert [f for f in findings if f.level == "error"] == []


def test_accelerators_are_not_denied(workshop: Workshop, tmp_path: Path) -> None:
    system = {"accelerators_per_node": "8", "accelerator_model_name": "Acme X"}
    place = write(workshop.submission("v6.1", "open", system=system), tmp_path / "tree")
    fields = json.loads(place.system.read_text())
    assert fields["accelerator_interconnect"] == "not stated"
    assert fields["accelerator_frequency"] == ""


@BOTH
def test_each_backend_gets_its_own_system(
    workshop: Workshop, tmp_path: Path, round_name: str
) -> None:
    results = workshop.results(round_name, official=False)
    results += [replace(run, backend="openvino", precision="int8") for run in results]
    submission = workshop.submission(round_name, "open", results=results)
    place = write(submission, tmp_path / "tree")
    systems = sorted(path.name for path in (place.home / "results").iterdir())
    assert systems == ["Acme-Box-onnxruntime", "Acme-Box-openvino-int8"]
    assert sorted(p.stem for p in (place.home / "systems").iterdir()) == systems
    assert (place.code / "resnet50" / "openvino-int8" / "README.md").is_file()
    findings = MlperfFormatter().check(place.root, load_round(round_name), rehearsal=True)
    assert [f for f in findings if f.level == "error"] == []


def test_two_runs_for_one_place_are_refused(workshop: Workshop, tmp_path: Path) -> None:
    results = workshop.results("v3.1", official=False)
    again = replace(results[0], preset="official", task="performance:other")
    submission = workshop.submission("v3.1", "open", results=[*results, again])
    with pytest.raises(BenchwrightError, match="same place") as caught:
        MlperfFormatter().write(submission, tmp_path)
    assert "performance:other" in str(caught.value)


@pytest.mark.parametrize("name", ["mlperf_log_detail.txt", "accuracy.txt"])
def test_a_run_without_its_logs_is_named(workshop: Workshop, tmp_path: Path, name: str) -> None:
    results = [
        replace(run, path=str(tmp_path / "gone")) if run.mode == "accuracy" else run
        for run in workshop.results("v3.1", official=False)
    ]
    (tmp_path / "gone").mkdir()
    for other in ("mlperf_log_detail.txt", "mlperf_log_summary.txt", "mlperf_log_accuracy.json"):
        if other != name:
            (tmp_path / "gone" / other).write_text("x")
    with pytest.raises(BenchwrightError) as caught:
        MlperfFormatter().write(workshop.submission("v3.1", "open", results=results), tmp_path)
    assert name in str(caught.value)
    assert "accuracy:resnet50-tiny" in str(caught.value)


def test_open_maps_its_model_names(workshop: Workshop, tmp_path: Path) -> None:
    results = workshop.results("v3.1", official=False)
    results += [replace(run, benchmark="hf:acme/own model") for run in results]
    place = write(workshop.submission("v3.1", "open", results=results), tmp_path / "tree")
    assert json.loads((place.home / "model_mapping.json").read_text()) == {"resnet50": "resnet"}
    assert (place.home / "results" / "Acme-Box-onnxruntime" / "hf-acme-own-model").is_dir()


@BOTH
def test_what_was_written_is_told(workshop: Workshop, tmp_path: Path, round_name: str) -> None:
    submission = workshop.submission(round_name, "closed")
    told = MlperfFormatter().write(submission, tmp_path)
    assert told["systems"] == ["Acme-Box-onnxruntime"]
    assert told["official"] is True
    assert told["results"] == [
        f"Acme-Box-onnxruntime/resnet50/{name}" for name in sorted(SCENARIOS[round_name])
    ]
    json.dumps(told)


@pytest.mark.parametrize(
    ("text", "name"),
    [("AMD EPYC (2c)", "AMD-EPYC-2c"), ("..x", "x"), ("a/b", "a-b"), ("é", "unnamed")],
)
def test_names_are_safe(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_a_test_of_another_round_is_left_out(workshop: Workshop, tmp_path: Path) -> None:
    results: list[RunResult] = [
        replace(run, test="TEST99") if run.test == "TEST04" else run
        for run in workshop.results("v6.1", official=True)
    ]
    place = write(workshop.submission("v6.1", "closed", results=results), tmp_path / "tree")
    assert not list(place.root.rglob("TEST99"))
