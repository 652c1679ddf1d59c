"""Defects of form: structure, system descriptions, models, scenarios, measurements."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from plugins.mlperf.spoiling import SYSTEM, At, case, edit_json, touch

_LONG = "deeper" * 40
"""25 such names are more than a path may hold, and few enough to be removed again: Python's own
removal of folders calls itself for each."""


def large_file(a: At) -> None:
    with (a.home / "huge.bin").open("wb") as file:
        file.truncate(51 << 20)


def folders_without_end(a: At) -> None:
    """So deep that no path leads to the end of them."""
    here = os.open(a.home, os.O_RDONLY)
    for _ in range(25):
        os.mkdir(_LONG, dir_fd=here)
        inner = os.open(_LONG, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def only_unknown_division(a: At) -> None:
    (a.root / a.division).rename(a.root / "Closed")


def write_null(a: At, name: str) -> None:
    values = json.loads(a.system.read_text())
    a.system.write_text(json.dumps({**values, name: None}))


def over_network(a: At) -> None:
    network = a.root / "network"
    (a.root / "closed").rename(network)
    fields = dict.fromkeys(a.round.system_json.network_required, "x")
    edit_json(
        network / "Acme" / "systems" / f"{SYSTEM}.json",
        **{**fields, "division": "network", "is_network": "true"},
    )


STRUCTURE = [
    case(
        "only an unknown division",
        only_unknown_division,
        "structure.nothing-submitted",
        notes=("structure.unknown-division",),
    ),
    case(
        "an unknown division beside",
        lambda a: touch(a.root / "other" / "Acme" / "x.txt"),
        notes=("structure.unknown-division",),
    ),
    case("a file in the root", lambda a: touch(a.root / "notes.txt"), "structure.root-file"),
    case("a README in the root", lambda a: touch(a.root / "README.md")),
    case(".github in the root", lambda a: touch(a.root / ".github" / "x.yml")),
    case(
        "a file beside the submitters",
        lambda a: touch(a.root / a.division / "notes.md"),
        "structure.division-file",
    ),
    case(
        "a submitter without results",
        lambda a: touch(a.root / a.division / "Other" / "README.md"),
        "structure.no-results",
        rounds="v6.1",
    ),
    case(
        "a submitter without results, only noted",
        lambda a: touch(a.root / a.division / "Other" / "README.md"),
        rounds="v3.1",
        notes=("structure.no-results",),
    ),
    case(
        "the mark of a rehearsal",
        lambda a: touch(a.root / "NOT_FOR_SUBMISSION.md"),
        "structure.not-for-submission",
    ),
    case(
        "a link to nothing",
        lambda a: (a.home / "link").symlink_to("nowhere"),
        "structure.broken-link",
    ),
    case(
        "a link in a circle",
        lambda a: (a.home / "link").symlink_to("link"),
        "structure.broken-link",
    ),
    case(
        "a relative link",
        lambda a: (a.home / "link.json").symlink_to(f"systems/{SYSTEM}.json"),
        "structure.relative-link",
        rounds="v3.1",
    ),
    case(
        "a relative link, not looked at",
        lambda a: (a.home / "link.json").symlink_to(f"systems/{SYSTEM}.json"),
        rounds="v6.1",
        notes=("structure.relative-link",),
    ),
    *(
        case(
            f"a link in the round without links, {what}",
            lambda a, target=target: (a.home / "link").symlink_to(target),
            "structure.link",
            rounds="v3.0",
        )
        for what, target in (("relative", "systems"), ("absolute", "/etc/passwd"))
    ),
    case(
        "a link that holds here only",
        lambda a: (a.home / "link.txt").symlink_to("/etc/passwd"),
        notes=("structure.outside-link",),
    ),
    case(
        "a file for results",
        lambda a: touch(a.root / a.division / "Other" / "results"),
        "structure.no-results",
    ),
    case(
        "a folder that ends like bytecode's",
        lambda a: touch(a.code / "my__pycache__" / "x.pyc"),
        "structure.bytecode-folder",
    ),
    case("a pipe", lambda a: os.mkfifo(a.home / "pipe"), "structure.special-file"),
    case("folders without end", folders_without_end, "structure.special-file"),
    case("a large file", large_file, "structure.large-file"),
    case("a hidden file", lambda a: touch(a.home / ".x"), "structure.hidden-name"),
    case("a hidden folder", lambda a: touch(a.home / ".x" / "y"), "structure.hidden-name"),
    case("a space in a name", lambda a: touch(a.home / "a b"), "structure.space-in-name"),
    case(
        "bytecode",
        lambda a: touch(a.code / "__pycache__" / "x.pyc"),
        "structure.bytecode-folder",
    ),
    case("an empty folder", lambda a: (a.home / "empty").mkdir(), "structure.empty-folder"),
]

SYSTEMS = [
    case(
        "no description",
        lambda a: a.system.rename(a.system.with_name("other.json")),
        "system.missing",
        notes=("structure.unused-entry",),
    ),
    case(
        "a description too many",
        lambda a: touch(a.home / "systems" / "other.json", "{}"),
        notes=("structure.unused-entry",),
    ),
    case(
        "a description too many, looked at",
        lambda a: touch(a.home / "systems" / "other.json", "{}"),
        "structure.unused-entry",
        rounds="v5.1",
    ),
    case(
        "measurements without results",
        lambda a: touch(a.home / "measurements" / "other" / "resnet50" / "x.md"),
        "structure.unused-entry",
        rounds="v5.1",
    ),
    case(
        "nothing on calibration",
        lambda a: (a.home / "calibration.md").unlink(),
        "structure.no-calibration",
        rounds="v5.1",
    ),
    case(
        "calibration beside other documents",
        lambda a: (a.home / "calibration.md").rename(
            folder(a.home / "documentation") / "calibration.md"
        ),
        rounds="v5.1",
    ),
    case(
        "a field empty, not looked at",
        lambda a: a.edit_system(cooling=""),
        rounds="v3.0",
        notes=("system.field-empty",),
    ),
    case(
        "fields of later rounds left out",
        lambda a: a.edit_system(host_network_card_count=None, system_type_detail=None),
        rounds="v3.0",
    ),
    case("a damaged description", lambda a: a.system.write_text("{"), "system.unreadable"),
    case("a list for a description", lambda a: a.system.write_text("[]"), "system.unreadable"),
    case("another status", lambda a: a.edit_system(status="soon"), "system.status"),
    case("a status in upper case", lambda a: a.edit_system(status="Available")),
    case("another type", lambda a: a.edit_system(system_type="laptop"), "system.type"),
    case("a field missing", lambda a: a.edit_system(cooling=None), "system.field-missing"),
    case("a field empty", lambda a: a.edit_system(cooling=""), "system.field-empty"),
    case(
        "a number zero",
        lambda a: a.edit_system(accelerators_per_node=0),
        "system.field-empty",
    ),
    case("a field that may be empty", lambda a: a.edit_system(host_processor_frequency="")),
    case("a list of notes", lambda a: a.edit_system(hw_notes=["x"]), "system.field-text"),
    case(
        "a word for a number",
        lambda a: a.edit_system(accelerators_per_node="N/A"),
        "system.whole-number",
        rounds="v6.1",
    ),
    case(
        "a word for a number, only noted",
        lambda a: a.edit_system(accelerators_per_node="N/A"),
        rounds="v3.1",
        notes=("system.whole-number",),
    ),
    case("another submitter", lambda a: a.edit_system(submitter="Other"), "system.submitter"),
    case("the submitter in upper case", lambda a: a.edit_system(submitter="ACME")),
    case("another division", lambda a: a.edit_system(division="open"), "system.division"),
    case(
        "the division in another case",
        lambda a: a.edit_system(division="Closed"),
        "system.division",
        rounds="v3.1",
    ),
    case(
        "the division in another case, only noted",
        lambda a: a.edit_system(division="Closed"),
        rounds="v6.1",
        notes=("system.division",),
    ),
    case(
        "a network in closed, told once",
        lambda a: a.edit_system(is_network="true"),
        "system.network",
    ),
    case(
        "a network that is not described",
        lambda a: (
            over_network(a),
            edit_json(
                a.root / "network" / "Acme" / "systems" / f"{SYSTEM}.json",
                network_media=None,
                network_topology=None,
            ),
        ),
        "system.network-fields",
        "performance.network-name",
    ),
    case(
        "no network, and said so",
        lambda a: a.edit_system(is_network="false"),
        rounds=("v3.1", "v5.1"),
        notes=("system.network-fields",),
    ),
    case(
        "no network, which is taken for one",
        lambda a: a.edit_system(is_network="false"),
        "system.network-fields",
        rounds="v6.1",
    ),
    case("a switch for a text", lambda a: a.edit_system(is_network=False), "system.field-text"),
    case("a zero for a text", lambda a: a.edit_system(hw_notes=0), "system.field-text"),
    case("nothing for notes", lambda a: write_null(a, "hw_notes"), "system.field-text"),
    case("nothing for further notes", lambda a: write_null(a, "sw_notes")),
    case(
        "blanks for an answer",
        lambda a: a.edit_system(cooling="  "),
        notes=("system.field-empty",),
    ),
    case(
        "a word for a number of processors",
        lambda a: a.edit_system(host_processors_per_node="two"),
        notes=("system.whole-number",),
    ),
    case(
        "half a node",
        lambda a: a.edit_system(number_of_nodes="1.5"),
        "system.whole-number",
        rounds="v6.1",
    ),
    case("a network, its name not", over_network, "performance.network-name"),
    case(
        "an unknown field",
        lambda a: a.edit_system(coolings="air"),
        notes=("system.unknown-field",),
    ),
]

MODELS = [
    case("another model", lambda a: a.rename_model("foo"), "model.unknown"),
    case("a name that is guessed", lambda a: a.rename_model("resnet50-new")),
    case("the checker's own name", lambda a: a.rename_model("resnet")),
    case(
        "an unknown model in open",
        lambda a: a.rename_model("foo"),
        "model.unknown",
        division="open",
    ),
    case(
        "a model of its own, mapped",
        lambda a: (
            a.rename_model("foo"),
            touch(a.home / "model_mapping.json", '{"foo": "resnet"}'),
        ),
        division="open",
    ),
    case(
        "mapped to nothing known",
        lambda a: (a.rename_model("foo"), touch(a.home / "model_mapping.json", '{"foo": "bar"}')),
        "model.unknown",
        division="open",
    ),
    case(
        "a damaged mapping",
        lambda a: touch(a.home / "model_mapping.json", "resnet"),
        "model.mapping-unreadable",
        division="open",
    ),
    case(
        "a suite without the model",
        lambda a: a.edit_system(system_type="datacenter"),
        "model.not-in-suite",
        rounds="v6.1",
    ),
    case(
        "scenarios of the other suite",
        lambda a: a.edit_system(system_type="datacenter"),
        "scenario.not-allowed",
        rounds="v3.1",
    ),
    case(
        "a scenario that is none",
        lambda a: touch(a.model / "Offine" / "x"),
        "scenario.unknown",
    ),
    case(
        "a scenario missing",
        lambda a: shutil.rmtree(a.model / "MultiStream"),
        "scenario.missing",
        rounds="v6.1",
    ),
    case(
        "a scenario missing that was measured",
        lambda a: shutil.rmtree(a.model / "MultiStream"),
        "scenario.missing",
        rounds="v3.1",
        notes=("structure.unused-scenario",),
    ),
    case(
        "a scenario twice",
        lambda a: shutil.copytree(a.model / "Offline", a.model / "offline"),
        rounds="v6.1",
        notes=("scenario.repeated",),
    ),
    case(
        "a scenario that was measured and has no results",
        lambda a: shutil.rmtree(a.model / "Offline"),
        rounds="v3.1",
        division="open",
        notes=("structure.unused-scenario",),
    ),
    case(
        "a scenario missing in open",
        lambda a: shutil.rmtree(a.model / "MultiStream"),
        division="open",
    ),
    case(
        "a scenario too many",
        lambda a: a.edit_system(system_type="edge"),
        "scenario.not-allowed",
        rounds="v3.1",
    ),
    case(
        "a folder for a scenario too many",
        lambda a: a.add_model("resnet50", "Server"),
        "scenario.not-allowed",
        rounds="v6.1",
        others=True,
    ),
    case(
        "neither Server nor Interactive",
        lambda a: (a.edit_system(system_type="datacenter"), a.add_model("llama3.1-8b", "Offline")),
        "scenario.one-of",
        rounds="v6.1",
        others=True,
    ),
]


def code_elsewhere(a: At) -> None:
    """A file in the folder's place names the folder."""
    folder = a.code / "resnet50"
    folder.rename(a.code / "shared")
    folder.write_text("shared\n")


