"""The examination of a formatter: what it writes from real runs, and what it finds in any tree."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchwright.contracts.formatter import Finding, Formatter, FormatterInfo, Submission
from benchwright.contracts.probe import JSON
from benchwright.errors import UsageError
from benchwright.rounds import load_round
from benchwright.testing.examination import Examination, installed
from benchwright.testing.project import Project
from benchwright.testing.verdict import contents, fail, require, require_json

FACTS: Mapping[str, JSON] = {
    "cpu.model": "Acme 9000",
    "cpu.sockets": 2,
    "cpu.cores": 64,
    "cpu.threads": 128,
    "cpu.max_mhz": 3000,
    "memory.bytes": 2**36,
    "os.name": "Linux",
    "accelerator.count": 1,
    "accelerator.model": "Acme NPU",
}
"""A machine, as probes describe it."""

_folders: list[tempfile.TemporaryDirectory[str]] = []


@cache
def sample_submission(round_name: str) -> Submission:
    """What a formatter writes from: a performance and an accuracy run of resnet50 (tiny) on ONNX
    Runtime, SingleStream, really measured, once for each round and test session."""
    folder = tempfile.TemporaryDirectory(prefix="benchwright-examination-")
    # Kept until the interpreter ends: the runs' logs are read by every examination.
    _folders.append(folder)
    project = Project(Path(folder.name) / "project", {"TMPDIR": folder.name})
    outcome = project.measure(
        round=round_name,
        duration=1,
        benchmarks=["resnet50"],
        backends=["onnxruntime"],
        scenarios=["SingleStream"],
        settings={"SingleStream": {"expected_latency_ms": 0.02}},
    )
    return Submission(
        round=load_round(round_name),
        division="open",
        categories=("edge",),
        submitter="Examination",
        system_name="acme-box",
        system={},
        results=[replace(run.result, path=str(run.folder)) for run in outcome.runs],
        command="benchwright run -c benchwright.yaml",
        campaign=(project.folder / "benchwright.yaml").read_text(encoding="utf-8"),
        official=False,
    )


def _empty(place: Path) -> Path:
    """A folder of the examination's own: other fixtures may use the test's."""
    folder = place / "out"
    folder.mkdir(exist_ok=True)
    return folder


class FormatterExamination(Examination):
    """Subclass it with `info = "your formatter's name"`. round: which of its rounds is examined;
    by default the first."""

    family: ClassVar[str] = "formatters"
    kind: ClassVar[str] = "formatter"
    round: ClassVar[str] = ""

    def _submission(self) -> Submission:
        info: FormatterInfo = self.descriptor()
        found = sample_submission(self.round or info.rounds[0])
        return found._replace(system=dict(info.describe_system(FACTS)))

    def _formatter(self) -> Formatter:
        loaded = self.descriptor().load()
        require(isinstance(loaded, Formatter), f"load() gave {type(loaded).__name__}, no Formatter")
        formatter: Formatter = loaded
        return formatter

    @pytest.fixture
    def tree(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The tree that it writes from the sample submission."""

        def write() -> Path:
            out = tmp_path_factory.mktemp("tree")
            facts = self._formatter().write(self._submission(), out)
            require_json(facts, "what write() returns")
            return out

        return self._once("tree", write)

    def test_its_rounds_are_known(self) -> None:
        """A campaign names a round; the formatter must serve one that there is."""
        info: FormatterInfo = self.descriptor()
        require(info.rounds, "it serves no round")
        for name in info.rounds:
            try:
                load_round(name)
            except UsageError as error:
                fail(f"it serves the round `{name}`, which no campaign can name: {error}")
        self._require_sources(info.name, info.sources)
        require(info.sources, f"{info.name}: `sources` is empty: name the modules that write")

    def test_it_loads(self) -> None:
        """`load` gives a Formatter."""
        self._formatter()

    def test_any_machine_can_be_described(self) -> None:
        """Facts may be missing: nothing is invented, and nothing raised."""
        describe = self.descriptor().describe_system
        for facts in ({}, FACTS, installed().read_system().identity):
            require_json(dict(describe(dict(facts))), "what describe_system() returns")

    def test_what_is_unstated_can_be_stated(self) -> None:
        """It asks for fields that the round knows, and no longer once they are stated."""
        info: FormatterInfo = self.descriptor()
        if info.unstated is None:
            return
        round_ = load_round(self.round or info.rounds[0])
        known = {*round_.system_json.required, *round_.system_json.optional}
        for facts in ({}, FACTS):
            stated = dict(info.describe_system(dict(facts)))
            asked = list(info.unstated(round_, stated))
            strange = [name for name in asked if name not in known]
            require(not strange, f"it asks for {', '.join(strange)}, which no description has")
            left = list(info.unstated(round_, {**stated, **dict.fromkeys(asked, "stated")}))
            require(not left, f"it asks for {', '.join(left)}, also where that is stated")

    def test_it_writes_a_tree(self, tree: Path) -> None:
        """Files, in the folder that it is given."""
        require(contents(tree), "write() left the folder empty")

    def test_the_same_runs_give_the_same_bytes(self, tree: Path, tmp_path: Path) -> None:
        """No time, no random name, no order of a set."""
        self._formatter().write(self._submission(), _empty(tmp_path))
        first, second = contents(tree), contents(tmp_path / "out")
        differing = [name for name in first | second if first.get(name) != second.get(name)]
        require(not differing, f"written twice, these differ: {', '.join(sorted(differing)[:5])}")

    def test_the_order_of_results_does_not_matter(self, tree: Path, tmp_path: Path) -> None:
        """Results come in any order."""
        given = self._submission()
        turned = given._replace(results=list(reversed(given.results)))
        self._formatter().write(turned, _empty(tmp_path))
        require(
            contents(tree) == contents(tmp_path / "out"), "the tree depends on the order of results"
        )

    def test_runs_are_read_only(self, tmp_path: Path) -> None:
        """The runs' own folders stay as they are."""
        given = self._submission()
        before = [contents(Path(run.path)) for run in given.results]
        self._formatter().write(given, _empty(tmp_path))
        after = [contents(Path(run.path)) for run in given.results]
        require(before == after, "write() changes the folders of the runs")

    def test_it_finds_no_error_in_its_own_tree(self, tree: Path) -> None:
        """Checked as the rehearsal that it is."""
        found = self._check(tree, rehearsal=True)
        errors = [str(item) for item in found if item.level == "error"]
        require(not errors, "its own tree has errors:\n" + "\n".join(errors))

    def test_a_lost_file_is_found(self, tree: Path, tmp_path: Path) -> None:
        """Without its largest file, a tree is not right."""
        names = contents(tree)
        largest = max(names, key=lambda name: (tree / name).stat().st_size)
        for name in names:
            if name != largest:
                target = tmp_path / "out" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes((tree / name).read_bytes())
        found = self._check(_empty(tmp_path), rehearsal=True)
        require(
            any(item.level == "error" for item in found),
            f"a tree without {largest} is taken for right",
        )

    def test_any_tree_can_be_checked(self, tmp_path: Path) -> None:
        """Nothing, and nonsense: findings, no exception."""
        self._check(tmp_path / "empty", rehearsal=False, make=True)
        place = tmp_path / "nonsense"
        for name in ("open/Acme/results/x/y.json", "open/Acme/systems/a.json", "closed"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(b"\xff\x00 nonsense {")
        found = self._check(place, rehearsal=False)
        require(found, "a folder of nonsense is taken for a submission without fault")

    def _check(self, folder: Path, *, rehearsal: bool, make: bool = False) -> list[Finding]:
        if make:
            folder.mkdir()
        before = contents(folder)
        given = self._submission()
        try:
            found = self._formatter().check(folder, given.round, rehearsal=rehearsal)
        except Exception as error:
            fail(f"check() raised {type(error).__name__}: {error}; it must report findings")
        require(contents(folder) == before, "check() changes the tree that it checks")
        for item in found:
            self._require_finding(item)
        return found

    @staticmethod
    def _require_finding(item: Any) -> None:
        require(isinstance(item, Finding), f"check() gave {type(item).__name__}, no Finding")
        blank = [name for name, value in item.record().items() if not str(value).strip()]
        require(not blank, f"a finding says nothing in {', '.join(blank)}: {item!r}")
        require(item.level in ("error", "note"), f"unknown level `{item.level}`")
