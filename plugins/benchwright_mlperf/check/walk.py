"""The way through a tree: divisions, submitters, systems."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchwright.contracts.formatter import Finding
from benchwright.rounds import DIVISIONS, Round
from benchwright_mlperf.check.files import Tree, join
from benchwright_mlperf.check.models import read_mapping
from benchwright_mlperf.check.report import Report
from benchwright_mlperf.check.results import check_system_results
from benchwright_mlperf.check.rules import V31
from benchwright_mlperf.check.structure import check_entries, check_root, check_tidiness
from benchwright_mlperf.check.systems import check_system


def check_tree(folder: Path, round_: Round, *, rehearsal: bool = False) -> list[Finding]:
    """Every finding in the tree below `folder`, by path and rule. With rehearsal, what is inherent
    to quick or tiny runs is only noted."""
    tree = Tree(folder)
    report = Report(round_, rehearsal=rehearsal)
    if not tree.is_folder(""):
        report.add("structure.no-folder", "", f"{tree.kind('')} at this path")
        return report.findings()
    refusal = tree.refusal("")
    if refusal is not None:
        report.add("structure.unreadable-folder", "", refusal)
        return report.findings()
    report.guard("", partial(check_root, tree, report))
    homes = [
        join(division, submitter) for division in DIVISIONS for submitter in tree.folders(division)
    ]
    submitted = [home for home in homes if tree.is_folder(join(home, "results"))]
    for home in homes:
        if home not in submitted:
            # The checker of v3.1 passes over it, later ones end in an error; all do at a file.
            kind = tree.kind(join(home, "results"))
            tell = report.note if round_.layout == V31 and kind == "nothing" else report.add
            tell("structure.no-results", home, f"{kind} at results/")
    if not submitted:
        report.add("structure.nothing-submitted", "", "no results of any submitter")
    for home in submitted:
        within = report.within(home.split("/", 1)[0])
        report.guard(home, partial(_check_submitter, tree, within, home))
    return report.findings()


def _check_submitter(tree: Tree, report: Report, home: str) -> None:
    report.guard(home, partial(check_tidiness, tree, report, home))
    report.guard(home, partial(check_entries, tree, report, home))
    mapping = read_mapping(tree, report, home)
    for name in tree.folders(join(home, "results")):
        system = check_system(tree, report, home, name)
        place = join(home, "results", name)
        check = partial(check_system_results, tree, report, home, system, mapping)
        report.guard(place, check)
