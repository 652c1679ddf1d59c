"""Descriptions: what a model's files amount to, names, real inputs, samples from a seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchwright.errors import BenchwrightError, UsageError
from benchwright.tried import described
from benchwright.tried.describe import describe, name_of, settle
from benchwright.tried.request import Asked
from benchwright.tried.resolve import HubId, Located, resolve
from benchwright.tried.samples import make
from core.tried import graphs


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def model(name: str = "m.onnx") -> Located:
    path = graphs.embedding(Path(name).resolve())
    return Located(path.stem, path.parent, path)


def test_a_description_is_kept_and_read() -> None:
    found = settle(describe(model(), Asked(lengths=(4, 9), samples=7), {}))
    assert found.name == "m-len4-9-n7"
    assert described.names() == ["m-len4-9-n7"]
    assert described.load("m-len4-9-n7") == found


def test_the_same_model_has_the_same_name_and_another_one_another() -> None:
    first = settle(describe(model(), Asked(), {}))
    assert settle(describe(model(), Asked(), {})).name == first.name == "m"
    Path("other").mkdir()
    graphs.embedding(Path("other/m.onnx").resolve(), rows=12)
    other = describe(Located("m", Path("other"), Path("other/m.onnx").resolve()), Asked(), {})
    assert settle(other).name == "m-2"
    assert described.load("m") == first


def test_a_damaged_description_is_named() -> None:
    found = settle(describe(model(), Asked(), {}))
    path = described.file_of(found.name)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(BenchwrightError, match=str(path)):
        described.load(found.name)
    assert settle(found).name == "m"
    assert described.load("m") == found


def test_names_say_what_was_asked() -> None:
    asked = Asked(lengths=(16, 16), batch=8, seed=3)
    assert name_of("a b/c", asked) == "a-b-c-len16-b8-seed3"
    one, two = (name_of("m", Asked(shapes={"x": (size,)})) for size in (1, 2))
    assert one != two


def test_samples_depend_on_seed_and_number_alone() -> None:
    one = describe(model(), Asked(lengths=(2, 30), samples=8), {})
    few = one._replace(samples=3)
    other = one._replace(seed=1)
    whole = [sample["input_ids"].tolist() for sample in make(one, None)]
    assert [sample["input_ids"].tolist() for sample in make(few, None)] == whole[:3]
    assert [sample["input_ids"].tolist() for sample in make(other, None)] != whole
    assert len({len(ids) for ids in whole}) > 2
    assert all(2 <= len(ids) <= 30 and min(ids) >= 0 and max(ids) < 100 for ids in whole)


def test_real_inputs() -> None:
    ids = np.arange(12).reshape(3, 4)
    np.savez("inputs.npz", input_ids=ids)
    found = describe(model(), Asked(data=str(Path("inputs.npz").resolve())), {})
    assert (found.samples, found.inputs[0].shape) == (3, (4,))
    samples = list(make(found, Path("inputs.npz")))
    assert [sample["input_ids"].tolist() for sample in samples] == ids.tolist()
    assert samples[0]["attention_mask"].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"input_idz": np.ones((2, 3))}, "no input `input_idz`; did you mean `input_ids`"),
        ({"input_ids": np.ones((2, 3)), "attention_mask": np.ones((3, 3))}, r"\[2, 3\] rows"),
        ({"input_ids": np.array([{}])}, "no array"),
    ],
)
def test_inputs_that_do_not_fit(arrays: dict[str, np.ndarray], why: str) -> None:
    np.savez("inputs.npz", **arrays)
    with pytest.raises(UsageError, match=why):
        describe(model(), Asked(data=str(Path("inputs.npz").resolve())), {})


def test_weights_beside_must_be_there_and_nowhere_else() -> None:
    import onnx

    found = model()
    assert found.onnx is not None
    onnx.save(
        onnx.load(found.onnx), "n.onnx", save_as_external_data=True, location="w", size_threshold=0
    )
    path = Path("n.onnx").resolve()
    sources = describe(Located("n", path.parent, path), Asked(), {}).sources
    assert [source.name for source in sources] == ["n.onnx", "w"]
    Path("w").unlink()
    with pytest.raises(UsageError, match="weights `w` are missing"):
        describe(Located("n", path.parent, path), Asked(), {})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"location\x12\x01w", b"location\x12\x01/"))
    with pytest.raises(UsageError, match="outside its folder"):
        describe(Located("n", path.parent, path), Asked(), {})


def test_new_tokens_of_what_generates_nothing() -> None:
    with pytest.raises(UsageError, match="--new-tokens"):
        describe(model(), Asked(new_tokens=3), {})


def test_prompts_that_are_too_long() -> None:
    path = graphs.decoder(Path("model.onnx").resolve())
    Path("config.json").write_text(json.dumps({"n_positions": 10}), encoding="utf-8")
    with pytest.raises(UsageError, match="8 tokens of a prompt and 3 new ones are more"):
        describe(Located("m", path.parent, path), Asked(lengths=(8, 8), new_tokens=3), {})


def test_what_a_model_may_be() -> None:
    here = Path().resolve()
    assert resolve("org/name@v1:sub", here) == HubId("org/name", "v1", "sub")
    assert resolve("gpt2", here) == HubId("gpt2")
    graphs.embedding(here / "m.onnx")
    assert resolve("m.onnx", here) == Located("m", here, here / "m.onnx")
    (here / "folder" / "onnx").mkdir(parents=True)
    with pytest.raises(UsageError, match="holds no model"):
        resolve("folder", here)
    (here / "folder" / "config.json").write_text("{}")
    assert resolve("folder", here) == Located("folder", here / "folder", None)
    graph = graphs.embedding(here / "folder" / "onnx" / "model.onnx")
    assert resolve("folder", here) == Located("folder", here / "folder", graph)


@pytest.mark.parametrize("text", ["m.onx.onnx", "./nothing", "a/b/c", "/no/where", "two words"])
def test_what_is_nothing(text: str) -> None:
    graphs.embedding(Path("m.onnx").resolve())
    with pytest.raises(UsageError, match="there is no file or folder"):
        resolve(text, Path().resolve())


def test_weights_alone() -> None:
    Path("model.safetensors").touch()
    with pytest.raises(UsageError, match="weights alone"):
        resolve("model.safetensors", Path().resolve())
