"""Depfiles as make and ninja read them, and times as they compare them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from benchwright.build import artifact
from benchwright.build.outer import depfile_text, freshen, named_from, outside_files, write_depfile
from benchwright.build.recipe import Recipe
from benchwright.build.task import measurement, product
from benchwright.errors import BenchwrightError

NAMES = [
    "plain.yaml",
    "with space.png",
    "two  spaces.png",
    "dollar$sign",
    "$(shell echo no).x",
    "hash#mark",
    "colon:inside",
    "per%cent",
    "equals=sign",
    "brackets[1].png",
    "comma,plus+at@tilde~bang!",
    "(round){curly}.x",
    "ümläut 漢字",
]
TARGET = "out put$#:1/main.onnx"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        Path(name).write_text(name)
        os.utime(name, (1000, 1000))
    Path(TARGET).parent.mkdir()
    Path(TARGET).write_text("made")
    os.utime(TARGET, (2000, 2000))
    write_depfile(Path("deps/main.d"), [TARGET], NAMES)
    return tmp_path


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def make_is_done() -> bool:
    done = run("make", "-f", "outer.mk", "-q", "--warn-undefined-variables")
    assert done.returncode in (0, 1), done.stderr
    assert not done.stderr
    return done.returncode == 0


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_sees_every_dependency(place: Path) -> None:
    escaped = TARGET.replace("$", "$$")
    for letter in " #:":
        escaped = escaped.replace(letter, f"\\{letter}")
    Path("outer.mk").write_text(f"all: {escaped}\n\n-include deps/main.d\n{escaped}:\n\tfalse\n")
    assert make_is_done()
    for name in NAMES:
        os.utime(name, (3000, 3000))
        assert not make_is_done(), name
        os.utime(name, (1000, 1000))
        assert make_is_done(), name
    # One that has gone makes it call us again; it does not stop make.
    for name in NAMES:
        if not set("=%") & set(name):
            Path(name).unlink()
            assert not make_is_done(), name
            Path(name).write_text(name)
            os.utime(name, (1000, 1000))


@pytest.mark.skipif(not shutil.which("ninja"), reason="ninja is not installed")
def test_ninja_sees_every_dependency(place: Path) -> None:
    escaped = TARGET.replace("$", "$$").replace(" ", "$ ").replace(":", "$:")
    Path("build.ninja").write_text(
        f"rule made\n  command = true\n  depfile = deps/main.d\nbuild {escaped}: made\n"
    )

    def is_done() -> bool:
        done = run("ninja", "-n")
        assert done.returncode == 0, done.stdout
        return "no work to do" in done.stdout

    # Depfile and target as ninja finds them after the command that writes them.
    assert run("ninja").returncode == 0
    assert is_done()
    ahead = time.time() + 100
    for name in NAMES:
        os.utime(name, (ahead, ahead))
        assert not is_done(), name
        os.utime(name, (1000, 1000))
        assert is_done(), name
        Path(name).rename("away")
        assert not is_done(), name
        Path("away").rename(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "new\nline",
        "tab\t",
        "semi;colon",
        "st*r",
        "back\\slash",
        "a|b",
        "end:",
        "lib(a)",
        "don't",
        "a&b",
        "what?",
    ],
)
def test_names_that_a_depfile_cannot_hold(name: str, tmp_path: Path) -> None:
    with pytest.raises(BenchwrightError, match="a depfile cannot name this file") as told:
        write_depfile(tmp_path / "x.d", ["out"], ["fine", name])
    assert told.value.where == repr(name)
    assert list(tmp_path.iterdir()) == []


def test_an_assignment_is_no_rule() -> None:
    assert depfile_text(["out"], ["a=b", "c"]) == "out: \\\n  c \\\n  a=b\n\nc:\n"
    for targets, dependencies in ((["out"], ["a=b"]), (["o=ut"], ["c"])):
        with pytest.raises(BenchwrightError):
            depfile_text(targets, dependencies)


def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchwrightError, match="a file operation failed"):
        write_depfile(tmp_path / "file" / "x.d", ["out"], ["c"])


def test_paths_are_written_for_where_somebody_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    outer = named_from(str(tmp_path))
    assert outer("build/x") == "project/build/x"
    assert outer(str(tmp_path / "..x")) == "..x"
    inner = named_from(str(tmp_path / "project" / "sub"))
    assert inner("build/x") == str(tmp_path / "project/build/x")


class TestTimes:
    """`freshen`, with files of stated times: seconds before the command began."""

    @pytest.fixture
    def began(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
        monkeypatch.chdir(tmp_path)
        Path("art").mkdir()
        return time.time_ns() - 10**9

    @staticmethod
    def file(path: str, began: int, seconds: float) -> str:
        Path(path).write_text(path)
        os.utime(path, ns=(began, began - int(seconds * 1e9)))
        return path

    def test_a_target_that_is_newer_is_left_alone(self, began: int) -> None:
        target, dependency = self.file("art/t", began, 50), self.file("d", began, 100)
        before = artifact.stamp(target)
        assert freshen({target: "art"}, [dependency, "gone"], began) == {}
        assert artifact.stamp(target) == before

    def test_one_that_is_older_becomes_newer(self, began: int) -> None:
        target, dependency = self.file("art/t", began, 100), self.file("d", began, 50)
        before = artifact.stamp(target)
        assert freshen({target: "art"}, [dependency], began) == {
            target: (before, artifact.stamp(target))
        }
        assert Path(target).stat().st_mtime_ns == began
        assert freshen({target: "art"}, [dependency], began) == {}

    def test_a_dependency_from_the_future(self, began: int) -> None:
        target, dependency = self.file("art/t", began, 100), self.file("d", began, -1000)
        freshen({target: "art"}, [dependency], began)
        assert Path(target).stat().st_mtime_ns == Path(dependency).stat().st_mtime_ns

    @pytest.mark.parametrize("age", [100, -0.9])
    def test_what_was_edited_meanwhile_stays_newer(self, began: int, age: float) -> None:
        target = self.file("art/t", began, age)
        edited, other = self.file("e", began, -0.5), self.file("d", began, 50)
        freshen({target: "art"}, [edited, other], began)
        now = Path(target).stat().st_mtime_ns
        assert Path(other).stat().st_mtime_ns <= now < Path(edited).stat().st_mtime_ns

    def test_a_hard_link_becomes_a_file_of_its_own(self, began: int) -> None:
        object_ = self.file("object", began, 1000)
        os.link(object_, "art/t")
        os.chmod(object_, 0o444)
        before = artifact.stamp(object_)
        freshen({"art/t": "art"}, [self.file("d", began, 50)], began)
        after = artifact.stamp(object_)
        assert before is not None
        assert after is not None
        assert after[:2] == before[:2]
        assert Path("art/t").stat().st_mtime_ns == began
        assert Path("art/t").read_text() == "object"
        assert [path.name for path in Path("art").iterdir()] == ["t"]

    def test_a_missing_target_is_named(self, began: int) -> None:
        with pytest.raises(BenchwrightError) as told:
            freshen({"art/t": "art"}, [], began)
        assert told.value.where == "art/t"


def test_what_tasks_depend_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def made(task: str, **how: object) -> Recipe:
        folder = f"build/{task.split(':')[0]}"
        return Recipe(task, "benchwright.errors:did_you_mean", folder, **how)  # type: ignore[arg-type]

    tasks = [
        product(made("data:d", sources=("yaml",)), doc="", watches=["own/a"]),
        product(
            made("model:m", inputs={"x": "own.bin", "d": "build/data/manifest.json"},
                 tools={"pytest": "1", "compiler": "2"}), doc=""),
        measurement(
            made("run:r", inputs={"m": "build/model/manifest.json"}, keyed_by_source=False),
            doc="", files=[], task_dep=["model"], seconds=1),
        product(made("other:o", inputs={"y": "other.bin"}), doc=""),
    ]  # fmt: skip
    own = str(Path(__file__).parents[3] / "core/benchwright/errors.py")
    assert set(outside_files([tasks[3]], ["other"])) == {"other.bin", own}
    found = outside_files(tasks, ["run:r"])
    assert {"own/a", "own.bin", own} <= set(found)
    assert "other.bin" not in found
    assert not [path for path in found if path.startswith("build/")]
    assert [path for path in found if path.endswith("METADATA") and "pytest-" in path]
    assert {Path(path).name for path in found} > {"loader.py", "scanner.py"}
    assert len(found) == len(set(found))
