"""The page: its head, the verdict at a glance, and the sections in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources

from benchwright.report.benchmarks import benchmark_section, series_numbers
from benchwright.report.check import findings_section
from benchwright.report.content import ReportContent
from benchwright.report.markup import Child, Html, bullets, join, prose, tag
from benchwright.report.provenance import provenance_section
from benchwright.report.quantities import UNKNOWN, duration
from benchwright.report.results_table import results_table
from benchwright.report.rows import Tally, by_benchmark, line_up, tally
from benchwright.report.system import system_tables

# The page needs nothing from outside, so the browser may refuse whatever a text smuggles in.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


def render(content: ReportContent) -> str:
    """The report as one HTML document without any outside reference or script; the same content
    gives the same text. Write it as UTF-8."""
    rows = line_up(content.results)
    count = tally(content)
    numbers = series_numbers(rows)
    benchmarks = {f"b{at}": item for at, item in enumerate(by_benchmark(rows).items(), 1)}
    stale = _stale_elsewhere(content)
    links = [("results", "Results")]
    links += [(anchor, name) for anchor, (name, _) in benchmarks.items()]
    links += [("system", "System"), ("check", "Check"), ("provenance", "Provenance")]
    body = [
        tag("a", "Skip to the results", href="#results", class_="skip"),
        _header(content, count),
        _contents(links),
        tag(
            "main",
            _banner(content),
            _section("results", "Results", join([results_table(content, rows), stale])),
            *(
                benchmark_section(anchor, name, own, numbers)
                for anchor, (name, own) in benchmarks.items()
            ),
            _section("system", "System", system_tables(content.system, content.observation)),
            _section("check", "Check", _check(content)),
            _section("provenance", "Provenance", provenance_section(content, rows)),
        ),
        _footer(content),
    ]
    page = tag("html", "\n", _head(content), "\n", tag("body", join(body, "\n")), "\n", lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def _check(content: ReportContent) -> Html:
    return findings_section(content.findings, content.submission_path)


def _head(content: ReportContent) -> Html:
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", f"{content.name} · Benchwright report"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="generator", content="Benchwright"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        # Without it, a browser asks the server for one.
        tag("link", rel="icon", href="data:,"),
        tag("style", Html(f"\n{style}")),
    )


# ---- the verdict at a glance


def _header(content: ReportContent, count: Tally) -> Html:
    facts = [
        ("Round", content.round),
        ("Division", content.division),
        ("Category", ", ".join(content.categories)),
        ("Duration", _duration(content.duration)),
        ("Submitter", content.submitter),
    ]
    kind, sentence = _verdict(count)
    return tag(
        "header",
        tag("p", "MLPerf Inference campaign", class_="kicker"),
        tag("h1", content.name),
        tag("dl", *(tag("div", tag("dt", k), tag("dd", v)) for k, v in facts), class_="facts"),
        tag("p", sentence, class_=f"verdict {kind}"),
        tag("ul", *_tiles(content, count), class_="tiles", aria_label="Figures"),
    )


def _duration(value: str | int) -> str:
    return duration(value) if isinstance(value, int) else value


def _verdict(count: Tally) -> tuple[str, str]:
    """How the page stands, as a kind and a sentence."""
    if not count.runs:
        return "dim", "There are no results yet."
    faults = []
    if count.invalid:
        faults.append(f"{count.invalid} of {_runs(count.runs)} {_is(count.invalid)} INVALID")
    if count.missed:
        faults.append(f"accuracy misses its target in {count.missed} of {count.judged}")
    if count.errors:
        faults.append(f"the check found {_plural(count.errors, 'error')}")
    if count.stale:
        faults.append(f"{_runs(count.stale)} {_is(count.stale)} stale")
    if faults:
        kind = "bad" if count.invalid or count.missed or count.errors else "warn"
        text = "; ".join(faults)
        return kind, f"{text[:1].upper()}{text[1:]}."
    met = f"; accuracy meets its target in all {count.judged}" if count.judged > 1 else ""
    met = "; accuracy meets its target" if count.judged == 1 else met
    every = "The run is valid" if count.runs == 1 else f"All {count.runs} runs are valid"
    return "good", f"{every}{met}."


def _plural(many: int, word: str) -> str:
    return f"{many} {word}" if many == 1 else f"{many} {word}s"


def _runs(many: int) -> str:
    return _plural(many, "run")


def _is(many: int) -> str:
    return "is" if many == 1 else "are"


def _tiles(content: ReportContent, count: Tally) -> Iterator[Html]:
    yield _tile(str(count.runs), "run" if count.runs == 1 else "runs")
    yield _tile(str(count.valid), "valid", "good" if count.valid else "")
    yield _tile(str(count.invalid), "INVALID", "bad" if count.invalid else "")
    if count.judged:
        met = count.judged - count.missed
        kind = "bad" if count.missed else "good"
        yield _tile(f"{met} of {count.judged}", "accuracy targets met", kind)
    else:
        yield _tile(UNKNOWN, "accuracy not judged")
    if count.stale:
        yield _tile(str(count.stale), "stale", "warn")
    if content.findings or content.submission_path:
        kind = "bad" if count.errors else "good"
        words = f"check errors, {_plural(count.notes, 'note')}" if count.notes else "check errors"
        yield _tile(str(count.errors), words, kind)


def _tile(figure: str, words: str, kind: str = "") -> Html:
    return tag("li", tag("b", figure, class_=kind or None), " ", tag("span", words))


def _banner(content: ReportContent) -> Html | None:
    """What keeps the results from being submitted: the campaign's reasons, then the runs' own."""
    if content.official and all(run.official for run in content.results):
        return None
    reasons = dict.fromkeys(content.unofficial)
    reasons |= dict.fromkeys(reason for run in content.results for reason in run.unofficial)
    if content.official and not reasons:
        bare = sum(not run.official for run in content.results)
        reasons = {f"{_runs(bare)} {_is(bare)} not official": None}
    return tag(
        "aside",
        tag("h2", "Not for submission", id="unofficial-title"),
        bullets(map(prose, reasons)) if reasons else tag("p", "No reason was recorded."),
        class_="banner",
        aria_labelledby="unofficial-title",
    )


# ---- the frame


def _contents(links: Sequence[tuple[str, str]]) -> Html:
    items = [tag("li", tag("a", name, href=f"#{anchor}")) for anchor, name in links]
    return tag("nav", tag("ul", *items), aria_label="Contents")


def _section(anchor: str, title: str, *children: Child) -> Html:
    heading = tag("h2", title, id=f"{anchor}-title")
    return tag("section", heading, *children, id=anchor, aria_labelledby=f"{anchor}-title")


def _stale_elsewhere(content: ReportContent) -> Html | None:
    """Stale runs that the table does not name, because their records cannot be read."""
    shown = {run.task for run in content.results}
    left = [
        join([tag("code", task), prose("; ".join(why))], ": ")
        for task, why in sorted(content.stale.items())
        if task not in shown
    ]
    return join([tag("p", "Stale runs without a record:"), bullets(left)]) if left else None


def _footer(content: ReportContent) -> Html:
    when = tag("time", content.generated, datetime=content.generated)
    return tag("footer", tag("p", "Made by Benchwright on ", when, "."))
