"""The cards beside the shipped models: each states the files as they are, what the descriptor
states, and all that a reader needs to judge the accuracy."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from benchwright.contracts.benchmark import BenchmarkInfo, PresetInfo
from benchwright.contracts.source import Packaged
from benchwright.testing.examination import installed
from benchwright.training import described

FAMILIES = ("resnet50", "retinanet", "bert", "rnnt", "3d-unet", "dlrm-v2", "gptj")
FEWEST = {"resnet50": 1000, "3d-unet": 1}
"""Unseen samples that an accuracy must be measured on; 500 for the others."""


class Shipped(NamedTuple):
    family: str
    infos: list[BenchmarkInfo]
    preset: PresetInfo
    sources: list[Packaged]
    folder: Path
    card: dict[str, Any]


@pytest.fixture(scope="module", params=FAMILIES)
def shipped(request: pytest.FixtureRequest) -> Shipped:
    infos = [item for item in installed().benchmarks.values() if item.family == request.param]
    preset = infos[0].presets["tiny"]
    sources = [item for item in (*preset.model, *preset.dataset) if isinstance(item, Packaged)]
    (package,) = {source.package for source in sources}
    folder = Path(str(importlib.resources.files(package)))
    cards = [yaml.safe_load(path.read_text("utf-8")) for path in folder.glob("*.card.yaml")]
    (card,) = (card for card in cards if card["name"] == f"{request.param}-tiny")
    return Shipped(request.param, infos, preset, sources, folder, card)


def figures(card: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number of a card, with the keys that lead to it."""
    if isinstance(card, dict):
        for key, value in card.items():
            yield from figures(value, (*path, str(key)))
    elif isinstance(card, (int, float)):
        yield path, card


def below(card: dict[str, Any], word: str) -> dict[tuple[str, ...], float]:
    """The numbers below a key that starts with `word`."""
    return {
        path: value
        for path, value in figures(card)
        if any(key == word or key.startswith(f"{word}_") for key in path)
    }


def test_every_family_with_a_shipped_model_has_a_card() -> None:
    found = {
        item.family
        for item in installed().benchmarks.values()
        if any(isinstance(source, Packaged) for source in item.presets["tiny"].model)
    }
    assert found == set(FAMILIES)


def test_card_and_descriptor_state_the_files_as_they_are(shipped: Shipped) -> None:
    stated = {entry["name"]: entry for entry in shipped.card["files"].values()}
    assert stated == {
        source.path: described(shipped.folder / source.path) for source in shipped.sources
    }
    for source in shipped.sources:
        assert str(source.checksum) == f"sha256:{stated[source.path]['sha256']}"
    assert all(info.presets["tiny"] == shipped.preset for info in shipped.infos)


def test_a_model_is_at_most_two_megabytes(shipped: Shipped) -> None:
    for source in shipped.preset.model:
        assert isinstance(source, Packaged)
        assert (shipped.folder / source.path).stat().st_size <= 2_000_000


def test_enough_samples_are_unseen_and_the_descriptor_counts_them(shipped: Shipped) -> None:
    split = shipped.card["split"]
    assert split["evaluation"] == shipped.preset.sample_count >= FEWEST.get(shipped.family, 500)
    assert below(split, "train") or below(split, "training")
    assert len(split["note"]) > 80


def test_the_figures_that_judge_the_accuracy_are_there(shipped: Shipped) -> None:
    reference = shipped.preset.reference
    assert reference
    assert set(reference.values()) <= set(below(shipped.card["accuracy"], "fp32").values())
    assert below(shipped.card["accuracy"], "shuffled_labels")
    assert below(shipped.card, "chance")


def test_the_training_can_be_repeated(shipped: Shipped) -> None:
    training = shipped.card["training"]
    script = Path(training["script"])
    assert (shipped.folder / script.name).is_file()
    assert script.parts[-3:-1] == (shipped.folder.parent.name, "tiny")
    assert below(training, "seed")
    assert 0 < training["seconds"] < 600
    assert {"python", "torch", "onnx"} <= training["versions"].keys()
    assert shipped.card["source"]["licence"]
