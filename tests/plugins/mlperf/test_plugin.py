"""What the package hands over, and what a machine's facts become."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import benchwright_mlperf
from benchwright.contracts.formatter import Formatter
from benchwright.contracts.probe import JSON
from benchwright.rounds import load_round
from benchwright_mlperf.describe import describe_system

FACTS: dict[str, JSON] = {
    "cpu.model": "AMD EPYC 9554",
    "cpu.sockets": 2,
    "cpu.cores": 128,
    "cpu.max_mhz": 3762,
    "cpu.caches": "L1d 32 KiB x 128",
    "memory.bytes": 1_080_863_910_912,
    "memory.configuration": "24x 64 GiB DDR5",
    "storage.bytes": 7_681_501_126_656,
    "storage.type": "2x NVMe",
    "network.cards": 2,
    "network.description": "2x Ethernet",
    "os.name": "Debian GNU/Linux",
    "os.version": "12",
    "os.kernel": "Linux 6.1.0",
}


def test_one_formatter_for_all_rounds() -> None:
    (info,) = benchwright_mlperf.formatters()
    assert (info.name, info.rounds) == ("mlperf", ("v3.0", "v3.1", "v5.1", "v6.0", "v6.1"))
    assert isinstance(info.load(), Formatter)
    for name in info.rounds:
        assert load_round(name).name == name


def test_every_module_counts_for_the_key() -> None:
    package = Path(benchwright_mlperf.__file__).parent
    modules = set()
    for path in package.rglob("*.py"):
        parts = path.relative_to(package).with_suffix("").parts
        modules.add(".".join(("benchwright_mlperf", *(p for p in parts if p != "__init__"))))
    (info,) = benchwright_mlperf.formatters()
    assert set(info.sources) == modules - {"benchwright_mlperf", "benchwright_mlperf.check"}
    assert len(set(info.sources)) == len(info.sources)


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, benchwright_mlperf as p; p.formatters()[0].describe_system({}); "
        "print(*(m for m in sys.modules if m.startswith('benchwright_mlperf.') or m == 'numpy'))"
    )
    path = [str(Path(p).resolve()) for p in sys.path if p]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(path)},
    )
    assert done.stdout.split() == ["benchwright_mlperf.describe"]


def test_facts_become_fields() -> None:
    fields = describe_system(FACTS)
    assert fields == {
        "host_processor_model_name": "AMD EPYC 9554",
        "host_processors_per_node": "2",
        "host_processor_core_count": "64",
        "host_processor_frequency": "3762 MHz",
        "host_processor_caches": "L1d 32 KiB x 128",
        "host_memory_capacity": "1007 GB",
        "host_memory_configuration": "24x 64 GiB DDR5",
        "host_storage_capacity": "7.7 TB",
        "host_storage_type": "2x NVMe",
        "host_networking": "2x Ethernet",
        "host_network_card_count": "2",
        "operating_system": "Debian GNU/Linux 12 (Linux 6.1.0)",
        "accelerators_per_node": "0",
        "accelerator_model_name": "N/A",
        "accelerator_memory_capacity": "N/A",
        "accelerator_frequency": "N/A",
        "accelerator_host_interconnect": "N/A",
        "accelerator_interconnect": "N/A",
        "accelerator_interconnect_topology": "N/A",
        "accelerator_memory_configuration": "N/A",
        "accelerator_on-chip_memories": "N/A",
    }


def test_unknown_facts_leave_their_fields_out() -> None:
    assert set(describe_system({})) == {
        "accelerators_per_node",
        *(name for name in describe_system(FACTS) if name.startswith("accelerator_")),
    }


@pytest.mark.parametrize(
    ("facts", "field", "value"),
    [
        ({"memory.bytes": 25_200_000_000}, "host_memory_capacity", "23 GB"),
        ({"memory.bytes": 25_500_000_000}, "host_memory_capacity", "24 GB"),
        ({"memory.bytes": 466_000_000}, "host_memory_capacity", "444 MB"),
        ({"storage.bytes": 31_914_983_424}, "host_storage_capacity", "32 GB"),
        ({"os.kernel": "Linux 6.1"}, "operating_system", "Linux 6.1"),
        ({"os.name": "macOS", "os.version": "15.1"}, "operating_system", "macOS 15.1"),
        ({"cpu.cores": 4}, "host_processor_core_count", "4"),
        ({"accelerator.count": 8}, "accelerators_per_node", "8"),
        (
            {"accelerator.count": 1, "accelerator.memory_bytes": 85_899_345_920},
            "accelerator_memory_capacity",
            "80 GB",
        ),
    ],
)
def test_single_facts(facts: dict[str, JSON], field: str, value: str) -> None:
    assert describe_system(facts)[field] == value


def test_an_accelerator_is_not_denied() -> None:
    fields = describe_system({"accelerator.count": 1, "accelerator.model": "Acme X"})
    assert fields["accelerator_model_name"] == "Acme X"
    assert "accelerator_interconnect" not in fields


@pytest.mark.parametrize("value", [None, True, [], {}, "  "])
def test_odd_facts_are_no_facts(value: JSON) -> None:
    facts = dict.fromkeys(FACTS, value)
    assert set(describe_system(facts)) == set(describe_system({}))
