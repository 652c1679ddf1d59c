"""Pipelines: what is written parses, and its commands do what they say, in a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from functional.outer import with_command
from functional.project import Outcome, Project

BASELINE = "benchwright-baseline.json"


class Pipeline:
    """A pipeline file's commands, run as the service would, the files of actions left out."""

    def __init__(self, project: Project, service: str, path: str) -> None:
        self.project = with_command(project)
        # What is to be installed is here already: no index is asked.
        project.env["PIP_NO_INDEX"] = "1"
        text = (project.folder / path).read_text("utf-8")
        data: dict[Any, Any] = yaml.safe_load(text)
        if service == "github":
            job = data["jobs"]["benchmark"]
            self.steps = [step["run"] for step in job["steps"] if "run" in step]
            store = job["env"]["BENCHWRIGHT_STORE"].replace("${{ github.workspace }}", "$HERE")
            cached = [step["with"]["path"] for step in job["steps"] if "cache@" in str(step)]
            # YAML 1.1 reads the key `on` as true.
            assert set(data[True]) == {"push", "pull_request", "workflow_dispatch"}
        else:
            job = data["benchwright"]
            self.steps = [*job["before_script"], *job["script"], *job["after_script"]]
            store = job["variables"]["BENCHWRIGHT_STORE"].replace("$CI_PROJECT_DIR", "$HERE")
            cached = job["cache"]["paths"]
        assert [f"$HERE/{path.rstrip('/')}" for path in cached] == [store]
        project.env["BENCHWRIGHT_STORE"] = store.replace("$HERE", str(project.folder))

    def step(self, word: str, code: int = 0) -> Outcome:
        """Runs the one step that holds a word."""
        (command,) = [step for step in self.steps if word in step]
        return self.project.call(["bash", "-e", "-o", "pipefail", "-c", command], code=code)


@pytest.mark.long
@pytest.mark.parametrize(
    ("service", "path"),
    [("github", ".github/workflows/benchwright.yml"), ("gitlab", ".gitlab-ci.yml")],
)
def test_a_pipeline_runs_and_fails_on_a_slower_result(
    project: Project, service: str, path: str
) -> None:
    said = project.benchwright("ci", service, "--fail-if-slower", "7.5%").out
    assert said.startswith(f"wrote {path}; next: ")
    pipeline = Pipeline(project, service, path)
    assert len(pipeline.steps) == 4
    installed = pipeline.step("pip install")
    assert "Requirement already satisfied: benchwright" in installed.out
    assert pipeline.step("benchwright run").out.splitlines()[0] == "build/default/report.html"
    assert "nothing to compare with" in pipeline.step("--against").out

    pipeline.step("--json >")
    results = project.folder / "benchwright-results.json"
    assert json.loads(results.read_text("utf-8")) == project.benchwright("results", "--json").json
    baseline = project.folder / BASELINE
    results.rename(baseline)
    assert "+0.0%" in pipeline.step("--against").out

    records = json.loads(baseline.read_text("utf-8"))
    (measured,) = [record for record in records if record["mode"] == "performance"]
    measured["value"] *= 0.5
    project.write(BASELINE, json.dumps(records))
    assert "-100.0%, slower than 7.5% allow" in pipeline.step("--against", code=1).out
    measured["system"] = "elsewhere"
    project.write(BASELINE, json.dumps(records))
    refused = pipeline.step("--against", code=1)
    assert "the baseline is of another system, elsewhere" in refused.out
    assert "system: {name: " in refused.err


def test_files_of_the_users_own_are_kept(fresh: Project) -> None:
    mine = fresh.write(".gitlab-ci.yml", "mine: true\n")
    refused = fresh.benchwright("ci", "gitlab", code=2)
    assert "--force" in refused.err
    shown = fresh.benchwright("ci", "gitlab", "--stdout").out
    assert mine.read_text("utf-8") == "mine: true\n"
    fresh.benchwright("ci", "gitlab", "--force")
    assert mine.read_text("utf-8") == shown


def test_another_campaign_and_wrong_requests(fresh: Project) -> None:
    fresh.write("my bench/a.yaml", (fresh.folder / "benchwright.yaml").read_text("utf-8"))
    shown = fresh.benchwright("ci", "github", "-c", "my bench/a.yaml", "--stdout").out
    assert "benchwright run -c 'my bench/a.yaml'\n" in shown
    assert "build/a/report.html" in shown
    yaml.safe_load(shown)
    assert "did you mean `github`?" in fresh.benchwright("ci", "githib", code=2).err
    assert "is no tolerance" in fresh.benchwright("ci", "github", "--fail-if-slower=1", code=2).err
    assert "does not exist" in fresh.benchwright("ci", "github", "-c", "no.yaml", code=2).err
    assert not Path(fresh.folder / ".github").exists()


def test_results_against_a_baseline(built: Project, tmp_path: Path) -> None:
    baseline = tmp_path / "b.json"
    baseline.write_text(built.benchwright("results", "--json").out, "utf-8")
    told = built.benchwright("results", "--against", str(baseline), "--json").json
    assert [list(row) for row in told] == [
        ["task", "unit", "baseline", "value", "change", "slower", "problem"]
    ]
    assert (told[0]["change"], told[0]["slower"], told[0]["problem"]) == (0.0, None, None)
    assert "add `--against FILE`" in built.benchwright(
        "results", "--fail-if-slower", "5%", code=2
    ).err  # fmt: skip
