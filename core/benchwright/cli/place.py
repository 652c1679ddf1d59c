"""Which folder a command works in: where `build/` lies, and where the paths in a campaign begin."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path

from benchwright.errors import UsageError
from benchwright.layout import CAMPAIGN_FILE

_PATHS = ("campaign", "folder", "svg", "file", "depfile", "against", "init")
"""The arguments that name files: they are meant from where the person is."""


def enter(arguments: Namespace) -> None:
    """Goes to the project's folder, and makes the paths of `arguments` lead from there to where
    they led before. `arguments.started` is the folder that the command was started in."""
    arguments.started = os.getcwd()
    folder = _folder(arguments)
    if folder is None or os.path.samefile(folder, arguments.started):
        return
    for name in _PATHS:
        value = getattr(arguments, name, None)
        if value:
            setattr(arguments, name, os.path.join(arguments.started, os.path.expanduser(value)))
    if getattr(arguments, "campaign", None) is not None:
        # Its name is part of what a submission says of itself: no folder of this machine in it.
        arguments.campaign = os.path.relpath(arguments.campaign, folder)
    os.chdir(folder)
    if not getattr(arguments, "quiet", False):
        print(f"in {folder}", file=sys.stderr)


def _folder(arguments: Namespace) -> Path | None:
    """The folder that was named, or the nearest above that holds a campaign."""
    named = getattr(arguments, "project", None)
    if named is not None:
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise UsageError("there is no such folder", where=f"--project {named}")
        return folder
    if getattr(arguments, "campaign", None) is not None or arguments.command == "init":
        return None
    here = Path(arguments.started)
    return next((folder for folder in (here, *here.parents) if _is_project(folder)), None)


def _is_project(folder: Path) -> bool:
    """Whether a campaign of this user's lies there: one that a stranger has left in a folder
    above (`/tmp`) is not for us to build."""
    try:
        owner = (folder / CAMPAIGN_FILE).stat().st_uid
    except OSError:
        return False
    return not hasattr(os, "geteuid") or owner in (os.geteuid(), 0)
