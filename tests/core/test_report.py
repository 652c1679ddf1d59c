"""The report page: what it says, that it is well-formed and self-contained, and that a real
browser shows it."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchwright.report import ReportContent, render
from benchwright.report.quantities import (
    UNKNOWN,
    against,
    duration,
    significant,
    size,
    tidy,
    value_text,
)
from benchwright.report.rows import accuracy_met, line_up
from benchwright.report.system import label
from benchwright.results import RunResult

CORE = Path(__file__).parents[2] / "core"
SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline")
PERCENTILES = (0.0, 50.0, 90.0, 95.0, 97.0, 99.0, 99.9, 100.0)
STRETCH = (0.72, 1.0, 1.21, 1.35, 1.48, 1.9, 3.4, 6.8)
HOSTILE = """</style><script src="http://evil.example/x.js">alert('x')</script>&"""

VOID = {"br", "link", "meta"}
NEVER = {"script", "iframe", "object", "embed", "img", "base", "form", "image", "foreignobject"}


# ---- content


def measured(scenario: str, ms: float) -> tuple[str, float, str]:
    return {
        "SingleStream": ("p90 latency", ms * 1.21, "ms"),
        "MultiStream": ("p99 latency", ms * 8 * 1.9, "ms"),
        "Server": ("queries per second", 450 / ms, "queries/s"),
        "Offline": ("samples per second", 1873.456 / ms, "samples/s"),
    }[scenario]


def performance(scenario: str, ms: float = 0.9, **changes: Any) -> RunResult:
    values: dict[str, Any] = {"benchmark": "resnet50", "preset": "tiny", "backend": "onnxruntime"}
    values |= {"precision": "fp32", **changes}
    metric, value, unit = measured(scenario, ms)
    slow = {"MultiStream": 8.0, "Offline": 900.0}.get(scenario, 1.0)
    run_settings = {
        "scenario": scenario,
        "mode": "PerformanceOnly",
        "min_duration_ms": 2000,
        "qsl_rng_seed": 148687905518835231,
        "sample_index_rng_seed": 520418551913322573,
        "schedule_rng_seed": 811580660758947900,
        "performance_sample_count_override": 360,
    }
    run_settings |= {
        "SingleStream": {"single_stream_target_latency_percentile": 0.9},
        "MultiStream": {
            "multi_stream_target_latency_percentile": 0.99,
            "multi_stream_samples_per_query": 8,
        },
        "Server": {
            "server_target_latency_ns": 15_000_000,
            "server_target_latency_percentile": 0.99,
            "server_target_qps": 500.0,
        },
        "Offline": {"offline_expected_qps": 2450.5},
    }[scenario]
    details = {
        "latency_ms": [
            [p, ms * slow * (1 + p / 100 if scenario == "Offline" else factor)]
            for p, factor in zip(PERCENTILES, STRETCH, strict=True)
        ],
        "settings": run_settings,
        "operation": {
            "instances": 2,
            "threads": 1,
            "batch": 16,
            "deadline_us": 500,
            "samples_per_second": 1885.0,
        },
        "versions": {"onnxruntime": "1.23.2", "numpy": "2.3.4", "benchwright": "0.1.0"},
        "loadgen": {
            "version": "6.0.17",
            "source_sha256": "0f" * 32,
            "compiler": "g++ 12.2.0",
            "build": "wheel",
        },
        "started": "2026-03-02T10:11:12Z",
        "sample_count": 2210,
        "command": "benchwright run performance:resnet50-tiny",
        "weights": "trained",
        "warnings": [],
    }
    name = f"{values['benchmark']}-{values['preset']}/{values['backend']}+{values['precision']}"
    return RunResult(
        **{
            "task": f"performance:{name}/{scenario}",
            "system": "epyc",
            "scenario": scenario,
            "mode": "performance",
            "metric": metric,
            "value": value,
            "unit": unit,
            "valid": True,
            "duration_s": 2.0134,
            "official": False,
            "unofficial": ("the duration is `quick`, not `official`",),
            "path": f"build/default/runs/{name}/{scenario}/performance",
            "key": "3b" * 32,
            "details": details,
        }
        | values
    )


def accuracy(
    scenario: str, value: float | None = 97.4, target: float | None = 96.9, **changes: Any
) -> RunResult:
    run = performance(scenario, **changes)
    return replace(
        run,
        task=run.task.replace("performance:", "accuracy:"),
        mode="accuracy",
        metric=None,
        value=None,
        unit=None,
        duration_s=0.42,
        accuracy=value,
        accuracy_target=target,
        accuracies=({"metric": "Top-1 %", "value": value, "min": target, "max": None},),
        details={key: v for key, v in run.details.items() if key != "latency_ms"},
    )


INVALID = (
    "latency bound: p99 was 21.4 ms, but 15 ms are allowed (42.7 % over); lower target_qps to "
    "about 405",
    "minimum queries: 512 queries were sent, but 1,050 are required (51.2 % too few); "
    "raise min_duration_ms",
)


def content(results: list[RunResult] | None = None, **changes: Any) -> ReportContent:
    values: dict[str, Any] = {
        "name": "default",
        "round": "v3.1",
        "division": "open",
        "categories": ["edge", "datacenter"],
        "duration": "quick",
        "submitter": "Benchwright",
        "official": False,
        "generated": "2026-03-02T10:20:30Z",
        "unofficial": ["the duration is `quick`, not `official`", "the preset `tiny` is in use"],
        "system": {
            "cpu.model": "AMD EPYC 7B13",
            "cpu.cores": 32,
            "cpu.max_mhz": 3500.0,
            "cpu.numa_nodes": 1,
            "cpu.features": [f"feature{at}" for at in range(40)],
            "memory.bytes": 67_414_000_000,
            "os.name": "Debian GNU/Linux 12 (bookworm)",
            "os.kernel": "6.1.0-31-amd64",
        },
        "observation": {
            "cpu.load": [0.42, 0.31, 0.2],
            "cpu.governor": "performance",
            "storage.free_bytes": 812_000_000_000,
        },
        "results": results if results is not None else [],
        "versions": {"benchwright": "0.1.0", "onnxruntime": "1.23.2", "python": "3.11.9"},
        "hashes": {
            "models/resnet50-tiny": "4a7d" * 16,
            "datasets/resnet50-tiny": "81cc" * 16,
            "engines/resnet50-tiny/onnxruntime+fp32": "d2f0" * 16,
        },
        "command": "benchwright run -c benchwright.yaml",
        "campaign_text": "round: v3.1\ndivision: open  # any\nbenchmarks: [resnet50]\n",
    } | changes
    return ReportContent(**values)


def usual() -> ReportContent:
    """One benchmark on two precisions: a run is INVALID, one misses its target, one is stale."""
    runs: list[RunResult] = []
    for scenario in SCENARIOS:
        for precision, ms in (("fp32", 0.9), ("int8", 0.51)):
            runs.append(performance(scenario, ms, precision=precision))
            value = 97.4 if precision == "fp32" else 96.8996
            runs.append(accuracy(scenario, value, precision=precision))
    at = next(i for i, r in enumerate(runs) if r.scenario == "Server" and r.precision == "fp32")
    runs[at] = replace(runs[at], valid=False, reasons=INVALID)
    return content(
        runs,
        stale={runs[0].task: ["the engine has changed"]},
        submission_path="build/default/submission",
        findings=[
            {
                "path": "open/Benchwright/results/epyc/resnet50/Server",
                "rule": "performance-invalid",
                "found": "loadgen's result is INVALID",
                "required": "a VALID result",
                "fix": "run it again with a lower target_qps",
                "level": "error",
            },
            {
                "path": "open/Benchwright/results/epyc/resnet50/Offline",
                "rule": "min-duration",
                "found": "2 s",
                "required": "600 s",
                "fix": "set `duration: official`",
                "level": "note",
            },
        ],
    )


def crowded() -> ReportContent:
    """Seven benchmarks on two backends in four scenarios, in both modes."""
    names = ("resnet50", "retinanet", "3d-unet-99", "rnnt", "bert-99", "bert-99.9", "gptj-99")
    runs = [
        make(scenario, benchmark=name, backend=backend)
        for name in names
        for backend in ("onnxruntime", "openvino")
        for scenario in SCENARIOS
        for make in (performance, accuracy)
    ]
    return content(runs)


# ---- reading the page


class Page(HTMLParser):
    """Elements with attributes and text, by a parser that refuses wrong nesting."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> repeats an attribute"
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))
        if {"td", "th"} & set(self.open) and self.rows:
            self.rows[-1][-1] += data

    def of(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and wanted.items() <= attributes.items()
        ]

    def said(self, *tags: str) -> str:
        """The text, that of some elements or all, with single blanks."""
        return " ".join("".join(t for at, t in self.texts if not tags or at in tags).split())


