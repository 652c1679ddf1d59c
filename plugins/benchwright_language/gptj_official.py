"""gptj's official preset: MLCommons' checkpoint as weights by name, and CNN-DailyMail's validation
articles in the form of the reference's data file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

from benchwright.errors import BenchwrightError
from benchwright_language.gptj_graph import weight_shapes
from benchwright_language.gptj_prompts import (
    INSTRUCTION,
    MERGES,
    VOCABULARY,
    Article,
    write_articles,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchwright.checkpoint import Tensors
    from benchwright.progress import ProgressCallback
    from benchwright_language.gptj_config import ModelSize

CHECKPOINT, PARQUET = "checkpoint.zip", "validation-00000-of-00001.parquet"
_INDEX, _WHOLE, _CONFIG = "pytorch_model.bin.index.json", "pytorch_model.bin", "config.json"


@contextmanager
def checkpoint_weights(
    size: ModelSize, sources: Mapping[str, Path], scratch: Path, progress: ProgressCallback
) -> Iterator[Mapping[str, NDArray[np.generic]]]:
    """The weights of a zipped Hugging Face checkpoint, in one file or several, by name.

    They are converted below the folder `scratch`, where nothing is left in the end. Raises
    BenchwrightError where the archive holds no checkpoint, or not one of this size.
    """
    from benchwright.archive import unpack
    from benchwright.checkpoint import tensors, to_safetensors

    archive = sources[CHECKPOINT]
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        unpacked = Path(place) / "checkpoint"
        unpack(archive, unpacked)
        folder = _folder(unpacked, archive)
        _check_config(folder, size, archive)
        opened: list[Tensors] = []
        parts = _parts(folder)
        for number, part in enumerate(parts):
            converted = Path(place) / f"{number}.safetensors"
            to_safetensors(part, converted)
            part.unlink()
            opened.append(tensors(converted))
            progress(number + 1, len(parts))
        yield _Weights(size, opened, archive)


def _folder(unpacked: Path, archive: Path) -> Path:
    """Where the archive has its checkpoint: it may lie some folders down."""
    found = sorted({path.parent for name in (_INDEX, _WHOLE) for path in unpacked.rglob(name)})
    if len(found) != 1:
        places = ", ".join(str(path.relative_to(unpacked)) for path in found)
        raise BenchwrightError(
            "this archive is not one checkpoint",
            where=str(archive),
            why=f"there are checkpoints in {places}"
            if found
            else f"it has no {_WHOLE}, whole or in parts with {_INDEX}",
            fix="use MLCommons' archive of the fine-tuned GPT-J",
        )
    return found[0]


def _parts(folder: Path) -> list[Path]:
    index = folder / _INDEX
    if not index.is_file():
        return [folder / _WHOLE]
    names = set(_read(index).get("weight_map", {}).values())
    paths = [folder / Path(str(name)).name for name in sorted(names)]
    for path in paths:
        if not path.is_file():
            raise BenchwrightError(
                f"this checkpoint lacks its part {path.name}",
                where=str(index),
                fix="get the archive again, or compare its size",
            )
    return paths


def _check_config(folder: Path, size: ModelSize, archive: Path) -> None:
    path = folder / _CONFIG
    found = _read(path) if path.is_file() else {}
    wanted = {
        "vocab_size": size.vocabulary,
        "n_embd": size.width,
        "n_layer": size.layers,
        "n_head": size.heads,
        "rotary_dim": size.rotary,
    }
    for field, value in wanted.items():
        if found.get(field, value) != value:
            raise BenchwrightError(
                "this checkpoint has another size",
                where=f"{archive}: {_CONFIG}: {field}",
                why=f"it is {found[field]}; {value} is needed",
                fix="use MLCommons' archive of the fine-tuned GPT-J",
            )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchwrightError(
            f"{path.name} cannot be read", where=str(path), why=str(error)
        ) from error
    if not isinstance(found, dict):
        raise BenchwrightError(f"{path.name} is no object", where=str(path))
    return found


class _Weights(Mapping[str, "NDArray[np.generic]"]):
    """The weights of all parts, each checked when it is read."""

    def __init__(self, size: ModelSize, parts: list[Tensors], archive: Path) -> None:
        self._shapes, self._archive = weight_shapes(size), archive
        self._parts = {name: part for part in parts for name in part}
        lacking = [name for name in self._shapes if name not in self._parts]
        if lacking:
            raise BenchwrightError(
                f"this checkpoint has no `{lacking[0]}`",
                where=str(archive),
                why=f"{len(lacking)} of {len(self._shapes)} weights are missing",
                fix="use MLCommons' archive of the fine-tuned GPT-J",
            )

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        found, wanted = self._parts[name][name], self._shapes[name]
        if found.shape != wanted:
            raise BenchwrightError(
                f"`{name}` has the shape {found.shape}",
                where=str(self._archive),
                why=f"the model needs {wanted}",
            )
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def write_dataset(sources: Mapping[str, Path], out: Path) -> None:
    """Writes articles and tokenizer into the folder, in the order of the published file."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise BenchwrightError(
            "reading CNN-DailyMail needs the package `pyarrow`",
            why=str(error),
            fix="pip install 'benchwright[language]'",
        ) from error
    path = sources[PARQUET]
    try:
        table = pyarrow.parquet.read_table(path, columns=["article", "highlights"])
    except (OSError, pyarrow.ArrowException) as error:
        raise BenchwrightError(
            "this is not CNN-DailyMail's validation file", where=str(path), why=str(error)
        ) from error
    columns = (table.column(name).to_pylist() for name in ("article", "highlights"))
    pairs = zip(*columns, strict=True)
    write_articles(out, [Article(INSTRUCTION, text, summary) for text, summary in pairs])
    for name in (VOCABULARY, MERGES):
        copyfile(sources[name], out / name)
