"""News articles as prompts: the data set's files, the prompt's form, and the tokenizer.

A data set is a folder with `cnn_eval.json` (a list of objects with `instruction`, `input` and
`output`; loadgen's sample index is the place in the list) and the tokenizer's two files as GPT-2
has them, `vocab.json` and `merges.txt`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchwright.errors import BenchwrightError, absent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ARTICLES, VOCABULARY, MERGES = "cnn_eval.json", "vocab.json", "merges.txt"
_FORM = "it is a JSON list of objects with `instruction`, `input` and `output`"
INSTRUCTION = "Summarize the following news article:"
END_TOKEN = "<|endoftext|>"
_SPECIAL = re.compile(r"<\|.*\|>")
TEMPLATE = (
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"
)
"""The form of a prompt that the model was trained on (224 bytes)."""

_TIDIED = {
    " .": ".",
    " ?": "?",
    " !": "!",
    " ,": ",",
    " ' ": "'",
    " n't": "n't",
    " 'm": "'m",
    " 's": "'s",
    " 've": "'ve",
    " 're": "'re",
}
"""What the reference's tokenizer replaces in decoded text, in this order."""


class Article(NamedTuple):
    """One sample: what is asked, the article, and its highlights, one a line."""

    instruction: str
    input: str
    output: str

    @property
    def prompt(self) -> str:
        """What the model is given."""
        return TEMPLATE.format(instruction=self.instruction, input=self.input)


def read_articles(dataset: Path) -> list[Article]:
    """The samples of a data set in order; BenchwrightError names the place of what is wrong."""
    path = dataset / ARTICLES
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BenchwrightError(
            f"this data set has no readable {ARTICLES}",
            where=f"{path}{line}",
            why=str(error),
            fix=_FORM,
        ) from error
    if not isinstance(items, list) or not items:
        raise BenchwrightError(f"{ARTICLES} is not a list of articles", where=str(path), fix=_FORM)
    return [_article(item, f"{path}: [{index}]") for index, item in enumerate(items)]


def _article(item: Any, where: str) -> Article:
    fields: dict[str, Any] = item if isinstance(item, dict) else {}
    values = {field: fields.get(field) for field in Article._fields}
    for field, value in values.items():
        if not isinstance(value, str) or (not value and field == "input"):
            raise BenchwrightError(
                f"this article has no text as `{field}`",
                where=f"{where}.{field}",
                why=f"it is {value!r}" if isinstance(item, dict) else "it is no object",
                fix=_FORM,
            )
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise BenchwrightError(
                f"this article has no valid text as `{field}`",
                where=f"{where}.{field}",
                why=str(error),
                fix=f"take an undamaged {ARTICLES}",
            ) from error
    return Article(**{field: str(value) for field, value in values.items()})


def write_articles(dataset: Path, articles: Sequence[Article]) -> None:
    """Writes `cnn_eval.json`."""
    text = json.dumps([article._asdict() for article in articles], indent=1, ensure_ascii=False)
    (dataset / ARTICLES).write_text(text + "\n", encoding="utf-8")


class Tokens:
    """The data set's tokenizer: byte-level BPE in GPT-2's form."""

    def __init__(self, dataset: Path) -> None:
        try:
            from tokenizers import Tokenizer, decoders, models, pre_tokenizers
        except ImportError as error:
            raise BenchwrightError(
                "reading prompts needs the package `tokenizers`",
                why=str(error),
                fix="pip install 'benchwright[language]'",
            ) from error
        paths = [dataset / VOCABULARY, dataset / MERGES]
        for path in paths:
            if not path.is_file():
                raise BenchwrightError(
                    f"this data set has no {path.name}",
                    where=str(path),
                    why=absent(path),
                    fix="put GPT-2's vocab.json and merges.txt (from huggingface.co/gpt2) there",
                )
        try:
            model = models.BPE.from_file(str(paths[0]), str(paths[1]))
        except Exception as error:
            # The library raises Exception itself.
            raise BenchwrightError(
                "the tokenizer's files do not fit together",
                where=f"{paths[0]}, {paths[1].name}",
                why=str(error),
                fix="take both files from one place",
            ) from error
        _require_merges(*paths)
        self._tokenizer = Tokenizer(model)
        self._tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        self._tokenizer.decoder = decoders.ByteLevel()
        found = self._tokenizer.token_to_id(END_TOKEN)
        if found is None:
            raise BenchwrightError(f"{VOCABULARY} has no {END_TOKEN}", where=str(paths[0]))
        self._tokenizer.add_special_tokens([END_TOKEN])
        self.end: int = found
        self.count: int = self._tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str], longest: int) -> list[NDArray[np.int64]]:
        """Tokens of each text, cut behind `longest`."""
        import numpy as np

        encoded = self._tokenizer.encode_batch(list(texts))
        return [np.array(item.ids[:longest], dtype=np.int64) for item in encoded]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of some tokens without special ones, tidied as the reference's tokenizer does
        it: no space before a sentence's marks and contractions."""
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        for untidy, tidy in _TIDIED.items():
            text = text.replace(untidy, tidy)
        return text


def _require_merges(vocabulary: Path, merges: Path) -> None:
    """Every token but a sign and a special one is what a merge makes; the library takes a list that
    was cut off, and cuts texts into other tokens than the model knows."""
    tokens: dict[str, int] = json.loads(vocabulary.read_text(encoding="utf-8"))
    lines = merges.read_text(encoding="utf-8").splitlines()
    made = {line.replace(" ", "", 1) for line in lines}
    lost = [
        token
        for token in tokens
        if len(token) > 1 and token not in made and not _SPECIAL.fullmatch(token)
    ]
    if lost:
        raise BenchwrightError(
            f"{merges.name} does not make {len(lost)} of the tokens of {vocabulary.name}, "
            f"such as `{lost[-1]}`",
            where=str(merges),
            fix="get it again: take both files from one place",
        )
