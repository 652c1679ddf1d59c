"""Data sets in LibriSpeech's form: FLAC files and a transcript file for each chapter.

    <speaker>/<chapter>/<speaker>-<chapter>-<number>.flac
    <speaker>/<chapter>/<speaker>-<chapter>.trans.txt    one line: <utterance> <TEXT>

These folders lie in the data set's folder, below `dev-clean`, or below `LibriSpeech/dev-clean`,
as the archive has it. A sample index is a position in the official manifest's order after
utterances of more than 15 s have been left out: `dev-clean-wav.json` decides where it lies in
the data set's folder, and else the order of its chapters as `chapters` records it (other
chapters follow, by number).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchwright.errors import BenchwrightError, absent
from benchwright_speech.chapters import CHAPTERS
from benchwright_speech.config import LABELS, MAX_SECONDS, MIN_SAMPLES, SAMPLE_RATE
from benchwright_speech.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PLACES = ("LibriSpeech/dev-clean", "dev-clean", ".")
_ID = re.compile(r"(\d+)-(\d+)-(\d+)")
_FORM = "<speaker>/<chapter>/<speaker>-<chapter>.trans.txt"
_REPLACE = "replace the file by an undamaged copy"


class Utterance(NamedTuple):
    """One sample: its FLAC file, its transcript in the model's labels, where the transcript
    stands (file:line), and its length in samples."""

    path: Path
    text: str
    where: str
    samples: int

    @property
    def name(self) -> str:
        """<speaker>-<chapter>-<number>."""
        return self.path.stem


def read(dataset: Path) -> list[Utterance]:
    """The samples of a data set in the official order, without those of more than 15 s.

    Every file's header is read; what it holds is decoded by `waveform`. Raises BenchwrightError
    for a transcript line without its file, a file without its line, and files of another form.
    """
    root = _root(dataset)
    found: dict[str, Utterance] = {}
    for transcripts in sorted(root.glob("*/*/*.trans.txt")):
        for utterance in _chapter(transcripts):
            found[utterance.name] = utterance
    if not found:
        lost = f"; {absent(dataset / _PLACES[0])}" if root == dataset else ""
        raise BenchwrightError(
            "this is no data set in LibriSpeech's form",
            where=str(dataset),
            why=f"there is no {_FORM} in it{lost}",
            fix="name the folder that holds `LibriSpeech/dev-clean`",
        )
    _every_file_is_named(root, found)
    longest = MAX_SECONDS * SAMPLE_RATE
    kept = [one for one in _in_order(dataset, root, found) if one.samples <= longest]
    if not kept:
        raise BenchwrightError(f"no utterance is at most {MAX_SECONDS} s long", where=str(root))
    return kept


def _root(dataset: Path) -> Path:
    return next(place for name in _PLACES if (place := dataset / name).is_dir() or name == ".")


def _chapter(transcripts: Path) -> list[Utterance]:
    """The utterances of one transcript file."""
    try:
        lines = transcripts.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchwrightError(
            "these transcripts cannot be read", where=str(transcripts), why=str(error)
        ) from error
    chapter = transcripts.name.removesuffix(".trans.txt")
    if chapter != "-".join(transcripts.parent.parts[-2:]):
        raise BenchwrightError(
            "these transcripts lie in another chapter's folder",
            where=str(transcripts),
            why=f"the form is {_FORM}",
        )
    seen: dict[str, str] = {}
    found = []
    for number, line in enumerate(lines, start=1):
        where = f"{transcripts}:{number}"
        if not line.strip():
            continue
        name, _, text = line.strip().partition(" ")
        if not _ID.fullmatch(name) or name.rpartition("-")[0] != chapter:
            raise BenchwrightError(
                f"this line does not begin with an utterance of chapter {chapter}",
                where=where,
                why=f"it reads {line[:60]!r}; the form is `{chapter}-0000 WORDS`",
            )
        if name in seen:
            raise BenchwrightError(
                f"utterance {name} has two transcripts", where=where, why=f"see {seen[name]}"
            )
        seen[name] = where
        path = transcripts.parent / f"{name}.flac"
        found.append(Utterance(path, cleaned(text, where), where, _samples(path, where)))
    return found


def cleaned(text: str, where: str) -> str:
    """A transcript in the model's labels: lower case, one space between words.

    LibriSpeech spells out numbers and has no punctuation but the apostrophe, so that nothing is
    left for the reference's other rules to do; anything else is an error.
    """
    words = " ".join(text.lower().split())
    strange = sorted(set(words) - set(LABELS))
    if strange or not words:
        raise BenchwrightError(
            "this transcript is not in LibriSpeech's form",
            where=where,
            why=f"it has {' '.join(map(repr, strange))}" if strange else "it has no word",
            fix="write words of A-Z and the apostrophe; spell out numbers and signs",
        )
    return words


def _samples(path: Path, where: str) -> int:
    """The length that a FLAC file's header states."""
    if not path.is_file():
        raise BenchwrightError(
            f"the recording {path.name} is missing",
            where=where,
            why=absent(path),
            fix="put it there: without it, later samples would have other indices",
        )
    soundfile = soundfile_module()
    try:
        facts = soundfile.info(str(path))
    except soundfile.SoundFileError as error:
        raise _unreadable(path, str(error)) from error
    if (facts.format, facts.samplerate, facts.channels) != ("FLAC", SAMPLE_RATE, 1):
        raise BenchwrightError(
            "this recording has another form than the benchmark's",
            where=str(path),
            why=f"it is {facts.format}, {facts.samplerate} Hz, {facts.channels} channel(s); "
            f"it must be FLAC, {SAMPLE_RATE} Hz, 1 channel",
        )
    if facts.frames < MIN_SAMPLES:
        raise BenchwrightError(
            f"this recording has {facts.frames} samples",
            where=str(path),
            why=f"at least {MIN_SAMPLES} are needed",
            fix=_REPLACE,
        )
    return int(facts.frames)


