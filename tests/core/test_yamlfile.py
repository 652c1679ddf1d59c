"""YAML with positions: lines by dotted path, and nothing but UsageError whatever the text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from benchwright import yamlfile
from benchwright.errors import UsageError
from benchwright.yamlfile import Document, dotted, load, parse

TEXT = """\
# a comment
round: v3.1
benchmarks:

  resnet50:
    preset: tiny
  bert: {preset:
    official}
scenarios: [Offline,
  Server]
matrix:
- - 1
  - 2
"""


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ((), "f.yaml:2"),
        (("round",), "f.yaml:2: round"),
        (("benchmarks",), "f.yaml:3: benchmarks"),
        (("benchmarks", "resnet50"), "f.yaml:5: benchmarks.resnet50"),
        (("benchmarks", "resnet50", "preset"), "f.yaml:6: benchmarks.resnet50.preset"),
        # The line of the key, also where its value is on the next.
        (("benchmarks", "bert", "preset"), "f.yaml:7: benchmarks.bert.preset"),
        (("scenarios", 1), "f.yaml:10: scenarios[1]"),
        (("scenarios", "Server"), "f.yaml:10: scenarios.Server"),
        (("matrix", 0, 1), "f.yaml:13: matrix[0][1]"),
        # What is not there: the line of what encloses it, and the path that was asked for.
        (("benchmarks", "resnet50", "nothing", 3), "f.yaml:5: benchmarks.resnet50.nothing[3]"),
        (("nothing",), "f.yaml:2: nothing"),
    ],
)
def test_where(location: tuple[str | int, ...], place: str) -> None:
    assert parse(TEXT, "f.yaml").where(location) == place


def test_data_are_plain() -> None:
    document = parse(TEXT, "f.yaml")
    assert document.data == yaml.safe_load(TEXT)
    assert (document.name, document.text) == ("f.yaml", TEXT)
    assert parse("", "f.yaml").data is None
    assert parse("", "f.yaml").where(("a",)) == "f.yaml:1: a"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3: a: the key `a` is given twice\n  why: it was given first on"),
        ("x:\n  y: 1\n  y: 2\n", "f:3: x.y: the key `y` is given twice"),
        ("a: [1\n", "f:2: this is not valid YAML"),
        ("a: b: c\n", "f:1: this is not valid YAML"),
        ("? [a]\n: b\n", "f:1: a key must be plain text"),
        ("a: *nowhere\n", "f:1: this is not valid YAML"),
        ("a\n---\nb\n", "f:2: this is not valid YAML"),
        ("a: 2001-13-45\n", "f: this is not valid YAML: month must be in 1..12"),
        ("a: \x00\n", "f: this is not valid YAML"),
        ("a: \ud800\n", "f: this is not valid YAML"),
        ("a: !!bool maybe\n", "f: a value of this file does not fit its tag"),
        ("a: !!timestamp now\n", "f: a value of this file does not fit its tag"),
        ("a: !!int ''\n", "f: a value of this file does not fit its tag"),
        ("a: !!python/object/apply:os.getcwd []\n", "f:1: this is not valid YAML"),
        ("a: &a [*a]\n", "f:1: this file is nested too deeply, or too large"),
        ("a: &a {b: *a}\n", "f:1: this file is nested too deeply, or too large"),
        ("[" * 100_000, "f:1: this file is nested too deeply"),
        ("- " * 100_000, "f:1: this file is nested too deeply"),
        ("{a: " * 100_000, "f:1: this file is nested too deeply"),
    ],
)
def test_bad_text_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "f")
    assert str(caught.value).startswith(told)


def test_aliases_of_aliases_do_not_explode() -> None:
    lines = ["k0: &k0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(UsageError, match="too large once its aliases are followed"):
        parse("\n".join(lines), "f")
    assert parse("a: &a [1, 2]\nb: *a\n", "f").where(("b", 1)) == "f:1: b[1]"


def test_as_deep_as_is_allowed() -> None:
    depth = yamlfile.MOST_LEVELS
    data: Any = parse("[" * depth + "]" * depth, "f").data
    for _ in range(depth - 1):
        (data,) = data
    assert data == []


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("a: ä\n", encoding="utf-8")
    assert load(path) == Document(str(path), "a: ä\n", {"a": "ä"}, load(path).lines)
    path.write_bytes(b"a: \xe4\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        load(path)
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        load(tmp_path / "nothing")


def test_dotted() -> None:
    assert dotted(["a", 0, "b", 1, 2]) == "a[0].b[1][2]"
    assert dotted([]) == ""


PIECES = st.sampled_from(
    [": ", "- ", "\n", "\n  ", "{", "}", "[", "]", ",", "&a ", "*a", "!!int ", "!!bool ", "? ",
     "!!timestamp ", "!!binary ", "!!set ", "!!omap ", "!!pairs ", "!!float ", "!!str ", "!!null ",
     "<<", "=", "|", ">", "'", '"', "#", "%YAML 1.2\n", "---\n", "...\n", "\t", "\\", "1", "-0x",
     "1:60", "2001-02-30", ".inf", "a", "é", "\ud800", "\x00", "\ufeff", "@", "`", "~"]
)  # fmt: skip


@given(st.text() | st.lists(PIECES, max_size=30).map("".join))
@example("!!int")
@example("!!float")
@example("? !!null\n: *a")
def test_any_text_is_parsed_or_explained(text: str) -> None:
    try:
        told = parse(text, "f").where(("anything", 0))
    except UsageError as error:
        told = str(error)
    assert told.startswith("f:")


KEYS = st.text("abcxyz_-", min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab: #-\n'é", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.booleans())
def test_every_value_knows_its_line(data: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    document = parse(text, "f")
    assert document.data == data
    lines = text.splitlines()
    for key in data:
        number = int(document.where((key,)).split(":")[1])
        assert key in lines[number - 1]
