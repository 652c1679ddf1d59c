"""`benchwright system --init`, as people type it: it can always be followed, and so can the
commands that other errors name as their fix."""

from __future__ import annotations

import re
import shlex

import yaml

from functional.project import QUICK, Project


def named_fix(text: str) -> list[str]:
    """The command that an error message shows, as a shell takes it apart."""
    found = re.search(r"`(benchwright system --init[^`]*)`", text)
    assert found is not None, text
    return shlex.split(found[1])[1:]


def test_the_fix_of_a_missing_file_works_as_it_is_shown(fresh: Project) -> None:
    for campaign, place in (
        ("benchwright.yaml", "box/system.yaml"),
        ("campaigns/my own.yaml", "campaigns/box/system.yaml"),
    ):
        path = fresh.folder / campaign
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{QUICK}system: box/system.yaml\n")
        option = [] if campaign == "benchwright.yaml" else ["-c", campaign]
        wrong = fresh.benchwright("plan", *option, code=2)
        assert f"there is no file {place}" in wrong.err
        written = fresh.benchwright(*named_fix(wrong.err))
        assert written.out.startswith(f"wrote {place}")
        assert "system:" not in written.out, "the campaign names it already"
        assert "cooling" in yaml.safe_load((fresh.folder / place).read_text())
        fresh.benchwright("plan", *option)


def test_the_fix_of_what_is_missing_works_as_it_is_shown(fresh: Project) -> None:
    path = fresh.folder / "campaigns/other.yaml"
    path.parent.mkdir()
    path.write_text(f"{QUICK}duration: official\n".replace("duration: quick\n", ""))
    for code, command in ((0, "plan"), (1, "run")):
        task = ["system"] if command == "run" else []
        told = fresh.benchwright(command, "-c", "campaigns/other.yaml", *task, code=code)
        assert named_fix(told.out + told.err) == ["system", "--init", "-c", "campaigns/other.yaml"]
    written = fresh.benchwright("system", "--init", "-c", "campaigns/other.yaml")
    assert written.out.startswith("wrote campaigns/system.yaml")
    assert "`system: system.yaml`" in written.out, "as the campaign would name it"
    path.write_text(f"{path.read_text()}system: system.yaml\n")
    told = fresh.benchwright("plan", "-c", "campaigns/other.yaml")
    assert "state it in campaigns/system.yaml" in told.out, "there it is, and only to be completed"


def test_a_file_elsewhere_is_named_as_the_campaign_has_to(fresh: Project) -> None:
    inner = Project(fresh.folder / "notes", dict(fresh.env))
    written = inner.benchwright("system", "--init", "mine.yaml")
    assert (inner.folder / "mine.yaml").is_file(), "a file is meant from where the person is"
    assert "`system: notes/mine.yaml`" in written.out


def test_without_a_campaign_it_is_the_default_rounds(fresh: Project) -> None:
    (fresh.folder / "benchwright.yaml").unlink()
    written = fresh.benchwright("system", "--init")
    assert written.out.startswith("wrote system.yaml")
    text = (fresh.folder / "system.yaml").read_text()
    assert "round v3.1" in text
    assert yaml.safe_load(text)["cooling"] == ""
    again = fresh.benchwright("system", "--init", code=2)
    assert "there already" in again.err
    missing = fresh.benchwright("system", "--init", "-c", "nowhere.yaml", "--force", code=2)
    assert "does not exist" in missing.err, "one that was named has to be there"


def test_what_was_stated_stays(fresh: Project) -> None:
    fresh.campaign(f"{QUICK}system: {{name: Big Box, cooling: air}}\n")
    outcome = fresh.benchwright("system", "--init", "--json")
    assert outcome.json["file"] == "system.yaml"
    assert "cooling" not in outcome.json["unstated"]
    fresh.campaign(f"{QUICK}system: system.yaml\n")
    fresh.benchwright("system", "--init", "--force")
    fields = yaml.safe_load((fresh.folder / "system.yaml").read_text())
    assert (fields["name"], fields["cooling"]) == ("Big Box", "air")
    assert fresh.benchwright("system", "-c", "benchwright.yaml").out.startswith("system Big-Box")