def assert_sound(text: str) -> Page:
    """Well-formed, self-contained, without a script, with unique ids that references find."""
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>\n<html")
    assert not NEVER & {tag for tag, _ in page.elements}
    ids = [value for _, attributes in page.elements if (value := attributes.get("id"))]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        for key, value in attributes.items():
            assert not key.startswith("on"), f"<{tag} {key}>"
            assert ":" not in key, f"<{tag} {key}>"
            if key in ("href", "src", "srcset", "action", "poster", "data", "ping"):
                local = (value or "").startswith("#") or value == "data:,"
                assert local, f"<{tag} {key}={value}>"
            if key == "href" and value and value.startswith("#"):
                assert value[1:] in ids
            if key == "aria-labelledby":
                assert value in ids
            if key == "style":
                references = re.findall(r"url\(([^)]*)", value or "")
                assert all(reference[1:] in ids for reference in references)
            for reference in re.findall(r"^url\(#([^)]*)\)$", value or ""):
                assert reference in ids
    style = "".join(data for at, data in page.texts if at == "style")
    assert not re.search(r"url\(|@import|//", style)
    return page


def result_rows(page: Page) -> list[list[str]]:
    return [cells for cells in page.rows if len(cells) == 7 and cells[0] in SCENARIOS]


# ---- structure


