"""`benchwright check`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from benchwright.cli.common import load, print_json
from benchwright.errors import ExitCode, UsageError
from benchwright.plugins import Registry
from benchwright.rounds import load_round


def main(arguments: Namespace) -> int:
    """Checks a submission tree; exit code 1 when there are findings that are not notes."""
    rehearsal = arguments.rehearsal
    formatter_name = arguments.formatter
    if arguments.folder is None:
        plan, _ = load(arguments)
        folder, name = Path(plan.layout.submission), plan.round.name
        registry, formatter_name = plan.registry, formatter_name or plan.formatter.name
        rehearsal = rehearsal or bool(plan.unofficial())
        if arguments.round is not None:
            name = load_round(arguments.round).name
    else:
        if arguments.round is None:
            raise UsageError(
                "which round's rules apply to this tree is not said",
                where=arguments.folder,
                fix="add `--round v3.1` (or another)",
            )
        folder, name = Path(arguments.folder), load_round(arguments.round).name
        registry = Registry()
    if not folder.is_dir():
        raise UsageError(
            "there is no such folder",
            where=str(folder),
            fix="name the submission's root, the folder that holds `closed/` or `open/`; "
            "`benchwright run submission` writes the campaign's own",
        )
    round_ = load_round(name)
    formatter = registry.formatter(round_.name, formatter_name, "--formatter").load()
    findings = formatter.check(folder, round_, rehearsal=rehearsal)
    errors = [finding for finding in findings if finding.level == "error"]
    if arguments.json:
        print_json(
            {
                "folder": str(folder),
                "round": round_.name,
                "rehearsal": rehearsal,
                "errors": len(errors),
                "notes": len(findings) - len(errors),
                "findings": [finding.record() for finding in findings],
            }
        )
    else:
        for finding in sorted(findings, key=lambda item: (item.level, item.path, item.rule)):
            print(f"{finding.level}: {finding}")
        print(
            f"{folder}, round {round_.name}: {len(errors)} errors, "
            f"{len(findings) - len(errors)} notes"
        )
    return int(ExitCode.FINDINGS if errors else ExitCode.OK)
