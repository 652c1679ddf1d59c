"""Two checkouts and four processes build from and into one store for a minute, while it is pruned:
no record is lost, and no file is torn."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchwright.build.store import upkeep
from benchwright.build.store.store import STORE_VARIABLE, Store
from functional.synthetic.build import tasks
from functional.synthetic.site import LIMIT_SECONDS, Site

GENERATIONS = ("first", "second", "third")
SEED = random.SystemRandom().randrange(1 << 32)

PRUNE = """
import sys
from pathlib import Path
from benchwright.build.store import upkeep
from benchwright.build.store.store import Store

upkeep.prune(Store(Path(sys.argv[1])), float(sys.argv[2]), print)
"""


def recorded_products() -> set[str]:
    every = (task["meta"]["benchwright"] for task in tasks())
    return {meta["recipe"].task for meta in every if meta["kind"] == "product"}


@pytest.mark.parametrize(
    "seconds", [pytest.param(2, id="short"), pytest.param(60, id="long", marks=pytest.mark.long)]
)
def test_hammered(tmp_path: Path, seconds: float) -> None:
    expected = {}
    for generation in GENERATIONS:
        alone = Site(tmp_path / f"alone-{generation}")
        assert alone.start(generation=generation).wait(LIMIT_SECONDS) == 0, alone.said()
        expected[generation] = alone.tree()
    draw = random.Random(SEED)
    place = tmp_path / "store"
    sites = [Site(tmp_path / name, place) for name in ("one", "two")]
    end, rounds = time.monotonic() + seconds, 0
    while rounds < 3 or time.monotonic() < end:
        rounds += 1
        chosen = [draw.choice(GENERATIONS) for _ in sites]
        processes = [
            site.start(generation=generation)
            for site, generation in zip(sites, chosen, strict=True)
            for _ in range(2)
        ]
        if draw.random() < 0.3:
            command = [sys.executable, "-c", PRUNE, str(place), str(draw.choice([0, 200_000]))]
            subprocess.run(command, check=True, timeout=LIMIT_SECONDS)
        codes = [process.wait(LIMIT_SECONDS) for process in processes]
        said = "\n".join(site.said() for site in sites)
        where = f"seed {SEED}, round {rounds}, generations {chosen}"
        assert codes == [0] * 4, f"{where}\n{said}"
        assert "Traceback" not in said, where
        assert "damaged" not in said, where
        for site, generation in zip(sites, chosen, strict=True):
            # The measured run is kept, and so is the tree but for it.
            assert site.tree() == expected[generation], where
            assert site.recorded() >= recorded_products(), where
            if draw.random() < 0.3:
                shutil.rmtree(site.folder / "build")
                (site.folder / "build").mkdir()
    found = upkeep.verify(Store(place), pytest.fail)
    assert (found.damaged, found.broken) == ([], [])
    assert not list(Store(place).unfinished())


def test_the_store_is_named_by_the_environment(tmp_path: Path) -> None:
    """What the test above rests on: these builds do use the store."""
    first, second = (Site(tmp_path / name, tmp_path / "store") for name in ("one", "two"))
    assert first.build() == 0, first.said()
    assert second.build() == 0, second.said()
    assert STORE_VARIABLE == "BENCHWRIGHT_STORE"
    # Only what is published and what is measured is made by each checkout.
    assert sorted(second.executed()) == ["page", "run:one", "tree"]
