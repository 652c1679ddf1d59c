"""dlrm-v2: packing of ragged samples, the accuracy log's bytes, the score, and the official path
from MLCommons' files in miniature to responses."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchwright import onnxgraph
from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.harness.samples import SampleStore, SampleWriter
from benchwright.progress import silent
from benchwright_recommendation import dlrm, synthetic, weights
from benchwright_recommendation.architecture import SYNTHETIC
from benchwright_recommendation.criteo import ClickLog
from benchwright_recommendation.snapshot import METADATA

from .conftest import SMALL, Day, write_day


class Sums:
    """A session that predicts from a pair's first dense feature and first id alone."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def run(self, inputs: Any) -> list[Any]:
        assert all(array.flags.c_contiguous for array in inputs.values())
        self.calls.append(len(inputs["dense"]))
        return [inputs["dense"][:, 0] + inputs["ids"][:, 0]]


def _batch(sizes: list[int]) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "dense": [random.normal(size=(size, 13)).astype(np.float32) for size in sizes],
        "ids": [random.integers(0, 9, (size, 214)).astype(np.int32) for size in sizes],
        "labels": [random.integers(0, 2, size).astype(np.float32) for size in sizes],
    }


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_a_batch_is_one_call_and_every_sample_gets_its_pairs_back(sizes: list[int]) -> None:
    session, batch = Sums(), _batch(sizes)
    outputs = dlrm.run({"main": session}, batch)
    assert session.calls == [sum(sizes)]
    encoded = dlrm.encode_pairs(outputs, np.arange(len(sizes)))
    assert [item.shape for item in encoded] == [(size, 2) for size in sizes]
    for sample, item in enumerate(encoded):
        expected = batch["dense"][sample][:, 0] + batch["ids"][sample][:, 0]
        assert item.flags.c_contiguous
        assert item.dtype == np.float32
        assert item[:, 0].tolist() == expected.astype(np.float32).tolist()
        assert item[:, 1].tolist() == batch["labels"][sample].tolist()


def test_a_response_is_pairs_of_prediction_and_label() -> None:
    predictions = [np.array([0.25, 1.0], np.float32), np.array([0.5], np.float32)]
    labels = [np.array([0, 1], np.float32), np.array([1], np.float32)]
    first, second = dlrm.encode_pairs([predictions, labels], np.arange(2))
    # 0.25, 0, 1, 1 as little-endian float32.
    assert np.asarray(first).tobytes().hex() == "0000803e000000000000803f0000803f"
    assert np.asarray(second).tobytes() == struct.pack("<2f", 0.5, 1.0)


def entry(index: int, *pairs: tuple[float, int]) -> Entry:
    values = [value for pair in pairs for value in pair]
    return Entry(seq_id=0, qsl_idx=index, data=struct.pack(f"<{len(values)}f", *values))


# Labels of the day's samples: 0 1 0 | 1 | 0 1 0 1.
FIRST = entry(0, (0.1, 0), (0.9, 1), (0.6, 0))
SECOND = entry(1, (0.4, 1))
THIRD = entry(2, (0.2, 0), (0.8, 1), (0.3, 0), (0.7, 1))


def test_the_score_is_the_official_scripts(day: Day, small_official: dlrm.Dlrm) -> None:
    score = small_official.score("official", day.folder, [THIRD, FIRST, entry(0, (0, 9)), SECOND])
    # 4 clicked against 4 others: only 0.4 lies below one of the others (0.6): 15 of 16.
    assert score.values == {"AUC": 93.75}
    assert type(score.values["AUC"]) is float
    # Rounded, 0.4 and 0.6 are on the wrong side.
    assert score.text == "AUC=93.750%, accuracy=75.000%, good=6, total=8, queries=3\n"
    assert score.samples == 3


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (entry(3, (0.1, 0)), "the data set has 3 samples"),
        (Entry(0, -1, b""), "the data set has 3 samples"),
        (Entry(0, 1, b""), "0 bytes; 1 pairs take 8 each"),
        (Entry(0, 1, b"1234567"), "7 bytes"),
        (entry(1, (0.1, 1), (0.1, 1)), "16 bytes; 1 pairs"),
        (entry(1, (0.1, 0)), "labels in it are not those"),
        (entry(1, (float("nan"), 1)), "no finite number"),
    ],
)
def test_a_response_that_cannot_be_scored_is_an_error(
    day: Day, small_official: dlrm.Dlrm, bad: Entry, why: str
) -> None:
    with pytest.raises(BenchwrightError, match=why) as failure:
        small_official.score("official", day.folder, [FIRST, bad])
    assert f"sample {bad.qsl_idx} cannot be scored" in str(failure.value)


def test_nothing_and_one_class_alone(day: Day, small_official: dlrm.Dlrm) -> None:
    assert small_official.score("official", day.folder, []).samples == 0
    with pytest.raises(BenchwrightError, match="all 1 pairs have the label 1"):
        small_official.score("official", day.folder, [SECOND])


