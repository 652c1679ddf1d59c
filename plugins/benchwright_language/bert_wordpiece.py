"""Text as BERT's word pieces: the uncased basic tokenizer and greedy WordPiece.

The results are those of the slow tokenizer that the reference uses. The fast tokenizers of today
differ from it for some characters outside ASCII, which the alignment of answers would notice, so
that both steps are here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchwright.errors import BenchwrightError

VOCABULARY_FILE = "vocab.txt"
UNKNOWN, CLASSIFY, SEPARATE = "[UNK]", "[CLS]", "[SEP]"
CONTINUES = "##"
"""What a piece begins with that goes on within a word."""
LONGEST_WORD = 100
"""Characters; a longer word is unknown."""

_SPECIAL = frozenset(("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"))
_IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)
"""The blocks of CJK ideographs, each of which is a word of its own."""


def basic_tokens(text: str) -> list[str]:
    """Words in lower case without accents, each punctuation mark and ideograph on its own."""
    return [token for word in _words(text) for token in _split_word(word.lower())]


def _words(text: str) -> list[str]:
    """What white space separates, without control characters; ideographs stand alone."""
    if text.isascii() and text.isprintable():
        return text.split()
    return "".join(map(_cleaned, text)).split()


def _split_word(word: str) -> list[str]:
    """A word in lower case without its accents, and cut at its marks."""
    if word.isascii():
        return _ASCII.findall(word)
    parts = unicodedata.normalize("NFD", word)
    return list(_cut_at_marks("".join(s for s in parts if unicodedata.category(s) != "Mn")))


_ASCII = re.compile(r"[a-z0-9]+|[^a-z0-9]")


def _cleaned(sign: str) -> str:
    """The character, a space for white space, nothing for what is not text."""
    if sign in "\t\n\r":
        return " "
    kind = unicodedata.category(sign)
    if sign in "\0\ufffd" or kind[0] == "C":
        return ""
    if kind == "Zs":
        return " "
    number = ord(sign)
    if any(first <= number <= last for first, last in _IDEOGRAPHS):
        return f" {sign} "
    return sign


def _cut_at_marks(word: str) -> Iterator[str]:
    begin = 0
    for place, sign in enumerate(word):
        if _is_mark(sign):
            if begin < place:
                yield word[begin:place]
            yield sign
            begin = place + 1
    if begin < len(word):
        yield word[begin:]


def _is_mark(sign: str) -> bool:
    """Punctuation, and every visible ASCII character that is neither letter nor digit."""
    if sign.isascii():
        return " " < sign < "\x7f" and not sign.isalnum()
    return unicodedata.category(sign)[0] == "P"


class WordPieces:
    """A vocabulary, and text cut into its pieces. Not for several threads at once."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        self._ids = vocabulary
        self._known: dict[str, tuple[str, ...]] = {}
        self.unknown, self.classify, self.separate = (
            vocabulary[name] for name in (UNKNOWN, CLASSIFY, SEPARATE)
        )

    def __len__(self) -> int:
        return len(self._ids)

    @classmethod
    def read(cls, dataset: Path) -> WordPieces:
        """The vocabulary of a data set: one piece a line, its id is the line's number from zero.

        Raises BenchwrightError with file and line when it is missing, not UTF-8, lacks one of the
        pieces that sequences are made with, or has a piece twice or an empty line.
        """
        path = dataset / VOCABULARY_FILE
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BenchwrightError(
                f"this data set has no readable {VOCABULARY_FILE}",
                where=str(path),
                why=str(error),
                fix="put the vocabulary of the model there: one word piece a line",
            ) from error
        if lines[-1] == "":
            lines.pop()
        found: dict[str, int] = {}
        for number, piece in enumerate(lines):
            if not piece or piece in found:
                raise BenchwrightError(
                    f"the piece {piece!r} is there twice" if piece else "this line is empty",
                    where=f"{path}:{number + 1}",
                    why=f"first on line {found[piece] + 1}" if piece else None,
                    fix=f"take the {VOCABULARY_FILE} that belongs to the model",
                )
            found[piece] = number
        for piece in (UNKNOWN, CLASSIFY, SEPARATE):
            if piece not in found:
                raise BenchwrightError(
                    f"this vocabulary has no {piece}",
                    where=str(path),
                    why=f"it has {len(found)} pieces",
                    fix=f"take the {VOCABULARY_FILE} that belongs to the model",
                )
        return cls(found)

    def ids(self, pieces: list[str]) -> list[int]:
        """The ids of pieces, each of which `pieces` has returned."""
        return [self._ids.get(piece, self.unknown) for piece in pieces]

    def pieces(self, text: str) -> list[str]:
        """The pieces of a text. A word that reads like a special piece (`[SEP]`) is that piece."""
        found: list[str] = []
        for word in _words(text):
            known = self._known.get(word)
            if known is None:
                known = self._known[word] = self._word(word)
            found += known
        return found

    def _word(self, word: str) -> tuple[str, ...]:
        if word in _SPECIAL:
            return (word,)
        # The slow tokenizer first lowers every character on its own: a final sigma then is no
        # final one.
        tokens = _split_word("".join(map(str.lower, word)))
        return tuple(piece for token in tokens for piece in self._cut(token))

    def _cut(self, word: str) -> Sequence[str]:
        """Greedy: from left to right, always the longest piece of the vocabulary."""
        if len(word) > LONGEST_WORD:
            return [UNKNOWN]
        found: list[str] = []
        begin = 0
        while begin < len(word):
            prefix = CONTINUES if begin else ""
            ends = range(len(word), begin, -1)
            end = next((end for end in ends if prefix + word[begin:end] in self._ids), None)
            if end is None:
                return [UNKNOWN]
            found.append(prefix + word[begin:end])
            begin = end
        return found
