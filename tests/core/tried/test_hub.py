"""Fetching from a hub, in a process of its own (the library reads its environment on import)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchwright.errors import UsageError
from benchwright.tried.hub import choose
from benchwright.tried.request import Asked
from benchwright.tried.resolve import HubId
from core.tried.hub_server import COMMIT, OLDER, Hub, serving

pytest.importorskip("huggingface_hub", reason="the extra `hf` is not installed")

FILES = {
    "config.json": b'{"vocab_size": 7}',
    "README.md": b"a model",
    "onnx/model.onnx": b"graph" * 1000,
    "onnx/model_quantized.onnx": b"another",
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"a pickle",
}
CODE = """
import json, sys
from benchwright.errors import BenchwrightError
from benchwright.tried.hub import fetch
from benchwright.tried.request import Asked
from benchwright.tried.resolve import HubId
repo, revision, subfolder = json.loads(sys.argv[1])
try:
    found = fetch(HubId(repo, revision, subfolder), Asked())
except BenchwrightError as error:
    print(json.dumps({"error": str(error), "code": int(error.exit_code)}))
else:
    files = sorted(str(p.relative_to(found.folder)) for p in found.folder.rglob("*") if p.is_file())
    print(json.dumps({"commit": found.commit, "origin": found.origin, "files": files,
                      "folder": str(found.folder)}))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    older = {"config.json": b"{}", "model.safetensors": b"old weights"}
    revisions = {COMMIT: FILES, OLDER: older}
    with serving(Hub("org/model", revisions, {"main": COMMIT, "v1": OLDER})) as running:
        yield running


def ask(
    hub: Hub, home: Path, repo: str = "org/model", revision: str | None = None, **environment: str
) -> dict[str, Any]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    env |= {"PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_DISABLE_XET": "1"} | environment
    found = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps([repo, revision, None])],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    answer: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return answer


def test_what_is_fetched_is_of_one_commit_and_only_what_is_needed(hub: Hub, tmp_path: Path) -> None:
    found = ask(hub, tmp_path)
    assert found["commit"] == COMMIT
    assert found["files"] == ["config.json", "onnx/model.onnx"]
    assert found["origin"] == f"{hub.endpoint}/org/model/tree/{COMMIT}"
    content = Path(found["folder"], "onnx/model.onnx").read_bytes()
    assert content == FILES["onnx/model.onnx"]
    hub.asked.clear()
    assert ask(hub, tmp_path) == found
    assert not any(method == "GET" and "/resolve/" in path for method, path, _ in hub.asked)
    # Without network what was fetched is used.
    assert ask(hub, tmp_path, HF_HUB_OFFLINE="1") == found
    assert ask(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")["commit"] == COMMIT


def test_a_revision(hub: Hub, tmp_path: Path) -> None:
    found = ask(hub, tmp_path, revision="v1")
    assert found["commit"] == OLDER
    assert found["files"] == ["config.json", "model.safetensors"]
    missing = ask(hub, tmp_path, revision="v9")
    assert "has no revision `v9`" in missing["error"]
    assert missing["code"] == 2


def test_a_fetch_that_was_cut_goes_on(hub: Hub, tmp_path: Path) -> None:
    content = os.urandom(24_000_000)
    hub.revisions[COMMIT] = {"config.json": b"{}", "model.onnx": content}
    hub.cut_after = 22_000_000
    ask(hub, tmp_path)
    found = ask(hub, tmp_path)
    assert Path(found["folder"], "model.onnx").read_bytes() == content
    begins = [place for method, _, place in hub.asked if method == "GET" and place]
    assert begins
    assert all(int(place.strip("bytes=-")) > 0 for place in begins)


def test_what_does_not_exist_is_gated_or_cannot_be_reached(hub: Hub, tmp_path: Path) -> None:
    assert "no such model on the hub" in ask(hub, tmp_path, repo="org/modle")["error"]
    offline = ask(hub, tmp_path, HF_HUB_OFFLINE="1")["error"]
    assert "not among the models that were fetched before" in offline
    away = ask(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")["error"]
    assert "cannot be fetched" in away
    assert "HF_ENDPOINT" in away
    hub.gated = "secret"
    gated = ask(hub, tmp_path)["error"]
    assert "is gated" in gated
    assert "HF_TOKEN" in gated
    assert ask(hub, tmp_path, HF_TOKEN="secret")["commit"] == COMMIT


MODEL = HubId("org/model")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["config.json", "model.safetensors", "x.bin"], ["config.json", "model.safetensors"]),
        (["a.onnx", "config.json"], ["config.json", "a.onnx"]),
        (["onnx/model.onnx", "onnx/model.onnx_data"], ["onnx/model.onnx", "onnx/model.onnx_data"]),
        (
            ["a-1.safetensors", "a-2.safetensors", "a.safetensors.index.json"],
            ["a-1.safetensors", "a-2.safetensors", "a.safetensors.index.json"],
        ),
    ],
)
def test_the_files_that_are_needed(names: list[str], chosen: list[str]) -> None:
    assert choose(names, MODEL, Asked()) == chosen


def test_a_subfolder() -> None:
    names = ["config.json", "unet/config.json", "unet/model.safetensors"]
    found = choose(names, HubId("org/model", None, "unet"), Asked())
    assert found == ["unet/config.json", "unet/model.safetensors"]
    with pytest.raises(UsageError, match="no folder `vae`"):
        choose(names, HubId("org/model", None, "vae"), Asked())


def test_pickles_only_where_the_user_says_so() -> None:
    names = ["config.json", "pytorch_model.bin"]
    with pytest.raises(UsageError, match="pickles only"):
        choose(names, MODEL, Asked())
    assert choose(names, MODEL, Asked(pickles=True)) == names
    with pytest.raises(UsageError, match="neither ONNX nor safetensors"):
        choose(["README.md"], MODEL, Asked(pickles=True))
