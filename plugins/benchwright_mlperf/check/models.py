"""Which model of the round a folder in results/ stands for."""

from __future__ import annotations

from collections.abc import Mapping

from benchwright.rounds import Round, RoundModel
from benchwright_mlperf.check.files import Tree, join
from benchwright_mlperf.check.report import Report, listed

_GUESSED = (
    ("mobilenet", "resnet"),
    ("efficientnet", "resnet"),
    ("resnet50", "resnet"),
    ("bert-99.9", "bert-99.9"),
    ("bert-99", "bert-99"),
)
"""What the official checkers make of a longer name that holds one of these. The detectors that
hold `mobilenet` or `resnet50` too belong to rounds long gone."""

_DETECTORS = ("ssd", "yolo", "rcnn")


def read_mapping(tree: Tree, report: Report, home: str) -> Mapping[str, str]:
    """The submitter's own names → the round's, from model_mapping.json of the open division."""
    path = join(home, report.round.path("model_mapping"))
    if report.division != "open" or tree.mode(path) == 0:
        return {}
    values = report.read("model.mapping-unreadable", path, tree.json_object)
    return {name: str(official) for name, official in (values or {}).items()}


def find_model(round_: Round, folder: str, mapping: Mapping[str, str]) -> RoundModel | None:
    """By its own name, the round's other name, the submitter's mapping, or the usual guess."""
    for name in (folder, round_.aliases.get(folder), mapping.get(folder)):
        if name is not None and (found := _known(round_, name)) is not None:
            return found
    if any(part in folder for part in _DETECTORS):
        return None
    guess = next((model for part, model in _GUESSED if part in folder), None)
    return _known(round_, guess) if guess is not None else None


def _known(round_: Round, name: str) -> RoundModel | None:
    return round_.models.get(round_.aliases.get(name, name))


def check_model(
    report: Report,
    path: str,
    folder: str,
    mapping: Mapping[str, str],
    system_type: str | None,
) -> RoundModel | None:
    """The folder's model, where the round has it, after a look at suite and name."""
    round_ = report.round
    model = find_model(round_, folder, mapping)
    if model is None:
        mapped = f", mapped to `{mapping[folder]}`" if folder in mapping else ""
        report.add("model.unknown", path, f"`{folder}`{mapped}", allowed=listed(round_.models))
    elif system_type is not None and not model.in_suite(system_type):
        report.add("model.not-in-suite", path, f"{model.name} on a system of type {system_type}")
    return model
