"""A small formant synthesiser: every letter has a sound of its own, whatever word it is in.

It is no speech and does not sound like any language; it has what makes speech hard for a
recogniser: voices that differ in pitch, vocal tract, pace and loudness, sounds that run into
one another, and noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchwright_speech.config import SAMPLE_RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_HOP = 80
_WINDOW = 160
_FFT = 256
_HERTZ = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
_WIDTHS = np.array([90.0, 120.0, 180.0])
_LEVELS = np.array([1.0, 0.6, 0.35])


class Sound(NamedTuple):
    """A stretch of sound: milliseconds, three formants in Hz, loudness of the voice, loudness of
    the noise, the noise's centre and half width in Hz."""

    duration: float
    formants: tuple[float, float, float]
    voice: float
    noise: float = 0.0
    centre: float = 3000.0
    width: float = 1000.0


def _vowel(first: float, second: float, third: float, duration: float = 85) -> tuple[Sound, ...]:
    return (Sound(duration, (first, second, third), 1.0),)


def _stop(
    formants: tuple[float, float, float], centre: float, voice: float = 0.0
) -> tuple[Sound, ...]:
    """Nothing (or a murmur) while the mouth is shut, then a burst."""
    return (Sound(45, formants, voice), Sound(25, formants, 0.25, 0.9, centre, 0.35 * centre))


_SILENCE = (300.0, 1500.0, 2500.0)
SOUNDS: dict[str, tuple[Sound, ...]] = {
    "a": _vowel(780, 1250, 2500),
    "b": _stop((250, 800, 2200), 900, 0.25),
    "c": (Sound(25, (300, 1800, 2500), 0.0), Sound(55, (300, 1800, 2500), 0.0, 0.6, 3000, 500)),
    "d": _stop((250, 1700, 2700), 4200, 0.25),
    "e": _vowel(520, 1850, 2550),
    "f": (Sound(75, (300, 1200, 2300), 0.0, 0.3, 4200, 2600),),
    "g": _stop((250, 2000, 2400), 2000, 0.25),
    "h": (Sound(65, (600, 1400, 2500), 0.0, 0.4, 1100, 700),),
    "i": _vowel(300, 2350, 3050),
    "j": (Sound(70, (280, 1900, 2500), 0.35, 0.45, 3100, 500),),
    "k": _stop((300, 2000, 2400), 2100),
    "l": (Sound(75, (380, 1050, 2950), 0.6),),
    "m": (Sound(75, (240, 950, 2100), 0.45),),
    "n": (Sound(75, (240, 1550, 2650), 0.45),),
    "o": _vowel(480, 880, 2400),
    "p": _stop((300, 800, 2200), 850),
    "q": (
        *_stop((300, 800, 2200), 1500),
        Sound(35, (330, 700, 2100), 0.6),
    ),
    "r": (Sound(75, (430, 1200, 1600), 0.6),),
    "s": (Sound(85, (300, 1700, 2600), 0.0, 0.5, 6500, 900),),
    "t": _stop((300, 1700, 2700), 4500),
    "u": _vowel(320, 720, 2300),
    "v": (Sound(70, (260, 1150, 2300), 0.4, 0.15, 4000, 2500),),
    "w": (Sound(45, (320, 640, 2000), 0.5), Sound(35, (500, 1000, 2000), 0.7)),
    "x": (*_stop((300, 2000, 2400), 2100), Sound(60, (300, 1700, 2600), 0.0, 0.5, 6500, 900)),
    "y": (Sound(40, (280, 2300, 2900), 0.6), Sound(35, (420, 1600, 2400), 0.7)),
    "z": (Sound(80, (260, 1700, 2600), 0.35, 0.4, 6000, 900),),
    "'": (Sound(35, _SILENCE, 0.0), Sound(20, (500, 1000, 2000), 0.5, 0.2, 500, 300)),
    " ": (Sound(80, _SILENCE, 0.0),),
}
"""The sounds of each label."""

_EDGE = (Sound(60, _SILENCE, 0.0),)


class Speaker(NamedTuple):
    """A voice: pitch in Hz and how far it sways, factors of formants and pace, how the spectrum
    falls (dB per kHz), loudness, and the noise's level beside it."""

    pitch: float
    sway: float
    tract: float
    pace: float
    tilt: float
    level: float
    noise: float