@pytest.mark.parametrize("make", [content, usual, crowded])
def test_the_page_is_well_formed_and_needs_nothing_from_outside(make: Any) -> None:
    text = render(make())
    page = assert_sound(text)
    assert not re.search(r"https?:|www\.", text)
    assert page.of("html", lang="en")
    assert page.of("meta", charset="utf-8")
    assert page.of("meta", name="viewport")
    policy = page.of("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "default-src 'none'" in str(policy)
    assert "script-src" not in str(policy)
    assert page.said("title").startswith("default · Benchwright report")


def test_headings_tables_and_plots_speak_to_everybody() -> None:
    page = assert_sound(render(usual()))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    tables = len(page.of("table"))
    assert tables == len([tag for tag, _ in page.elements if tag == "caption"])
    assert all(attributes.get("scope") for attributes in page.of("th"))
    plots = page.of("svg")
    assert len(plots) == 1 + len(SCENARIOS)
    assert all(p["role"] == "img" for p in plots)
    spoken = " ".join(str(p["aria-label"]) for p in plots)
    assert "resnet50 (tiny), Server. onnxruntime+fp32: p50 0.900 ms" in spoken


def test_the_same_content_gives_the_same_page() -> None:
    assert render(usual()) == render(usual())


def test_planning_does_not_pay_for_plots() -> None:
    code = "import sys, benchwright.report as r; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(CORE)})


def test_the_order_of_facts_does_not_matter() -> None:
    one = usual()
    other = replace(
        one,
        system=dict(reversed(one.system.items())),
        hashes=dict(reversed(one.hashes.items())),
        versions=dict(reversed(one.versions.items())),
    )
    assert render(one) == render(other)


def test_a_users_plotting_style_does_not_reach_the_page() -> None:
    import matplotlib

    expected = render(usual())
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 22, "axes.linewidth": 9, "xtick.labelsize": 20}):
        assert render(usual()) == expected
        assert matplotlib.rcParams["font.size"] == 22
    assert dict(matplotlib.rcParams) == before


