"""The fixtures for vendors: a campaign with the real command line, on a backend that is slow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.outcomes import Failed

from benchwright.results import RunResult
from benchwright.testing import (
    CampaignOutcome,
    Outcome,
    Project,
    RunOutcome,
    benchwright_campaign,  # noqa: F401
    benchwright_project,  # noqa: F401
    fake_backend,  # noqa: F401
)


@pytest.mark.slow
@pytest.mark.serial
def test_a_campaign_on_the_fake_backend(
    benchwright_campaign: Callable[..., CampaignOutcome],  # noqa: F811
    fake_backend: str,  # noqa: F811
) -> None:
    outcome = benchwright_campaign(
        duration=1,
        benchmarks=["resnet50"],
        backends={fake_backend: {"latency_ms": 2}},
        scenarios=["SingleStream"],
        settings={"SingleStream": {"expected_latency_ms": 0.02}},
    )
    outcome.assert_valid()
    assert len(outcome.runs) == 2
    measured = outcome.run("SingleStream")
    assert measured.result.unit == "ms"
    assert measured.result.value is not None
    assert measured.result.value >= 2, "it is as slow as it was told"
    assert (measured.folder / "mlperf_log_detail.txt").is_file()
    accuracy = outcome.run("SingleStream", "accuracy").result.accuracy
    assert accuracy is not None
    assert accuracy > 98, "and right"
    with pytest.raises(Failed, match=r"0 runs are .*'Server'.*performance:resnet50-tiny/fake"):
        outcome.run("Server")


def test_a_plugin_is_the_projects_alone(
    benchwright_project: Project,  # noqa: F811
    tmp_path: Path,
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "benchwright_zeta.py").write_text(
        "from benchwright.contracts.probe import Probe, ProbeInfo\n"
        "from benchwright.hooks import hookimpl\n\nBENCHWRIGHT_INTERFACE = 1\n\n\n"
        "@hookimpl\ndef probes():\n    return [ProbeInfo('zeta', 'one', Probe)]\n"
    )
    benchwright_project.plug("zeta", "benchwright_zeta", source=tmp_path / "src")
    told = benchwright_project.benchwright("plugins", "--json").json
    assert "zeta" in told["brought"]["probes"]
    other = Project(tmp_path / "other")
    assert "zeta" not in other.benchwright("plugins", "--json").json["brought"]["probes"]


def outcome_of(**values: object) -> RunOutcome:
    names = ("benchmark", "preset", "backend", "precision", "system")
    fixed = {name: "x" for name in names} | {"scenario": "Offline", "mode": "performance"}
    return RunOutcome(RunResult(task="the-task", **{**fixed, **values}), Path("nowhere"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"valid": False, "reasons": ("too few queries",)}, "the-task is INVALID: too few queries"),
        (
            {"valid": True, "mode": "accuracy", "accuracy": 70.0, "accuracy_target": 75.0},
            "accuracy 70.0, the target is 75.0",
        ),
        ({"valid": True, "mode": "accuracy"}, "accuracy None"),
    ],
)
def test_what_is_not_valid_says_why(values: dict[str, object], told: str) -> None:
    with pytest.raises(Failed, match=told):
        outcome_of(**values).assert_valid()
    outcome_of(valid=True).assert_valid()


def test_a_campaign_without_runs_is_not_valid() -> None:
    with pytest.raises(Failed, match="nothing was measured"):
        CampaignOutcome(Outcome(0, "", ""), ()).assert_valid()