def _snapshot_archive(path: Path) -> dict[str, Any]:
    """The official archive in miniature: a zip of a snapshot whose weights lie in one file."""
    values = {name: blocks.whole() for name, blocks in weights.random(SMALL).items()}
    content, manifest = b"", {}
    for name, value in values.items():
        begin = len(content)
        content += value.tobytes()
        manifest[f"0/model/{weights.official_name(name, SMALL)}"] = {
            "type": "Tensor",
            "location": "batched/0",
            "serializer": "buffer_protocol",
            "dtype": "torch.float32",
            "shape": list(value.shape),
            "replicated": False,
            "byte_range": [begin, len(content)],
        }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"model_weights/{METADATA}", json.dumps({"manifest": manifest}))
        archive.writestr("model_weights/batched/0", content)
    return values


def test_official_files_become_a_model_a_data_set_and_responses(
    tmp_path: Path, small_official: dlrm.Dlrm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxgraph, "INLINE_BYTES", 0)
    day = write_day(tmp_path / "downloads")
    values = _snapshot_archive(tmp_path / "dlrm-v2-weights.zip")
    model, dataset, samples = (tmp_path / name for name in ("model", "dataset", "samples"))
    model.mkdir()
    samples.mkdir()

    archive = {"dlrm-v2-weights.zip": tmp_path / "dlrm-v2-weights.zip"}
    small_official.assemble_model("official", archive, model, silent)
    assert not (tmp_path / "model-snapshot").exists()
    files = {path.name: path for path in sorted(day.folder.iterdir())}
    small_official.assemble_dataset("official", files, dataset, silent)
    # Nothing of the day's files is copied.
    assert all((dataset / name).samefile(path) for name, path in files.items())
    assert small_official.validate_dataset("official", dataset) == 3

    program = small_official.program("official")
    assert program.ragged
    with SampleWriter(samples, program.inputs, 3) as writer:
        small_official.preprocess("official", dataset, writer, silent)
    store = SampleStore.open(samples)
    assert store.sizes is not None
    assert store.sizes.tolist() == [3 * 13, 13, 4 * 13]

    session = onnxruntime.InferenceSession(
        str(model / "dlrm.onnx"), providers=["CPUExecutionProvider"]
    )
    (inputs,) = (graph.inputs for graph in program.graphs)
    assert [item.name for item in session.get_inputs()] == [spec.name for spec in inputs]

    class Session:
        def run(self, inputs: Any) -> Any:
            return session.run(["prediction"], dict(inputs))

    batch = store.load([2, 0, 1]).slice(0, 3)
    encoded = dlrm.encode_pairs(dlrm.run({"main": Session()}, batch), np.array([2, 0, 1]))
    alone = store.load([1]).slice(0, 1)
    (last,) = dlrm.encode_pairs(dlrm.run({"main": Session()}, alone), np.array([1]))
    np.testing.assert_allclose(encoded[2], last, rtol=1e-6)
    assert [len(item) for item in encoded] == [4, 3, 1]
    onnx = pytest.importorskip("onnx")
    loaded = onnx.load(str(model / "dlrm.onnx"))
    found = {
        item.name: onnx.numpy_helper.to_array(item, str(model))
        for item in loaded.graph.initializer
        if item.name in values
    }
    assert found.keys() == values.keys()
    assert all(np.array_equal(found[name], values[name]) for name in values)


def test_a_failed_conversion_leaves_nothing_behind(
    tmp_path: Path, small_official: dlrm.Dlrm
) -> None:
    (tmp_path / "model").mkdir()
    with zipfile.ZipFile(tmp_path / "weights.zip", "w") as archive:
        archive.writestr("readme.txt", "not a snapshot")
    with pytest.raises(BenchwrightError, match="0 snapshots found"):
        small_official.assemble_model(
            "official", {"w": tmp_path / "weights.zip"}, tmp_path / "model", silent
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "weights.zip"]


def test_synthetic_data_have_the_official_form_and_sizes(tmp_path: Path) -> None:
    log = ClickLog(_synthetic(tmp_path), SYNTHETIC)
    assert log.samples == synthetic.SAMPLES == 512
    sizes = np.diff(log.offsets)
    # Of the quantiles: one in ten has 100 pairs, one in twenty 700; the mean is 270.
    assert set(sizes.tolist()) == {100, 200, 300, 400, 500, 600, 700}
    assert 240 < sizes.mean() < 300
    assert [round(float(np.mean(sizes == size)), 1) for size in (200, 300)] == [0.6, 0.1]
    first = next(log.read())
    assert first.dense.min() >= np.log(np.float32(3))
    assert first.ids.max() > 90_000


def _synthetic(folder: Path) -> Path:
    synthetic.write_clicks(folder, SYNTHETIC)
    return folder