def test_plots_are_text_in_the_pages_own_colours() -> None:
    text = render(usual())
    plots = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    for plot in plots:
        assert "<text" in plot
        assert "var(--ink)" in plot or "var(--muted)" in plot
        assert not re.search(r"#[0-9a-f]{6}", plot)
        assert "font-family" not in plot
        assert len(plot) < 12_000
    assert "matplotlib" not in text.lower()


# ---- what it says


def test_the_verdict_stands_at_the_top() -> None:
    page = assert_sound(render(usual()))
    said = page.said()
    assert (
        "1 of 16 runs is INVALID; accuracy misses its target in 4 of 8; the check found 1" in said
    )
    assert [b for b in page.texts if b[0] == "b"] == [
        ("b", "16"),
        ("b", "15"),
        ("b", "1"),
        ("b", "4 of 8"),
        ("b", "1"),
        ("b", "1"),
    ]
    good = page_of([performance("Offline"), accuracy("Offline")])
    assert "All 2 runs are valid; accuracy meets its target." in good.said()


def page_of(results: list[RunResult], **changes: Any) -> Page:
    return assert_sound(render(content(results, **changes)))


def test_a_row_holds_metric_result_verdict_accuracy_and_duration() -> None:
    page = page_of([performance("Offline"), accuracy("Offline")])
    assert result_rows(page) == [
        [
            "Offline",
            "onnxruntime+fp32",
            "samples per second",
            "2,082 samples/s",
            "VALID",
            "97.40 Top-1 % target ≥ 96.90 target met",
            "2.01 s accuracy 0.420 s",
        ]
    ]
    assert page.of("data")[0]["value"] == repr(1873.456 / 0.9)


def test_scenarios_stand_in_loadgens_order_and_each_run_is_shown() -> None:
    runs = [performance(s, precision=p) for s in reversed(SCENARIOS) for p in ("fp32", "int8")]
    rows = result_rows(page_of([*runs, runs[0]]))
    assert [cells[0] for cells in rows] == [
        *(s for s in SCENARIOS[:3] for _ in "12"),
        *("Offline",) * 3,
    ]


def test_an_invalid_run_tells_every_reason() -> None:
    run = performance("Server", valid=False, reasons=INVALID)
    page = page_of([run])
    assert result_rows(page)[0][4] == "INVALID"
    remarks = [text for at, text in page.texts if at == "li"]
    for reason in INVALID:
        assert f": {reason}" in " ".join(remarks)
    assert "The run is" not in page.said("p")
    bare = page_of([replace(run, reasons=())])
    assert "performance INVALID: no reason was recorded" in bare.said()


def test_a_near_miss_of_accuracy_is_not_rounded_away() -> None:
    page = page_of([accuracy("Offline", 96.8996)])
    cell = result_rows(page)[0][5]
    assert cell == "96.8996 Top-1 % target ≥ 96.9000 target MISSED"


def test_an_accuracy_bound_from_above_counts() -> None:
    run = replace(
        accuracy("Offline", 29.99, None),
        accuracy_target=29.0,
        accuracies=(
            {"metric": "ROUGE-1", "value": 29.99, "min": 29.0, "max": None},
            {"metric": "generated length", "value": 500, "min": 300, "max": 400},
        ),
    )
    assert accuracy_met(run) is False
    cell = result_rows(page_of([run]))[0][5]
    assert "generated length target ≥ 300.0, ≤ 400.0" in cell
    assert cell.endswith("target MISSED")
    assert accuracy_met(replace(run, accuracies=run.accuracies[:1])) is True
    assert accuracy_met(replace(run, accuracies=())) is True
    assert accuracy_met(replace(run, valid=False, accuracies=run.accuracies[:1])) is False
    assert accuracy_met(replace(run, accuracy=None, accuracies=())) is False
    assert accuracy_met(replace(run, accuracy_target=None, accuracies=())) is None


