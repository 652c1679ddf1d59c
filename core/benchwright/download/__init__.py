"""One file from the network onto the disk: verified, resumable, safe to run twice at once.

What a file is (`Download`, `Checksum`) is described in contracts.source; `part` keeps what has
come, `mirrors` asks for it. Unpacking is in `archive`; which files a benchmark needs is the
benchmark's own knowledge.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from benchwright.contracts.source import Algorithm, Checksum, Download
from benchwright.download.mirrors import Mirrors, Progress
from benchwright.download.part import (
    LOG,
    Part,
    disk_error,
    expected_text,
    file_checksum,
    is_right_file,
    locked,
    signature,
)

__all__ = ["Algorithm", "Checksum", "Download", "fetch", "file_checksum", "tqdm_progress"]


def fetch(
    download: Download,
    folder: Path,
    *,
    progress: Progress | None = None,
    note: Callable[[str], None] = LOG.warning,
    timeout: tuple[float, float] = (10.0, 60.0),
    attempts: int = 3,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Bring the file to `folder / download.name` and return that path.

    A file already there with the right checksum is kept, without a request. Otherwise the mirrors
    are tried in order, each `attempts` times; what an earlier call left in `<name>.part` is
    continued where the server can. Interrupting leaves the part for the next call.

    note: told, in one sentence each, what a person should know: that nothing could be verified
        (no checksum), that a mirror failed and why, that another process is being waited for.
        A caller that collects notes passes `some_list.append`; the default logs warnings.
    timeout: seconds for connecting, and for each wait for data.
    sleep: how to wait between attempts.

    TLS is always verified, against requests' certificates or REQUESTS_CA_BUNDLE; proxies come from
    the environment. Credentials come from the URL only (`~/.netrc` is not read).

    Raises BenchwrightError when every mirror failed (each with its reason, and how to place the
    file by hand), the disk is full (the part is kept), or the folder cannot be written.
    """
    target = folder / download.name
    part = Part(target, download)
    try:
        looked = signature(target)
        if looked is not None and is_right_file(target, download, note):
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{download.name}.lock", note):
            now = signature(target)
            if now is not None and now != looked and is_right_file(target, download, note):
                return target
            Mirrors(part, progress, note, timeout, attempts, sleep).fill()
            part.finish()
            if now is not None:
                note(f"{target} was not the file expected ({expected_text(download)}): replaced")
    except OSError as error:
        raise disk_error(error, part) from error
    return target


@contextlib.contextmanager
def tqdm_progress(
    name: str, total: int | None, *, stream: TextIO | None = None
) -> Iterator[Progress]:
    """A progress bar on `stream` (standard error), to be passed to `fetch` or `unpack`.

    Draws nothing where the stream is no terminal. total: bytes, None where not known.
    """
    from tqdm import tqdm

    # disable=None: only on a terminal.
    with tqdm(
        desc=name,
        total=total,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        file=stream,
        disable=None,
    ) as bar:
        begun = False

        def show(done: int, whole: int | None) -> None:
            nonlocal begun
            if bar.disable:
                return
            bar.total = whole
            if not begun or done < bar.n:
                # Bytes that were there before must not count as speed.
                begun, bar.initial, bar.n = True, done, done
                bar.refresh()
            else:
                bar.update(done - bar.n)

        yield show
