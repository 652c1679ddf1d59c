"""The shipped files of gptj's tiny preset: model, data set, card and descriptor agree."""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml

import benchwright_language.tiny
from benchwright.testing import BenchmarkExamination
from benchwright_language import gptj_config, gptj_descriptors, gptj_synthetic
from benchwright_language.tiny import gptj_news

FOLDER = Path(benchwright_language.tiny.__file__).parent
MODEL, DATASET = FOLDER / "gptj.onnx", FOLDER / "gptj_news.tar.gz"


class TestConformance(BenchmarkExamination):
    info = "gptj-99"
    presets = ("tiny",)
    # Percent; characters are counted in thousands, and move with the same texts.
    accuracy_tolerance = 0.5


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / "gptj.card.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    found = {}
    with tarfile.open(DATASET) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None, member.name
            assert (member.mtime, member.uid, member.uname, member.mode) == (0, 0, "", 0o644)
            found[member.name] = content.read()
    return found


@pytest.fixture(scope="module")
def articles(members: dict[str, bytes]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(members["cnn_eval.json"])
    return found


def test_card_accuracy_is_far_above_chance_and_the_control_is_not(card: dict[str, Any]) -> None:
    accuracy = card["accuracy"]
    for metric in ("ROUGE1", "ROUGE2", "ROUGEL"):
        good, control, chance = (
            accuracy[kind][metric] for kind in ("fp32", "shuffled_labels", "chance")
        )
        assert good > 95
        # A model that learnt the form of highlights, and nothing of who did what.
        assert control < chance + 8
    assert card["source"]["licence"].startswith("Apache-2.0")


def test_evaluation_is_about_people_that_training_never_named(
    articles: list[dict[str, str]],
) -> None:
    held_out = {
        f"{first} {last}"
        for first in gptj_news.FIRST
        for last in gptj_news.LAST
        if gptj_news.held_out(first, last)
    }
    assert len(articles) == 512
    for item in articles:
        assert " ".join(item["output"].split()[:2]) in held_out
        assert not any(name in item["input"] for name in held_out) or (
            " ".join(item["output"].split()[:2]) in item["input"]
        )
    training = gptj_news.news(1, 2000, evaluation=False)
    named = {name for name in held_out for item in training if name in item.input + item.output}
    assert not named
    assert not {item.input for item in training} & {item["input"] for item in articles}


def test_data_set_is_what_its_seed_makes(
    articles: list[dict[str, str]], members: dict[str, bytes]
) -> None:
    again = gptj_news.news(2, 512, evaluation=True)
    assert articles == [item._asdict() for item in again]
    assert set(members) == {"cnn_eval.json", "vocab.json", "merges.txt"}


def test_an_article_and_its_highlights_tell_the_same(articles: list[dict[str, str]]) -> None:
    first = articles[0]
    who = " ".join(first["output"].split()[:2])
    does = first["output"].split()[2]
    did = next(past for past, present in gptj_news.DEEDS if present == does)
    assert f"{who} {did} a " in first["input"]
    assert all(item["output"].endswith(" .") for item in articles)


def test_model_is_the_stated_transformer(card: dict[str, Any]) -> None:
    model = onnx.load(MODEL)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 10, "onnxruntime 1.20 loads no newer one"
    size = gptj_config.SETUPS["tiny"].model
    assert card["model"]["parameters"] == size.parameters
    weights = sum(
        math.prod(tensor.dims) for tensor in model.graph.initializer if "." in tensor.name
    )
    # Queries, keys and values have one matrix; nothing else changes the count.
    assert weights == size.parameters


def test_archive_has_a_plain_header() -> None:
    packed = DATASET.read_bytes()
    assert packed[3] == 0, "the gzip header carries a file name or another optional field"
    assert packed[4:8] == bytes(4), "the gzip header carries a time"
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert archive.getnames() == ["cnn_eval.json", "merges.txt", "vocab.json"]


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from benchwright_language import gptj_descriptors\n"
        "infos = gptj_descriptors.gptj()\n"
        "presets = [preset for info in infos for preset in info.presets.values()]\n"
        "heavy = {'numpy', 'onnxruntime', 'tokenizers', 'torch', 'onnx'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print(len(presets))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "6"


def test_stated_counts_are_those_of_the_modules() -> None:
    assert gptj_descriptors.SYNTHETIC_SAMPLES == gptj_synthetic.SAMPLES
    infos = {info.name: info for info in gptj_descriptors.gptj()}
    assert {name: info.quality for name, info in infos.items()} == {
        "gptj-99": 0.99,
        "gptj-99.9": 0.999,
    }
    assert infos["gptj-99"].qualities == {"GEN_LEN": 0.9}
    assert infos["gptj-99"].presets["synthetic"].speed_only


@pytest.mark.long
def test_training_again_learns_the_task_and_the_control_does_not(tmp_path: Path) -> None:
    """Half the shipped model's steps, which learn less: ROUGE-2 was 38.6, and 5.0 by chance."""
    pytest.importorskip("torch")
    from benchwright_language.tiny import gptj_train

    gptj_train.main(["--steps", "350", "--out", str(tmp_path)])
    made = yaml.safe_load((tmp_path / "gptj.card.yaml").read_text(encoding="utf-8"))["accuracy"]
    assert made["fp32"]["ROUGE2"] > 25
    assert made["shuffled_labels"]["ROUGE2"] < made["chance"]["ROUGE2"] + 8
    assert (tmp_path / "gptj.onnx").stat().st_size < 2_000_000
    assert (tmp_path / "gptj_news.tar.gz").read_bytes() == DATASET.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["--shuffle-labels"], "needs --out"), (["--seed", "-1"], "must not be negative")],
)
def test_script_refuses_what_does_not_fit_together(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    from benchwright_language.tiny import gptj_train

    with pytest.raises(SystemExit) as stopped:
        gptj_train.main(arguments)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err