def test_what_is_not_for_submission_says_so_and_why() -> None:
    runs = [performance("Offline", unofficial=("the weights are `tiny`",))]
    page = page_of(runs)
    assert "Not for submission" in page.said("h2")
    for reason in ("the preset tiny is in use", "the weights are tiny"):
        assert reason in page.said("li", "code")
    assert ("code", "tiny") in page.texts
    official = [replace(run, official=True, unofficial=()) for run in runs]
    clean = page_of(official, official=True, unofficial=[])
    assert "Not for submission" not in clean.said("h2", "p")
    # A page that claims more than its runs do is not believed.
    mixed = page_of([*official, performance("Server", unofficial=())], official=True, unofficial=[])
    assert "Not for submission" in mixed.said("h2")
    assert ("li", "1 run is not official") in mixed.texts


def test_stale_runs_are_marked_with_the_reason() -> None:
    run = performance("Offline")
    page = page_of(
        [run], stale={run.task: ["the engine has changed"], "accuracy:lost": ["no record"]}
    )
    assert result_rows(page)[0][4] == "VALID stale"
    assert "performance is stale: the engine has changed" in page.said()
    assert "accuracy:lost: no record" in page.said()


def test_compliance_tests_are_judged_in_the_row() -> None:
    run = performance("Offline")
    tests = [
        replace(run, task="compliance:a", mode="compliance", test="TEST01", valid=True),
        replace(
            run,
            task="compliance:b",
            mode="compliance",
            test="TEST04",
            valid=False,
            reasons=("slow",),
        ),
    ]
    page = page_of([run, *tests])
    assert result_rows(page)[0][4] == "VALID TEST01 passed TEST04 FAILED"
    assert "TEST04 failed: slow" in page.said()


def test_power_is_shown_where_it_was_measured() -> None:
    run = performance("Offline", power_w=45.25, energy_j=90.5)
    power = {"meter": "rapl", "informative": True, "samples": 11, "joules": 90.5}
    page = page_of([replace(run, details={**run.details, "power": power})])
    assert result_rows(page)[0][3] == "2,082 samples/s 45.25 W · 90.5 J (informative)"
    table = "PowerNameValue informativeyes joules90.5 meterrapl samples11"
    assert table in page.said()
    unread = page_of([replace(run, details={**run.details, "power": None})])
    assert "PowerName" not in unread.said()


def test_errors_come_before_notes_and_notes_are_folded() -> None:
    text = render(usual())
    assert_sound(text)
    check = text[text.index('id="check"') : text.index('id="provenance"')]
    error, fold, note = (
        check.index(word) for word in ("performance-invalid", "<details", "min-du")
    )
    assert error < fold < note
    assert "The check found no errors." in page_of([], submission_path="build/x").said()
    assert "No submission has been written" in page_of([]).said()


def test_provenance_has_hashes_seeds_command_and_campaign() -> None:
    page = assert_sound(render(usual()))
    said = page.said("code", "td", "th", "pre")
    for text in ("4a7d" * 16, "148687905518835231", "division: open # any", "g++ 12.2.0"):
        assert text in said
    rows = [cells for cells in page.rows if cells[:1] == ["qsl_rng_seed"]]
    assert all(cells == ["qsl_rng_seed", "148687905518835231"] for cells in rows)
    assert ("code", "benchwright run -c benchwright.yaml") in page.texts


def test_the_system_is_in_words() -> None:
    page = page_of([])
    assert ["Memory", "62.78 GiB"] in page.rows
    assert ["CPU max MHz", "3,500"] in page.rows
    assert "40 entries" in page.said("summary")


