"""The tiny preset: voices, what is shipped, its card, and how it was trained."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import benchwright_speech.tiny
from benchwright_speech import graphs
from benchwright_speech.config import BLANK, LABELS, TINY, shapes
from benchwright_speech.tiny import voice, voices
from benchwright_speech.tiny.lexicon import WORDS

FOLDER = Path(benchwright_speech.tiny.__file__).parent


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / "rnnt.card.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_the_card_states_an_accuracy_far_above_chance(card: dict[str, Any]) -> None:
    accuracy = card["accuracy"]
    assert accuracy["fp32_percent"] > 90
    assert accuracy["shuffled_labels_percent"] <= 5
    assert f"accuracy={accuracy['fp32_percent']}%" in accuracy["text"]
    assert accuracy["samples"] == card["split"]["evaluation"] == voices.COUNT
    assert "no speech" in card["source"]["note"]
    assert card["model"]["parameters"] == sum(math.prod(s) for s in shapes(TINY).values())


def test_the_shipped_features_are_what_the_code_writes(tmp_path: Path) -> None:
    graphs.write_features(tmp_path)
    onnx = pytest.importorskip("onnx")
    shipped, written = (onnx.load(folder / graphs.FILES[0]).graph for folder in (FOLDER, tmp_path))
    assert [str(node) for node in shipped.node] == [str(node) for node in written.node]
    for one, two in zip(shipped.initializer, written.initializer, strict=True):
        first, second = (onnx.numpy_helper.to_array(item) for item in (one, two))
        np.testing.assert_allclose(first, second, rtol=1e-6, atol=1e-9)


def test_every_label_has_a_sound_and_every_word_is_of_labels() -> None:
    assert set(voice.SOUNDS) == set(LABELS)
    assert set("".join(WORDS)) == set(LABELS) - {" "}
    assert len(set(WORDS)) == len(WORDS)


def test_a_voice_says_the_same_twice_and_others_say_it_otherwise() -> None:
    def spoken(seed: int) -> Any:
        random = np.random.default_rng(seed)
        return voice.say("it's late", voice.speaker(random), random)

    one, two, other = spoken(1), spoken(1), spoken(2)
    assert one.dtype == np.int16
    assert np.array_equal(one, two)
    assert len(one) != len(other) or not np.array_equal(one, other)
    assert 0.5 < len(one) / 16000 < 2
    assert 0.05 < np.abs(one.astype(float)).max() / 32768 < 0.5


def test_letters_sound_different_from_one_another() -> None:
    """Mean spectra of single vowels, in one voice: each is most like itself said again."""

    def spectrum(letter: str, seed: int) -> Any:
        speaker = voice.speaker(np.random.default_rng(0))
        samples = voice.say(letter * 3, speaker, np.random.default_rng(seed)) / 32768
        frames = np.abs(np.fft.rfft(samples[: len(samples) // 512 * 512].reshape(-1, 512)))
        total = np.log(np.mean(frames**2, axis=0) + 1e-9)
        return total - total.mean()

    letters = "aeioumsf"
    first = [spectrum(letter, 1) for letter in letters]
    for number, letter in enumerate(letters):
        again = spectrum(letter, 2)
        distances = [float(np.sum((again - one) ** 2)) for one in first]
        assert distances.index(min(distances)) == number, letter


def test_training_and_evaluation_share_neither_speakers_nor_sentences() -> None:
    evaluated = voices.evaluation_texts()
    assert len(evaluated) == voices.COUNT
    numbers, said = set(), []
    for number, spoken in itertools.islice(voices.evaluation(), 2):
        numbers.add(number)
        said += [one.text for one in spoken]
    assert set(said) <= evaluated
    for number, spoken in voices.training(3, 8):
        assert number not in numbers
        assert not evaluated & {one.text for one in spoken}
    assert all(set(text.split()) <= set(WORDS) for text in evaluated)


def paths(steps: Any, labels: list[int], time: int, given: int) -> float:
    """The log-probability of all ways from a node to the end, one way after the other."""
    frames = len(steps)
    if time == frames:
        return 0.0 if given == len(labels) else -math.inf
    blank = steps[time, given, BLANK] + paths(steps, labels, time + 1, given)
    if given == len(labels):
        return float(blank)
    named = steps[time, given, labels[given]] + paths(steps, labels, time, given + 1)
    return float(np.logaddexp(blank, named))


def test_the_loss_is_that_of_all_ways_through_the_lattice() -> None:
    torch = pytest.importorskip("torch")
    from benchwright_speech.tiny.loss import transducer_loss

    random = torch.Generator().manual_seed(0)
    steps = torch.randn(3, 5, 4, BLANK + 1, generator=random, dtype=torch.float64)
    steps = torch.log_softmax(steps, -1).requires_grad_()
    labels = torch.tensor([[3, 3, 7], [0, 27, 1], [5, 0, 0]])
    frames, sizes = torch.tensor([5, 3, 1]), torch.tensor([3, 2, 0])
    found = transducer_loss(steps, labels, frames, sizes)
    values = steps.detach().numpy()
    for item in range(3):
        time, count = int(frames[item]), int(sizes[item])
        wanted = -paths(values[item, :time], labels[item, :count].tolist(), 0, 0)
        assert found[item].item() == pytest.approx(wanted, rel=1e-6)
    found.sum().backward()
    # Minus the expected number of uses of each step: every way takes each frame's blank once.
    assert steps.grad[0, :, :, BLANK].sum().item() == pytest.approx(-5)
    assert steps.grad[1, 3:].abs().max() == 0


def test_the_module_gives_what_the_graphs_give(tmp_path: Path) -> None:
    """A random model: the joint network's choices along a given text, by module and by graphs."""
    torch = pytest.importorskip("torch")
    from benchwright_speech import weights
    from benchwright_speech.config import Transducer
    from benchwright_speech.rnnt_module import RnnTransducer

    from .plain import OrtSession

    size = Transducer(encoder=9, before=1, after=2, prediction=7, prediction_layers=2, joint=8)
    made = weights.random(size, 3, 3.0)
    module = RnnTransducer(size).eval()
    module.load_state_dict({name: torch.from_numpy(array) for name, array in made.items()})
    features = np.random.default_rng(0).standard_normal((1, 11, 240)).astype(np.float32)
    labels = [4, 4, 0, 27]
    with torch.no_grad():
        valid = torch.ones(1, 11, dtype=torch.bool)
        steps = module(torch.from_numpy(features), valid, torch.tensor([labels]))
    graphs.write(size, made, tmp_path)
    encoder, decoder = (OrtSession(tmp_path / name) for name in graphs.FILES[1:])
    padded = np.concatenate([features, np.ones((1, 1, 240), np.float32)], axis=1)
    given = {"features": padded, "lengths": np.array([11])}
    (window,) = encoder.run(given)
    state = [np.zeros((2, 1, 7), np.float32)] * 2
    for number, label in enumerate([BLANK, *labels]):
        inputs = {"label": np.array([label]), "hidden": state[0], "cell": state[1]}
        choices, *state = decoder.run(inputs | {"window": window})
        assert choices[0].tolist() == steps[0, :, number].argmax(-1).tolist()


@pytest.mark.long
def test_training_again_learns(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from dataclasses import replace

    from benchwright_speech.tiny.fitting import Recipe
    from benchwright_speech.tiny.train_rnnt import train

    recipe = replace(Recipe(), steps=900, speakers=64)
    trained = train(recipe, tmp_path, shuffle=False)
    assert trained.score.values["WER"] > 60
