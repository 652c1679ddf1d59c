"""Damaged data sets of every format, through the command line: the file is named, no traceback,
the user's folder stays as it is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from functional.project import QUICK, Project

BENCHMARKS = ("resnet50", "retinanet", "bert-99", "rnnt", "3d-unet-99", "dlrm-v2-99", "gptj-99")
"""One of each family."""


class Format(NamedTuple):
    """A family's data set, by the name that a campaign gives a folder of it."""

    family: str
    dataset: str


IMAGES = Format("resnet50", "digits")
SCENES = Format("retinanet", "digit-scenes")
SQUAD = Format("bert", "squad-tiny")
SPEECH = Format("rnnt", "generated-voices")
VOLUMES = Format("3d-unet", "brain")
CLICKS = Format("dlrm-v2", "clicks")
NEWS = Format("gptj", "made-up-news")

Damage = Callable[[Path], None]


def half(path: Path) -> None:
    """Cuts a file in the middle."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def lost(path: Path) -> None:
    """Takes a file away."""
    path.unlink()


def text(old: str, new: str) -> Damage:
    """Replaces a part of a text file, once."""

    def change(path: Path) -> None:
        content = path.read_text(encoding="utf-8")
        assert old in content
        path.unlink()
        path.write_text(content.replace(old, new, 1), encoding="utf-8")

    return change


def without(name: str) -> Damage:
    """Takes a field out of a JSON list's second object."""

    def change(path: Path) -> None:
        items = json.loads(path.read_text(encoding="utf-8"))
        del items[1][name]
        path.unlink()
        path.write_text(json.dumps(items), encoding="utf-8")

    return change


def overwritten(start: float, count: int) -> Damage:
    """Overwrites bytes from a share of the file on with 0xff."""

    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        begin = int(len(content) * start)
        content[begin : begin + count] = b"\xff" * count
        path.unlink()
        path.write_bytes(content)

    return change


CASES = [
    (IMAGES, "images/00671.png", half, "images/00671.png"),
    (IMAGES, "images/00671.png", lost, "val_map.txt:672: the image images/00671.png is missing"),
    (IMAGES, "val_map.txt", text("00003.png ", "00003.png x"), "val_map.txt:4"),
    (SCENES, "validation/data/*", half, "validation/data/"),
    (SCENES, "validation/data/*", lost, "images[0].file_name"),
    (SCENES, "annotations/*.json", half, "annotations/openimages-mlperf.json:"),
    (SCENES, "annotations/*.json", text('"bbox"', '"box"'), "annotations[0].bbox"),
    (SQUAD, "dev-v1.1.json", half, "dev-v1.1.json"),
    (SQUAD, "dev-v1.1.json", text('"answer_start"', '"begin"'), ".answers[0].answer_start"),
    (SQUAD, "vocab.txt", lost, "vocab.txt"),
    (SQUAD, "vocab.txt", half, "vocab.txt"),
    (SPEECH, "*/*/*/*/*-0000.flac", half, "-0000.flac"),
    (SPEECH, "*/*/*/*/*-0000.flac", lost, ".trans.txt:1"),
    (SPEECH, "*/*/*/*/*.trans.txt", text(" ", " 7 "), ".trans.txt:1"),
    (VOLUMES, "case_00018/imaging.nii.gz", half, "case_00018/imaging.nii.gz"),
    (VOLUMES, "case_00018/imaging.nii.gz", lost, "case_00018/imaging.nii.gz"),
    (VOLUMES, "case_00018/segmentation.nii.gz", half, "case_00018/segmentation.nii.gz"),
    (VOLUMES, "inference_cases.json", text("case_00018", "case_18"), "inference_cases.json: [18]"),
    (CLICKS, "day_23_dense.npy", half, "day_23_dense.npy"),
    (CLICKS, "day_23_sparse_multi_hot.npz", half, "day_23_sparse_multi_hot.npz"),
    (CLICKS, "day_23_sparse_multi_hot.npz", overwritten(0.5, 400), "day_23_sparse_multi_hot.npz/"),
    (CLICKS, "day_23_labels.npy", lost, "day_23_labels.npy"),
    (NEWS, "cnn_eval.json", half, "cnn_eval.json"),
    (NEWS, "cnn_eval.json", without("input"), "cnn_eval.json: [1].input"),
    (NEWS, "merges.txt", lost, "merges.txt"),
    (NEWS, "merges.txt", half, "merges.txt"),
]


@pytest.fixture(scope="module")
def tiny(ground: Path, temporary: dict[str, str]) -> Iterator[Project]:
    """Every family's tiny data set."""
    project = Project(ground / "tiny", dict(temporary))
    project.campaign(campaign(BENCHMARKS))
    project.benchwright("run", "dataset")
    yield project
    project.close()


def campaign(benchmarks: tuple[str, ...], more: str = "") -> str:
    text = QUICK.replace("[resnet50]", f"[{', '.join(benchmarks)}]")
    text = text.replace("category: edge", "category: [edge, datacenter]")
    return "".join(line for line in text.splitlines(keepends=True) if "settings" not in line
                   and "scenarios" not in line) + "scenarios: [Offline]\n" + more  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name", "damage", "told"),
    CASES,
    ids=[f"{case[0].family}-{case[1].replace('*/', '')}-{number}"
         for number, case in enumerate(CASES)],
)  # fmt: skip
def test_damaged_data_are_told(
    tiny: Project, place: Path, kind: Format, name: str, damage: Damage, told: str
) -> None:
    family = f"{kind.family}-tiny"
    mine = place / "mine"
    shutil.copytree(tiny.file("datasets", family, "raw"), mine, copy_function=os.link)
    damage(sorted(mine.glob(name))[0])
    before = sorted(mine.rglob("*"))
    project = Project(place / "project", dict(tiny.env))
    (benchmark,) = (item for item in BENCHMARKS if item.startswith(kind.family))
    project.campaign(campaign((benchmark,), f"datasets: {{{kind.dataset}: {mine}}}\n"))
    outcome = project.benchwright("run", f"preprocess:{family}", code=1)
    project.close()
    assert told in outcome.err
    assert "fix:" in outcome.err or "why:" in outcome.err
    assert sorted(mine.rglob("*")) == before