# ---- plots


def test_a_plot_shows_the_limit_and_each_backend() -> None:
    text = render(usual())
    plots = re.findall(r"<figcaption>.*?</figure>", text, flags=re.DOTALL)
    server = next(plot for plot in plots if "Server: latency" in plot)
    assert "limit 15 ms" in server
    assert "p99 (dotted) has to stay below 15 ms (dashed)." in server
    assert "var(--bad)" in server
    assert {"var(--s1)", "var(--s2)"} <= set(re.findall(r"var\(--s\d\)", server))
    single = next(plot for plot in plots if "SingleStream: latency" in plot)
    assert "limit" not in single
    assert "p90 (dotted) is the percentile that is reported." in single
    for tick in ("min", "50", "90", "99", "99.9", "max"):
        assert f">{tick}</text>" in server
    bars = next(plot for plot in plots if "Throughput" in plot)
    for label_ in ("2,082", "500.0 INVALID", "918.3"):
        assert f">{label_}</text>" in bars
    assert bars.count("INVALID</text>") == 1


def test_the_percentile_axis_gives_each_nine_the_same_room() -> None:
    text = render(content([performance("Server")]))
    plot = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)[-1]
    labels = re.findall(r"<text ([^>]*)>([^<]+)</text>", plot)
    x = {name: float(re.findall(r'\bx="([\d.]+)"', words)[0]) for words, name in labels}
    assert x["99"] - x["90"] == pytest.approx(x["99.9"] - x["99"], abs=0.1)
    assert x["90"] - x["min"] == pytest.approx(x["99"] - x["90"], abs=0.1)
    assert x["max"] > x["99.9"]


def test_tokens_and_samples_are_not_compared() -> None:
    runs = [
        performance("Offline", value=100.0, unit="tokens/s"),
        performance("Server", value=90.0, unit="tokens/s"),
        performance("SingleStream"),
    ]
    text = render(content(runs))
    bars = next(re.finditer(r"Throughput.*?</svg>", text, flags=re.DOTALL))[0]
    assert "tokens per second" in bars
    assert "SingleStream" not in bars
    alone = render(content([performance("Offline")]))
    assert "Throughput of" not in alone


@pytest.mark.parametrize(
    "latencies",
    [
        [],
        None,
        "nonsense",
        [[50, None], [90, "x"], [None, 1], [120, 1], [1, 2, 3], 7],
        [[50, float("nan")], [90, float("inf")], [95, -1]],
        [[100, 5.0]],
        [[99, 0.0]],
        [[0, 1e-9], [50, 1.0], [100, 1e9]],
        [[50, 3], [50.0001, 3]],
    ],
)
def test_odd_latencies_do_not_stop_the_page(latencies: Any) -> None:
    run = performance("Server")
    details = dict(run.details) | {"latency_ms": latencies}
    page = page_of([replace(run, details=details)])
    assert len(result_rows(page)) == 1


# ---- little and much


def test_a_campaign_without_results_has_a_page() -> None:
    page = page_of([], system={}, observation={}, versions={}, hashes={}, command="")
    assert "There are no results yet." in page.said()
    assert result_rows(page) == []
    assert page.of("svg") == []
    bare = ReportContent("a", "v3.1", "open", [], 30, "me", False, "2026-03-02")
    assert "Nothing was recorded." in assert_sound(render(bare)).said()


def test_a_record_without_details_has_its_row() -> None:
    run = RunResult("t", "b", "", "x", "", "", "Offline", "performance")
    page = page_of([run, replace(run, task="u", scenario="Server", mode="accuracy")])
    rows = result_rows(page)
    assert rows[0] == ["Server", "x", "", UNKNOWN, "not measured", "run failed", UNKNOWN]
    assert rows[1] == ["Offline", "x", "", UNKNOWN, "INVALID", "not measured", UNKNOWN]
    assert "No performance run has left figures to plot." in page.said()


