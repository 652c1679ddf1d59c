"""What presets are made from: a checkpoint and an archive in the official forms, random weights,
noise, and generated voices."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchwright import checkpoint
from benchwright.contracts.benchmark import PresetInfo
from benchwright.contracts.source import Checksum, Download
from benchwright.errors import BenchwrightError
from benchwright.harness.samples import SampleStore
from benchwright.progress import silent
from benchwright.testing import workbench
from benchwright_speech import config, descriptors, graphs, rnnt, synthetic, weights
from benchwright_speech.config import BLANK, Transducer, shapes
from benchwright_speech.decoder import GreedyDriver
from benchwright_speech.librispeech import read
from benchwright_speech.rnnt import Rnnt
from benchwright_speech.writer import write_chapter
from core.http_server import Resource, serving

from .plain import KINDS, Network, OrtSession, features

SMALL = Transducer(encoder=6, before=2, after=3, prediction=5, prediction_layers=2, joint=7)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Transducer:
    """The official preset's model, small."""
    monkeypatch.setitem(rnnt.SIZES, "official", SMALL)
    return SMALL


def state(size: Transducer) -> dict[str, Any]:
    """What the official checkpoint holds under `state_dict`, with the joint network's old name."""
    made = weights.random(size, 1, 3.0)
    found: dict[str, Any] = {
        name.replace("joint.net.", "joint_net."): array for name, array in made.items()
    }
    found["audio_preprocessor.featurizer.fb"] = np.zeros((1, 80, 257), np.float32)
    found["audio_preprocessor.featurizer.window"] = np.zeros(320, np.float32)
    return found


def save(path: Path, tensors: dict[str, Any]) -> Path:
    torch = pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    content = {name: torch.from_numpy(array) for name, array in tensors.items()}
    torch.save({"epoch": 100, "state_dict": content}, path)
    return path


def archive(folder: Path) -> bytes:
    """dev-clean.tar.gz in miniature."""
    random = np.random.default_rng(0)
    for speaker, number, sizes in ((84, 121123, [2000, 250_000]), (2277, 149896, [4000, 3000])):
        spoken = [
            ("SOME WORDS", random.integers(-999, 999, size).astype(np.int16)) for size in sizes
        ]
        write_chapter(folder, speaker, number, spoken)
    (folder / "LibriSpeech" / "README.TXT").write_text("about\n")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(folder / "LibriSpeech", arcname="LibriSpeech")
    return packed.getvalue()


@contextmanager
def official(model: bytes, dataset: bytes) -> Iterator[PresetInfo]:
    """The official preset with its files on a server of this machine."""
    preset = descriptors.rnnt().presets["official"]
    (weights_file,), (tree,) = preset.model, preset.dataset
    assert isinstance(weights_file, Download)
    assert isinstance(tree, Download)
    with serving() as server:
        places = [server.add(f"/{number}", Resource(content)) for number, content in
                  enumerate((model, dataset))]  # fmt: skip
        digest = Checksum("md5", hashlib.md5(dataset).hexdigest())
        yield replace(
            preset,
            model=(replace(weights_file, urls=(places[0],)),),
            dataset=(replace(tree, urls=(places[1],), checksum=digest),),
        )


@pytest.mark.slow
def test_official_files_become_a_program_that_computes_what_the_weights_say(
    small: Transducer, tmp_path: Path
) -> None:
    stored = save(tmp_path / "c.pt", state(SMALL)).read_bytes()
    with official(stored, archive(tmp_path / "packed")) as preset:
        benchmark = descriptors.rnnt().load()
        model = workbench.assemble_model(benchmark, preset, tmp_path)
        dataset = workbench.assemble_dataset(benchmark, preset, tmp_path)
    assert sorted(path.name for path in model.iterdir()) == sorted(graphs.FILES)
    samples = workbench.preprocess(benchmark, preset, dataset, tmp_path)
    store = SampleStore.open(samples)
    # Of four utterances one is longer than 15 s; the manifest's order begins with 2277.
    values, offsets, _ = store.ragged["waveform"]
    assert np.diff(offsets).tolist() == [4000, 3000, 2000]
    waveforms = np.split(np.asarray(values), offsets[1:-1])
    sessions = {g.name: OrtSession(model / str(g.onnx)) for g in graphs.graphs(SMALL)}
    (found,) = GreedyDriver(SMALL)(sessions, {"waveform": waveforms})
    network = Network(SMALL, weights.random(SMALL, 1, 3.0))
    assert [one.tolist() for one in found] == [
        network.greedy(features(waveform)) for waveform in waveforms
    ]