def waveform(utterance: Utterance) -> NDArray[np.float32]:
    """The recording, float32 [samples] from -1 to 1; BenchwrightError where it is damaged."""
    soundfile = soundfile_module()
    path = utterance.path
    try:
        samples, _ = soundfile.read(str(path), dtype="float32")
    except soundfile.SoundFileError as error:
        raise _unreadable(path, str(error)) from error
    if len(samples) != utterance.samples:
        why = f"it ends after {len(samples)} of {utterance.samples} samples"
        raise _unreadable(path, why)
    result: NDArray[np.float32] = samples
    return result


def _unreadable(path: Path, why: str) -> BenchwrightError:
    return BenchwrightError("this recording cannot be read", where=str(path), why=why, fix=_REPLACE)


def _every_file_is_named(root: Path, found: dict[str, Utterance]) -> None:
    for path in sorted(root.glob("*/*/*.flac")):
        if path.stem not in found or found[path.stem].path != path:
            chapter = "-".join(path.parent.parts[-2:])
            raise BenchwrightError(
                f"no transcript names the recording {path.name}",
                where=str(path),
                why=f"{path.parent / chapter}.trans.txt has no line for it",
                fix="take the recording away, or add its line",
            )


def _in_order(dataset: Path, root: Path, found: dict[str, Utterance]) -> list[Utterance]:
    for folder in dict.fromkeys((dataset, root)):
        manifest = folder / MANIFEST
        if manifest.is_file():
            texts = {name: one.text for name, one in found.items()}
            return [found[name] for name in read_manifest(manifest, texts)]
    ranks = {chapter: rank for rank, chapter in enumerate(CHAPTERS)}

    def place(utterance: Utterance) -> tuple[int, ...]:
        speaker, chapter, number = map(int, utterance.name.split("-"))
        return ranks.get((speaker, chapter), len(ranks)), speaker, chapter, number

    return sorted(found.values(), key=place)


def soundfile_module() -> Any:
    """The package `soundfile`; BenchwrightError where it is missing."""
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise BenchwrightError(
            "reading FLAC files needs the package `soundfile`",
            why=str(error),
            fix="pip install 'benchwright[speech]'",
        ) from error
    return soundfile
