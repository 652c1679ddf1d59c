"""The official OpenImages data set, picture by picture from its public bucket.

Nobody publishes checksums of the pictures: what comes is held to the length that the server
states, and later to the width and height in the annotations.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from benchwright.archive import unpack
from benchwright.contracts.source import Download
from benchwright.download import fetch
from benchwright.errors import BenchwrightError
from benchwright.progress import ProgressCallback
from benchwright_vision.openimages import ANNOTATIONS, PICTURES, read_annotations

BUCKET = "https://open-images-dataset.s3.amazonaws.com/validation"
"""Where `<image id>.jpg` of the validation part lies; reading asks for no account."""
KEPT = "openimages-validation"
"""The folder beside the downloads where pictures lie as soon as they are whole."""
_AT_ONCE = 16
_LOG = logging.getLogger("benchwright.download")


def assemble(archive: Path, out: Path, classes: int, progress: ProgressCallback) -> None:
    """Makes the data set in `out` from the zipped annotations and the bucket.

    Pictures are kept in a folder beside the archive, so that an interrupted call goes on where it
    was; those in `out` are the same files under a second name, where the disk can do that.
    """
    place = out / ANNOTATIONS
    place.parent.mkdir(parents=True)
    scratch = out / "unpacked"
    unpack(archive, scratch)
    found = sorted(path for path in scratch.rglob("*.json") if "__MACOSX" not in path.parts)
    if len(found) != 1:
        raise BenchwrightError(
            "the archive of annotations is not as expected",
            where=str(archive),
            why=f"it holds {len(found)} files named *.json; one is expected",
            fix="get it again",
        )
    found[0].replace(place)
    shutil.rmtree(scratch)
    kept = archive.parent / KEPT
    names = [picture.path.name for picture in read_annotations(out, classes).pictures]
    download(names, kept, progress)
    folder = out / PICTURES
    folder.mkdir(parents=True)
    for name in names:
        _link(kept / name, folder / name)


def download(names: Sequence[str], folder: Path, progress: ProgressCallback) -> None:
    """Brings the named pictures into `folder`, several at a time; those there are kept.

    Raises BenchwrightError for the first that cannot be had; the others stay.
    """
    unverified: list[str] = []

    def bring(name: str) -> None:
        fetch(Download(name, (f"{BUCKET}/{name}",), None), folder, note=unverified.append)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting = [pool.submit(bring, name) for name in names]
        try:
            for done, future in enumerate(as_completed(waiting), start=1):
                future.result()
                progress(done, len(names))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    _LOG.warning(
        "%d pictures in %s are unverified: no checksums of them are published", len(names), folder
    )


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
