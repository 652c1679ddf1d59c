"""`benchwright clean`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from benchwright.build.command import remove_tree
from benchwright.build.display import size
from benchwright.build.task import META
from benchwright.cli.common import find, load, name_of


def main(arguments: Namespace) -> int:
    """Removes what the campaign's tasks built. Measured runs are kept unless asked for."""
    _, tasks = load(arguments, extra=arguments.tasks)
    named = {name for typed in arguments.tasks for name in find(typed, tasks, arguments.started)}
    removed = kept = 0
    for task in tasks:
        meta = task["meta"][META]
        if named and name_of(task) not in named:
            continue
        if meta["kind"] == "measurement" and not arguments.runs:
            kept += Path(meta["folder"]).exists()
            continue
        published = meta["recipe"].publish
        for place in (meta["folder"], published, meta["log"]):
            path = Path(place) if place else None
            if path is None or not (path.exists() or path.is_symlink()):
                continue
            print(f"{'would remove' if arguments.dry_run else 'removing'} {path} "
                  f"({size(_bytes(path))})")  # fmt: skip
            removed += 1
            if not arguments.dry_run:
                remove_tree(path)
    if removed == 0:
        print("nothing to remove")
    if kept:
        print(f"{kept} measured runs are kept; `--runs` removes them too")
    return 0


def _bytes(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(item.lstat().st_size for item in path.rglob("*") if item.is_file())
