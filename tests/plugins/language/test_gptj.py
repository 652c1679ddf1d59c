"""gptj as a benchmark: bytes of responses, scores, and what is built for each preset."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from benchwright.errors import BenchwrightError
from benchwright.harness.accuracy_log import Entry
from benchwright.harness.samples import SampleStore, SampleWriter
from benchwright.progress import silent
from benchwright_language import gptj, gptj_graph, gptj_official, gptj_synthetic
from benchwright_language.gptj import Gptj, encode_tokens
from benchwright_language.gptj_config import END, GPTJ_6B, SETUPS, Generation, ModelSize, Setup
from benchwright_language.gptj_prompts import INSTRUCTION, Article, read_articles, write_articles
from plugins.language.gptj_files import alphabet, write_tokenizer

MINIATURE = Setup(ModelSize(300, 16, 2, 2, 4), Generation(256, longest=4, shortest=1), 40)


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Gptj:
    """The benchmark with a model small enough to write here, whatever the preset."""
    for preset in SETUPS:
        monkeypatch.setitem(SETUPS, preset, MINIATURE)
    return Gptj()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "news"
    folder.mkdir()
    write_tokenizer(folder, [])
    write_articles(folder, [Article("Sum:", f"ab{'c' * size}", "a cat sat") for size in (1, 500)])
    return folder


def answer(index: int, text: str) -> Entry:
    """A response that spells a text in bytes' tokens, and ends it."""
    ids = [alphabet().index("Ġ" if sign == " " else sign) for sign in text]
    return Entry(0, index, np.array([*ids, 256], np.int64).tobytes())


# Responses


def test_a_response_is_the_generated_tokens_as_int64() -> None:
    rows = encode_tokens([[np.array([464, 50256]), np.array([7], np.int32)]], np.arange(2))
    assert [row.tobytes().hex() for row in rows] == [
        "d001000000000000" + "50c4000000000000",
        "0700000000000000",
    ]


def test_score_reads_bytes_and_counts_the_first_answer(benchmark: Gptj, dataset: Path) -> None:
    entries = [answer(1, "a cat sat ."), answer(0, "a dog"), answer(1, "nothing")]
    score = benchmark.score("tiny", dataset, iter(entries))
    assert score.samples == 2
    # "a cat sat" is found whole; of "a dog" one word of two is in the reference's three.
    assert score.values["ROUGE1"] == pytest.approx(100 * (1 + 0.4) / 2)
    assert score.values["GEN_LEN"] == len("a cat sat.") + len("a dog")
    assert score.text.splitlines()[-1].endswith("'gen_len': 15, 'gen_num': 2}")
    assert list(score.values) == ["ROUGE1", "ROUGE2", "ROUGEL", "GEN_LEN"]


@pytest.mark.parametrize(
    "bad",
    [
        Entry(0, 0, b""),
        Entry(0, 1, b"\0" * 7),
        Entry(0, 2, b"\0" * 8),
        Entry(0, -1, b"\0" * 8),
        Entry(0, 0, np.array([300], np.int64).tobytes()),
        Entry(0, 0, np.array([-1], np.int64).tobytes()),
    ],
)
def test_a_response_that_cannot_be_scored_is_told(
    benchmark: Gptj, dataset: Path, bad: Entry
) -> None:
    with pytest.raises(BenchwrightError, match=f"sample {bad.qsl_idx} cannot be scored"):
        benchmark.score("tiny", dataset, [bad])


# Samples


