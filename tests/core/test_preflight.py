"""Pre-flight: what a submission lacks, told before the first run."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchwright.campaign import load_campaign, parse_campaign
from benchwright.embed import plan_tasks
from benchwright.errors import BenchwrightError, UsageError
from benchwright.plan import Plan
from benchwright.preflight import remarks
from benchwright.systemfile import system_text
from benchwright.yamlfile import parse
from core.test_plan import BASE, Fixed, plan_of

STATED = """\
system:
  status: available
  host_memory_configuration: 2x 8 GB
  host_memory_capacity: 16 GB
  host_processors_per_node: 1
  host_processor_core_count: 8
  host_storage_capacity: 1 TB
  host_storage_type: NVMe
  host_networking: Ethernet
  host_networking_topology: N/A
  host_network_card_count: 1
  operating_system: Linux
  cooling: air
submitter: Acme
"""
OFFICIAL = BASE + STATED + "duration: official\npreset: official\n"


def told(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for remark in remarks(plan_of(text)):
        found.setdefault(remark.weight, []).append(remark.what)
    return found


@pytest.mark.parametrize("round_name", ["v3.1", "v6.1"])
def test_nothing_stands_against_a_complete_campaign(round_name: str) -> None:
    text = OFFICIAL + f"division: closed\nround: {round_name}\ncategory: edge\n"
    assert told(text) == {}


def test_what_is_missing_comes_first() -> None:
    found = remarks(plan_of(BASE))
    assert [item.weight for item in found] == ["missing", "rejected", "note", "note"]
    assert "status" in found[0].what
    assert "cooling" in found[0].what
    assert "host_processor_model_name" not in found[0].what, "that one is probed"
    assert "accelerator" not in found[0].what, "there is none"
    assert found[0].where == "c.yaml:1: system"


@pytest.mark.parametrize(
    ("change", "weight", "what"),
    [
        (("cooling: air", 'cooling: ""'), "missing", "nothing of cooling"),
        (("cooling: air", "accelerators_per_node: 1"), "missing", "accelerator_model_name"),
        (
            ("duration: official", "duration: 60"),
            "rejected",
            "duration 60: a run has to last 600 s",
        ),
        (("preset: official", "preset: tiny"), "rejected", "preset tiny of resnet50 is not"),
        (("preset: official", "preset: tiny"), "rejected", "1,024 samples, the official data set"),
        (
            ("category: edge", "category: edge\nscenarios: [Offline]"),
            "rejected",
            "SingleStream too",
        ),
        (
            ("category: edge", "category: edge\nscenarios: [Server]"),
            "rejected",
            "no Server in edge",
        ),
        (("division: closed", "division: closed\nmodes: [performance]"), "rejected", "no accuracy"),
        (("division: closed", "division: closed\nmodes: [accuracy]"), "rejected", "no compliance"),
        (("submitter: Acme", ""), "note", "still `Benchwright`"),
        (
            ("preset: official\ndivision: closed", "division: open"),
            "note",
            "preset tiny of resnet50",
        ),
    ],
)
def test_each_thing_is_told(change: tuple[str, str], weight: str, what: str) -> None:
    text = OFFICIAL + "division: closed\ncategory: edge\nround: v6.1\n"
    assert change[0] in text
    found = told(text.replace(*change))
    assert any(what in item for item in found.get(weight, [])), found


def test_open_needs_no_scenarios_and_no_compliance() -> None:
    assert told(OFFICIAL + "scenarios: [Offline]\n") == {}


def test_long_runs_wait_for_the_description() -> None:
    def unstated(text: str) -> list[str]:
        (task,) = [t for t in plan_tasks(plan_of(text)) if t["basename"] == "system"]
        found = task["meta"]["benchwright"]["recipe"].parameters["unstated"]
        assert isinstance(found, list)
        return found

    assert unstated(OFFICIAL) == []
    assert unstated(OFFICIAL.replace("  cooling: air\n", "")) == ["cooling"]
    assert unstated(BASE) == [], "a quick run waits for nothing"


def test_commands_name_the_campaign() -> None:
    for name, command in (
        ("benchwright.yaml", "benchwright run "),
        ("a b.yaml", " -c 'a b.yaml' "),
    ):
        campaign = parse_campaign(parse(BASE, name))
        tasks = plan_tasks(Plan(campaign, Fixed()))
        runs = [t["meta"]["benchwright"] for t in tasks if t["basename"] == "performance"]
        told = {run["recipe"].aside["command"] for run in runs}
        assert told
        assert all(command in text and text.rpartition(" ")[2] for text in told), told


# The system's own file


def campaign(folder: Path, system: str | None) -> Path:
    path = folder / "c.yaml"
    path.write_text(BASE + "system: box/system.yaml\n", encoding="utf-8")
    if system is not None:
        (folder / "box").mkdir()
        (folder / "box/system.yaml").write_text(system, encoding="utf-8")
    return path


def test_fields_in_a_file_beside_the_campaign(tmp_path: Path) -> None:
    found = load_campaign(campaign(tmp_path, "# x\nname: Big Box\ncooling: air\n"))
    assert found.system == {"name": "Big Box", "cooling": "air"}
    assert found.where("system", "cooling") == f"{tmp_path}/box/system.yaml:3: system.cooling"
    assert found.files == {"box/system.yaml": "# x\nname: Big Box\ncooling: air\n"}
    plan = Plan(found, Fixed())
    assert plan.system_name == "Big-Box"
    assert plan.described["cooling"] == "air"
    assert plan.described["host_processor_model_name"] == Fixed.facts["cpu.model"]


@pytest.mark.parametrize(
    ("system", "wrong"),
    [
        (None, "box/system.yaml with the system's fields"),
        ("cooling: [air]\n", "box/system.yaml:1: system.cooling"),
        ("- air\n", "box/system.yaml:1: system"),
        ("cooling: air\ncooling: x\n", "`cooling` is given twice"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, system: str | None, wrong: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_campaign(campaign(tmp_path, system))
    assert wrong in str(caught.value)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("coolin: air", "no field `coolin`; did you mean `cooling`?"),
        ("status: availabel", "`status` cannot be `availabel`; did you mean `available`?"),
    ],
)
def test_a_field_that_is_wrong_is_named(tmp_path: Path, field: str, wrong: str) -> None:
    found = load_campaign(campaign(tmp_path, f"{field}\n"))
    with pytest.raises(BenchwrightError) as caught:
        Plan(found, Fixed())
    assert wrong in str(caught.value)
    assert "box/system.yaml:1" in str(caught.value)


def test_the_file_to_complete_is_complete() -> None:
    plan = plan_of(BASE)
    text = system_text(plan.round, plan.described, plan.unstated(), "system.yaml")
    fields = parse(text, "system.yaml").data
    assert fields["host_processor_model_name"] == Fixed.facts["cpu.model"]
    assert [name for name, value in fields.items() if not value] == plan.unstated()
    for name in plan.round.system_json.required:
        assert f"{name}:" in text or name in ("division", "submitter", "system_type", "system_name")
    # Completed, it leaves nothing to be asked.
    stated = "".join(f"  {name}: {value or 'x'}\n" for name, value in fields.items())
    stated = stated.replace("status: x", "status: rdi").replace("Acme(R)", "Acme")
    assert plan_of(f"{BASE}system:\n" + stated.replace("@ ", "")).unstated() == []
