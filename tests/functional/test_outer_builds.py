"""What a build around ours relies on: targets by path from anywhere, silence, exit codes, depfiles
that name everything, times."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from functional import vendor
from functional.outer import needs, with_command
from functional.project import SUBJECT, Project

ENGINE = f"build/default/engines/{SUBJECT}/main.onnx"


def below(project: Project, name: str) -> Project:
    """The same, from one of its folders."""
    return Project(project.folder / name, dict(project.env), project.path, project.started)


def dependencies(depfile: Path) -> list[str]:
    """What the first rule of a depfile names (without names that need escaping)."""
    rule = depfile.read_text("utf-8").split("\n\n")[0]
    return rule.replace("\\\n", " ").split(": ", 1)[1].split()


class TestFromAnywhere:
    def test_from_a_folder_of_the_project(self, fresh: Project) -> None:
        sub = below(fresh, "src/deep")
        outcome = sub.run("../../" + ENGINE, "--depfile", "x.d")
        assert outcome.executed[-1] == f"engine:{SUBJECT}"
        assert outcome.err.splitlines()[0] == f"in {fresh.folder}"
        assert fresh.engine.is_file()
        assert [path.name for path in sub.folder.iterdir()] == ["x.d"]
        # What is not below here is named in full.
        assert (sub.folder / "x.d").read_text("utf-8").startswith(f"../../{ENGINE}: ")
        assert str(fresh.folder / "benchwright.yaml") in dependencies(sub.folder / "x.d")
        assert sub.benchwright("explain", f"../../{ENGINE}").out.startswith("engine:")
        assert sub.benchwright("run", "-q", "engine").err == ""

    def test_by_an_absolute_path_through_a_link(self, fresh: Project, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(fresh.folder)
        fresh.benchwright("run", "-q", f"{link}/{ENGINE}", "--depfile", "x.d")
        assert (fresh.folder / "x.d").read_text("utf-8").startswith(f"{link}/{ENGINE}: ")
        assert str(fresh.folder / "benchwright.yaml") in dependencies(fresh.folder / "x.d")

    def test_a_project_elsewhere(self, fresh: Project) -> None:
        outer = Project(fresh.folder.parent, dict(fresh.env))
        (fresh.folder / "inner").mkdir()
        target = f"fresh/inner/{ENGINE}"
        outer.benchwright(
            "run", "-q", "--project", "fresh/inner", "-c", "fresh/benchwright.yaml", target,
            "--depfile", "fresh/x.d",
        )  # fmt: skip
        assert (outer.folder / target).is_file()
        assert (fresh.folder / "x.d").read_text("utf-8").startswith(f"{target}: ")
        assert "fresh/benchwright.yaml" in dependencies(fresh.folder / "x.d")
        refused = outer.benchwright("run", "--project", "nowhere", code=2)
        assert "--project nowhere: there is no such folder" in refused.err

    def test_init_writes_here_and_a_strangers_campaign_is_not_taken(self, fresh: Project) -> None:
        sub = below(fresh, "sub")
        sub.benchwright("init")
        assert (sub.folder / "benchwright.yaml").is_file()
        if os.geteuid() == 0:
            (sub.folder / "benchwright.yaml").unlink()
            os.chown(fresh.folder / "benchwright.yaml", 54321, -1)
            refused = sub.benchwright("list", code=2)
            assert "this campaign file does not exist" in refused.err


class TestSilenceAndExitCodes:
    def test_success_is_silent(self, fresh: Project) -> None:
        # A plugin that fails is told only where it may be the cause of something.
        fresh.path.append(vendor.install(fresh.folder / "site", "bad", "raise OSError('no')\n"))
        for _ in range(2):
            outcome = fresh.benchwright("run", "--quiet", ENGINE)
            assert (outcome.out, outcome.err) == ("", "")
        wrong = fresh.benchwright("run", "--quiet", f"{ENGINE}.old", "--depfile", "x.d", code=2)
        assert f"did you mean `{ENGINE}`?" in wrong.err
        assert not (fresh.folder / "x.d").exists()

    def test_a_failure_says_why(self, acme: Project) -> None:
        acme.env["ACME_BUILD_ERROR"] = "the chip is on fire"
        target = f"build/default/engines/{SUBJECT.replace('onnxruntime', 'acme')}/manifest.json"
        outcome = acme.benchwright("run", "-q", target, "--depfile", "x.d", code=1)
        assert "the chip is on fire" in outcome.err
        assert outcome.out == ""
        assert not (acme.folder / "x.d").exists()
        assert not (acme.folder / target).exists()


class TestDependencies:
    def test_a_depfile_names_everything(self, project: Project) -> None:
        """The user's own data, and whatever else the wanted task really needs."""
        shutil.copytree(
            project.file("datasets/resnet50-tiny/raw"),
            project.folder / "digits",
            ignore=shutil.ignore_patterns("manifest.json", "recipe.json"),
        )
        images = sorted((project.folder / "digits").rglob("*.png"))
        text = (project.folder / "benchwright.yaml").read_text("utf-8")
        project.campaign(text + "datasets: {digits: digits}\n")
        samples = "build/default/datasets/resnet50-tiny/preprocessed/samples.json"
        project.benchwright("run", samples, "--depfile", "x.d")
        found = dependencies(project.folder / "x.d")
        assert {"benchwright.yaml", "digits/val_map.txt"} <= set(found)
        assert {str(path.relative_to(project.folder)) for path in images} <= set(found)
        ends = ("benchwright_vision/images.py", "benchwright/steps/dataset.py", "METADATA",
                "benchwright_tasks/datasets.py", "benchwright/harness/samples.py")  # fmt: skip
        assert all(any(path.endswith(end) for path in found) for end in ends)
        assert not [path for path in found if "build/" in path and "site-packages" not in path]

        # Of an engine, data are no dependency; a task that is named stands for its targets.
        project.benchwright("run", "engine", "--depfile", "y.d")
        rule = (project.folder / "y.d").read_text("utf-8")
        assert rule.startswith(f"{Path(ENGINE).parent}/manifest.json {ENGINE}: ")
        assert "digits/" not in rule

    @needs("make")
    def test_a_plugin_is_a_dependency(self, acme: Project) -> None:
        with_command(acme)
        target = f"build/default/engines/{SUBJECT.replace('onnxruntime', 'acme')}/manifest.json"
        acme.write(
            "Makefile",
            f"{target}:\n\tbenchwright run -q $@ --depfile x.d\n-include x.d\n",
        )
        assert "benchwright run" in acme.call(["make"]).out
        assert "up to date" in acme.call(["make"]).out
        time.sleep(0.01)
        (Path(acme.path[0]) / "benchwright_acme.py").touch()
        assert "benchwright run" in acme.call(["make"]).out
        assert "up to date" in acme.call(["make"]).out


