"""bert from files to a score: driver, bytes, presets, and what cannot be scored."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.harness.samples import SampleStore, SampleWriter
from benchwright.progress import silent
from benchwright.rounds import load_round
from benchwright_language import bert_config, bert_synthetic
from benchwright_language.bert_benchmark import Bert, encode_logits
from benchwright_language.bert_config import BertPreset, Encoder, Windows
from benchwright_language.bert_descriptors import bert
from benchwright_language.bert_graph import build_graph

SMALL = Encoder(vocabulary=400, hidden=8, layers=1, heads=2, intermediate=8, positions=16)


class Recorder:
    """A session that answers with position and id, and remembers what it was given."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}

    def run(self, inputs: Mapping[str, Any]) -> Sequence[Any]:
        self.given = dict(inputs)
        ids = inputs["input_ids"].astype(np.float32)
        return [ids, -ids]


BATCH = {
    "input_ids": [np.array([2, 7, 3]), np.array([2, 8, 3, 9, 3])],
    "segment_ids": [np.array([0, 0, 1]), np.array([0, 0, 0, 1, 1])],
}


@pytest.mark.parametrize(("preset", "length"), [("tiny", 5), ("synthetic", 5), ("official", 384)])
def test_the_driver_pads_masks_and_takes_the_padding_away(preset: str, length: int) -> None:
    session = Recorder()
    start, end = Bert().program(preset).load_driver()({"main": session}, BATCH)
    assert set(session.given) == {"input_ids", "input_mask", "segment_ids"}
    for value in session.given.values():
        assert (value.dtype, value.shape) == (np.int64, (2, length))
        assert value.flags.c_contiguous
    assert session.given["input_ids"][:, :5].tolist() == [[2, 7, 3, 0, 0], [2, 8, 3, 9, 3]]
    assert session.given["input_mask"][:, :5].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert session.given["segment_ids"][:, :5].tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 1, 1]]
    assert not any(value[:, 5:].any() for value in session.given.values())
    assert [row.tolist() for row in start] == [[2, 7, 3], [2, 8, 3, 9, 3]]
    assert [row.tolist() for row in end] == [[-2, -7, -3], [-2, -8, -3, -9, -3]]


def test_the_official_graph_has_its_fixed_axis() -> None:
    (graph,) = Bert().program("official").graphs
    assert [(spec.name, spec.dtype, spec.shape) for spec in graph.inputs] == [
        (name, "int64", ("N", 384)) for name in ("input_ids", "input_mask", "segment_ids")
    ]
    assert [(spec.name, spec.dtype, spec.shape) for spec in graph.outputs] == [
        (name, "float32", ("N", 384)) for name in ("output_start_logits", "output_end_logits")
    ]
    (graph,) = Bert().program("tiny").graphs
    assert {spec.shape for spec in (*graph.inputs, *graph.outputs)} == {("N", "tokens")}


def test_start_and_end_of_each_token_lie_side_by_side() -> None:
    start = [np.array([1.0, -2.0], np.float32), np.array([0.5], np.float32)]
    end = [np.array([3.0, 4.0], np.float32), np.array([-1.0], np.float32)]
    first, second = encode_logits([start, end], np.arange(2))
    assert first.flags.c_contiguous
    assert first.tobytes().hex() == "0000803f00004040000000c000008040"
    assert second.tobytes() == struct.pack("<2f", 0.5, -1.0)


WORDS = "[PAD] [UNK] [CLS] [SEP] x b c d who ? ."


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The official preset with short windows, and a model of as many pieces as the data set's."""
    known = SMALL._replace(vocabulary=len(WORDS.split()))
    monkeypatch.setitem(
        bert_config.PRESETS, "official", BertPreset(known, Windows(8, 3, 2), fixed_length=8)
    )


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three questions on two paragraphs, four samples: the second question's has two windows."""
    folder = tmp_path / "data"
    folder.mkdir()

    def asked(name: str, question: str, answer: str, start: int) -> dict[str, Any]:
        return {
            "id": name,
            "question": question,
            "answers": [{"answer_start": start, "text": answer}],
        }

    paragraphs = [
        {"context": "X b.", "qas": [asked("1", "who?", "X", 0)]},
        {"context": "x B c d", "qas": [asked("2", "who c?", "B", 2), asked("3", "who", "c d", 4)]},
    ]
    document = {"version": "1.1", "data": [{"title": "", "paragraphs": paragraphs}]}
    (folder / "dev-v1.1.json").write_text(json.dumps(document))
    (folder / "vocab.txt").write_text("\n".join(WORDS.split()) + "\n")
    return folder


