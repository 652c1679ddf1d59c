"""The tree's form: what may lie where, names, sizes, links. Nothing is opened here."""

from __future__ import annotations

import os
import stat
from pathlib import PurePosixPath

from benchwright.errors import did_you_mean
from benchwright.rounds import DIVISIONS
from benchwright_mlperf.check.files import Tree, join
from benchwright_mlperf.check.report import Report
from benchwright_mlperf.places import MARK

_MIB = 1 << 20


def check_root(tree: Tree, report: Report) -> None:
    """What lies beside the divisions, and between a division and its submitters."""
    tolerated = report.round.tolerated_files
    for name in tree.folders(""):
        if name in DIVISIONS or name in tolerated.get("root_folders", ()):
            continue
        near = did_you_mean(name, DIVISIONS)
        hint = f"; {near}" if near.startswith("did you mean") else ""
        report.add("structure.unknown-division", name, f"a folder `{name}`", hint=hint)
    suffixes = tuple(tolerated.get("root_suffixes", ()))
    for name in tree.files(""):
        if name == MARK:
            report.add("structure.not-for-submission", name, "the tree is marked as a rehearsal")
        elif not name.endswith(suffixes):
            report.add("structure.root-file", name, f"`{name}` in the root")
    for division in DIVISIONS:
        for name in tree.files(division):
            report.add("structure.division-file", join(division, name), f"a file `{name}`")


def check_tidiness(tree: Tree, report: Report, home: str) -> None:
    """Everything below one submitter's folder."""
    _check_name(report, home)
    for folder, folders, files in tree.walk(home):
        if not folders and not files:
            refusal = tree.refusal(folder)
            if refusal is None:
                report.add("structure.empty-folder", folder, "nothing in it")
            else:
                report.add("structure.unreadable-folder", folder, refusal)
        if folder.endswith("__pycache__"):
            report.add("structure.bytecode-folder", folder, "a folder of Python bytecode")
        for name in (*folders, *files):
            _check_name(report, join(folder, name))
        for name in files:
            _check_file(tree, report, join(folder, name))


def check_entries(tree: Tree, report: Report, home: str) -> None:
    """What one submitter has without results, and what it has to have beside them."""
    results = set(tree.folders(join(home, "results")))
    folder = PurePosixPath(report.round.path("system", system="_")).parent.name
    described = [n for n in tree.files(join(home, folder)) if n.endswith(".json")]
    places = {join(folder, name): name.removesuffix(".json") for name in described}
    if "measurements" in tree.folders(home):
        places |= {f"measurements/{name}": name for name in tree.folders(f"{home}/measurements")}
    for place, system in sorted(places.items()):
        if system not in results:
            found = f"`{system}` has no results"
            report.add("structure.unused-entry", join(home, place), found, system=system)
    _check_scenarios(tree, report, home, results)
    if report.division == "open" or report.round.verdicts.calibration != "error":
        return
    name = PurePosixPath(report.round.path("calibration")).name
    places_of_it = (name, f"documentation/{name}")
    if not any(tree.is_file(join(home, place)) for place in places_of_it):
        told = "neither of them"
        report.add("structure.no-calibration", home, told, files=" or ".join(places_of_it))


def _check_scenarios(tree: Tree, report: Report, home: str, results: set[str]) -> None:
    """Scenarios that something was handed in of, but no results."""
    for kind in ("measurements", "compliance"):
        for system in sorted(results & set(tree.folders(join(home, kind)))):
            for model in tree.folders(join(home, kind, system)):
                for scenario in tree.folders(join(home, kind, system, model)):
                    place = join(home, kind, system, model, scenario)
                    if not tree.is_folder(join(home, "results", system, model, scenario)):
                        report.add("structure.unused-scenario", place, "no results of it")


def _inside(tree: Tree, path: str, target: str) -> bool:
    """Whether a link leads to a place in the tree wherever the tree lies."""
    if target.startswith("/"):
        return False
    place = os.path.normpath(os.path.join(os.path.dirname(path), target))
    return not place.startswith("..")


def _check_name(report: Report, path: str) -> None:
    name = PurePosixPath(path).name
    if name.startswith("."):
        report.add("structure.hidden-name", path, f"`{name}`")
    if " " in name:
        report.add("structure.space-in-name", path, f"`{name}`")


def _check_file(tree: Tree, report: Report, path: str) -> None:
    target = tree.link(path)
    mode = tree.mode(path)
    if target is not None and mode == 0:
        report.add("structure.broken-link", path, f"a link to `{target}`, which is not there")
    elif target is not None and report.round.verdicts.links == "error":
        report.add("structure.link", path, f"a link to `{target}`")
    elif target is not None and mode == stat.S_IFREG and not os.path.exists(tree.root / target):
        # Only where the official checker reads links so can this fail a submission.
        tell = report.add if report.round.verdicts.tidiness == "error" else report.note
        tell("structure.relative-link", path, f"a link to `{target}`")
    elif target is not None and not _inside(tree, path, target):
        report.add("structure.outside-link", path, f"a link to `{target}`")
    if mode == 0 and target is None:
        report.add("structure.special-file", path, "nothing that can be reached by this path")
    elif mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        report.add("structure.special-file", path, tree.kind(path))
    elif mode == stat.S_IFREG:
        size, limit = tree.size(path), report.round.limits.max_file_mb
        if size > limit * _MIB:
            found = f"{size / _MIB:.1f} MiB"
            report.add("structure.large-file", path, found, limit=limit)
