"""GPT-J's graph computes what its definition says, with and without caches, padding and company."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from benchwright_language import gptj_graph
from benchwright_language.gptj_config import GPTJ_6B, Generation, ModelSize, Setup
from benchwright_language.gptj_driver import GptjDriver, padded_left

SIZE = ModelSize(vocabulary=40, width=24, layers=2, heads=3, rotary=4)
RULES = Generation(end=39, beams=3, longest=9, shortest=2)
Weights = dict[str, NDArray[np.float32]]


def random_weights(seed: int = 0) -> Weights:
    chance = np.random.default_rng(seed)
    found = {
        name: (chance.normal(size=shape) * 0.4).astype(np.float32)
        for name, shape in gptj_graph.weight_shapes(SIZE).items()
    }
    found["lm_head.bias"][RULES.end] = 1.0
    return found


class OnnxSession:
    """The graph on ONNX Runtime; keeps what it was fed."""

    def __init__(self, weights: Weights) -> None:
        model = gptj_graph.write(SIZE, weights, RULES.candidates).model()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._names = [spec.name for spec in gptj_graph.decoder(SIZE, RULES.candidates).outputs]
        self.fed: list[Mapping[str, Any]] = []

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        assert all(array.flags.c_contiguous for array in inputs.values())
        self.fed.append(inputs)
        found: list[Any] = self._session.run(self._names, inputs)
        return found


@pytest.fixture(scope="module")
def weights() -> Weights:
    return random_weights()


@pytest.fixture(scope="module")
def session(weights: Weights) -> OnnxSession:
    return OnnxSession(weights)


def normalised(x: Any, weights: Weights, name: str) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + SIZE.epsilon)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def turned(vector: Any, position: int) -> Any:
    """GPT-J's rotary embedding, pair by pair."""
    out = vector.copy()
    for pair in range(SIZE.rotary // 2):
        angle = position / 10_000 ** (2 * pair / SIZE.rotary)
        a, b = vector[2 * pair], vector[2 * pair + 1]
        out[2 * pair] = a * np.cos(angle) - b * np.sin(angle)
        out[2 * pair + 1] = b * np.cos(angle) + a * np.sin(angle)
    return out


def plain_log_probabilities(weights: Weights, tokens: list[int]) -> Any:
    """The definition in plain float64, one sequence, nothing cached: of the token that follows."""
    stream = weights["transformer.wte.weight"].astype(np.float64)[tokens]
    for layer in range(SIZE.layers):
        at = f"transformer.h.{layer}"
        normal = normalised(stream, weights, f"{at}.ln_1")
        read = np.zeros_like(stream)
        for head in range(SIZE.heads):
            span = slice(head * SIZE.head, (head + 1) * SIZE.head)
            query, key, value = (
                normal @ weights[f"{at}.attn.{kind}_proj.weight"][span].T for kind in "qkv"
            )
            query = np.stack([turned(vector, place) for place, vector in enumerate(query)])
            key = np.stack([turned(vector, place) for place, vector in enumerate(key)])
            for place in range(len(tokens)):
                score = key[: place + 1] @ query[place] / np.sqrt(SIZE.head)
                share = np.exp(score - score.max())
                read[place, span] = share / share.sum() @ value[: place + 1]
        inner = normal @ weights[f"{at}.mlp.fc_in.weight"].T + weights[f"{at}.mlp.fc_in.bias"]
        inner = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
        fed = inner @ weights[f"{at}.mlp.fc_out.weight"].T + weights[f"{at}.mlp.fc_out.bias"]
        stream = stream + read @ weights[f"{at}.attn.out_proj.weight"].T + fed
    last = normalised(stream[-1], weights, "transformer.ln_f")
    logits = last @ weights["lm_head.weight"].T + weights["lm_head.bias"]
    return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


def test_one_token_after_another_is_what_the_definition_gives(
    weights: Weights, session: OnnxSession
) -> None:
    """Prompts of several lengths at once, then a step: caches, padding, positions and the mask."""
    prompts = [[3, 1, 4], [15, 9, 2, 6, 5, 3], [5]]
    tokens, pad = padded_left([np.array(p) for p in prompts], RULES.end)
    assert tokens[0].tolist() == [39, 39, 39, 3, 1, 4]
    assert pad.tolist() == [3, 0, 5]
    driver = GptjDriver(Setup(SIZE, RULES, 100))
    session.fed.clear()
    driver({gptj_graph.NAME: session}, {"input_ids": [np.array(p) for p in prompts]})
    first, second, third = session.fed[:3]

    best, candidates, *_ = session.run(first)
    for row, prompt in enumerate(prompts):
        wanted = plain_log_probabilities(weights, prompt)
        order = np.argsort(-wanted)[: RULES.candidates]
        assert candidates[row, 0].tolist() == order.tolist()
        np.testing.assert_allclose(best[row, 0], wanted[order], atol=2e-4)

    # Two steps later each beam has a history of its own: second fed the first tokens, third the
    # next, and its cache holds the beams that these continue.
    best, candidates, *_ = session.run(second)
    histories = [
        [[*prompt, int(token)] for token in second["tokens"][row, :, 0]]
        for row, prompt in enumerate(prompts)
    ]
    for row, beams in enumerate(histories):
        for beam, history in enumerate(beams):
            wanted = plain_log_probabilities(weights, history)
            np.testing.assert_allclose(
                best[row, beam], np.sort(wanted)[::-1][: RULES.candidates], atol=2e-4
            )
    assert third["past_key.0"].shape == (3, SIZE.heads, RULES.beams, SIZE.head, 1)


def test_company_and_padding_change_no_text(session: OnnxSession) -> None:
    chance = np.random.default_rng(5)
    prompts = [chance.integers(0, 39, size) for size in (2, 11, 5, 30, 1, 7)]
    driver = GptjDriver(Setup(SIZE, RULES, 100))
    sessions = {gptj_graph.NAME: session}
    (together,) = driver(sessions, {"input_ids": prompts})
    for prompt, text in zip(prompts, together, strict=True):
        ((alone,),) = driver(sessions, {"input_ids": [prompt]})
        assert alone.tolist() == text.tolist()
        assert RULES.shortest < len(text) <= RULES.longest
        assert text.dtype == np.int64
    assert len({len(text) for text in together}) > 1, "the samples should end at different steps"


def test_driver_keeps_nothing_of_a_session_that_uses_its_memory_again(
    session: OnnxSession,
) -> None:
    class Forgetful:
        """Spoils what it gave as soon as it is called again."""

        def __init__(self) -> None:
            self.given: list[Any] = []

        def run(self, inputs: Mapping[str, Any]) -> list[Any]:
            for array in self.given:
                array.fill(-7)
            self.given = session.run(inputs)
            return self.given

    prompts = [np.array([1, 2, 3]), np.array([9, 8, 7, 6, 5])]
    driver = GptjDriver(Setup(SIZE, RULES, 100))
    (wanted,) = driver({gptj_graph.NAME: session}, {"input_ids": prompts})
    (found,) = driver({gptj_graph.NAME: Forgetful()}, {"input_ids": prompts})
    assert [text.tolist() for text in found] == [text.tolist() for text in wanted]


def test_streaming_tells_each_first_token_once_and_changes_nothing(session: OnnxSession) -> None:
    prompts = [np.array([1, 2, 3]), np.array([9, 8, 7, 6, 5]), np.array([4])]
    driver = GptjDriver(Setup(SIZE, RULES, 100))
    sessions = {gptj_graph.NAME: session}
    (wanted,) = driver(sessions, {"input_ids": prompts})
    told: list[tuple[int, int]] = []

    def first_token(rows: Any, tokens: Any) -> None:
        assert tokens.dtype == np.int64
        told.extend(zip(rows, tokens.tolist(), strict=True))

    (found,) = driver.stream(sessions, {"input_ids": prompts}, first_token)
    assert [text.tolist() for text in found] == [text.tolist() for text in wanted]
    assert sorted(told) == [(row, int(text[0])) for row, text in enumerate(wanted)]


def test_torch_module_is_the_graph(weights: Weights, session: OnnxSession) -> None:
    torch = pytest.importorskip("torch")
    from benchwright_language.gptj_module import Gptj

    module = Gptj(SIZE, RULES.candidates)
    assert {name: tuple(item.shape) for name, item in module.state_dict().items()} == (
        gptj_graph.weight_shapes(SIZE)
    )
    module.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    inputs = gptj_graph.decoder(SIZE, RULES.candidates).inputs
    session.fed.clear()
    driver = GptjDriver(Setup(SIZE, RULES, 100))
    driver({gptj_graph.NAME: session}, {"input_ids": [np.array([1, 2]), np.array([3, 4, 5, 6])]})
    for fed in session.fed[:4]:
        wanted = session.run(fed)
        with torch.no_grad():
            found = module(*(torch.tensor(fed[spec.name]) for spec in inputs))
        for one, other in zip(wanted, found, strict=True):
            np.testing.assert_allclose(one, other.numpy(), atol=2e-4)


def test_size_is_gpt_j_s() -> None:
    # What the published model has.
    assert GPTJ_6B.parameters == 6_050_882_784
    shapes = gptj_graph.weight_shapes(GPTJ_6B)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == GPTJ_6B.parameters
    assert (GPTJ_6B.head, GPTJ_6B.inner) == (256, 16384)
