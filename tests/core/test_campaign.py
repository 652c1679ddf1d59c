"""The campaign file: every fault is told with file, line and path, and never as a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright import yamlfile
from benchwright.campaign import Campaign, load_campaign, parse_campaign
from benchwright.campaign_schema import CampaignSchema
from benchwright.errors import UsageError
from benchwright.plan import Plan
from benchwright.plugins import Registry

GOOD = "benchmarks: [resnet50]\nbackends: [onnxruntime]\n"


def parse(text: str) -> Campaign:
    return parse_campaign(yamlfile.parse(text, "c.yaml"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("benchmark: x\nbackends: y", r"c\.yaml:1: benchmark: .*did you mean `benchmarks`"),
        (GOOD + "category: edge, datacentre", r"c\.yaml:3: category\[1\]: .*`datacenter`"),
        (GOOD + "duration: fast", r"c\.yaml:3: duration: `quick`, `official`"),
        (GOOD + "duration: 0", r"c\.yaml:3: duration: .*at least 1 second"),
        (GOOD + "duration: true", r"c\.yaml:3: duration"),
        (GOOD + "division: opne", r"c\.yaml:3: division: .*`open`"),
        (GOOD + "backends: [x]", r"c\.yaml:3: backends: the key `backends` is given twice"),
        (GOOD + "settings: {Offlin: {}}", r"c\.yaml:3: settings\.Offlin: .*`Offline`"),
        (
            GOOD + "settings: {Offline: {bach: 2}}",
            r"settings\.Offline\.bach: .*did you mean `batch`",
        ),
        (GOOD + "settings: {Offline: {batch: 0}}", r"settings\.Offline\.batch: .*greater than"),
        (GOOD + "loadgen: {bild: wheel}", r"loadgen\.bild: .*did you mean `build`"),
        (
            GOOD + "loadgen:\n  build: source\n  version: 4.0",
            r"c\.yaml:5: loadgen\.version: .*quotes",
        ),
        (GOOD + "name: ../x", r"c\.yaml:3: name: use letters"),
        ("benchmarks: {resnet50: {prset: tiny}}\nbackends: [o]", r"resnet50\.prset: .*`preset`"),
        ("benchmarks: []\nbackends: [o]", r"c\.yaml:1: benchmarks"),
        ("- a\n- b", r"c\.yaml:1: a campaign is a mapping"),
        ("a: [", r"c\.yaml:\d+: this is not valid YAML"),
        ("a: b: c", r"c\.yaml:1: this is not valid YAML"),
        ("", r"c\.yaml: this campaign file is empty"),
        ("? [a]\n: b", r"c\.yaml:1: a key must be plain text"),
    ],
)
def test_faults_say_where_and_what(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse(text)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(UsageError) as failure:
        parse("benchmarks: [a]\nbackends: [b]\ndivison: open\nscenarios: Serve\n")
    text = str(failure.value)
    assert "c.yaml:3: divison" in text
    assert "c.yaml:4: scenarios[0]" in text


def test_names_lists_and_mappings_mean_the_same() -> None:
    def read(text: str) -> dict[str, object]:
        return parse(text)._replace(document=yamlfile.Document("", "", None))._asdict()

    listed = read("benchmarks: [a, b]\nbackends: [c]\ncategory: [edge, datacenter]")
    assert read("benchmarks: a, b\nbackends: c\ncategory: edge, datacenter") == listed
    assert read("benchmarks: {a: , b: {}}\nbackends: {c: }") == listed


def test_the_name_comes_from_the_file(tmp_path: Path) -> None:
    for file, name in [("benchwright.yaml", "default"), ("my campaign.yaml", "my-campaign")]:
        (tmp_path / file).write_text(GOOD)
        assert load_campaign(tmp_path / file).name == name
    with pytest.raises(UsageError, match="does not exist"):
        load_campaign(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"\xe9: 1")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_campaign(tmp_path / "latin.yaml")


def told(read: Callable[[], object]) -> str:
    """The explanation, or a place where there is nothing to explain."""
    try:
        read()
    except UsageError as error:
        return str(error)
    return "c.yaml: fine"


@given(st.text())
def test_any_text_is_a_campaign_or_an_explained_error(text: str) -> None:
    assert "c.yaml" in told(lambda: parse(text))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(CampaignSchema.model_fields)), VALUES, max_size=4))
def test_any_value_of_a_known_key_is_taken_or_explained(data: dict[str, object]) -> None:
    document = yamlfile.Document("c.yaml", "", {"benchmarks": "a", "backends": "b", **data})
    assert "c.yaml:" in told(lambda: parse_campaign(document))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("round: v3.2", r"(?s)c\.yaml:3: round: .*v3\.1"),
        ("preset: tny", r"c\.yaml:3: preset: .*did you mean `tiny`"),
        ("system: {coling: air}", r"c\.yaml:3: system\.coling: .*`cooling`"),
        ("datasets: {digit: /d}", r"c\.yaml:3: datasets\.digit: .*`digits`"),
        ("settings: {Offline: {expected_latency_ms: 1}}", r"Offline has no setting"),
        ("scenarios: Offline\nsettings: {Server: {batch: 1}}", r"Server is pinned here, but"),
    ],
)
def test_the_plan_refuses_what_it_does_not_know_or_would_not_use(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Plan(parse(GOOD + text), Registry())


def test_unknown_benchmarks_backends_and_options_are_told_with_their_line() -> None:
    registry = Registry()
    for text, told in [
        (
            "benchmarks:\n- resnet5\nbackends: [onnxruntime]",
            r":2: benchmarks\.resnet5: .*`resnet50`",
        ),
        ("benchmarks: [resnet50]\nbackends: [onnxruntim]", r":2: backends\.onnxruntim: .*onnxr"),
        (
            "benchmarks: [resnet50]\nbackends: {onnxruntime: {spining: true}}",
            r":2: backends\.onnxruntime\.spining: .*did you mean `spinning`",
        ),
    ]:
        with pytest.raises(UsageError, match=told):
            Plan(parse(text), registry)


def test_scenarios_follow_round_and_category() -> None:
    def scenarios(text: str) -> list[str]:
        plan = Plan(parse(GOOD + text), Registry())
        return list(dict.fromkeys(run.scenario for run in plan.runs))

    assert scenarios("") == ["SingleStream", "MultiStream", "Server", "Offline"]
    assert scenarios("category: edge") == ["SingleStream", "MultiStream", "Offline"]
    assert scenarios("category: datacenter") == ["Server", "Offline"]
    assert scenarios("round: v6.1\ncategory: edge") == ["SingleStream", "MultiStream", "Offline"]
    assert scenarios("scenarios: [Offline, SingleStream]") == ["SingleStream", "Offline"]
    with pytest.raises(UsageError, match="no datacenter scenario"):
        scenarios("round: v6.1\ncategory: datacenter")