IDS = [
    [2, 8, 9, 3, 4, 5, 10, 3],
    [2, 8, 6, 3, 4, 5, 6, 3],
    [2, 8, 6, 3, 7, 3],
    [2, 8, 3, 4, 5, 6, 7, 3],
]


def test_samples_are_windows_of_questions_in_order(
    dataset: Path, tmp_path: Path, small: None
) -> None:
    benchmark = Bert()
    assert benchmark.validate_dataset("official", dataset) == 4
    samples = tmp_path / "samples"
    samples.mkdir()
    told: list[tuple[int, int]] = []
    with SampleWriter(samples, benchmark.program("official").inputs, 4) as writer:
        benchmark.preprocess("official", dataset, writer, lambda *at: told.append(at))
    loaded = SampleStore.open(samples).load(range(4))
    assert [row.tolist() for row in loaded.ragged["input_ids"]] == IDS
    first = [ids.index(3) + 1 for ids in IDS]
    assert [row.tolist() for row in loaded.ragged["segment_ids"]] == [
        [0] * count + [1] * (len(ids) - count) for count, ids in zip(first, IDS, strict=True)
    ]
    assert told == [(4, 4)]


def response(index: int, start: int, end: int, height: float = 5.0) -> Entry:
    """Logits of zero but for a start and an end."""
    rows = np.zeros((len(IDS[index]), 2), np.float32)
    rows[start, 0] = rows[end, 1] = height
    return Entry(seq_id=0, qsl_idx=index, data=rows.tobytes())


RIGHT = [response(0, 4, 4), response(1, 5, 5), response(2, 4, 4, 1.0), response(3, 5, 6)]


def test_the_score_is_the_text_that_the_checkers_look_for(dataset: Path, small: None) -> None:
    score = Bert().score("official", dataset, RIGHT)
    assert score.values == {"F1": 100.0, "exact_match": 100.0}
    assert score.samples == 4
    assert score.text == '{"exact_match": 100.0, "f1": 100.0}\n'
    # The third question's answer is "c": precision 1, recall 1/2.
    score = Bert().score("official", dataset, [*RIGHT[:3], response(3, 5, 5)])
    assert score.values["exact_match"] == pytest.approx(200 / 3)
    assert score.values["F1"] == pytest.approx(100 * (2 + 2 / 3) / 3)
    assert list(score.values) == ["F1", "exact_match"]
    assert type(score.values["F1"]) is float
    import re

    pattern = load_round("v3.1").accuracy_patterns["F1"]
    (found,) = re.findall(pattern, score.text)
    assert float(found) == score.values["F1"]


def test_windows_of_a_question_compete(dataset: Path, small: None) -> None:
    entries = [*RIGHT[:2], response(2, 4, 4, 9.0), RIGHT[3]]
    score = Bert().score("official", dataset, entries)
    # The second window's "d" beats the first one's "B".
    assert score.values["exact_match"] == pytest.approx(200 / 3)


def test_missing_responses_are_wrong_and_later_ones_count(dataset: Path, small: None) -> None:
    score = Bert().score("official", dataset, [])
    assert (score.values["F1"], score.samples) == (0.0, 0)
    score = Bert().score("official", dataset, [response(0, 5, 5), *RIGHT[::-1]])
    assert (score.values["F1"], score.samples) == (100.0, 4)
    score = Bert().score("official", dataset, RIGHT[:1])
    assert (score.values["F1"], score.samples) == (pytest.approx(100 / 3), 1)


def test_shorter_and_padded_responses_are_scored(dataset: Path, small: None) -> None:
    # Only up to the answer, and as the reference logs it: all of the fixed axis.
    short = Entry(0, 0, RIGHT[0].data[: 5 * 8])
    padded = np.full((8, 2), 3.0, np.float32)
    padded[:6] = np.frombuffer(RIGHT[2].data, np.float32).reshape(6, 2)
    entries = [short, RIGHT[1], Entry(0, 2, padded.tobytes()), RIGHT[3]]
    assert Bert().score("official", dataset, entries).values["F1"] == 100.0


@pytest.mark.parametrize(
    "bad",
    [
        Entry(0, 0, b""),
        Entry(0, 0, b"\0" * 12),
        Entry(0, 0, b"\0" * 8 * 9),
        Entry(0, 4, b"\0" * 8),
    ],
)
def test_a_response_that_cannot_be_scored_is_an_error(
    dataset: Path, small: None, bad: Entry
) -> None:
    with pytest.raises(BenchwrightError, match=rf"sample {bad.qsl_idx} cannot be scored"):
        Bert().score("official", dataset, [bad])


