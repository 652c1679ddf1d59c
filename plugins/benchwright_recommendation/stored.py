"""NumPy arrays that stay in their file: plain `.npy`, and members of an uncompressed `.npz`.

An archive made by `numpy.savez` holds its arrays as they are, so that they can be mapped where
they lie; 90 GB need no unpacking.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from benchwright.errors import BenchwrightError

Mapped = NDArray[Any]

_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""A zip member's local header: signature, then at its end the sizes of name and extra field."""


def map_npy(path: Path) -> Mapped:
    """Maps a .npy file for reading."""
    try:
        with path.open("rb") as file:
            return _map(path, file)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(str(path), error) from error


def map_npz(path: Path, names: list[str]) -> list[Mapped]:
    """Maps members of a .npz file, given by name without `.npy`, for reading."""
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            return [_map_member(path, archive, file, name) for name in names]
    except (OSError, zipfile.BadZipFile) as error:
        raise _unreadable(str(path), error) from error


def _map_member(path: Path, archive: zipfile.ZipFile, file: IO[bytes], name: str) -> Mapped:
    where = f"{path}/{name}.npy"
    try:
        member = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise BenchwrightError(
            f"this archive has no array {name}.npy",
            where=str(path),
            why=f"it holds {', '.join(archive.namelist()[:30]) or 'nothing'}",
        ) from None
    if member.compress_type != zipfile.ZIP_STORED:
        raise BenchwrightError(
            "this array is compressed and cannot be mapped",
            where=where,
            fix="store the archive without compression, as numpy.savez does",
        )
    try:
        file.seek(member.header_offset)
        signature, name_size, extra_size = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        if signature != b"PK\x03\x04":
            raise ValueError("its header in the archive is damaged")
        begin = file.seek(name_size + extra_size, 1)
        array = _map(path, file)
        if file.tell() - begin + array.nbytes != member.file_size:
            raise ValueError("its size in the archive is not that of its array")
    except (OSError, ValueError, EOFError, struct.error) as error:
        raise _unreadable(where, error) from error
    return array


def _map(path: Path, file: IO[bytes]) -> Mapped:
    """Maps the array whose .npy header begins where the file stands; the file is then at its
    first value."""
    form: Any = np.lib.format
    version = form.read_magic(file)
    read_header = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    if version not in read_header:
        raise ValueError(f"version {version} of the .npy format is not known here")
    shape, fortran, dtype = read_header[version](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    order: Any = "F" if fortran else "C"
    return np.memmap(path, dtype, "r", file.tell(), shape, order)


def _unreadable(where: str, error: Exception) -> BenchwrightError:
    return BenchwrightError(
        "this array cannot be read",
        where=where,
        why=f"{type(error).__name__}: {error}",
        fix="replace the file by an undamaged copy",
    )