def speaker(random: np.random.Generator) -> Speaker:
    """Anyone."""
    tract = float(random.uniform(0.86, 1.16))
    return Speaker(
        # Short vocal tracts come with high voices, by and large.
        pitch=float(120 * tract**3 * random.uniform(0.8, 1.3)),
        sway=float(random.uniform(0.02, 0.12)),
        tract=tract,
        pace=float(random.uniform(0.85, 1.2)),
        tilt=float(random.uniform(0.0, 2.0)),
        level=float(random.uniform(0.08, 0.3)),
        noise=float(10 ** random.uniform(-2.2, -1.2)),
    )


def say(text: str, voice: Speaker, random: np.random.Generator) -> NDArray[np.int16]:
    """An utterance of a text of labels, int16 [samples] at 16 kHz."""
    sounds = [*_EDGE, *(part for letter in text for part in SOUNDS[letter]), *_EDGE]
    spread = random.uniform(0.8, 1.25, len(sounds)) / voice.pace
    hops = [
        max(2, round(sound.duration * factor / 5))
        for sound, factor in zip(sounds, spread, strict=True)
    ]
    frames = sum(hops)
    signal = _voiced(sounds, hops, voice, random) + _hissed(sounds, hops, random)
    background = random.standard_normal(frames * _HOP)
    signal *= voice.level / np.abs(signal).max()
    signal += background * voice.level * voice.noise * 0.2
    return np.asarray(np.rint(np.clip(signal, -1, 1) * 32767), dtype=np.int16)


def _voiced(
    sounds: list[Sound], hops: list[int], voice: Speaker, random: np.random.Generator
) -> Floats:
    """Glottal pulses through three formants that glide from sound to sound."""
    frames = sum(hops)
    formants = np.stack(
        [_smooth(_held([s.formants[k] for s in sounds], hops), 9) for k in range(3)], axis=1
    )
    formants *= voice.tract
    loudness = _smooth(_held([sound.voice for sound in sounds], hops), 5)
    peaks = 1 / (1 + ((_HERTZ - formants[:, :, None]) / _WIDTHS[:, None]) ** 2)
    envelope = np.einsum("fkh,k->fh", peaks, _LEVELS) * loudness[:, None]
    envelope *= 10 ** (-voice.tilt * _HERTZ / 1000 / 20)
    times = np.arange(frames * _HOP) / SAMPLE_RATE
    sway = np.sin(2 * np.pi * (times * random.uniform(1.5, 3.0) + random.uniform()))
    pitch = voice.pitch * (1 + voice.sway * sway) * (1.08 - 0.16 * times / times[-1])
    pulses = np.diff(np.floor(np.cumsum(pitch) / SAMPLE_RATE), prepend=0.0)
    return _filtered(pulses, envelope)


def _hissed(sounds: list[Sound], hops: list[int], random: np.random.Generator) -> Floats:
    """Noise in a band that differs from sound to sound."""
    loudness = _smooth(_held([sound.noise for sound in sounds], hops), 3)
    centre = _held([sound.centre for sound in sounds], hops)
    width = _held([sound.width for sound in sounds], hops)
    band = 1 / (1 + ((_HERTZ - centre[:, None]) / width[:, None]) ** 2) ** 2
    return _filtered(random.standard_normal(len(centre) * _HOP) * 0.15, band * loudness[:, None])


def _held(values: list[float], hops: list[int]) -> Floats:
    return np.repeat(np.asarray(values, dtype=np.float64), hops)


def _smooth(track: Floats, taps: int) -> Floats:
    kernel = np.hanning(taps + 2)[1:-1]
    padded = np.pad(track, taps // 2, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _filtered(source: Floats, envelope: Floats) -> Floats:
    """The source with a spectral envelope [frames, bins] that changes every hop."""
    frames = len(envelope)
    window = np.hanning(_WINDOW + 1)[:-1]
    hops = np.append(source, np.zeros(_HOP)).reshape(frames + 1, _HOP)
    pieces = np.concatenate([hops[:-1], hops[1:]], axis=1) * window
    shaped = np.fft.irfft(np.fft.rfft(pieces, _FFT) * envelope, _FFT)
    parts = -(-_FFT // _HOP)
    shaped = np.pad(shaped, ((0, 0), (0, parts * _HOP - _FFT)))
    total = np.zeros((frames + parts - 1, _HOP))
    for part in range(parts):
        total[part : part + frames] += shaped[:, part * _HOP : (part + 1) * _HOP]
    return total[:frames].reshape(-1)
