"""Files that are missing, empty, cut off, binary or folders: the probe answers, and in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchwright_linux.probe import MachineProbe
from benchwright_linux.sources import Functions, Sources

GONE, FOLDER = object(), object()
SPOILT = st.one_of(
    st.just(GONE),
    st.just(FOLDER),
    st.just(b""),
    st.binary(max_size=64),
    st.sampled_from(
        [
            b"-1",
            b"0",
            b"max",
            b"9" * 5000,
            b"0-99999999999",
            b"3-1",
            b"NaN",
            b"1e400",
            "٣".encode(),
            b"\0\0",
            b"0x",
            b"0x" + b"f" * 40,
            b"../../..",
            b"\n\n\n",
        ]
    ),
)


@contextmanager
def spoil(root: Path, victims: Mapping[str, object]) -> Iterator[None]:
    """Replace files below `root`, and put them back."""
    sound = {path: (root / path).read_bytes() for path in victims}
    try:
        for path, spoilt in victims.items():
            if isinstance(spoilt, bytes):
                (root / path).write_bytes(spoilt)
                continue
            (root / path).unlink()
            if spoilt is FOLDER:
                (root / path).mkdir()
        yield
    finally:
        for path, content in sound.items():
            if (root / path).is_dir():
                (root / path).rmdir()
            (root / path).write_bytes(content)


@settings(
    max_examples=80,
    deadline=None,
    # One planted tree serves all examples: each puts back what it spoilt.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@pytest.mark.parametrize("name", ["epyc_vm", "raspberry_pi_4", "container_v1", "container_v2"])
@given(data=st.data())
def test_spoilt_files(
    recorded: Callable[[str], dict[str, str]],
    plant: Callable[[Mapping[str, str | bytes], Path], None],
    functions: Callable[..., Functions],
    tmp_path: Path,
    name: str,
    data: st.DataObject,
) -> None:
    files = recorded(name)
    if not any(tmp_path.iterdir()):
        plant(files, tmp_path)
    plain = sorted(path for path, text in files.items() if not text.startswith("-> "))
    victims = data.draw(st.dictionaries(st.sampled_from(plain), SPOILT, min_size=1))
    with spoil(tmp_path, victims):
        probe = MachineProbe(Sources(str(tmp_path), functions("aarch64", affinity=4)))
        facts, again, seen = probe.identity(), probe.identity(), probe.observation()
    assert again == facts
    for reading in (facts, seen):
        assert json.loads(json.dumps(reading, allow_nan=False)) == reading
        for fact, value in reading.items():
            assert value not in (None, "", [], -1), fact
    for fact in ("cpu.sockets", "cpu.cores", "cpu.threads", "network.cards", "memory.bytes"):
        count = facts.get(fact, 1)
        assert isinstance(count, int)
        assert count > 0


@pytest.mark.parametrize("name", ["epyc_vm", "raspberry_pi_4", "container_v2"])
def test_everything_spoilt_at_once(
    recorded: Callable[[str], dict[str, str]], tree: Callable[..., Sources], name: str
) -> None:
    """Text where numbers belong, everywhere: nothing is told, and nothing made up."""
    files = recorded(name)
    garbage = {path: text if text.startswith("-> ") else "???" for path, text in files.items()}
    facts = MachineProbe(tree(garbage, machine=None)).identity()
    told = {name for name in facts if name.startswith(("cpu.", "memory.", "storage.", "network."))}
    assert told == set()
