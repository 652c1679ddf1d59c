"""The official manifest, dev-clean-wav.json: which utterance a sample index means.

A JSON list; of each item, `files[0].fname` names the utterance (there, as a WAV file) and
`transcript` says what is spoken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from benchwright.errors import BenchwrightError

MANIFEST = "dev-clean-wav.json"


def read_manifest(path: Path, texts: Mapping[str, str]) -> list[str]:
    """The names of the utterances in the manifest's order.

    texts: the data set's transcripts by name, with which the manifest must agree: it names the
    same utterances, each once, and says the same of them.
    """
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchwrightError(
            "this manifest cannot be read", where=str(path), why=str(error)
        ) from error
    if not isinstance(items, list):
        raise BenchwrightError("this manifest is no JSON list", where=str(path))
    names: dict[str, None] = {}
    for number, item in enumerate(items):
        where = f"{path}: item {number}"
        name, text = _fields(item, where)
        if name in names:
            raise BenchwrightError(f"the manifest names {name} twice", where=where)
        if name not in texts:
            raise BenchwrightError(
                f"the manifest names {name}, which the data set has not",
                where=where,
                fix=f"complete the data set, or take {path.name} away",
            )
        if text != texts[name]:
            raise BenchwrightError(
                f"the manifest has another transcript of {name} than the data set",
                where=where,
                why=f"{text[:60]!r} is not {texts[name][:60]!r}",
            )
        names[name] = None
    missing = [name for name in texts if name not in names]
    if missing:
        raise BenchwrightError(
            f"the manifest does not name {len(missing)} utterances of the data set",
            where=str(path),
            why=f"the first is {missing[0]}",
        )
    return list(names)


def _fields(item: object, where: str) -> tuple[str, str]:
    try:
        # A KeyError, IndexError or TypeError for what is not there or of another kind.
        name = PurePosixPath(item["files"][0]["fname"]).stem  # type: ignore[index]
        text = item["transcript"]  # type: ignore[index]
        return name, " ".join(text.lower().split())
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise BenchwrightError(
            "this item is not of the manifest's form",
            where=where,
            why=f"`files[0].fname` and `transcript` are needed: {type(error).__name__} {error}",
        ) from error
