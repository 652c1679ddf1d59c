"""What a result was measured with: the implementation's description and loadgen's settings."""

from __future__ import annotations

from pathlib import Path

from benchwright.results import RunResult
from benchwright.rounds import Round
from benchwright.rounds.conf import user_conf_text
from benchwright_mlperf.places import NOT_STATED
from benchwright_mlperf.write.runs import Cell, conf_key, detail_table, detail_text


def implementation_json(cell: Cell) -> dict[str, str]:
    """The five fields that describe weights and data types, none of them empty."""
    run = cell.first
    details = run.details
    reference = run.preset == "official"
    return {
        "input_data_types": detail_text(details, "input_data_types") or NOT_STATED,
        "retraining": detail_text(details, "retraining")
        or ("No" if reference else f"the weights are those of the preset {run.preset}"),
        "starting_weights_filename": _weights(run),
        "weight_data_types": detail_text(details, "weight_data_types")
        or run.precision
        or NOT_STATED,
        "weight_transformations": detail_text(details, "weight_transformations") or NOT_STATED,
    }


def _weights(run: RunResult) -> str:
    address = detail_text(run.details, "weights") or NOT_STATED
    digest = detail_text(run.details, "weights_sha256")
    return f"{address} (sha256 {digest})" if digest else address


def user_conf(round_: Round, cell: Cell) -> bytes:
    """The user.conf that the performance run was given, or one of the settings it recorded."""
    run = cell.first
    given = Path(run.path) / "user.conf"
    if given.is_file():
        content = given.read_bytes()
        if content.strip():
            return content
    settings = detail_table(run.details, "user_conf")
    return user_conf_text(conf_key(round_, run), run.scenario, settings).encode()
