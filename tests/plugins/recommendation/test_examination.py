"""dlrm-v2 passes the examination that vendors' benchmarks are put to."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from benchwright.errors import BenchwrightError
from benchwright.testing import BenchmarkExamination
from benchwright.testing.workbench import Prepared, Running


class TestDlrmV2(BenchmarkExamination):
    """dlrm-v2-99.9 differs in its quality alone."""

    info = "dlrm-v2-99"
    presets: ClassVar[tuple[str, ...]] = ("tiny",)

    def test_wrong_responses_lower_the_score(self, running: list[tuple[Prepared, Running]]) -> None:
        """A response carries the labels of its pairs: another sample's is refused. What lowers
        the score is other predictions."""
        for item, computing in running:
            entries = list(computing.entries(item.store()))
            moved = replace(entries[0], data=entries[1].data)
            with pytest.raises(BenchwrightError, match="response for sample 0 cannot be scored"):
                self._score(item, [moved])
            good = self._score(item, entries).values["AUC"]
            turned = [replace(entry, data=_backwards(entry.data)) for entry in entries]
            assert self._score(item, turned).values["AUC"] < good - 5


def _backwards(data: bytes) -> bytes:
    """A response whose predictions are in the opposite order, labels as they were."""
    import numpy as np

    rows = np.frombuffer(data, np.float32).reshape(-1, 2).copy()
    rows[:, 0] = rows[::-1, 0]
    return rows.tobytes()