def test_preprocessing_writes_ragged_prompts_cut_at_the_longest(
    benchmark: Gptj, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "samples"
    out.mkdir()
    assert benchmark.validate_dataset("tiny", dataset) == 2
    with SampleWriter(out, benchmark.program("tiny").inputs, 2) as writer:
        benchmark.preprocess("tiny", dataset, writer, silent)
    loaded = SampleStore.open(out).load([0, 1]).slice(0, 2)["input_ids"]
    text = "".join(alphabet()[token] for token in loaded[0])
    assert text == "BelowĠisĠanĠinstructionĠthatĠdescribesĠaĠtask"[:40]
    assert [len(prompt) for prompt in loaded] == [40, 40]


def test_another_model_s_tokenizer_is_told(benchmark: Gptj, dataset: Path) -> None:
    write_tokenizer(dataset, [("a", "b")])
    with pytest.raises(BenchwrightError, match="not the model's") as caught:
        benchmark.validate_dataset("tiny", dataset)
    assert "257" in str(caught.value.why)


# The official preset, in small


def checkpoint(folder: Path, size: ModelSize, parts: int, **config: int) -> dict[str, Any]:
    """A Hugging Face checkpoint in so many files (one: without an index); its tensors."""
    torch = pytest.importorskip("torch")
    folder.mkdir(parents=True)
    chance = torch.Generator().manual_seed(0)
    state = {
        name: torch.randn(shape, generator=chance).half()
        for name, shape in gptj_graph.weight_shapes(size).items()
    }
    # What the library also stores, and the graph has no use for.
    extra = {"transformer.h.0.attn.bias": torch.ones(1, 1, 8, 8, dtype=torch.bool)}
    stored = list((state | extra).items())
    if parts == 1:
        torch.save(dict(stored), folder / "pytorch_model.bin")
    else:
        names = [f"pytorch_model-{i + 1:05d}-of-{parts:05d}.bin" for i in range(parts)]
        for number, name in enumerate(names):
            torch.save(dict(stored[number::parts]), folder / name)
        weight_map = {key: names[i % parts] for i, (key, _) in enumerate(stored)}
        index = {"metadata": {}, "weight_map": weight_map}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    described = {"n_layer": size.layers, "n_head": size.heads, "rotary_dim": size.rotary, **config}
    (folder / "config.json").write_text(json.dumps(described))
    return {name: tensor.float().numpy() for name, tensor in state.items()}


def zipped(folder: Path) -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return archive


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 2])
def test_official_model_comes_from_a_zipped_checkpoint(
    benchmark: Gptj, tmp_path: Path, parts: int
) -> None:
    folder = tmp_path / "checkpoint"
    weights = checkpoint(folder / "gpt-j" / "checkpoint-final", MINIATURE.model, parts)
    out = tmp_path / "model"
    out.mkdir()
    sources = {gptj_official.CHECKPOINT: zipped(folder)}
    benchmark.assemble_model("official", sources, out, silent)
    assert [path.name for path in out.iterdir()] == ["gptj.onnx"]
    wanted = gptj_graph.write(MINIATURE.model, weights, MINIATURE.generation.candidates).model()
    assert onnx.load(out / "gptj.onnx") == wanted


def spoil_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"n_layer": 3}')


def spoil_part(folder: Path) -> None:
    next(folder.glob("pytorch_model-00002*")).unlink()


def spoil_index(folder: Path) -> None:
    (folder / "pytorch_model.bin.index.json").write_text("{")


def spoil_all(folder: Path) -> None:
    for path in folder.glob("pytorch_model*"):
        path.unlink()


def second_copy(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "pytorch_model.bin").write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (spoil_config, "another size"),
        (spoil_part, "lacks its part pytorch_model-00002"),
        (spoil_index, "cannot be read"),
        (spoil_all, "is not one checkpoint"),
        (second_copy, "is not one checkpoint"),
    ],
)
def test_a_checkpoint_that_will_not_do_is_told_and_leaves_nothing(
    benchmark: Gptj, tmp_path: Path, spoil: Any, complaint: str
) -> None:
    folder = tmp_path / "checkpoint"
    checkpoint(folder, MINIATURE.model, 2)
    spoil(folder)
    out = tmp_path / "model"
    out.mkdir()
    with pytest.raises(BenchwrightError, match=complaint):
        benchmark.assemble_model(
            "official", {gptj_official.CHECKPOINT: zipped(folder)}, out, silent
        )
    assert not any(out.iterdir())


class Part(dict[str, Any]):
    """Stands for a file of tensors."""


