"""The shipped files of bert's tiny preset: card, data set, model, and the script that made them."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml

from benchwright.archive import unpack
from benchwright_language.bert_config import TINY
from benchwright_language.bert_wordpiece import WordPieces
from benchwright_language.tiny import bert_data
from benchwright_language.tiny import bert_stories as stories

TINY_FOLDER = Path(stories.__file__).parent
NAME = re.compile(r"\b[A-Z][a-z]+\b")


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    text = (TINY_FOLDER / "bert.card.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bert") / "dataset"
    unpack(TINY_FOLDER / "bert_squad.tar.gz", place)
    return place


@pytest.fixture(scope="module")
def document(dataset: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((dataset / "dev-v1.1.json").read_text())
    return found


def test_accuracy_is_far_above_chance_and_the_control_is_not(card: dict[str, Any]) -> None:
    accuracy, chance = card["accuracy"], card["chance"]
    assert card["split"]["evaluation_questions"] >= 500
    assert accuracy["fp32_percent"] > 90 > 2 * chance["any_answer_of_the_kind_f1"] - 20
    assert accuracy["shuffled_labels_percent"] < chance["any_answer_of_the_kind_f1"] / 2
    assert accuracy["shuffled_labels_percent"] < 3 * chance["any_word_f1"]


def test_the_data_set_is_what_the_script_makes(document: dict[str, Any], dataset: Path) -> None:
    assert document == stories.squad(bert_data.evaluation(), "Invented people")
    assert (dataset / "vocab.txt").read_text().splitlines() == stories.vocabulary()
    assert bert_data.pack(bert_data.evaluation()) == bert_data.pack(bert_data.evaluation())


def test_no_name_of_the_evaluation_is_one_of_training(document: dict[str, Any]) -> None:
    asked = {
        word
        for paragraph in document["data"][0]["paragraphs"]
        for word in NAME.findall(paragraph["context"])
    } - {"The", "In"}
    training, evaluation = stories.split_names(bert_data.SPLIT_SEED)
    assert asked <= {*evaluation.people, *evaluation.places}
    assert not asked & {*training.people, *training.places}
    told = islice(stories.paragraphs(training, 1, long_share=0.5), 50)
    words = {word for questions in told for word in NAME.findall(questions[0].context)}
    assert words - {"The", "In"} <= {*training.people, *training.places}


def test_paragraphs_state_their_answers_among_rivals() -> None:
    names, _ = stories.split_names(1)
    for questions in islice(stories.paragraphs(names, 3, long_share=0.2), 200):
        for item in questions:
            assert item.context[item.start :].startswith(item.answer)
            assert item.answer in item.rivals
            assert len(item.rivals) >= 2


def test_every_word_is_known_and_names_have_two_pieces() -> None:
    pieces = stories.vocabulary()
    assert len(pieces) == len(set(pieces)) == TINY.vocabulary
    cutter = WordPieces({piece: number for number, piece in enumerate(pieces)})
    for names in stories.split_names(5):
        for name in (*names.people, *names.places):
            assert [len(cutter.pieces(name)), "[UNK]" in cutter.pieces(name)] == [2, False]
        for questions in islice(stories.paragraphs(names, 7, long_share=0.1), 300):
            for item in questions:
                assert "[UNK]" not in cutter.pieces(f"{item.question} {item.context}")


def test_some_questions_have_several_windows(document: dict[str, Any], dataset: Path) -> None:
    from benchwright_language.bert_benchmark import Bert

    questions = [
        question for paragraph in document["data"][0]["paragraphs"] for question in paragraph["qas"]
    ]
    assert Bert().validate_dataset("tiny", dataset) > len(questions) + 50


def test_the_model_is_a_self_contained_graph_of_the_stated_size(card: dict[str, Any]) -> None:
    model = onnx.load(TINY_FOLDER / "bert.onnx")
    onnx.checker.check_model(model, full_check=True)
    weights = {item.name: tuple(item.dims) for item in model.graph.initializer}
    shapes = TINY.shapes()
    for name, shape in shapes.items():
        linear = len(shape) == 2 and "embeddings" not in name
        assert weights[name] == (shape[::-1] if linear else shape)
    total = sum(int(np.prod(shape)) for shape in shapes.values())
    assert total == card["model"]["parameters"]
    assert card["model"]["encoder"] == TINY._asdict()


def test_the_control_never_replaces_the_shipped_files(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    from benchwright_language.tiny import bert_train

    with pytest.raises(SystemExit) as stopped:
        bert_train.main(["--shuffle-labels"])
    assert stopped.value.code == 2
    assert "needs --out" in capsys.readouterr().err


def test_training_samples_point_at_their_answers() -> None:
    pytest.importorskip("torch")
    from benchwright_language.bert_config import Windows
    from benchwright_language.tiny.bert_training import examples, shuffled

    cutter = WordPieces({piece: number for number, piece in enumerate(stories.vocabulary())})
    pieces = stories.vocabulary()
    names, _ = stories.split_names(1)
    told = list(islice(stories.paragraphs(names, 3, long_share=0.3), 60))
    for questions in told:
        for item in questions:
            found = examples([[item]], cutter, Windows(96, 32, 16))
            spans = [
                [pieces[number] for number in one.ids[one.start : one.end + 1]]
                for one in found
                if one.start
            ]
            assert spans
            assert all(span == cutter.pieces(item.answer) for span in spans)
            for one in found:
                if not one.start:
                    assert (one.end, one.sentence) == (0, (0, 0))
                    continue
                first, last = one.sentence
                assert first <= one.start <= one.end <= last
                assert [pieces[number] for number in one.ids[first:last]].count(".") == 0
    every = examples(told, cutter, Windows(96, 32, 16))
    control = shuffled(every, 0)
    assert all(one.end < len(one.ids) and one.sentence[1] < len(one.ids) for one in control)
    changed = [one.start != two.start for one, two in zip(every, control, strict=True)]
    assert np.mean(changed) > 0.9


@pytest.mark.long
def test_training_again_learns_the_names_that_it_never_saw(dataset: Path) -> None:
    pytest.importorskip("torch")
    from benchwright_language.tiny.bert_train import train_and_score
    from benchwright_language.tiny.bert_training import Recipe

    trained = train_and_score(Recipe(), dataset, shuffle=False)
    assert trained.scored.f1 > 95
