"""Campaigns on the chip, with the real command line."""

from collections.abc import Callable

import pytest

from benchwright.testing import CampaignOutcome, Project

Campaign = Callable[..., CampaignOutcome]


def test_waves_in_two_precisions(benchwright_campaign: Campaign) -> None:
    outcome = benchwright_campaign(
        benchmarks=["waves"],
        backends={"acme": {"streams": 2}},
        precision=["fp32", "int8"],
        scenarios=["Offline"],
        modes=["accuracy"],
        formatter="acme-sheet",
    )
    outcome.assert_valid()
    assert len(outcome.runs) == 2
    run = outcome.run("Offline", "accuracy", precision="int8")
    assert run.result.details["program"] == "fused"
    assert run.result.details["weight_data_types"] == "int8"
    sheet = run.folder.parents[4] / "submission" / "results.csv"
    assert len(sheet.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("backends", "more", "told"),
    [
        ("{acme: {streems: 4}}", "", "did you mean `streams`"),
        ("{acme: {streams: 0}}", "", "greater than or equal to 1"),
        ("[acme]", "precision: [int4]", "cannot compute in int4; did you mean `int8`"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    benchwright_project: Project, backends: str, more: str, told: str
) -> None:
    benchwright_project.campaign(f"benchmarks: [waves]\nbackends: {backends}\n{more}\n")
    outcome = benchwright_project.benchwright("run", code=2)
    assert told in outcome.err
    assert not (benchwright_project.folder / "build").exists()