def test_many_results_have_all_their_rows_and_plots() -> None:
    text = render(crowded())
    page = assert_sound(text)
    assert len(result_rows(page)) == 7 * 2 * 4
    assert len(page.of("svg")) == 7 * 5
    assert len(page.of("figure")) == 7 * 5
    assert len(text) < 1_500_000
    anchors = {str(a["href"])[1:] for a in page.of("a")}
    assert {f"b{at}" for at in range(1, 8)} <= anchors


def test_more_series_than_colours() -> None:
    runs = [performance("Offline", backend=f"backend{at}") for at in range(9)]
    page = page_of(runs)
    assert len(result_rows(page)) == 9


# ---- what others write


def hostile(value: Any) -> Any:
    """Every text in it made dangerous, the rest as it was."""
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, dict):
        return {hostile(k): hostile(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(hostile(item) for item in value)
    return value


def test_every_text_is_escaped() -> None:
    one = usual()
    runs = [
        replace(
            run,
            **{
                name: hostile(getattr(run, name))
                for name in RunResult.__dataclass_fields__
                if name not in ("scenario", "mode", "unit", "details")
            },
            details=dict(run.details) | {"warnings": [HOSTILE], "weights": HOSTILE, HOSTILE: 1},
        )
        for run in one.results
    ]
    dirty = ReportContent(
        **{
            name: hostile(getattr(one, name))
            for name in ReportContent.__dataclass_fields__
            if name != "results"
        },
        results=runs,
    )
    text = render(dirty)
    page = assert_sound(text)
    assert "<script" not in text.lower()
    assert text.count("</style>") == 1
    assert HOSTILE in page.said("li")
    assert len(result_rows(page)) == 8


def test_characters_that_a_page_cannot_hold_are_replaced() -> None:
    odd = "a\x00b\x1bc\ud800d\ufffe $x^2$ _y 中文 \u202e"
    runs = [performance(s, backend=odd, valid=False, reasons=(odd,)) for s in SCENARIOS[2:]]
    text = render(content(runs, name=odd, campaign_text=odd))
    assert_sound(text)
    text.encode("utf-8")
    assert not re.search("[\x00\x1b\ud800]", text)
    assert "a\ufffdb\ufffdc\ufffdd\ufffd $x^2$ _y 中文" in text


@settings(max_examples=25, deadline=None)
@given(
    st.text(max_size=40),
    st.dictionaries(
        st.sampled_from(["settings", "operation", "loadgen", "warnings", "command", "weights"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    ),
    st.floats() | st.none(),
)
def test_any_details_make_a_sound_page(words: str, details: Any, value: float | None) -> None:
    run = performance("Server", metric=words, value=value, task=words, duration_s=value)
    runs = [replace(run, details=details), replace(run, mode="accuracy", accuracy=value)]
    assert_sound(render(content(runs, command=words, campaign_text=words)))


# ---- numbers


def test_numbers_have_sensible_digits() -> None:
    shown = [significant(v) for v in (1234567.8, 999.97, 12.3456, 0.0123456, 0, None, 1e-12)]
    assert shown == ["1,234,568", "1,000", "12.35", "0.01235", "0", UNKNOWN, "1.000e-12"]
    assert [significant(v) for v in (1.7975e308, -1.7976e308)] == ["1.797e+308", "-1.798e+308"]
    assert [tidy(v) for v in (15.0, 0.5, 1200.0, 1000)] == ["15", "0.5", "1,200", "1,000"]
    assert against(75.6954, 75.6955) == ("75.6954", "75.6955")
    assert against(1.0, 1.0) == ("1.000", "1.000")
    spans = [duration(v) for v in (0.52, 61, 603.4, 7500, None)]
    assert spans == ["0.520 s", "61.0 s", "10 min 3 s", "2 h 5 min", UNKNOWN]
    assert [size(v) for v in (512, 33_000_000_000)] == ["512 B", "30.73 GiB"]
    assert value_text([1, True, "a", None]) == f"1, yes, a, {UNKNOWN}"
    assert value_text(148687905518835231) == "148687905518835231"
    assert label("cpu.max_mhz") == "CPU max MHz"
    assert label("") == ""


def test_rows_bring_together_what_belongs_together() -> None:
    runs = [performance("Server"), accuracy("Server"), performance("Server", system="other")]
    rows = line_up(runs)
    assert [(row.series, row.accuracy is not None) for row in rows] == [
        ("onnxruntime+fp32@epyc", True),
        ("onnxruntime+fp32@other", False),
    ]


# ---- a real browser

BROWSER = next(
    filter(None, map(shutil.which, ("google-chrome", "chromium", "chromium-browser"))), ""
)
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--window-size=1280,1600",
    "--enable-logging=stderr",
    "--allow-file-access-from-files",
]


class Visit:
    """What a browser made of a page: its DOM, its picture, its complaints, its requests."""

    def __init__(self, folder: Path, text: str) -> None:
        folder.mkdir()
        page, log, self.picture = (folder / name for name in ("page.html", "net.json", "page.png"))
        page.write_text(text, encoding="utf-8")
        command = [BROWSER, *QUIET, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"]
        # Nothing may leave the machine; what the page asks for is logged all the same.
        command.append("--host-resolver-rules=MAP * ~NOTFOUND")
        command += ["--dump-dom", f"--screenshot={self.picture}", page.as_uri()]
        done = subprocess.run(command, capture_output=True, check=True, timeout=120)
        self.dom = done.stdout.decode("utf-8")
        self.complaints = re.findall(r".*CONSOLE.*", done.stderr.decode("utf-8", "replace"))
        events = json.loads(log.read_text(encoding="utf-8"))["events"]
        started = [event["params"] for event in events if "initiator" in event.get("params", ())]
        # The browser's own errands have no origin.
        self.requests = [e["url"] for e in started if e["initiator"] != "not an origin"]


@pytest.mark.slow
@pytest.mark.skipif(not BROWSER, reason="needs google-chrome, chromium or chromium-browser")
def test_a_browser_shows_the_page_without_a_request_or_a_complaint(tmp_path: Path) -> None:
    from PIL import Image

    text = render(usual())
    visit = Visit(tmp_path / "page", text)
    assert result_rows(Page(visit.dom)) == result_rows(Page(text))
    assert len(Page(visit.dom).of("svg")) == 5
    assert visit.complaints == []
    assert visit.requests == []
    with Image.open(visit.picture) as picture:
        assert picture.size == (1280, 1600)
        colors = {color: n for n, color in picture.convert("RGB").getcolors(1 << 24)}
    assert len(colors) > 200
    assert max(colors.values()) < 0.9 * 1280 * 1600
    # The colours of a series and of the verdict: style and plots have been understood.
    assert {(0x1F, 0x6F, 0xC4), (0xFC, 0xE8, 0xE8)} <= set(colors)

    # That a request would have been seen, and that the page's policy would have stopped it.
    lured = text.replace("</main>", '<img src="http://lure.example/x.png"></main>')
    stopped = Visit(tmp_path / "stopped", lured)
    assert stopped.requests == []
    assert "Content Security Policy" in stopped.complaints[0]
    open_ = Visit(tmp_path / "open", re.sub(r"<meta http-equiv[^>]*>", "", lured))
    assert open_.requests == ["http://lure.example/x.png"]

    # A phone's width holds the page, however long the names are.
    long = performance("Server", backend="b" * 90, valid=False, reasons=("r" * 300,))
    page = tmp_path / "phone.html"
    page.write_text(render(replace(usual(), results=[*usual().results, long], name="n" * 200)))
    frame = (
        f'<!DOCTYPE html><iframe src="{page.as_uri()}" width="360" height="800" onload="document'
        '.title=contentDocument.documentElement.scrollWidth"></iframe>'
    )
    assert "<title>360</title>" in Visit(tmp_path / "phone", frame).dom
