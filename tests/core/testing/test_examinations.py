"""The examinations find what they are for: each plugin of broken.py fails those it must, and a
right one fails none."""

from __future__ import annotations

import ast
import subprocess
import sys
import xml.etree.ElementTree as tree
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from benchwright.testing.exercises import exercises

FILE = Path(__file__).with_name("broken.py")
ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.long


def _wanted() -> Iterator[tuple[str, list[str]]]:
    for node in ast.parse(FILE.read_text(encoding="utf-8")).body:
        for item in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == "finds":
                yield node.name, list(ast.literal_eval(item.value))


WANTED = dict(_wanted())
"""Class → the examinations that must fail; none for a plugin that is right."""


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    """Class → failed examination → what it said."""
    report = tmp_path_factory.mktemp("report") / "report.xml"
    chosen = [
        f"{FILE}::{name}{test and '::'}{test}"
        for name, tests in WANTED.items()
        for test in tests or [""]
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT),
         "-c", str(ROOT / "pyproject.toml"), f"--junitxml={report}", *chosen],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, dict[str, str]] = {name: {} for name in WANTED}
    for case in tree.parse(report).iter("testcase"):
        name = case.attrib["classname"].rsplit(".", 1)[1]
        for failure in [*case.findall("failure"), *case.findall("error")]:
            found[name][case.attrib["name"]] = failure.text or ""
    return found


@pytest.mark.parametrize("name", WANTED)
def test_a_fault_is_found(failures: Mapping[str, Mapping[str, str]], name: str) -> None:
    assert failures[name].keys() == set(WANTED[name])


def test_a_failure_is_a_sentence(failures: Mapping[str, Mapping[str, str]]) -> None:
    """What is said is for the vendor: no traceback of ours."""
    told = [text for found in failures.values() for text in found.values()]
    assert len(told) > 80
    assert not [text for text in told if "Traceback" in text]
    said = failures["TestOtherDtype"]["test_outputs_have_the_stated_dtypes_and_shapes"]
    assert said == "dense, batch 1: output `y` is float64, stated as float32"
    assert "did you mean `onnxruntime`" in failures["TestNotInstalled"]["test_it_loads"]


def test_the_shipped_graphs_are_what_their_source_says() -> None:
    import onnx

    from core.testing.make_graphs import FOLDER, models

    for name, made in models().items():
        assert onnx.load(str(FOLDER / name)) == made, f"run make_graphs.py: {name} is another"


def test_the_answers_of_the_exercises() -> None:
    """NumPy's answers have the dtypes and shapes that the programs state."""
    for exercise in exercises():
        batch = exercise.samples(3, 1)
        again = exercise.samples(3, 1)
        assert all(np.array_equal(batch[name], again[name]) for name in batch)
        for answer, spec in zip(exercise.answers(batch), exercise.program.outputs, strict=True):
            assert (answer.dtype, answer.shape[0]) == (np.dtype(spec.dtype), 3)
