"""bert: questions whose answer is the one word that the network's table rates above others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchwright.onnxgraph import GraphWriter
from functional.official.miniature import Miniature

PARAGRAPHS = {
    "The old bridge was built by Norman in stone.": [("Who built it?", "Norman")],
    "A long story " + "and so on " * 150 + "until Ada spoke.": [("Who spoke at last?", "Ada")],
    "It rains in Bergen.": [("Where does it rain?", "Bergen"), ("Rain?", "Bergen")],
}
"""The second has 456 words: with its question of 5 pieces, two windows of 376."""
SAMPLES = 5
WORDS = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] the old bridge was built by norman in stone . a long story and "
    "so on until ada spoke it rain ##s bergen who at last where does ?"
)
PIECES = [*WORDS.split(), *(f"[filler{number}]" for number in range(30_522 - len(WORDS.split())))]
ANSWERS = ("norman", "ada", "bergen")


def shrink(values: Mapping[str, Any]) -> None:
    """The official graph is what is small."""


def network() -> bytes:
    """A graph with the official one's tensors and its fixed length of 384."""
    graph = GraphWriter("table")
    names = ("input_ids", "input_mask", "segment_ids")
    ids, mask, segments = (graph.input(name, "int64", ("N", 384)) for name in names)
    table = np.array([8.0 if piece in ANSWERS else 1.0 for piece in PIECES], np.float32)
    found = graph.node("Gather", [graph.weight("table", table), ids])
    for switch in (mask, segments):
        found = graph.node("Mul", [found, graph.node("Cast", [switch], to=1)])
    for name in ("output_start_logits", "output_end_logits"):
        graph.node("Identity", [found], name)
        graph.output(name, "float32", ("N", 384))
    return bytes(graph.model().SerializeToString())


def questions() -> bytes:
    """The development set's file."""
    paragraphs = [
        {
            "context": context,
            "qas": [
                {
                    "id": f"{place}-{number}",
                    "question": question,
                    "answers": [{"answer_start": context.index(answer), "text": answer}],
                }
                for number, (question, answer) in enumerate(asked)
            ],
        }
        for place, (context, asked) in enumerate(PARAGRAPHS.items())
    ]
    document = {"version": "1.1", "data": [{"title": "All", "paragraphs": paragraphs}]}
    return json.dumps(document).encode()


def make(folder: Path) -> Miniature:
    """Questions, vocabulary, network."""
    return Miniature(
        family="bert",
        benchmark="bert-99",
        package="benchwright_language",
        module=__name__,
        dataset={
            "dev-v1.1.json": questions(),
            "vocab.txt": "".join(f"{piece}\n" for piece in PIECES).encode(),
        },
        model={"model.onnx": network()},
        samples=SAMPLES,
        accuracy={"F1": 100.0, "exact_match": 100.0},
    )
