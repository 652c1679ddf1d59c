"""Understanding inputs: batch, sizes, fills; what cannot be told is asked for by name."""

from __future__ import annotations

import pytest

from benchwright.errors import UsageError
from benchwright.tried.facts import ModelFacts
from benchwright.tried.inputs import Understood, understand
from benchwright.tried.onnxfile import OnnxFile, Tensor
from benchwright.tried.request import Asked

TEXT = (
    Tensor("input_ids", "int64", ("batch", "sequence")),
    Tensor("attention_mask", "int64", ("batch", "sequence")),
    Tensor("token_type_ids", "int64", ("batch", "sequence")),
    Tensor("position_ids", "int64", ("batch", "sequence")),
)
BERT = ModelFacts({"model_type": "bert", "vocab_size": 50, "max_position_embeddings": 512})


def understood(
    *tensors: Tensor,
    asked: Asked = Asked(),  # noqa: B008  (a NamedTuple)
    facts: ModelFacts = ModelFacts(),  # noqa: B008
    tables: dict[str, int] | None = None,
    outputs: tuple[Tensor, ...] = (Tensor("y", "float32", ("batch", 2)),),
) -> Understood:
    onnx = OnnxFile(tensors, outputs, tables or {}, (), "", 17)
    return understand(onnx, "m.onnx", "main", asked, facts, "m.onnx")


def fills(found: Understood) -> dict[str, tuple[str, float]]:
    return {item.name: (item.fill, item.limit) for item in found.inputs}


def test_text() -> None:
    found = understood(*TEXT, asked=Asked(lengths=(16, 512)), facts=BERT)
    assert found.batch == 0
    assert found.sizes == {"sequence": (16, 512)}
    assert fills(found) == {
        "input_ids": ("tokens", 50.0),
        "attention_mask": ("ones", 0.0),
        "token_type_ids": ("zeros", 0.0),
        "position_ids": ("positions", 0.0),
    }
    assert all(item.shape == ("sequence",) and item.axis == 0 for item in found.inputs)
    assert found.graph.inputs[0] == ("input_ids", "int64", ("N", "sequence"))
    assert found.graph.outputs[0] == ("y", "float32", ("N", 2))


def test_one_length_is_a_fixed_shape() -> None:
    found = understood(*TEXT, asked=Asked(lengths=(16, 16)), facts=BERT)
    assert found.sizes == {}
    assert found.inputs[0].shape == (16,)


def test_the_usual_length_is_within_the_models() -> None:
    facts = ModelFacts({"vocab_size": 9, "max_position_embeddings": 40})
    assert understood(*TEXT, facts=facts).inputs[0].shape == (40,)


def test_too_long() -> None:
    with pytest.raises(UsageError, match="513 tokens, and this model takes 512"):
        understood(*TEXT, asked=Asked(lengths=(1, 513)), facts=BERT)


def test_roberta_counts_positions_from_its_padding() -> None:
    facts = ModelFacts(
        {
            "model_type": "roberta",
            "vocab_size": 9,
            "max_position_embeddings": 514,
            "pad_token_id": 1,
        }
    )
    assert facts.positions == 512


def test_the_vocabulary_is_the_smaller_of_table_and_config() -> None:
    ids = Tensor("input_ids", "int64", ("batch", "sequence"))
    assert understood(ids, facts=BERT, tables={"input_ids": 40}).inputs[0].limit == 40
    assert understood(ids, tables={"input_ids": 40}).inputs[0].limit == 40


def test_integers_of_unknown_range_are_told() -> None:
    found = understood(Tensor("features", "int64", ("batch", 7)))
    assert found.inputs[0].limit == 2
    assert "`features`" in found.remarks[0]


@pytest.mark.parametrize(
    ("processor", "size"),
    [
        ({"size": {"height": 20, "width": 30}}, (20, 30)),
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 24, "width": 24}}, (24, 24)),
        ({"size": 17}, (17, 17)),
        ({"size": {"shortest_edge": 25}, "crop_size": 7, "do_center_crop": False}, (25, 25)),
    ],
)
def test_images_have_the_processors_size(processor: dict[str, object], size: object) -> None:
    tensor = Tensor("pixel_values", "float32", ("batch", "channels", "height", "width"))
    found = understood(tensor, facts=ModelFacts({}, processor))
    assert found.inputs[0].shape == (3, *size)  # type: ignore[misc]
    assert found.inputs[0].fill == "normal"


def test_sound_has_its_rate() -> None:
    tensor = Tensor("input_values", "float32", ("batch", "samples"))
    found = understood(tensor, facts=ModelFacts({}, {"sampling_rate": 8000}))
    assert found.inputs[0].shape == (5 * 8000,)