def test_a_damaged_archive_is_told(small: Transducer, tmp_path: Path) -> None:
    content = archive(tmp_path / "packed")
    with official(b"", content) as preset:
        wrong = replace(preset.dataset[0], checksum=Checksum("md5", "0" * 32))
        with pytest.raises(BenchwrightError, match=r"dev-clean\.tar\.gz"):
            workbench.assemble_dataset(Rnnt(), replace(preset, dataset=(wrong,)), tmp_path)


def test_a_checkpoint_of_another_model_is_told(
    small: Transducer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file = pytest.importorskip("safetensors.numpy").save_file
    whole = state(SMALL)
    name = "prediction.embed.weight"
    for changed, told in (
        ({k: v for k, v in whole.items() if k != name}, f"it has no `{name}`"),
        (whole | {name: np.zeros((29, 5), np.float32)}, "(29, 5) instead of (28, 5)"),
        (whole | {"more.weight": np.zeros(3, np.float32)}, "such as `more.weight`"),
    ):
        monkeypatch.setattr(
            checkpoint,
            "to_safetensors",
            lambda source, out, changed=changed, **options: save_file(changed, out),
        )
        with pytest.raises(BenchwrightError, match="of another model") as caught:
            Rnnt().assemble_model("official", {"c.pt": Path("c.pt")}, tmp_path, silent)
        assert told in str(caught.value)
        assert caught.value.where == "c.pt"


def test_the_official_sizes_have_the_official_number_of_parameters() -> None:
    total = sum(int(np.prod(shape)) for shape in shapes(config.OFFICIAL).values())
    # 45.3 million, as the reference counts them.
    assert round(total / 1e6, 1) == 45.3
    assert shapes(config.OFFICIAL)["joint.net.0.weight"] == (512, 1344)
    assert shapes(config.OFFICIAL)["encoder.post_rnn.lstm.weight_ih_l0"] == (4096, 2048)
    names = {name.rpartition(".")[2].rpartition("_")[0] for name in shapes(SMALL) if "lstm" in name}
    assert names == set(KINDS)


def test_random_weights_are_seeded_and_give_symbols_and_blanks_by_turns() -> None:
    one, two = (weights.random(SMALL, 7, 3.0) for _ in range(2))
    other = weights.random(SMALL, 8, 3.0)
    assert {name: array.shape for name, array in one.items()} == shapes(SMALL)
    assert {array.dtype for array in one.values()} == {np.dtype(np.float32)}
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["joint.net.3.weight"], other["joint.net.3.weight"])
    assert one["joint.net.3.bias"][BLANK] == 3.0


def test_noise_has_the_durations_of_dev_clean() -> None:
    seconds = synthetic.durations(2513, 0)
    assert len(seconds) == 2513
    for share, wanted in ((0.05, 2.338), (0.25, 3.625), (0.5, 5.535), (0.75, 8.42), (0.95, 12.292)):
        assert np.quantile(seconds, share) == pytest.approx(wanted, abs=0.01)
    assert 1.445 < min(seconds) < 1.46
    assert max(seconds) < 15
    # Straight lines between few quantiles: the true mean is 6.25 s.
    assert np.mean(seconds) == pytest.approx(6.25, rel=0.02)
    assert sorted(seconds) != seconds


def test_noise_is_written_in_the_official_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "COUNT", 6)
    monkeypatch.setattr(synthetic, "PER_CHAPTER", 4)
    Rnnt().assemble_dataset("synthetic", {}, tmp_path / "noise", silent)
    found = read(tmp_path / "noise")
    assert [one.name for one in found][3:5] == ["1-1-0003", "2-2-0000"]
    wanted = [round(seconds * 16000) for seconds in synthetic.durations(6, rnnt.SEED)]
    assert [one.samples for one in found] == wanted
    samples, _ = soundfile.read(str(found[0].path), dtype="int16")
    assert samples.std() == pytest.approx(20, rel=0.02)


def test_presets_state_what_is_so() -> None:
    info = descriptors.rnnt()
    assert info.scenarios == ("SingleStream", "MultiStream", "Server", "Offline")
    assert list(info.presets) == ["tiny", "official", "synthetic"]
    assert info.presets["synthetic"].speed_only
    assert info.presets["synthetic"].sample_count == synthetic.COUNT
    (model,) = info.presets["official"].model
    assert isinstance(model, Download)
    assert model.checksum is None
    assert model.urls[0].startswith("https://")
