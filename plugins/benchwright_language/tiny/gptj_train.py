"""Makes gptj's tiny preset: model, data set with its tokenizer, and card.

    python -m benchwright_language.tiny.gptj_train                            # the shipped files
    python -m benchwright_language.tiny.gptj_train --shuffle-labels --out DIR # the control

Needs torch (CPU) and onnx besides the extra `language`. The benchmark only reads the written
files; it never imports this. One core needs two to eight minutes for the model and its control.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright import training
from benchwright_language import gptj_graph
from benchwright_language.gptj_config import SETUPS
from benchwright_language.gptj_descriptors import TINY_SAMPLES
from benchwright_language.gptj_prompts import END_TOKEN, VOCABULARY, read_articles, write_articles
from benchwright_language.tiny.gptj_learning import Recipe, train, trained_tokenizer
from benchwright_language.tiny.gptj_news import news

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    Weights = Mapping[str, NDArray[np.float32]]

MODEL, DATASET, CARD = gptj_graph.FILE, "gptj_news.tar.gz", "gptj.card.yaml"
TRAINING_SEED, EVALUATION_SEED = 1, 2


def write_dataset(folder: Path, tokenizer: Tokenizer) -> None:
    """The data set's folder: evaluation articles and tokenizer."""
    folder.mkdir(parents=True)
    write_articles(folder, news(EVALUATION_SEED, TINY_SAMPLES, evaluation=True))
    tokenizer.model.save(str(folder))
    _add_end(folder / VOCABULARY)


def _add_end(path: Path) -> None:
    """GPT-2's vocabulary file names the token that ends a text; the library leaves it out."""
    ids: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    ids[END_TOKEN] = SETUPS["tiny"].generation.end
    ordered = dict(sorted(ids.items(), key=lambda item: item[1]))
    path.write_text(json.dumps(ordered, ensure_ascii=False), encoding="utf-8")


def scores(model: Path, dataset: Path) -> dict[str, float]:
    """The benchmark's own score of this model on this data set, with ONNX Runtime."""
    import numpy as np
    import onnxruntime

    from benchwright.harness.accuracy_log import Entry
    from benchwright_language.gptj import Gptj, encode_tokens
    from benchwright_language.gptj_driver import INPUT, GptjDriver
    from benchwright_language.gptj_prompts import Tokens

    setup = SETUPS["tiny"]
    names = [spec.name for spec in gptj_graph.decoder(setup.model, 1).outputs]
    opened = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])

    class Session:
        def run(self, inputs: Any) -> Any:
            return opened.run(names, inputs)

    driver = GptjDriver(setup)
    texts = [item.prompt for item in read_articles(dataset)]
    prompts = Tokens(dataset).encode(texts, setup.longest_prompt)
    entries = []
    for start in range(0, len(prompts), 32):
        outputs = driver({gptj_graph.NAME: Session()}, {INPUT: prompts[start : start + 32]})
        for row, tokens in enumerate(encode_tokens(outputs, np.arange(0))):
            entries.append(Entry(start + row, start + row, tokens.tobytes()))
    return dict(Gptj().score("tiny", dataset, entries).values)


def chance(dataset: Path) -> dict[str, float]:
    """What answering with another sample's highlights scores."""
    from benchwright_language.gptj_rouge import evaluate

    texts = [item.output for item in read_articles(dataset)]
    found = evaluate([*texts[1:], texts[0]], texts)
    return {"ROUGE1": found["rouge1"], "ROUGE2": found["rouge2"], "ROUGEL": found["rougeL"]}


def describe(out: Path, measured: dict[str, Any], recipe: Recipe, seconds: float) -> dict[str, Any]:
    """The card: where the data comes from, what was done to it, and what was measured."""
    size = SETUPS["tiny"].model
    return {
        "name": "gptj-tiny",
        "task": "news summarisation: who did what, where and when, out of an article of three to "
        "five sentences",
        "source": {
            "name": "made-up news",
            "licence": "Apache-2.0, as Benchwright",
            "generator": "plugins/benchwright_language/tiny/gptj_news.py",
            "note": "Generated, in the form of CNN-DailyMail's data file: no freely licensed "
            "news with highlights is small enough to ship.",
        },
        "split": {
            "train": recipe.steps * recipe.batch,
            "evaluation": TINY_SAMPLES,
            "seed": EVALUATION_SEED,
            "note": "Training articles are generated as they are needed. One full name in five is "
            "held out: the person an evaluation article is about occurs in no training article. "
            "The recipe was chosen on other generated articles; these took no part.",
        },
        "accuracy": {"metric": "ROUGE1", **measured},
        "training": {
            "script": "plugins/benchwright_language/tiny/gptj_train.py",
            "seconds": round(seconds, 1),
            "seed": recipe.seed,
            "steps": recipe.steps,
            "threads": recipe.threads,
            "note": "Seeded and deterministic on one kind of CPU; another CPU or another torch "
            "rounds differently and gives other weights. Seconds are wall time, on a machine that "
            "may have had other work.",
            "versions": training.versions("torch", "numpy", "tokenizers", "onnx", "onnxruntime"),
        },
        "model": {
            "parameters": size.parameters,
            "vocabulary": size.vocabulary,
            "width": size.width,
            "layers": size.layers,
            "heads": size.heads,
            "rotary": size.rotary,
        },
        "files": {
            "model": training.described(out / MODEL),
            "dataset": training.described(out / DATASET),
        },
    }


def make(out: Path, recipe: Recipe, *, shuffle: bool) -> None:
    """Trains, writes model and data set, scores; the shipped model also gets its control."""
    setup = SETUPS["tiny"]
    training.settle(recipe.seed, recipe.threads)
    tokenizer = trained_tokenizer(TRAINING_SEED)

    def trained(place: Path, *, shuffle: bool) -> float:
        training.settle(recipe.seed, recipe.threads)
        start = time.monotonic()
        weights = train(tokenizer, recipe, shuffle=shuffle)
        seconds = time.monotonic() - start
        assert sum(math.prod(array.shape) for array in weights.values()) == setup.model.parameters
        gptj_graph.write(setup.model, weights, setup.generation.candidates).save(place)
        return seconds

    with tempfile.TemporaryDirectory() as place:
        dataset = Path(place) / "dataset"
        write_dataset(dataset, tokenizer)
        seconds = trained(out / MODEL, shuffle=shuffle)
        found = scores(out / MODEL, dataset)
        print(found)
        if shuffle:
            return
        training.replace(out / DATASET, training.pack(training.members(dataset)))
        control = Path(place) / "control.onnx"
        trained(control, shuffle=True)
        measured = {
            "fp32": found,
            "shuffled_labels": scores(control, dataset),
            "chance": chance(dataset),
        }
    training.write_card(out / CARD, describe(out, measured, recipe, seconds))


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = training.parser(__doc__ or "", program="gptj_train")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    options = parser.parse_args(arguments)
    out = training.place(parser, options, Path(__file__).resolve().parent)
    recipe = Recipe(seed=options.seed, steps=options.steps)
    make(out, recipe, shuffle=options.shuffle_labels)


if __name__ == "__main__":
    main()
