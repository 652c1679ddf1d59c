"""gptj: a network in which each token has one that follows it, so that every summary is known."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from functional.official.miniature import Miniature, zipped

SIZE = {"width": 16, "layers": 2, "heads": 2, "rotary": 4}
CHAIN = "abcdefghijklm nopqrstuvwxyzABCDEFGH"
"""What follows the prompt's last sign, the colon: longer than the 30 tokens that a text has at
least, and no sign twice."""
END = 50_256
ARTICLES = ["A short one.", "A longer one, " + "and longer " * 40, "The last."]


def shrink(values: Mapping[str, Any]) -> None:
    """Narrow and few layers; vocabulary and generation are the official ones."""
    from benchwright_language.gptj_config import SETUPS

    official = SETUPS["official"]
    SETUPS["official"] = replace(official, model=replace(official.model, **values))


def tokenizer() -> tuple[bytes, bytes]:
    """vocab.json and merges.txt: bytes' signs alone are ever used, the rest fills up."""
    from tokenizers import pre_tokenizers

    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = {sign: number for number, sign in enumerate(signs)}
    tokens |= {f"<|filler{number}|>": number for number in range(len(tokens), END)}
    tokens["<|endoftext|>"] = END
    return json.dumps(tokens, ensure_ascii=False).encode(), b"#version: 0.2\n"


def checkpoint(vocabulary: Mapping[str, int]) -> dict[str, bytes]:
    """A Hugging Face checkpoint in two parts, in float16."""
    torch = pytest.importorskip("torch")
    from benchwright_language.gptj_config import GPTJ_6B
    from benchwright_language.gptj_graph import weight_shapes

    size = replace(GPTJ_6B, **SIZE)
    random = np.random.default_rng(0)
    state = {name: np.zeros(shape, np.float16) for name, shape in weight_shapes(size).items()}
    for name, array in state.items():
        if name.endswith(("ln_1.weight", "ln_f.weight")):
            array += 1
        elif "attn" in name or "fc_in.weight" in name:
            # These run, and count for nothing: what leads back into the stream is zero.
            array += random.normal(size=array.shape).astype(np.float16)
        if name.endswith("out_proj.weight"):
            array[:] = 0
    embedded = random.normal(size=(size.vocabulary, size.width))
    embedded -= embedded.mean(axis=1, keepdims=True)
    embedded /= embedded.std(axis=1, keepdims=True)
    state["transformer.wte.weight"] = embedded.astype(np.float16)
    ids = [vocabulary[sign.replace(" ", "Ġ")] for sign in f":{CHAIN}"]
    for token, follower in zip(ids, [*ids[1:], END], strict=True):
        state["lm_head.weight"][follower] = 4 * embedded[token]
    tensors = [(name, torch.from_numpy(array)) for name, array in state.items()]
    tensors.append(("transformer.h.0.attn.bias", torch.ones(1, 1, 8, 8, dtype=torch.bool)))
    parts = [f"pytorch_model-{number:05}-of-00002.bin" for number in (1, 2)]
    files: dict[str, bytes] = {}
    for number, part in enumerate(parts):
        stored = io.BytesIO()
        torch.save(dict(tensors[number::2]), stored)
        files[part] = stored.getvalue()
    places = {name: parts[number % 2] for number, (name, _) in enumerate(tensors)}
    index = {"metadata": {}, "weight_map": places}
    config = {"n_embd": 16, "n_layer": 2, "n_head": 2, "rotary_dim": 4, "vocab_size": 50_400}
    files["pytorch_model.bin.index.json"] = json.dumps(index).encode()
    files["config.json"] = json.dumps(config).encode()
    return files


def make(folder: Path) -> Miniature:
    """Articles as the data set's owner keeps them, the tokenizer's files, the zipped checkpoint."""
    for library in ("torch", "safetensors", "tokenizers", "rouge_score"):
        pytest.importorskip(library)
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    vocabulary, merges = tokenizer()
    table = arrow.table({
        "article": ARTICLES, "highlights": [CHAIN] * len(ARTICLES), "id": ["1", "2", "3"],
    })  # fmt: skip
    articles = io.BytesIO()
    parquet.write_table(table, articles)
    place = "gpt-j/checkpoint-final"
    files = checkpoint(json.loads(vocabulary))
    return Miniature(
        family="gptj",
        benchmark="gptj-99",
        package="benchwright_language",
        module=__name__,
        dataset={
            "validation-00000-of-00001.parquet": articles.getvalue(),
            "vocab.json": vocabulary,
            "merges.txt": merges,
        },
        model={"checkpoint.zip": zipped({f"{place}/{name}": files[name] for name in files})},
        samples=len(ARTICLES),
        accuracy={"ROUGE1": 100.0, "ROUGE2": 100.0, "ROUGEL": 100.0, "GEN_LEN": 3.0 * len(CHAIN)},
        rate=3.0,
        disk_bytes=100_000_000,
        values=SIZE,
    )