def test_a_vocabulary_of_another_model_is_told(dataset: Path) -> None:
    many = [f"w{number}" for number in range(250)]
    (dataset / "vocab.txt").write_text("\n".join([*WORDS.split(), *many]))
    with pytest.raises(BenchwrightError, match=r"vocab\.txt: this vocabulary has 261 pieces"):
        Bert().validate_dataset("tiny", dataset)


def test_a_vocabulary_that_was_cut_off_is_told(dataset: Path, small: None) -> None:
    """Its last pieces would silently become unknown ones."""
    (dataset / "vocab.txt").write_text("\n".join(WORDS.split()[:-1]))
    with pytest.raises(BenchwrightError, match=r"has 10 pieces, the model knows 11"):
        Bert().validate_dataset("official", dataset)


def test_official_files_become_a_data_set_and_a_model(
    dataset: Path, tmp_path: Path, small: None
) -> None:
    """The official files in miniature."""
    weights = {name: np.ones(shape, np.float32) for name, shape in SMALL.shapes().items()}
    build_graph(SMALL, weights, "model").save(tmp_path / "model.onnx")
    presets = bert()[0].presets["official"]
    (model,) = presets.model
    sources = {model.name: tmp_path / "model.onnx"}
    (tmp_path / "model").mkdir()
    Bert().assemble_model("official", sources, tmp_path / "model", silent)
    sources = {source.name: dataset / source.name for source in presets.dataset}
    Bert().assemble_dataset("official", sources, tmp_path / "out", silent)
    assert Bert().validate_dataset("official", tmp_path / "out") == 4
    assert [path.name for path in (tmp_path / "model").iterdir()] == list(presets.model_files)


def test_the_synthetic_preset_is_written_read_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bert_synthetic, "SAMPLES", 40)
    monkeypatch.setattr(bert_synthetic, "STEMS", 300)
    encoder = SMALL._replace(positions=512)
    preset = bert_config.PRESETS["synthetic"]._replace(encoder=encoder)
    monkeypatch.setitem(bert_config.PRESETS, "synthetic", preset)
    benchmark = Bert()
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        benchmark.assemble_model("synthetic", {}, tmp_path / place, silent)
        benchmark.assemble_dataset("synthetic", {}, tmp_path / place / "data", silent)
    files = ("bert.onnx", "data/dev-v1.1.json", "data/vocab.txt")
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

    data, samples = tmp_path / "one" / "data", tmp_path / "samples"
    samples.mkdir()
    assert benchmark.validate_dataset("synthetic", data) == 40
    with SampleWriter(samples, benchmark.program("synthetic").inputs, 40) as writer:
        benchmark.preprocess("synthetic", data, writer, silent)
    store = SampleStore.open(samples)
    ids = store.load(range(40)).ragged["input_ids"]
    assert max(int(row.max()) for row in ids) < 400
    # No word is unknown: pieces are what the text was made of.
    assert not any((row == 1).any() for row in ids)
    session = onnxruntime.InferenceSession(
        tmp_path / "one" / "bert.onnx", providers=["CPUExecutionProvider"]
    )

    class Session:
        def run(self, given: Mapping[str, Any]) -> Sequence[Any]:
            return session.run(None, dict(given))

    batch = store.load(range(3)).slice(0, 3)
    start, end = benchmark.program("synthetic").load_driver()({"main": Session()}, batch)
    assert [len(row) for row in start] == [len(row) for row in ids[:3]]
    assert all(np.isfinite(row).all() for row in (*start, *end))


def test_lengths_of_the_synthetic_preset_are_like_the_real_ones() -> None:
    draw = bert_synthetic.RandomWords(["a"], ["b"])
    questions = [draw.length(*bert_synthetic.QUESTION_PIECES) for _ in range(4000)]
    documents = [draw.length(*bert_synthetic.DOCUMENT_PIECES) for _ in range(4000)]
    assert np.median(questions) == pytest.approx(12, abs=1)
    totals = np.array(questions) + documents + 3
    # 263 windows more than questions: about 2.5 % do not fit into 384.
    assert np.mean(totals > 384) == pytest.approx(0.023, abs=0.01)
    for count in (1, 2, 7, 100):
        words = draw.text(count).split()
        assert sum(len(word) for word in words) == count
        assert {*words} <= {"a", "ab"}


def test_both_benchmarks_share_their_presets_and_differ_in_quality() -> None:
    first, second = bert()
    assert (first.name, first.quality) == ("bert-99", 0.99)
    assert (second.name, second.quality) == ("bert-99.9", 0.999)
    assert first.presets is second.presets
    assert list(first.presets) == ["tiny", "official", "synthetic"]
    assert first.presets["synthetic"].speed_only
    assert first.presets["synthetic"].sample_count == bert_synthetic.SAMPLES
