"""Names and versions of installed distributions, read the quick way.

`importlib.metadata` parses a distribution's whole metadata as an e-mail message, which costs
milliseconds each; planning asks for a dozen. The two header lines at the top are enough.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

NOT_INSTALLED = "not installed"


def name_and_version(dist: Distribution) -> tuple[str, str]:
    """The distribution's name and version as its metadata states them."""
    found = {"Name": "", "Version": ""}
    for line in (dist.read_text("METADATA") or dist.read_text("PKG-INFO") or "").splitlines():
        if not line.strip():
            break
        field, _, value = line.partition(":")
        if field in found and not found[field]:
            found[field] = value.strip()
    return found["Name"], found["Version"]


def metadata_file(name: str) -> Path | None:
    """The file that states an installed distribution's version; None where there is none."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    for file in found.files or ():
        if file.name in ("METADATA", "PKG-INFO") and len(file.parts) == 2:
            return Path(str(found.locate_file(file)))
    return None


def installed_version(name: str) -> str | None:
    """The version of a distribution as it is installed now; None where there is none."""
    try:
        return name_and_version(distribution(name))[1] or "unknown"
    except PackageNotFoundError:
        return None


@cache
def tool_version(name: str) -> str:
    """The installed version of a distribution, or `not installed`."""
    return installed_version(name) or NOT_INSTALLED


def tool_versions(*names: str) -> dict[str, str]:
    """The installed versions of several distributions."""
    return {name: tool_version(name) for name in names}