def lower_case(a: At) -> None:
    for kind in ("results", "measurements", "compliance"):
        for folder in sorted((a.home / kind).rglob("Offline")):
            folder.rename(folder.with_name("offline"))
    for file in sorted((a.home / "measurements").rglob("*_Offline.json")):
        file.rename(file.with_name(file.name.replace("_Offline", "_offline")))


MEASUREMENTS = [
    case(
        "no folder",
        lambda a: shutil.rmtree(a.place("measurements")),
        "measurements.missing",
        rounds="v3.1",
    ),
    case(
        "no user.conf",
        lambda a: (a.place("measurements") / "user.conf").unlink(),
        "measurements.file-missing",
    ),
    case(
        "no mlperf.conf",
        lambda a: (a.place("measurements") / "mlperf.conf").unlink(),
        "measurements.file-missing",
        rounds="v3.1",
    ),
    case(
        "a folder for user.conf",
        lambda a: (
            (a.place("measurements") / "user.conf").unlink(),
            touch(a.place("measurements") / "user.conf" / "x"),
        ),
        "measurements.file-missing",
    ),
    case(
        "an empty README",
        lambda a: (a.place("measurements") / "README.md").write_text(""),
        "measurements.file-empty",
    ),
    case("no description", lambda a: a.description.unlink(), "measurements.description-missing"),
    case(
        "a description without the scenario",
        lambda a: a.description.rename(a.description.with_name(f"{SYSTEM}_onnxruntime.json")),
        rounds="v3.1",
    ),
    case(
        "a damaged description",
        lambda a: a.description.write_bytes(b"\xff\x00{"),
        "measurements.description-unreadable",
    ),
    case(
        "a field missing",
        lambda a: edit_json(a.description, retraining=None),
        "measurements.field-missing",
    ),
    case(
        "a field empty",
        lambda a: edit_json(a.description, retraining=""),
        "measurements.field-empty",
    ),
    case("no code", lambda a: shutil.rmtree(a.code), "measurements.code-missing"),
    case("code elsewhere", code_elsewhere, rounds="v3.1"),
    case(
        "code of the model",
        lambda a: (a.code / "resnet50" / "onnxruntime").rename(a.code / "resnet50" / "other"),
    ),
    case(
        "quantised without a word",
        lambda a: (
            edit_json(a.description, weight_data_types="int8"),
            (a.home / a.round.path("calibration")).unlink(),
            shutil.rmtree(a.home / "documentation", ignore_errors=True),
        ),
        notes=("measurements.calibration-missing",),
    ),
    case(
        "no calibration, nothing quantised",
        lambda a: (
            (a.home / a.round.path("calibration")).unlink(),
            shutil.rmtree(a.home / "documentation", ignore_errors=True),
        ),
    ),
    case("lower-case scenarios", lower_case),
]

FORM = [*STRUCTURE, *SYSTEMS, *MODELS, *MEASUREMENTS]
