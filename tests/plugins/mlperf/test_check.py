"""The checker: a good tree has no finding, and each defect breaks just its rules."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchwright.contracts.formatter import Finding
from benchwright.rounds import load_round
from benchwright_mlperf.check.rules import RULES
from benchwright_mlperf.check.walk import check_tree
from plugins.mlperf.cases_form import FORM
from plugins.mlperf.cases_runs import RUNS
from plugins.mlperf.conftest import TreeOf
from plugins.mlperf.fabricate import ROUNDS, Workshop
from plugins.mlperf.spoiling import Case, at

CASES = [*FORM, *RUNS]
INHERENT = {
    "structure.not-for-submission",
    "accuracy.dataset-size",
    "performance.min-duration",
    "performance.offline-samples",
    "performance.sample-count",
}
"""What a quick run of a tiny model breaks."""


def rules(findings: list[Finding], level: str) -> set[str]:
    return {finding.rule for finding in findings if finding.level == level}


@pytest.mark.parametrize("round_name", ROUNDS)
def test_official_results_in_closed_have_no_finding(written: TreeOf, round_name: str) -> None:
    assert check_tree(written(round_name, "closed"), load_round(round_name)) == []


@pytest.mark.parametrize("round_name", ["v3.1", "v6.1"])
def test_tiny_results_pass_as_a_rehearsal_only(written: TreeOf, round_name: str) -> None:
    tree, round_ = written(round_name, "open"), load_round(round_name)
    rehearsed = check_tree(tree, round_, rehearsal=True)
    assert rules(rehearsed, "error") == set()
    assert rules(rehearsed, "note") == INHERENT
    strict = check_tree(tree, round_)
    assert {"structure.not-for-submission", "performance.min-duration"} <= rules(strict, "error")
    assert rules(strict, "error") | rules(strict, "note") == INHERENT


@pytest.mark.parametrize(
    ("round_name", "spoilt"),
    [
        pytest.param(name, spoilt, id=f"{name}-{spoilt.name.replace(' ', '-')}")
        for spoilt in CASES
        for name in spoilt.rounds
    ],
)
def test_each_defect_breaks_its_rules(round_name: str, spoilt: Case, copied: TreeOf) -> None:
    root = copied(round_name, spoilt.division)
    spoilt.spoil(at(root, round_name, spoilt.division))
    rehearsal = spoilt.division == "open"
    findings = check_tree(root, load_round(round_name), rehearsal=rehearsal)
    errors = rules(findings, "error")
    assert errors >= spoilt.errors if spoilt.others else errors == spoilt.errors, findings
    assert rules(findings, "note") >= spoilt.notes
    if not spoilt.others and not rehearsal:
        assert rules(findings, "note") <= spoilt.notes | {"power.nameplate", *NOTES_BESIDE}


NOTES_BESIDE = ("power.not-verified", "endpoints.not-verified")


def test_every_rule_is_broken_by_some_case() -> None:
    covered = {rule for spoilt in CASES for rule in (*spoilt.errors, *spoilt.notes)}
    elsewhere = {"structure.no-folder", "structure.unreadable-folder", "check.failed"}
    assert set(RULES) - covered == elsewhere


def test_findings_say_where_and_what_to_do(copied: TreeOf) -> None:
    root = copied("v3.1", "closed")
    place = at(root, "v3.1", "closed")
    place.log(effective_min_duration_ms=60000)
    (finding,) = check_tree(root, load_round("v3.1"))
    log = place.place("performance") / "mlperf_log_detail.txt"
    assert finding.path == log.relative_to(root).as_posix()
    assert "60000" in finding.found
    assert "600000" in finding.required
    assert finding.fix


@pytest.mark.parametrize("round_name", ["v3.1", "v6.1"])
def test_a_rehearsal_of_closed_still_needs_its_accuracy(copied: TreeOf, round_name: str) -> None:
    root = copied(round_name, "closed")
    place = at(root, round_name, "closed")
    text = place.place("accuracy") / "accuracy.txt"
    text.write_text(text.read_text().replace("76.456", "70.000"))
    place.log(effective_min_duration_ms=2000)
    findings = check_tree(root, load_round(round_name), rehearsal=True)
    assert rules(findings, "error") == {"accuracy.below-target"}
    assert rules(findings, "note") == {"performance.min-duration"}


def test_an_invalid_run_is_explained(copied: TreeOf) -> None:
    root = copied("v6.1", "closed")
    place = at(root, "v6.1", "closed")
    place.log(result_validity="INVALID", result_min_duration_met=False)
    found = check_tree(root, load_round("v6.1"))
    (finding,) = [item for item in found if item.rule == "performance.invalid"]
    assert "minimum duration" in finding.found


def test_a_finding_is_the_same_on_every_check(copied: TreeOf) -> None:
    root = copied("v3.1", "closed")
    place = at(root, "v3.1", "closed")
    place.edit_system(cooling="", status="x", is_network="true")
    round_ = load_round("v3.1")
    first = check_tree(root, round_)
    assert first == check_tree(root, round_)
    assert [f.path for f in first] == sorted(f.path for f in first)
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_no_folder_at_all(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    (finding,) = check_tree(tmp_path / name, load_round("v3.1"))
    assert finding.rule == "structure.no-folder"


@pytest.mark.parametrize("where", ["", "closed/Acme/systems"])
def test_a_folder_that_may_not_be_read(
    copied: TreeOf, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Whoever tests may be allowed everything, so the refusal is played."""
    root = copied("v6.1", "closed")
    listdir = os.listdir

    def refusing(path: Path) -> list[str]:
        if Path(path) == root / where:
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refusing)
    found = check_tree(root, load_round("v6.1"))
    assert [item.path for item in found if item.rule == "structure.unreadable-folder"] == [
        where or "."
    ]
    assert rules(found, "error") == {"structure.unreadable-folder"}
    assert "Permission denied" in found[0].found


def test_an_empty_folder_is_no_submission(tmp_path: Path) -> None:
    (finding,) = check_tree(tmp_path, load_round("v6.1"))
    assert finding.rule == "structure.nothing-submitted"


def test_a_tree_of_another_round_is_told_apart(written: TreeOf) -> None:
    findings = check_tree(written("v6.1", "closed"), load_round("v3.1"))
    assert {"measurements.missing", "performance.seeds", "scenario.missing"} & rules(
        findings, "error"
    ) == {"measurements.missing", "performance.seeds"}


def test_open_results_by_the_rules_have_no_error(workshop: Workshop, tmp_path: Path) -> None:
    from benchwright_mlperf.formatter import MlperfFormatter

    for name in ("v3.1", "v6.1"):
        out = tmp_path / name
        out.mkdir()
        MlperfFormatter().write(workshop.submission(name, "open", official=True), out)
        assert MlperfFormatter().check(out, load_round(name)) == []


def test_a_fault_of_the_checker_itself_is_a_finding() -> None:
    from benchwright_mlperf.check.report import Report

    def broken() -> None:
        raise KeyError("x")

    report = Report(load_round("v3.1"))
    report.guard("here", broken)
    (finding,) = report.findings()
    assert (finding.rule, finding.path) == ("check.failed", "here")
