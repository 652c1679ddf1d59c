"""Campaign files that are wrong: file, line, dotted path, what is allowed, the near miss; exit
code 2, no traceback, nothing built."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchwright.cli import main
from functional.project import Project

GOOD = """\
round: v3.1
division: open
category: [edge, datacenter]
duration: quick
preset: tiny
benchmarks:
  resnet50:
    scenarios: [SingleStream, Server]
backends:
  onnxruntime:
    spinning: false
settings:
  Server:
    target_qps: 50
"""

CASES = {
    # what: (old text, new text, expected in the message)
    "misspelt key": (
        "duration: quick",
        "duraton: quick",
        "c.yaml:4: duraton: unknown key `duraton`; did you mean `duration`? (allowed: ",
    ),
    "misspelt key in a benchmark": (
        "    scenarios:",
        "    scenario:",
        "c.yaml:8: benchmarks.resnet50.scenario: unknown key `scenario`; "
        "did you mean `scenarios`? (allowed: preset, scenarios, settings)",
    ),
    "misspelt pin": (
        "target_qps",
        "target_qsp",
        "c.yaml:14: settings.Server.target_qsp: unknown key `target_qsp`; "
        "did you mean `target_qps`?",
    ),
    "misspelt option of a backend": (
        "spinning",
        "spining",
        "c.yaml:11: backends.onnxruntime.spining: unknown key `spining`; "
        "did you mean `spinning`? (allowed: graph_optimization, memory_pattern, spinning)",
    ),
    "unknown benchmark": (
        "  resnet50:",
        "  resnet5:",
        "c.yaml:7: benchmarks.resnet5: unknown benchmark `resnet5`; did you mean `resnet50`?",
    ),
    "unknown backend": (
        "  onnxruntime:\n    spinning: false",
        "  onnxrumtime:",
        "c.yaml:10: backends.onnxrumtime: unknown backend `onnxrumtime`; "
        "did you mean `onnxruntime`? (allowed: onnxruntime, openvino, pytorch)",
    ),
    "unknown preset": (
        "preset: tiny",
        "preset: tinny",
        "c.yaml:5: preset: benchmark `resnet50` has no preset `tinny`; did you mean `tiny`?",
    ),
    "unknown scenario": (
        "[SingleStream, Server]",
        "[SingleStream, Sever]",
        "c.yaml:8: benchmarks.resnet50.scenarios[1]: unknown value `Sever`; did you mean `Server`? "
        "(allowed: MultiStream, Offline, Server, SingleStream)",
    ),
    "scenario in the wrong case": (
        "  Server:\n",
        "  server:\n",
        "c.yaml:13: settings.server: unknown value `server`; did you mean `Server`?",
    ),
    "unknown round": (
        "round: v3.1",
        "round: v3.11",
        "c.yaml:1: round: ",
    ),
    "round as a number": ("round: v3.1", "round: 3.1", "c.yaml:1: round: "),
    "unknown division": (
        "division: open",
        "division: opne",
        "c.yaml:2: division: unknown value `opne`; did you mean `open`? (allowed: closed, open)",
    ),
    "unknown category": (
        "[edge, datacenter]",
        "[edge, data-center]",
        "c.yaml:3: category[1]: unknown value `data-center`; did you mean `datacenter`?",
    ),
    "duration of the wrong type": (
        "duration: quick",
        "duration: [1]",
        "c.yaml:4: duration: `quick`, `official`, or a whole number of seconds (found: [1])",
    ),
    "duration as a fraction": ("duration: quick", "duration: 1.5", "c.yaml:4: duration: "),
    "duration of nothing": ("duration: quick", "duration: 0", "c.yaml:4: duration: "),
    "duration as a truth": ("duration: quick", "duration: yes", "c.yaml:4: duration: "),
    "a number as text": (
        "target_qps: 50",
        "target_qps: fast",
        "c.yaml:14: settings.Server.target_qps: input should be a valid number",
    ),
    "a number that is none": ("target_qps: 50", "target_qps: .inf", "c.yaml:14: settings.Server"),
    "a negative number": ("target_qps: 50", "target_qps: -1", "c.yaml:14: settings.Server"),
    "a truth as a number": ("target_qps: 50", "batch: true", "c.yaml:14: settings.Server.batch"),
    "a mapping as a name": ("preset: tiny", "preset: {a: b}", "c.yaml:5: preset: "),
    "a number as a mapping": (
        "settings:\n  Server:\n    target_qps: 50\n",
        "settings: 7\n",
        "c.yaml:12: settings: input should be a valid dictionary (found: 7)",
    ),
    "option of the wrong type": (
        "spinning: false",
        "spinning: [1]",
        "c.yaml:11: backends.onnxruntime.spinning: input should be a valid boolean",
    ),
    "option of an unknown value": (
        "spinning: false",
        "graph_optimization: ful",
        "c.yaml:11: backends.onnxruntime.graph_optimization: unknown value `ful`",
    ),
    "no benchmarks": (
        "benchmarks:\n  resnet50:\n    scenarios: [SingleStream, Server]\n",
        "",
        "c.yaml:1: benchmarks: the key `benchmarks` is missing",
    ),
    "an empty list": ("category: [edge, datacenter]", "category: []", "c.yaml:3: category: "),
    "a name that leads elsewhere": (
        "round: v3.1",
        "round: v3.1\nname: ../elsewhere",
        "c.yaml:2: name: use letters, digits",
    ),
    "a key given twice": (
        "division: open",
        "division: open\ndivision: closed",
        "c.yaml:3: division: the key `division` is given twice",
    ),
    "a tab": ("  resnet50:", "\tresnet50:", "c.yaml:7: this is not valid YAML"),
    "an open bracket": ("[edge, datacenter]", "[edge, datacenter", "c.yaml:4: this is not valid"),
    "a tag that does not fit": ("quick", "!!bool quick", "c.yaml: a value of this file does not"),
    "a list instead of a campaign": (GOOD, "- resnet50\n", "c.yaml:1: a campaign is a mapping"),
    "an empty file": (GOOD, "# nothing\n", "c.yaml: this campaign file is empty"),
    "two documents": (GOOD, f"{GOOD}---\n{GOOD}", "c.yaml:15: this is not valid YAML"),
    "a loadgen that is not built": (
        "round: v3.1",
        "round: v3.1\nloadgen: {source: ./inference}",
        "c.yaml:2: loadgen.source: `source` is of no use with `build: wheel`",
    ),
    "a loadgen folder that is not there": (
        "round: v3.1",
        "round: v3.1\nloadgen: {build: source, source: ./nowhere}",
        "c.yaml:2: loadgen.source: there is no such file or folder",
    ),
    "a loadgen from the network without checksum": (
        "round: v3.1",
        "round: v3.1\nloadgen: {build: source, source: 'https://example.org/l.tar.gz'}",
        "c.yaml:2: loadgen.source: a source from the network needs a checksum",
    ),
    "a data set nobody uses": (
        "round: v3.1",
        "round: v3.1\ndatasets: {digit: here}",
        "c.yaml:2: datasets.digit: ",
    ),
    "a data set of another preset": (
        "round: v3.1",
        "round: v3.1\ndatasets: {imagenet2012: here}",
        "allowed: digits\n  why: preset official of resnet50 uses it",
    ),
    "a data set without a folder": (
        "round: v3.1",
        "round: v3.1\ndatasets: {digits: }",
        "c.yaml:2: datasets.digits: name the folder, as in `imagenet2012: /data/imagenet`",
    ),
    "a data set in nobody's home": (
        "round: v3.1",
        "round: v3.1\ndatasets: {digits: ~nobody-of-that-name/x}",
        "c.yaml:2: datasets.digits: there is no user `nobody-of-that-name` here",
    ),
    "a pin of a scenario that is not run": ("  Server:\n", "  Offline:\n", "c.yaml:13: settings"),
}


def wrong(text: str, old: str, new: str) -> str:
    """The text with a fault put in."""
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize("what", CASES)
@pytest.mark.parametrize("command", ["run", "list"])
def test_a_wrong_campaign_is_explained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
    command: str,
) -> None:
    old, new, expected = CASES[what]
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(wrong(GOOD, old, new), encoding="utf-8")
    assert main([command, "-c", "c.yaml"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert expected in told.err
    assert not Path("build").exists()


def test_the_good_campaign_is_good(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Otherwise the faults above would prove nothing."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(GOOD, encoding="utf-8")
    assert main(["plan", "-c", "c.yaml"]) == 0
    assert "performance:resnet50-tiny/onnxruntime/Server" in capsys.readouterr().out


def test_all_faults_are_told_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = wrong(wrong(GOOD, "duration: quick", "duraton: quick"), "division: open", "division: x")
    Path("c.yaml").write_text(text, encoding="utf-8")
    assert main(["run", "-c", "c.yaml"]) == 2
    told = capsys.readouterr().err
    assert "c.yaml:4: duraton" in told
    assert "c.yaml:2: division" in told


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("category: edge", "categories: edge", "benchwright.yaml:3: categories: unknown key"),
        ("[resnet50]", "[resnet-50]", "benchwright.yaml:6: benchmarks.resnet-50: unknown benchm"),
        ("[SingleStream]", "[Singlestream]", "benchwright.yaml:8: scenarios[0]: unknown value"),
    ],
)
def test_from_the_command_line(fresh: Project, old: str, new: str, expected: str) -> None:
    fresh.change(old, new)
    for command in ("run", "list", "plan", "explain", "clean"):
        arguments = ["report"] if command == "explain" else []
        outcome = fresh.benchwright(command, *arguments, code=2)
        assert outcome.err.startswith(f"error: {expected}")
        assert "did you mean" in outcome.err
        assert outcome.out == ""
    assert not (fresh.folder / "build").exists()


def test_a_campaign_that_is_no_file_or_no_text(fresh: Project) -> None:
    (fresh.folder / "folder.yaml").mkdir()
    outcome = fresh.benchwright("run", "-c", "folder.yaml", code=2)
    assert "folder.yaml: this file cannot be read" in outcome.err
    (fresh.folder / "binary.yaml").write_bytes(b"\xff\xfe\x00benchmarks")
    outcome = fresh.benchwright("run", "-c", "binary.yaml", code=2)
    assert "binary.yaml: this file is not UTF-8 text" in outcome.err
    (fresh.folder / "deep.yaml").write_text("[" * 100_000, encoding="utf-8")
    outcome = fresh.benchwright("run", "-c", "deep.yaml", code=2)
    assert "deep.yaml:1: this file is nested too deeply" in outcome.err
    assert not (fresh.folder / "build").exists()


def test_nothing_is_built_where_there_is_no_campaign(fresh: Project) -> None:
    (fresh.folder / "benchwright.yaml").unlink()
    outcome = fresh.benchwright("run", code=2)
    assert outcome.err == (
        "error: benchwright.yaml: this campaign file does not exist\n"
        "  fix: `benchwright init` writes one here, or name another with `-c FILE`\n"
    )
    assert list(fresh.folder.iterdir()) == []
