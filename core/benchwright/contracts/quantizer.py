"""Quantizers: they turn a model artifact into one of lower precision, with a calibration set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchwright.contracts.options import LoadOptions, no_options

if TYPE_CHECKING:
    from benchwright.contracts.program import Array, Program


class Quantizer(ABC):
    """Writes a quantised copy of a model."""

    @abstractmethod
    def quantize(
        self,
        program: Program,
        model: Path,
        calibration: Iterable[Mapping[str, Array]],
        options: Mapping[str, Any],
        out: Path,
    ) -> Mapping[str, Any]:
        """Writes the quantised graphs into the empty folder `out` under the same file names.

        calibration yields samples by tensor name, without the batch dimension. Returns facts to
        record (scheme, ranges' source, sizes) as JSON values.
        """


@dataclass(frozen=True, slots=True)
class QuantizerInfo:
    """What the `quantizers` hook hands over: which precision it makes, for which backends.

    tools: distributions whose versions enter the quantised model's key; sources: modules whose
    source does; requires, extra: as of a backend.
    """

    name: str
    summary: str
    precision: str
    backends: tuple[str, ...]
    load: Callable[[], Quantizer]
    load_options: LoadOptions = no_options
    tools: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    extra: str | None = None
