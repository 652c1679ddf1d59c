"""Errors that say what, where, why and what next; near misses; exit codes."""

from __future__ import annotations

import pickle
import string
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchwright.errors import BenchwrightError, ExitCode, UsageError, absent, did_you_mean


def test_the_four_parts_stand_in_order() -> None:
    error = BenchwrightError("it broke", where="f:3", why="it was old", fix="buy another")
    assert str(error) == "f:3: it broke\n  why: it was old\n  fix: buy another"
    assert str(BenchwrightError("it broke")) == "it broke"
    assert str(BenchwrightError("it broke", fix="mend it")) == "it broke\n  fix: mend it"


def test_exit_codes() -> None:
    assert [code.value for code in ExitCode] == [0, 1, 2, 130]
    assert BenchwrightError("x").exit_code == 1
    assert UsageError("x").exit_code == 2


def test_errors_travel_between_processes() -> None:
    for kind in (BenchwrightError, UsageError):
        error = kind("what", where="where", why="why", fix="fix")
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is kind
        assert str(copy) == str(error)
        assert (copy.what, copy.where, copy.why, copy.fix) == ("what", "where", "why", "fix")


def test_did_you_mean() -> None:
    assert did_you_mean("resnet5", ["resnet50", "bert"]) == (
        "did you mean `resnet50`? (allowed: bert, resnet50)"
    )
    assert did_you_mean("server", ["Server"]) == "did you mean `Server`? (allowed: Server)"
    assert did_you_mean("zzz", ["Server", "Offline"]) == "allowed: Offline, Server"
    assert did_you_mean("zzz", []) == ""
    many = [f"name-{number}" for number in range(50)]
    assert did_you_mean("zzz", many) == ""
    assert did_you_mean("name-4", many) == "did you mean `name-4`?"


NAMES = st.text(string.ascii_letters + "-_", min_size=3, max_size=10)


@given(NAMES, st.sets(NAMES, max_size=5))
def test_a_name_that_is_known_is_its_own_nearest(name: str, others: set[str]) -> None:
    others = {other for other in others if other.lower() != name.lower()}
    assert did_you_mean(name, {name, *others}).startswith(f"did you mean `{name}`?")


def test_why_a_path_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "validation" / "data").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    inside = f"in {tmp_path}"
    assert absent(tmp_path / "validaton" / "data" / "x.jpg") == (
        f"there is no validaton {inside}; did you mean `validation`?"
    )
    assert absent(tmp_path / "validation" / "x.jpg") == f"there is no x.jpg {inside}/validation"
    assert absent(tmp_path / "else") == f"there is no else {inside}"
    assert absent(tmp_path / "file") == f"{tmp_path}/file is a file"
    assert absent(tmp_path / "validation") == f"{tmp_path}/validation is a folder"
    assert absent(tmp_path / "link") == f"{tmp_path}/link is a link that leads nowhere"
    assert absent(tmp_path / "file" / "x").startswith(f"there is no x {inside}/file: ")


def test_numbered_files_are_not_taken_for_one_another(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"0000{number}.png").touch()
    assert absent(tmp_path / "00009.png") == f"there is no 00009.png in {tmp_path}"
    assert absent(tmp_path / "00002.pgn").endswith("did you mean `00002.png`?")