def test_a_dimension_that_nothing_tells_is_asked_for() -> None:
    tensor = Tensor("pixel_values", "float32", ("batch", 3, "height", "width"))
    with pytest.raises(UsageError) as caught:
        understood(tensor)
    assert "dimension `height` of `pixel_values`" in str(caught.value)
    assert "`--shape pixel_values=3,SIZE,SIZE` or `--shape height=SIZE`" in str(caught.value)
    found = understood(tensor, asked=Asked(shapes={"pixel_values": (3, 8, 9)}))
    assert found.inputs[0].shape == (3, 8, 9)
    found = understood(tensor, asked=Asked(shapes={"height": (8,), "width": (9,)}))
    assert found.inputs[0].shape == (3, 8, 9)


def test_a_dimension_without_a_name() -> None:
    tensor = Tensor("x", "float32", ("", "", 4))
    with pytest.raises(UsageError, match=r"add `--shape x=SIZE,4`$"):
        understood(tensor)
    found = understood(tensor, asked=Asked(shapes={"x": (6, 4)}))
    assert (found.inputs[0].shape, found.inputs[0].axis, found.batch) == ((6, 4), 0, 0)


def test_shapes_that_contradict() -> None:
    one = Tensor("a", "float32", ("batch", "n"))
    two = Tensor("b", "float32", ("batch", "n", 3))
    with pytest.raises(UsageError, match=r"`--shape b=5,3` contradicts `--shape a=4`"):
        understood(one, two, asked=Asked(shapes={"a": (4,), "b": (5, 3)}))
    with pytest.raises(UsageError, match=r"contradicts the graph, where a sample is \[n, 3\]"):
        understood(two, asked=Asked(shapes={"b": (5, 4)}))
    with pytest.raises(UsageError, match="2 dimensions without the batch, not 4"):
        understood(two, asked=Asked(shapes={"b": (1, 1, 5, 3)}))
    with pytest.raises(UsageError, match="neither an input nor a dimension `c`"):
        understood(two, asked=Asked(shapes={"c": (1,)}))


@pytest.mark.parametrize(
    ("dims", "batch", "shape"),
    [
        ((1, 3, 8, 8), 1, (3, 8, 8)),
        ((4, 3, 8, 8), 4, (3, 8, 8)),
        ((3, 8, 8), -1, (3, 8, 8)),
        ((1, 8, 8), 1, (8, 8)),
        ((8,), -1, (8,)),
    ],
)
def test_fixed_batches(dims: tuple[int, ...], batch: int, shape: tuple[int, ...]) -> None:
    found = understood(Tensor("x", "float32", dims))
    assert (found.batch, found.inputs[0].shape) == (batch, shape)


def test_a_fixed_batch_and_another() -> None:
    with pytest.raises(UsageError, match="`--batch 2` contradicts this graph"):
        understood(Tensor("x", "float32", (4, 3, 8, 8)), asked=Asked(batch=2))
    assert understood(Tensor("x", "float32", (4, 3, 8, 8)), asked=Asked(batch=4)).batch == 4


def test_a_batch_that_is_not_first_and_a_number_for_all() -> None:
    found = understood(
        Tensor("input", "float32", ("batch", 512)),
        Tensor("state", "float32", (2, "batch", 128)),
        Tensor("sr", "int64", ()),
        facts=ModelFacts({}, {"sampling_rate": 8000}),
    )
    sound, state, rate = found.inputs
    assert (sound.axis, state.axis, rate.axis) == (0, 1, None)
    assert state.shape == (2, 128)
    assert (rate.fill, rate.limit) == ("constant", 8000.0)
    assert found.graph.inputs[1] == ("state", "float32", (2, "N", 128))


def test_lengths_without_tokens() -> None:
    with pytest.raises(UsageError, match="this model takes none"):
        understood(Tensor("x", "float32", ("batch", 3)), asked=Asked(lengths=(4, 4)))


def test_lengths_against_a_fixed_shape() -> None:
    ids = Tensor("input_ids", "int64", ("batch", 32))
    with pytest.raises(UsageError, match=r"contradicts the shape of `input_ids`, \[32\]"):
        understood(ids, facts=BERT, asked=Asked(lengths=(16, 16)))
    assert understood(ids, facts=BERT, asked=Asked(lengths=(32, 32))).inputs[0].shape == (32,)


def test_text_as_strings_is_refused() -> None:
    with pytest.raises(UsageError, match="no array for"):
        understood(Tensor("x", "string", ("batch",)))
