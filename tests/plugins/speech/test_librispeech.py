"""Data sets in LibriSpeech's form: what is read, in which order, and what is wrong with others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchwright.errors import BenchwrightError
from benchwright_speech.chapters import CHAPTERS
from benchwright_speech.librispeech import Utterance, cleaned, read, waveform
from benchwright_speech.manifest import MANIFEST
from benchwright_speech.rnnt import Rnnt
from benchwright_speech.writer import write_chapter


def noise(size: int) -> Any:
    return np.random.default_rng(size).integers(-3000, 3000, size).astype(np.int16)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Chapters 84/121123 and 2277/149896 of dev-clean, and two that it has not."""
    root = tmp_path / "data"
    for speaker, chapter, texts in (
        (84, 121123, ["GO"]),
        (2277, 149896, ["HE WAS IN A FEVERED STATE", "IT'S  LATE"]),
        (9, 20, ["NINE"]),
        (10, 3, ["TEN"]),
    ):
        write_chapter(root, speaker, chapter, [(text, noise(2000)) for text in texts])
    return root


def chapter(dataset: Path) -> Path:
    return dataset / "LibriSpeech" / "dev-clean" / "2277" / "149896"


def rewrite(dataset: Path, text: str) -> Path:
    path = chapter(dataset) / "2277-149896.trans.txt"
    path.write_text(text)
    return path


def test_the_order_is_the_official_one_and_other_chapters_follow(dataset: Path) -> None:
    assert [(one.name, one.text) for one in read(dataset)] == [
        ("2277-149896-0000", "he was in a fevered state"),
        ("2277-149896-0001", "it's late"),
        ("84-121123-0000", "go"),
        ("9-20-0000", "nine"),
        ("10-3-0000", "ten"),
    ]
    assert Rnnt().validate_dataset("tiny", dataset) == 5


def test_the_official_order_names_every_chapter_of_dev_clean_once() -> None:
    assert len(CHAPTERS) == len(set(CHAPTERS)) == 97
    assert CHAPTERS[:4] == ((2277, 149896), (2277, 149897), (2277, 149874), (2035, 147960))
    assert len({speaker for speaker, _ in CHAPTERS}) == 40


@pytest.mark.parametrize("below", ["LibriSpeech", "LibriSpeech/dev-clean"])
def test_any_of_the_archives_folders_may_be_named(dataset: Path, below: str) -> None:
    whole, part = read(dataset), read(dataset / below)
    assert [one.path for one in whole] == [one.path for one in part]


def test_utterances_beyond_fifteen_seconds_are_left_out(tmp_path: Path) -> None:
    sizes = [240_001, 240_000, 960]
    write_chapter(tmp_path, 1, 1, [("A", noise(size)) for size in sizes])
    assert [one.name for one in read(tmp_path)] == ["1-1-0001", "1-1-0002"]
    shutil.rmtree(tmp_path / "LibriSpeech")
    write_chapter(tmp_path, 1, 1, [("A", noise(240_001))])
    with pytest.raises(BenchwrightError, match="no utterance is at most 15"):
        read(tmp_path)


def test_a_waveform_is_float32_from_minus_one_to_one(tmp_path: Path) -> None:
    samples = np.zeros(1000, np.int16)
    samples[:4] = [-32768, 16384, 1, 0]
    write_chapter(tmp_path, 1, 1, [("A", samples)])
    found = waveform(read(tmp_path)[0])
    assert found.dtype == np.float32
    assert found[:4].tolist() == [-1.0, 0.5, 2**-15, 0.0]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("2277-149896-0000 A\n2277-149896-0001 B\n2277-149896-0002 C\n", 3, "0002.flac is missing"),
        ("2277-149896-0000 A\n\nsomething else\n", 3, "does not begin with an utterance"),
        ("2277-149897-0000 A\n", 1, "does not begin with an utterance of chapter 2277-149896"),
        ("2277-149896-0000 A\n2277-149896-0000 B\n", 2, "has two transcripts"),
        ("2277-149896-0000\n", 1, "it has no word"),
        ("2277-149896-0000 AT 5 PM.\n", 1, "it has '.' '5'"),
        ("2277-149896-0000 CAFÉ\n", 1, "it has 'é'"),
        ("../../x-0000 A\n", 1, "does not begin with an utterance"),
    ],
)
def test_a_wrong_transcript_line_is_named(dataset: Path, text: str, line: int, told: str) -> None:
    path = rewrite(dataset, text)
    with pytest.raises(BenchwrightError) as caught:
        read(dataset)
    assert told in str(caught.value)
    assert caught.value.where == f"{path}:{line}"


def test_a_recording_without_its_line_is_named(dataset: Path) -> None:
    rewrite(dataset, "2277-149896-0000 A\n")
    with pytest.raises(BenchwrightError, match=r"no transcript names .* 2277-149896-0001\.flac"):
        read(dataset)


