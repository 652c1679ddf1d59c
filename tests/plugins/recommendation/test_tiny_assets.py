"""The shipped files of the tiny preset: model, clicks, card and descriptor agree."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml

import benchwright_recommendation.tiny
from benchwright_recommendation.architecture import TINY
from benchwright_recommendation.criteo import ClickLog
from benchwright_recommendation.tiny import clicks, train_dlrm

FOLDER = Path(benchwright_recommendation.tiny.__file__).parent
MODEL, DATASET = FOLDER / train_dlrm.MODEL, FOLDER / train_dlrm.DATASET


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / train_dlrm.CARD).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def days() -> tuple[clicks.Clicks, clicks.Clicks]:
    return clicks.generate()


def test_the_data_set_is_small() -> None:
    assert DATASET.stat().st_size < 3_000_000


def test_card_says_what_was_measured_and_that_the_clicks_are_generated(
    card: dict[str, Any],
) -> None:
    accuracy = card["accuracy"]
    assert "generated" in card["source"]["name"]
    assert 75 < accuracy["fp32_percent"] < accuracy["best_possible_percent"] < 90
    assert abs(accuracy["shuffled_labels_percent"] - card["chance_percent"]) < 3
    assert card["model"]["parameters"] * 4 == TINY.weight_bytes()


def test_the_model_scores_what_the_card_says(card: dict[str, Any]) -> None:
    found = train_dlrm.score(MODEL.read_bytes(), DATASET.read_bytes())
    assert found == pytest.approx(card["accuracy"]["fp32_percent"], abs=0.01)


def test_the_archive_is_the_generated_evaluation_day(
    days: tuple[clicks.Clicks, clicks.Clicks], tmp_path: Path
) -> None:
    with tarfile.open(DATASET) as archive:
        assert {(e.mtime, e.uid, e.gid, e.mode) for e in archive} == {(0, 0, 0, 0o644)}
        archive.extractall(tmp_path, filter="data")
    log = ClickLog(tmp_path, TINY)
    pairs = list(log.read())
    day = days[1]
    assert log.offsets.tolist() == day.offsets.tolist()
    assert set(np.diff(log.offsets).tolist()) == {10, 20, 30, 40, 50, 60, 70}
    np.testing.assert_array_equal(np.concatenate([p.labels for p in pairs]), day.labels[:, 0])
    np.testing.assert_array_equal(
        np.concatenate([p.ids for p in pairs]), np.concatenate(day.bags, axis=1)
    )
    # Logarithms may differ in their last bit from one machine to the next.
    np.testing.assert_allclose(np.concatenate([p.dense for p in pairs]), day.dense, rtol=1e-6)


def test_no_user_of_the_evaluation_is_in_training(
    days: tuple[clicks.Clicks, clicks.Clicks],
) -> None:
    """A user is told by all of their features: dense ones and the ids of every second table."""

    def users(day: clicks.Clicks) -> set[bytes]:
        first = day.offsets[:-1]
        ids = np.concatenate([bag[first, :1] for bag in day.bags[::2]], axis=1)
        return {
            dense.tobytes() + row.tobytes()
            for dense, row in zip(day.dense[first, :6], ids, strict=True)
        }

    training, evaluation = (users(day) for day in days)
    assert len(evaluation) == clicks.EVALUATION
    assert len(training) > 0.99 * clicks.USERS
    assert not training & evaluation


def test_the_best_possible_auc_is_that_of_the_true_probabilities(
    card: dict[str, Any], days: tuple[clicks.Clicks, clicks.Clicks]
) -> None:
    labels, chances = days[1].labels[:, 0], days[1].probabilities
    # By its meaning: how often a clicked pair has the higher probability of two.
    others = np.sort(chances[labels == 0])
    wins = np.searchsorted(others, chances[labels == 1]) / len(others)
    assert 100 * wins.mean() == pytest.approx(card["accuracy"]["best_possible_percent"], abs=0.001)


def test_a_sample_computed_with_others_gets_the_same_bytes() -> None:
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    dense = random.normal(size=(80, 13)).astype(np.float32)
    ids = np.zeros((80, TINY.ids), np.int32)
    (whole,) = session.run(None, {"dense": dense, "ids": ids})
    (alone,) = session.run(None, {"dense": dense[30:40], "ids": ids[30:40]})
    assert whole[30:40].tobytes() == alone.tobytes()


def test_packing_gives_the_same_bytes_again(days: tuple[clicks.Clicks, clicks.Clicks]) -> None:
    rows = int(days[1].offsets[5])
    first = clicks.Clicks(
        dense=days[1].dense[:rows],
        bags=[bag[:rows] for bag in days[1].bags],
        labels=days[1].labels[:rows],
        offsets=days[1].offsets[:6],
        probabilities=days[1].probabilities[:rows],
    )
    packed = train_dlrm.pack(first)
    assert packed == train_dlrm.pack(first)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert len(archive.getnames()) == 4


@pytest.mark.long
def test_training_again_reaches_the_cards_figure_and_chance_on_permuted_labels(
    card: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    said: list[str] = []
    train_dlrm.write_all(tmp_path, 0, shuffle=False, say=said.append)
    again = yaml.safe_load((tmp_path / train_dlrm.CARD).read_text(encoding="utf-8"))
    found = again["accuracy"]
    assert found["fp32_percent"] == pytest.approx(card["accuracy"]["fp32_percent"], abs=0.5)
    assert abs(found["shuffled_labels_percent"] - 50) < 3
    assert len(said) == 3


def test_the_control_never_replaces_the_shipped_files(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_dlrm.main(["--shuffle-labels"])
    assert "needs --out" in capsys.readouterr().err
