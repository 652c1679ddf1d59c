"""`benchwright reproduce`: results of here, and those of other machines."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.tried import graphs
from functional.project import RUNS, SUBJECT, Project

TRIED = "model-len4-tried/onnxruntime/Offline"
RESULT = f"build/try/model/runs/{TRIED}/performance"


@pytest.fixture
def there(place: Path) -> Iterator[Project]:
    """Where a model has been tried."""
    found = Project(place / "there")
    graphs.embedding(found.folder / "model.onnx")
    found.benchwright(
        *("try", "model.onnx", "--lengths", "4", "--scenario", "Offline", "--duration", "1")
    )
    yield found
    found.close()


@pytest.fixture
def here(place: Path) -> Iterator[Project]:
    """Where nothing has been done."""
    found = Project(place / "here")
    yield found
    found.close()


def changed(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> None:
    """The same archive with other contents."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            stream = old.extractfile(member)
            assert stream is not None
            data = change(member.name, stream.read())
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))


@pytest.mark.slow
def test_a_result_of_another_machine(there: Project, here: Project) -> None:
    """Told apart by where it was made, and by nothing else."""
    told = there.benchwright("reproduce", RESULT, "--export", "result.tar.gz").out
    assert "benchwright reproduce result.tar.gz" in told
    shutil.rmtree(there.folder / "build")
    (there.folder / "model.onnx").unlink()

    bundle = str(there.folder / "result.tar.gz")
    found = here.benchwright("reproduce", bundle, "--repeat", "2", "--json", code=None)
    record = found.json
    assert record["task"] == f"performance:{TRIED}"
    comparison = record["comparison"]
    assert comparison["problem"] is None
    assert comparison["new"]["runs"] == 2
    assert comparison["noise"] > 0
    changes = [line for line in comparison["differences"] if not line.startswith("settings ")]
    # How many instances and threads are best is found anew; a busy machine finds others.
    assert [line for line in changes if not line.startswith("operation ")] == []
    assert found.code == (0 if record["same"] else 1)

    def elsewhere(name: str, data: bytes) -> bytes:
        if name != "run/result.json":
            return data
        values: dict[str, Any] = json.loads(data)
        values["details"]["identity"]["cpu.model"] = "Elsewhere 9000"
        values["details"]["versions"]["onnxruntime"] = "0.0.1"
        return json.dumps(values).encode()

    changed(Path(bundle), here.folder / "other.tar", elsewhere)
    other = here.benchwright("reproduce", "other.tar", "--repeat", "1", code=1).out
    assert "made from something else" in other
    assert "machine cpu.model: Elsewhere 9000 -> " in other
    assert "version onnxruntime: 0.0.1 -> " in other


@pytest.mark.slow
def test_a_benchmark_s_result_of_another_machine(project: Project, here: Project) -> None:
    result = f"build/default/runs/{SUBJECT}/SingleStream/performance"
    project.benchwright("reproduce", result, "--export", "result.tar")
    bundle = str(project.folder / "result.tar")
    found = here.benchwright("reproduce", bundle, "--repeat", "1", "--json", code=None).json
    assert found["task"] == RUNS[0]
    assert found["comparison"]["problem"] is None
    assert not [line for line in found["comparison"]["differences"] if "content of" in line]


@pytest.mark.slow
def test_what_cannot_be_reproduced(there: Project, here: Project) -> None:
    result = there.folder / RESULT
    assert "is not here" in here.benchwright("reproduce", str(result), code=2).err
    bundle = there.folder / "result.tar"
    there.benchwright("reproduce", RESULT, "--export", str(bundle))

    def other_weights(name: str, data: bytes) -> bytes:
        return data + b"x" if name.endswith("model.onnx") else data

    changed(bundle, here.folder / "other.tar", other_weights)
    assert "another one" in here.benchwright("reproduce", "other.tar", code=1).err
    changed(bundle, here.folder / "outside.tar", lambda name, data: data)
    with tarfile.open(here.folder / "outside.tar", "a") as tar:
        tar.addfile(tarfile.TarInfo("../outside"))
    assert "outside" in here.benchwright("reproduce", "outside.tar", code=1).err
    assert not (here.folder.parent / "outside").exists()
    (here.folder / "none.tar").write_bytes(b"nothing of the kind")
    here.benchwright("reproduce", "none.tar", code=1)
    assert "no result here" in here.benchwright("reproduce", ".", code=2).err
    assert not (here.folder / "build" / "try").exists()

    odd = there.benchwright("reproduce", RESULT, "--export", "result.zip", code=2).err
    assert "result.zip.tar" in odd
    (result / "recipe.json").unlink()
    assert "no recipe.json" in there.benchwright("reproduce", str(result), code=2).err
