"""The submission tree, its check, and the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchwright import __version__
from benchwright.build import artifact
from benchwright.build.recipe import Kitchen, Recipe
from benchwright.build.task import stale_reasons
from benchwright.contracts.formatter import Submission
from benchwright.contracts.probe import JSON
from benchwright.errors import BenchwrightError
from benchwright.plan import PRELIMINARY
from benchwright.results import RunResult
from benchwright.rounds import load_round
from benchwright.steps.common import registry
from benchwright.steps.compliance import standing
from benchwright.steps.system import SYSTEM_FILE

FINDINGS_FILE = "findings.json"


def write(kitchen: Kitchen) -> None:
    """Writes the round's submission tree from the campaign's runs."""
    given = kitchen.parameters
    formatter = registry().formatter(given["round"], given["formatter"])
    identity = _system(kitchen)["identity"]
    described = {**formatter.describe_system(identity), **given["system"]}
    results = [standing(Path(folder)) for folder in given["runs"]]
    tried = [result.task for result in results if PRELIMINARY in result.unofficial]
    if tried:
        raise BenchwrightError(
            "a preliminary result cannot enter a submission tree",
            where=tried[0],
            why=PRELIMINARY,
            fix="take it out of the campaign",
        )
    submission = Submission(
        round=load_round(given["round"]),
        division=given["division"],
        categories=tuple(given["categories"]),
        submitter=given["submitter"],
        system_name=given["system_name"],
        system=described,
        results=results,
        command=given["command"],
        campaign=given["campaign"],
        official=given["official"],
        files=given["files"],
        inferred=given["inferred"],
    )
    kitchen.facts.update(formatter.load().write(submission, kitchen.out))


def check(kitchen: Kitchen) -> None:
    """Checks the campaign's own tree; findings are recorded, and shown by summary and report."""
    given = kitchen.parameters
    formatter = registry().formatter(given["round"], given["formatter"]).load()
    findings = formatter.check(
        Path(given["tree"]), load_round(given["round"]), rehearsal=given["rehearsal"]
    )
    records = [finding.record() for finding in findings]
    text = json.dumps(
        {"round": given["round"], "rehearsal": given["rehearsal"], "findings": records}, indent=1
    )
    (kitchen.out / FINDINGS_FILE).write_text(text + "\n", encoding="utf-8")
    kitchen.facts["errors"] = sum(finding.level == "error" for finding in findings)
    kitchen.facts["notes"] = sum(finding.level == "note" for finding in findings)


def report(kitchen: Kitchen) -> None:
    """Renders the campaign's report page."""
    from benchwright.report import ReportContent, render

    given = kitchen.parameters
    results = [standing(Path(folder)) for folder in given["runs"]]
    system = _system(kitchen)
    findings: dict[str, list[dict[str, str]]] = {"findings": []}
    if given["tree"]:
        path = kitchen.input("check") / FINDINGS_FILE
        findings = json.loads(path.read_text(encoding="utf-8"))
    runs: Sequence[Recipe] = kitchen.recipe.aside["runs"]
    content = ReportContent(
        name=given["name"],
        round=given["round"],
        division=given["division"],
        categories=tuple(given["categories"]),
        duration=str(given["duration"]),
        submitter=given["submitter"],
        official=given["official"],
        unofficial=tuple(given["unofficial"]),
        system=system["identity"],
        observation=system["observation"],
        results=results,
        stale={run.task: reasons for run in runs if (reasons := stale_reasons(run))},
        findings=findings["findings"],
        submission_path=given["tree"],
        versions=_versions(results),
        hashes=_hashes(kitchen),
        command=given["command"],
        campaign_text=given["campaign"],
        generated=max((str(item.details.get("started", "")) for item in results), default=""),
    )
    (kitchen.out / "report.html").write_text(render(content), encoding="utf-8")


def _system(kitchen: Kitchen) -> dict[str, dict[str, JSON]]:
    path = kitchen.input("system") / SYSTEM_FILE
    found: dict[str, dict[str, JSON]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _versions(results: list[RunResult]) -> dict[str, str]:
    versions: dict[str, str] = {"benchwright": __version__}
    for result in results:
        versions.update(result.details.get("versions", {}))
        loadgen: Mapping[str, Any] = result.details.get("loadgen", {})
        if loadgen.get("version"):
            versions["loadgen"] = f"{loadgen['version']} ({loadgen.get('build', 'wheel')})"
    return versions


def _hashes(kitchen: Kitchen) -> dict[str, str]:
    """The sha256 of every file of the artifacts that the runs were made from, where few."""
    found: dict[str, str] = {}
    for name, path in sorted(kitchen.recipe.inputs.items()):
        if name.startswith("run "):
            continue
        folder = Path(path).parent
        for entry in artifact.read_manifest(folder).files[:20]:
            found[f"{name}: {entry.path}"] = entry.sha256
    return found