class TestTimes:
    def test_what_is_touched_need_not_be_read_again(self, project: Project) -> None:
        before = project.engine.stat()
        time.sleep(0.01)
        (project.folder / "benchwright.yaml").touch()
        outcome = project.run(ENGINE)
        assert set(outcome.statuses.values()) == {"up-to-date"}
        after = project.engine.stat()
        assert after.st_mtime_ns > (project.folder / "benchwright.yaml").stat().st_mtime_ns
        assert after.st_ino == before.st_ino
        # Nothing is to be done for its sake, and nothing was.
        snapshot = project.snapshot()
        assert project.run().executed == []
        assert project.snapshot() == snapshot
        assert project.run(ENGINE).executed == []
        assert project.snapshot() == snapshot

    def test_a_target_from_the_store(self, fresh: Project) -> None:
        store = fresh.folder / "store"
        fresh.env["BENCHWRIGHT_STORE"] = str(store)
        fresh.campaign(
            (fresh.folder / "benchwright.yaml").read_text("utf-8") + "store: {link: true}\n"
        )
        fresh.run(ENGINE)
        other = fresh.beside("other")
        assert set(other.run(ENGINE, "--depfile", "x.d").statuses.values()) == {"restored"}
        newest = max(
            os.stat(other.folder / path).st_mtime_ns for path in dependencies(other.folder / "x.d")
        )
        status = other.engine.stat()
        assert status.st_mtime_ns >= newest
        assert status.st_nlink == 1
        # The store's own file is as it was, and so is what else is linked to it.
        assert other.file("models/resnet50-tiny/resnet50.onnx").stat().st_mtime == 315_532_800
        assert other.benchwright("store", "verify", "--json").json["damaged"] == []
        snapshot = other.snapshot()
        assert set(other.run(ENGINE, "--depfile", "x.d").statuses.values()) == {"up-to-date"}
        assert other.snapshot() == snapshot
