"""Mel filters and features against known values and against the steps written out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchwright_speech import graphs, mel
from benchwright_speech.waveforms import frames, lay_out

from .plain import OrtSession, features


@pytest.mark.parametrize(
    ("hertz", "mels"),
    # Slaney's scale: 15 mels at 1 kHz, 27 more at 6.4 kHz.
    [(0, 0.0), (200, 3.0), (1000, 15.0), (6400, 42.0), (1000 * 6.4**0.5, 28.5)],
)
def test_the_mel_scale_at_known_places(hertz: float, mels: float) -> None:
    assert mel.mels(hertz) == pytest.approx(mels)
    assert mel.hertz(mels) == pytest.approx(hertz)


def test_filters_are_triangles_of_equal_area() -> None:
    bank = mel.filters(16000, 512, 80)
    assert bank.shape == (80, 257)
    assert bank.min() == 0
    # 80 filters have 82 corners between 0 and 8 kHz, which is 15 + 27 ln(8) / ln(6.4) mels.
    step = (15 + 27 * np.log(8) / np.log(6.4)) / 81
    corners = [step * k * 200 / 3 for k in range(3)]
    assert corners[2] < 1000
    # The first filter rises over one step and falls over the next; bins are 31.25 Hz apart.
    height = 2 / corners[2]
    wanted = [max(0, 1 - abs(31.25 * k / corners[1] - 1)) * height for k in range(4)]
    assert bank[0, :4] == pytest.approx(wanted)
    assert wanted[1] > 0
    # Area 1 each, but for the sampling at the bins; the wide ones show it best.
    assert bank[60:].sum(axis=1) * 31.25 == pytest.approx(np.ones(20), rel=0.02)
    assert bank[:, [0, 256]].max() == pytest.approx(0, abs=1e-12)


def test_filters_have_the_values_that_librosa_gives() -> None:
    """Recorded once from `librosa.filters.mel(sr=16000, n_fft=512, n_mels=80)`, librosa 0.11."""
    bank = mel.filters(16000, 512, 80)
    for (row, column), value in LIBROSA.items():
        assert bank[row, column] == pytest.approx(value, rel=2e-6), (row, column)


LIBROSA = {
    (0, 1): 0.022534560,
    (0, 2): 0.008637710,
    (1, 2): 0.018215705,
    (10, 13): 0.024415132,
    (26, 32): 0.022114217,
    (27, 34): 0.014266304,
    (40, 55): 0.014444176,
    (60, 117): 0.0042564344,
    (79, 250): 0.0021035580,
}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> OrtSession:
    folder = tmp_path_factory.mktemp("features")
    graphs.write_features(folder)
    return OrtSession(folder / graphs.FILES[0])


def noise(size: int) -> Any:
    random = np.random.default_rng(size)
    return (0.1 * random.standard_normal(size)).astype(np.float32)


def computed(session: OrtSession, waveforms: Sequence[Any]) -> Any:
    signal, samples = lay_out(waveforms)
    return session.run({"signal": signal, "samples": samples})


# Lengths around the edges of a hop (160), of three frames (480), and of two vectors (960).
SIZES = [960, 1119, 1120, 1121, 1440, 1441, 1599, 1600, 1601, 4800, 4801, 16000]


def test_features_are_the_reference_steps(session: OrtSession) -> None:
    waveforms = [noise(size) for size in SIZES]
    waveforms.append(np.append(np.zeros(900, np.float32), noise(2000)))
    values, lengths = computed(session, waveforms)
    assert values.shape[1] % 2 == 0
    for row, length, waveform in zip(values, lengths, waveforms, strict=True):
        wanted = features(waveform)
        assert length == len(wanted), len(waveform)
        # Float32 sums over 257 bins lose some digits, and quiet features show them.
        np.testing.assert_allclose(row[:length], wanted, atol=2e-3)
        assert np.abs(row[length:]).max(initial=0) == 0


def test_a_waveform_alone_has_the_features_it_has_in_a_batch(session: OrtSession) -> None:
    waveforms = [noise(size) for size in (16000, 960, 4801)]
    together, _ = computed(session, waveforms)
    for row, waveform in zip(together, waveforms, strict=True):
        alone, (length,) = computed(session, [waveform])
        np.testing.assert_allclose(row[:length], alone[0, :length], atol=1e-4)


def test_a_tone_is_loudest_in_its_own_filter(session: OrtSession) -> None:
    """Two tones by turns: after normalisation, each filter is high while its tone sounds."""
    time = np.arange(8000) / 16000
    low, high = (np.sin(2 * np.pi * hertz * time) for hertz in (440, 3000))
    waveform = (0.3 * np.concatenate([low, high])).astype(np.float32)
    values, (length,) = computed(session, [waveform])
    rows = values[0, :length, :80]
    peaks = [int(mel.filters(16000, 512, 80)[:, round(hertz / 31.25)].argmax())
             for hertz in (440, 3000)]  # fmt: skip
    assert rows[3, peaks[0]] > 0.9 > -0.9 > rows[-3, peaks[0]]
    assert rows[-3, peaks[1]] > 0.9 > -0.9 > rows[3, peaks[1]]


def test_waveforms_are_laid_out_in_hops_with_mirrored_ends() -> None:
    waveform = np.arange(1000, dtype=np.float32)
    laid, sizes = lay_out([waveform, waveform[:970]])
    # 7 frames become 12, seen through 13 hops.
    assert frames(1000) == 7
    assert laid.shape == (2, 13, 160)
    assert laid.dtype == np.float32
    assert sizes.tolist() == [1000, 970]
    emphasised = np.append(waveform[0], waveform[1:] - np.float32(0.97) * waveform[:-1])
    row = laid[0].reshape(-1)
    np.testing.assert_allclose(row[160:1160], emphasised, rtol=1e-5)
    np.testing.assert_allclose(row[:160], emphasised[160:0:-1], rtol=1e-5)
    np.testing.assert_allclose(row[1160:1320], emphasised[998:838:-1], rtol=1e-5)
    assert np.abs(row[1320:]).max() == 0
    assert laid[1].reshape(-1)[160 + 970] == laid[1].reshape(-1)[160 + 968]


def test_the_longest_waveform_may_fill_the_last_hop() -> None:
    # 11 hops and 159 samples: 12 frames, 13 hops, of which the mirror's end does not fit.
    laid, _ = lay_out([noise(11 * 160 + 159)])
    assert laid.shape == (1, 13, 160)
    row = laid.reshape(-1)
    assert row[-1] == row[160 + 11 * 160 + 159 - 2]


def test_the_folded_spectrum_has_the_power_of_the_fourier_transform() -> None:
    cosines, sines = graphs.spectrum()
    frame = np.random.default_rng(0).standard_normal(320)
    first, turned = frame[:160], frame[160:][::-1]
    power = ((first + turned) @ cosines) ** 2 + ((first - turned) @ sines) ** 2
    wanted = np.abs(np.fft.rfft(frame * np.hanning(320), 512)) ** 2
    np.testing.assert_allclose(power, wanted, atol=1e-9)


def test_the_graph_needs_no_weights_of_a_model(session: OrtSession, tmp_path: Path) -> None:
    graphs.write_features(tmp_path)
    assert (tmp_path / graphs.FILES[0]).stat().st_size < 450_000