def test_weights_of_another_shape_or_missing_are_told() -> None:
    size = MINIATURE.model
    arrays: Mapping[str, Any] = {
        name: np.zeros(shape, np.float16) for name, shape in gptj_graph.weight_shapes(size).items()
    }
    half = Part(list(arrays.items())[:9])
    rest = Part(list(arrays.items())[9:])
    weights = gptj_official._Weights(size, [half, rest], Path("c.zip"))  # type: ignore[list-item]
    assert dict(weights) == arrays
    with pytest.raises(BenchwrightError, match="has no") as caught:
        gptj_official._Weights(size, [half], Path("c.zip"))  # type: ignore[list-item]
    assert f"of {len(arrays)} weights" in str(caught.value.why)
    half["transformer.wte.weight"] = np.zeros((1, 2))
    with pytest.raises(BenchwrightError, match=r"shape \(1, 2\)"):
        weights["transformer.wte.weight"]


def test_official_data_set_comes_from_the_published_parquet(
    benchmark: Gptj, dataset: Path, tmp_path: Path
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    rows = {"article": ["One.", "Zwei: Ü"], "highlights": ["1 .\n2 .", "3 ."], "id": ["a", "b"]}
    sources = {gptj_official.PARQUET: tmp_path / "v.parquet"}
    pyarrow.parquet.write_table(pyarrow.table(rows), sources[gptj_official.PARQUET])
    sources |= {name: dataset / name for name in ("vocab.json", "merges.txt")}
    out = tmp_path / "out"
    benchmark.assemble_dataset("official", sources, out, silent)
    assert benchmark.validate_dataset("official", out) == 2
    assert read_articles(out) == [
        Article(INSTRUCTION, "One.", "1 .\n2 ."),
        Article(INSTRUCTION, "Zwei: Ü", "3 ."),
    ]
    (tmp_path / "v.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(BenchwrightError, match="not CNN-DailyMail's"):
        benchmark.assemble_dataset("official", sources, tmp_path / "again", silent)


# The synthetic preset


def test_synthetic_model_is_seeded_and_of_the_model_s_form(benchmark: Gptj, tmp_path: Path) -> None:
    graphs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        benchmark.assemble_model("synthetic", {}, tmp_path / name, silent)
        graphs.append((tmp_path / name / "gptj.onnx").read_bytes())
    assert graphs[0] == graphs[1]
    weights = gptj_synthetic.RandomWeights(MINIATURE.model)
    assert weights["transformer.ln_f.weight"].tolist() == [1.0] * 16
    assert not np.array_equal(
        weights["transformer.h.0.attn.q_proj.weight"], weights["transformer.h.1.attn.q_proj.weight"]
    )


def test_synthetic_preset_has_gpt_j_s_layers() -> None:
    assert replace(SETUPS["synthetic"].model, layers=28) == GPTJ_6B
    assert SETUPS["synthetic"].generation == SETUPS["official"].generation == Generation(END)


def test_synthetic_prompts_have_the_stated_lengths(tmp_path: Path) -> None:
    benchmark = Gptj()
    dataset = tmp_path / "data"
    benchmark.assemble_dataset("synthetic", {}, dataset, silent)
    count = benchmark.validate_dataset("synthetic", dataset)
    assert count == gptj_synthetic.SAMPLES
    out = tmp_path / "samples"
    out.mkdir()
    with SampleWriter(out, benchmark.program("synthetic").inputs, count) as writer:
        benchmark.preprocess("synthetic", dataset, writer, silent)
    sizes = SampleStore.open(out).sizes
    assert sizes is not None
    assert sizes.tolist() == gptj_synthetic.lengths(count, 1919).tolist()
    assert abs(float(np.mean(gptj_synthetic.lengths(13368, 1919))) - 780) < 30
    assert sizes.max() > 1700
    loaded = SampleStore.open(out).load(range(4)).ragged["input_ids"]
    words = {token for prompt in loaded for token in prompt.tolist()}
    assert len(words) > 1000, "the prompts' tokens hardly differ"


def test_program_is_one_graph_for_prompt_and_continuation() -> None:
    program = gptj.Gptj().program("official")
    (graph,) = program.graphs
    assert program.ragged
    assert (graph.name, graph.onnx) == ("decoder", "gptj.onnx")
    assert len(graph.inputs) == 4 + 4 * 28
    assert len(graph.outputs) == 2 + 2 * 28
    caches = {spec.name: spec.shape for spec in graph.inputs}
    assert caches["prompt_key.27"] == ("N", 16, 256, "prompt")
