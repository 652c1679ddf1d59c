"""Sets of results beside each other: pairs, change, noise, differences."""

from __future__ import annotations

from typing import Any

import pytest

from benchwright.repeated import compare_sets, spread
from benchwright.results import RunResult


def run(value: float | None, scenario: str = "Offline", **changed: Any) -> RunResult:
    unit = "ms" if scenario == "SingleStream" else "samples/s"
    values: dict[str, Any] = {
        "benchmark": "m",
        "preset": "tried",
        "backend": "onnxruntime",
        "precision": "fp32",
        "system": "here",
        "scenario": scenario,
        "mode": "performance",
        "value": value,
        "unit": unit,
        "valid": True,
        **changed,
    }
    subject = f"{values['benchmark']}-tried/{values['backend']}/{scenario}"
    return RunResult(task=f"performance:{subject}", **values)


def test_spread() -> None:
    assert spread([]) is None
    assert spread([4.0]) == (4.0, None, 1)
    found = spread([9.0, 10.0, 11.0])
    assert found is not None
    assert found.value == 10.0
    assert found.noise == pytest.approx(0.1)


def test_of_a_time_more_is_worse_and_of_a_rate_better() -> None:
    (rate,) = compare_sets([run(100.0)], [run(110.0)])
    (time,) = compare_sets([run(10.0, "SingleStream")], [run(11.0, "SingleStream")])
    assert rate.change == pytest.approx(0.1)
    assert time.change == pytest.approx(-0.1)
    assert time.slower(0.05)
    assert not time.slower(0.2)
    assert not rate.slower(0.0)
    assert "noise unknown" in rate.verdict


def test_noise_is_that_of_the_difference_of_means() -> None:
    before = [run(value) for value in (90.0, 100.0, 110.0)]
    after = [run(value) for value in (94.0, 104.0, 114.0)]
    (pair,) = compare_sets(before, after)
    # Two standard deviations: 2 * sqrt(0.1^2 / 3 + (10 / 104)^2 / 3).
    assert pair.noise == pytest.approx(2 * ((0.01 + (10 / 104) ** 2) / 3) ** 0.5)
    assert pair.verdict == "+4.0%, within the noise of ±16.0%"
    (far,) = compare_sets(before, [run(value) for value in (194.0, 204.0, 214.0)])
    assert "beyond the noise" in far.verdict


def test_one_repeated_side_speaks_for_both() -> None:
    (pair,) = compare_sets([run(100.0)], [run(99.0), run(101.0)])
    noise = 2**0.5 / 100
    assert pair.noise == pytest.approx(2 * (noise**2 + noise**2 / 2) ** 0.5)


def test_pairs_by_name_then_by_scenario() -> None:
    before = [run(1.0), run(2.0, "SingleStream")]
    after = [run(3.0, benchmark="other"), run(4.0, "SingleStream")]
    stream, offline = sorted(compare_sets(before, after), key=lambda pair: pair.unit or "")
    assert (stream.before, stream.after) == ("m-tried/onnxruntime/SingleStream",) * 2
    assert offline.before == "m-tried/onnxruntime/Offline"
    assert offline.after == "other-tried/onnxruntime/Offline"


def test_pairs_by_backend_where_models_are_many() -> None:
    before = [run(1.0, benchmark=name) for name in ("a", "b")]
    after = [run(2.0, benchmark=name, backend="openvino") for name in ("b", "a")]
    found = {pair.before: pair.after for pair in compare_sets(before, after)}
    assert found == {
        f"{name}-tried/onnxruntime/Offline": f"{name}-tried/openvino/Offline" for name in "ab"
    }


def test_what_cannot_be_compared() -> None:
    invalid, missing = run(1.0, valid=False), run(None)
    assert compare_sets([invalid], [run(1.0)])[0].problem == "the first is INVALID"
    assert compare_sets([run(1.0)], [missing])[0].problem == "the second has no result"
    assert compare_sets([run(1.0)], [])[0].problem == "only the first has it"
    assert compare_sets([], [run(1.0)])[0].problem == "only the second has it"
    other = compare_sets([run(1.0)], [run(1.0, unit="tokens/s")])[0]
    assert other.problem == "one is in samples/s, the other in tokens/s"


def test_differences_name_what_changed() -> None:
    def made(version: str, batch: int) -> dict[str, Any]:
        return {
            "versions": {"onnxruntime": version},
            "operation": {"batch": batch, "samples_per_second": batch * 1.5},
            "facts": {"asked": {"lengths": [4, 4]}},
            "identity": {"cpu.model": "X"},
        }

    (pair,) = compare_sets([run(1.0, details=made("1.0", 4))], [run(1.0, details=made("2.0", 8))])
    assert pair.differences == ("operation batch: 4 -> 8", "version onnxruntime: 1.0 -> 2.0")


def test_of_long_lists_what_is_another_is_told() -> None:
    """Such as the features of two CPUs."""
    features = ["avx", "avx2", "avx512f", "fma", "sse"]
    before = run(1.0, details={"identity": {"features": features, "few": ["a", "b"]}})
    others = [*features[:-1], "vnni"]
    after = run(1.0, details={"identity": {"features": others, "few": ["b"]}})
    assert compare_sets([before], [after])[0].differences == (
        "machine features: without sse; with vnni",
        'machine few: ["a", "b"] -> ["b"]',
    )