def test_a_chapter_without_transcripts_and_a_misplaced_one_are_named(dataset: Path) -> None:
    path = chapter(dataset) / "2277-149896.trans.txt"
    path.rename(path.with_name("2277-1.trans.txt"))
    with pytest.raises(BenchwrightError, match="another chapter's folder") as caught:
        read(dataset)
    assert "2277-1.trans.txt" in str(caught.value.where)
    path.with_name("2277-1.trans.txt").unlink()
    with pytest.raises(BenchwrightError, match="no transcript names the recording"):
        read(dataset)


def test_transcripts_that_are_no_text_are_named(dataset: Path) -> None:
    (chapter(dataset) / "2277-149896.trans.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchwrightError, match="these transcripts cannot be read"):
        read(dataset)


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_of_another_kind_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BenchwrightError, match="no data set in LibriSpeech's form") as caught:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("rate", "channels", "form", "told"),
    [
        (8000, 1, "FLAC", "it is FLAC, 8000 Hz, 1 channel"),
        (16000, 2, "FLAC", "it is FLAC, 16000 Hz, 2 channel"),
        (16000, 1, "WAV", "it is WAV, 16000 Hz, 1 channel"),
    ],
)
def test_a_recording_of_another_form_is_named(
    dataset: Path, rate: int, channels: int, form: str, told: str
) -> None:
    path = chapter(dataset) / "2277-149896-0000.flac"
    samples = np.zeros((2000, channels), np.int16)
    with path.open("wb") as file:
        soundfile.write(file, samples, rate, subtype="PCM_16", format=form)
    with pytest.raises(BenchwrightError) as caught:
        read(dataset)
    assert told in str(caught.value)
    assert str(path) == caught.value.where


def test_a_recording_too_short_to_normalise_is_named(tmp_path: Path) -> None:
    write_chapter(tmp_path, 1, 1, [("A", noise(959))])
    with pytest.raises(BenchwrightError, match=r"has 959 samples"):
        read(tmp_path)


def test_a_recording_that_is_none_is_named(dataset: Path) -> None:
    path = chapter(dataset) / "2277-149896-0001.flac"
    path.write_bytes(b"fLaC and nothing else")
    with pytest.raises(BenchwrightError, match="cannot be read") as caught:
        read(dataset)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.98])
def test_a_truncated_recording_is_named(tmp_path: Path, kept: float) -> None:
    write_chapter(tmp_path, 1, 1, [("A", noise(20_000))])
    (utterance,) = read(tmp_path)
    content = utterance.path.read_bytes()
    utterance.path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(BenchwrightError, match="cannot be read") as caught:
        waveform(utterance)
    assert caught.value.where == str(utterance.path)


def test_a_damaged_recording_is_named(tmp_path: Path) -> None:
    write_chapter(tmp_path, 1, 1, [("A", noise(20_000))])
    (utterance,) = read(tmp_path)
    content = bytearray(utterance.path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    utterance.path.write_bytes(content)
    with pytest.raises(BenchwrightError, match="cannot be read"):
        waveform(utterance)


def test_transcripts_become_labels() -> None:
    assert cleaned("  IT'S   LATE ", "x:1") == "it's late"


def manifest(dataset: Path, items: object, below: str = "") -> Path:
    path = dataset / below / MANIFEST
    path.write_text(json.dumps(items))
    return path


def item(utterance: Utterance, **changes: object) -> dict[str, object]:
    folder = "/".join(utterance.name.split("-")[:2])
    files = [{"fname": f"dev-clean-wav/{folder}/{utterance.name}.wav", "speed": 1}]
    return {"files": files, "transcript": utterance.text, **changes}


@pytest.mark.parametrize("below", ["", "LibriSpeech/dev-clean"])
def test_a_manifest_in_the_folder_decides_the_order(dataset: Path, below: str) -> None:
    items = [item(one) for one in reversed(read(dataset))]
    manifest(dataset, items, below)
    assert [one.name for one in read(dataset)][:2] == ["10-3-0000", "9-20-0000"]


def test_a_manifest_that_disagrees_is_named(dataset: Path) -> None:
    good = [item(one) for one in read(dataset)]
    other = Utterance(Path("1-1-0000.flac"), "one", "", 0)
    for items, told, place in (
        (good[:-1], "does not name 1 utterances", ""),
        ([*good, good[0]], "names 2277-149896-0000 twice", ": item 5"),
        ([*good, item(other)], "names 1-1-0000, which the data set has not", ": item 5"),
        ([good[0] | {"transcript": "x"}, *good[1:]], "another transcript", ": item 0"),
        ([{"files": []}], "not of the manifest's form", ": item 0"),
        ([3], "not of the manifest's form", ": item 0"),
        ([good[0] | {"transcript": 3}], "not of the manifest's form", ": item 0"),
        ({"files": good}, "no JSON list", ""),
    ):
        path = manifest(dataset, items)
        with pytest.raises(BenchwrightError) as caught:
            read(dataset)
        assert told in str(caught.value)
        assert caught.value.where == f"{path}{place}"
    (dataset / MANIFEST).write_text("[{")
    with pytest.raises(BenchwrightError, match="manifest cannot be read"):
        read(dataset)
