"""The formatter: the contract's two methods, each handed on to its own package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchwright.contracts.formatter import Finding, Formatter, Submission
from benchwright.rounds import Round


class MlperfFormatter(Formatter):
    """Writes and checks the trees of MLPerf Inference v3.1 and v6.x."""

    def write(self, submission: Submission, out: Path) -> Mapping[str, Any]:
        """Writes the tree; returns {division, submitter, systems, results, missing, official}.

        Raises BenchwrightError when two runs claim one place, or when a run has lost its logs.
        """
        from benchwright_mlperf.write.tree import write_tree

        return write_tree(submission, out)

    def check(self, folder: Path, round: Round, *, rehearsal: bool = False) -> list[Finding]:
        """Everything that is wrong with a tree, in the order of its paths; never raises for what
        the tree holds."""
        from benchwright_mlperf.check.walk import check_tree

        return check_tree(folder, round, rehearsal=rehearsal)
