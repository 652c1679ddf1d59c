"""The argument parser: every command and option, described once, with near misses named."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from benchwright.errors import ExitCode, did_you_mean

_DESCRIPTION = """\
Builds and runs MLPerf Inference benchmarks the way Make builds programs."""

_EPILOG = """\
examples:
  benchwright init                     write a campaign file here
  benchwright plan                     what would be built and measured, and how long it takes
  benchwright run                      build and measure the whole campaign
  benchwright run performance:Offline  one run and what it needs
  benchwright results --json           every result, for a script
  benchwright explain engine           why a task would run, or why not

exit codes: 0 done; 1 a task failed, a result is INVALID or a check has findings;
2 the request is wrong and nothing was built; 130 interrupted.

`benchwright COMMAND --help` explains a command."""


class Parser(argparse.ArgumentParser):
    """argparse with suggestions: an unknown word is refused and the nearest one named."""

    def error(self, message: str) -> NoReturn:
        """Prints what is wrong and how to get help; exit code 2."""
        print(f"error: {message}", file=sys.stderr)
        print(f"  fix: `{self.prog} --help` lists what is allowed", file=sys.stderr)
        raise SystemExit(int(ExitCode.USAGE))

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parses everything or exits with code 2."""
        known, left = self.parse_known_args(args, namespace)
        if left:
            command = _chosen(self, known)
            options = [
                option for option in command._option_string_actions if option.startswith("--")
            ]
            word = left[0].split("=", 1)[0]
            hint = did_you_mean(word, options) if word.startswith("-") else ""
            kind = "option" if word.startswith("-") else "argument"
            command.error(f"unknown {kind} `{word}`; {hint}".rstrip("; "))
        return known

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            kind = "command" if isinstance(action, argparse._SubParsersAction) else "value"
            self.error(f"unknown {kind} `{value}`; {did_you_mean(str(value), names)}")


def _chosen(parser: Parser, namespace: argparse.Namespace) -> Parser:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            chosen = action.choices.get(getattr(namespace, action.dest, ""))
            if isinstance(chosen, Parser):
                return _chosen(chosen, namespace)
    return parser


def build_parser() -> Parser:
    """The whole command line."""
    from benchwright import __version__

    parser = Parser(
        prog="benchwright",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"benchwright {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def command(name: str, summary: str, example: str = "") -> Parser:
        added: Parser = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"example: {example}" if example else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        added.add_argument(
            "-c",
            "--campaign",
            metavar="FILE",
            default=None,
            help="the campaign file (default: benchwright.yaml)",
        )
        added.add_argument(
            "--project",
            metavar="DIR",
            default=None,
            help="the folder in which `build/` lies (default: this one, or without -c the nearest "
            "above with a benchwright.yaml)",
        )
        return added

    def add_json(to: Parser) -> None:
        to.add_argument("--json", action="store_true", help="print JSON on standard output")

    def add_budget(to: Parser) -> None:
        to.add_argument(
            "--budget",
            default="",
            metavar="AMOUNTS",
            help="what tasks may use, in place of what this machine has: "
            "--budget=cpu=2,memory=8GB,gpu=0,disk=50GB",
        )

    def add_limit(to: Parser, default: str | None) -> None:
        to.add_argument(
            "--fail-if-slower",
            metavar="PERCENT",
            default=default,
            help="exit code 1 when a result is slower than its baseline by more than this, such "
            "as 5%%, or cannot be compared" + (" (default: 10%%)" if default else ""),
        )

    run = command(
        "run", "build and measure what is due", "benchwright run performance:Offline --json"
    )
    run.add_argument(
        "tasks", nargs="*", metavar="TASK", help="tasks or target files; default: the campaign"
    )
    run.add_argument(
        "--rerun", action="store_true", help="make the named measured runs again (default: all)"
    )
    run.add_argument(
        "--rerun-invalid",
        action="store_true",
        help="make those measured runs again whose result is INVALID, or whose test failed; what "
        "was measured before is kept beside",
    )
    run.add_argument(
        "--keep-going", action="store_true", help="after a failure go on with what does not need it"
    )
    run.add_argument(
        "-n",
        "--jobs",
        default="0",
        metavar="N",
        help="build N tasks at a time, or `auto`: as many as the machine bears; a measured run "
        "has it alone",
    )
    add_budget(run)
    run.add_argument(
        "-q", "--quiet", action="store_true", help="print errors only: nothing when all is well"
    )
    run.add_argument(
        "--depfile",
        metavar="FILE",
        default=None,
        help="write which files outside the build the named targets depend on, as make and ninja "
        "read it",
    )
    add_json(run)

    listing = command("list", "list the campaign's tasks and whether they are due")
    add_json(listing)

    plan = command("plan", "show what the campaign amounts to, before any work")
    add_budget(plan)
    add_json(plan)

    explain = command(
        "explain", "say why a task would run, or why not", "benchwright explain engine"
    )
    explain.add_argument("task", metavar="TASK", help="a task's name, or enough of it")
    add_json(explain)

    graph = command(
        "graph", "draw the task graph, what is due marked", "benchwright graph --svg graph.svg"
    )
    graph.add_argument(
        "tasks", nargs="*", metavar="TASK", help="only these tasks and what they need"
    )
    graph.add_argument("--svg", metavar="FILE", default=None, help="write a picture")
    add_json(graph)

    plugins = command("plugins", "show the installed plugins and what they bring")
    plugins.add_argument(
        "name", nargs="?", metavar="NAME", help="a plugin, backend or benchmark, in detail"
    )
    plugins.add_argument(
        "--markdown", action="store_true", help="print a page of documentation from declarations"
    )
    add_json(plugins)

    doctor = command("doctor", "say what each plugin lacks, and the command that installs it")
    add_json(doctor)

    system = command(
        "system",
        "show what the probes see of this machine, or write its description to complete",
        "benchwright system --init system.yaml",
    )
    system.add_argument(
        "--init",
        nargs="?",
        const="",
        default=None,
        metavar="FILE",
        help="write the fields that a submission needs, what was probed filled in (default: "
        "where the campaign looks for it, else system.yaml beside the campaign)",
    )
    system.add_argument("--force", action="store_true", help="overwrite a file that is there")
    add_json(system)

    check = command(
        "check", "check a submission tree", "benchwright check ~/submission --round v3.1"
    )
    check.add_argument(
        "folder", nargs="?", metavar="DIR", help="the tree (default: the campaign's own)"
    )
    check.add_argument(
        "--round", metavar="R", default=None, help="the round whose rules apply, such as v3.1"
    )
    check.add_argument(
        "--rehearsal",
        action="store_true",
        help="what is inherent to a quick or tiny run becomes a note",
    )
    check.add_argument(
        "--formatter",
        metavar="NAME",
        default=None,
        help="whose tree it is (default: the campaign's, or the first for the round)",
    )
    add_json(check)

    results = command(
        "results",
        "show the results of the campaign's runs, or compare them with a baseline",
        "benchwright results --against baseline.json --fail-if-slower 5%",
    )
    results.add_argument(
        "--against",
        metavar="FILE",
        default=None,
        help="compare with what `results --json` printed earlier",
    )
    add_limit(results, None)
    add_json(results)

    _add_try(
        command(
            "try",
            "measure any ONNX or Hugging Face model with random inputs; preliminary",
            "benchwright try model.onnx --scenario all --duration 10",
        ),
        add_json,
    )

    compare = command(
        "compare",
        "say what differs between two tries or campaigns, and by how much in result",
        "benchwright compare before after --fail-if-slower 3%",
    )
    compare.add_argument("before", metavar="A", help="a try's name, a folder of results, or a file")
    compare.add_argument("after", metavar="B", help="what to compare with it")
    add_limit(compare, None)
    add_json(compare)

    reproduce = command(
        "reproduce",
        "make a measured run again, and say whether it came out the same",
        "benchwright reproduce build/default/runs/resnet50-tiny/onnxruntime/Offline/performance",
    )
    reproduce.add_argument(
        "result",
        metavar="RESULT",
        help="a run's folder, its result.json, or a file that `--export` wrote on another machine",
    )
    reproduce.add_argument(
        "--export", metavar="FILE", help="write what another machine needs for it, and run nothing"
    )
    reproduce.add_argument(
        "--repeat", type=int, default=3, metavar="N", help="make it N times (default: 3)"
    )
    add_json(reproduce)

    init = command("init", "write a campaign file to start from")
    init.add_argument("--force", action="store_true", help="overwrite a file that is there")

    pipeline = command("ci", "write a pipeline that runs the campaign and fails on a worse result")
    pipeline.add_argument("service", choices=("github", "gitlab"), help="whose pipeline")
    pipeline.add_argument("--force", action="store_true", help="overwrite a file that is there")
    pipeline.add_argument("--stdout", action="store_true", help="print it instead")
    add_limit(pipeline, "10%")

    clean = command("clean", "remove what was built; measured runs are kept")
    clean.add_argument("tasks", nargs="*", metavar="TASK", help="only what these tasks built")
    clean.add_argument("--runs", action="store_true", help="remove measured runs as well")
    clean.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    _add_new_plugin(
        command(
            "new-plugin",
            "write a plugin package to start from",
            "benchwright new-plugin acme --backend --probe",
        )
    )
    _add_store(command("store", "look after the store that checkouts share"), add_json)
    return parser


def _add_try(trial: Parser, add_json: Callable[[Parser], None]) -> None:
    def add(name: str, metavar: str, what: str, default: str | None = None) -> None:
        trial.add_argument(name, metavar=metavar, default=default, help=what)

    trial.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="an .onnx file, a model folder, or a Hugging Face id NAME[@REVISION][:SUBFOLDER]",
    )
    add("--scenario", "NAMES", "one, several with commas, or `all` (default: SingleStream,Offline)")
    add("--backend", "NAMES", "one or several (default: onnxruntime)", "onnxruntime")
    add("--device", "NAME", "such as cpu or cuda (default: the backend's)")
    add("--precision", "NAMES", "fp32, int8, fp16, bf16: what the backend can", "fp32")
    add("--duration", "SECONDS", "of each run, or more where a scenario needs it (default: 2)")
    trial.add_argument(
        "--strict-duration",
        action="store_true",
        help="stop when the duration is over; the result is not VALID",
    )
    add("--target-qps", "RATE", "Server: queries/s to issue; Offline: expected samples/s")
    add("--latency-bound", "MS", "Server: how late an answer may be (default: 10, or more)")
    add("--batch", "N", "samples of a batch (default: what is found best)")
    trial.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="NAME=DIMS",
        help="an input's dimensions without the batch, such as pixel_values=3,224,224, or the "
        "size of a dimension; may be repeated",
    )
    add("--lengths", "N[..M]", "tokens of a sample, or of a prompt")
    add("--new-tokens", "N", "tokens to generate from a prompt (default: 32)")
    add("--samples", "N", "how many different samples there are")
    add("--input-data", "FILE", "an .npz file with real inputs by name, samples first")
    add("--seed", "N", "of the random inputs (default: 0)")
    add("--task", "NAME", "what the model is for, where its config leaves that open")
    add(
        "--exporter",
        "NAME",
        "what converts a model folder to ONNX: torch (default) or optimum",
        "torch",
    )
    trial.add_argument(
        "--allow-pickle",
        action="store_true",
        help="take weights that come as pickles, which can run code of their author's",
    )
    add("--name", "NAME", "what to call this try, for `compare` (default: the model's name)")
    trial.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="measure N times, and state the noise"
    )
    trial.add_argument(
        "--rerun", action="store_true", help="measure again what was measured before"
    )
    add("--jobs", "N", "build N tasks at a time", "0")
    add_json(trial)


def _add_new_plugin(new: Parser) -> None:
    new.add_argument(
        "name", metavar="NAME", help="yours or your chip's: the package becomes benchwright-NAME"
    )
    for kind, what in (
        ("backend", "a backend: it builds engines and runs them"),
        ("quantizer", "a quantizer: it writes a model in another precision"),
        ("probe", "a probe: it states facts of the machine"),
        ("formatter", "a formatter: it writes and checks a submission tree"),
        ("benchmark", "a benchmark with generated data"),
        ("program", "a fused program: it stands in for a benchmark's own on a backend"),
        ("power-meter", "a power meter"),
    ):
        new.add_argument(f"--{kind}", action="store_true", help=what)
    new.add_argument("--all", action="store_true", help="one of each")
    new.add_argument(
        "--folder", metavar="DIR", default=None, help="where to (default: ./benchwright-NAME)"
    )


def _add_store(store: Parser, add_json: Callable[[Parser], None]) -> None:
    actions = store.add_subparsers(
        dest="action", metavar="ACTION", parser_class=Parser, required=True
    )

    def action(name: str, summary: str) -> Parser:
        added: Parser = actions.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            allow_abbrev=False,
        )
        add_json(added)
        return added

    action("info", "say where the store is and what it holds")
    prune = action("prune", "remove what was not used for longest")
    prune.add_argument(
        "--max-size", metavar="SIZE", required=True, help="what may stay, such as 10GB or 500MB"
    )
    verify = action("verify", "read everything in the store and remove what is damaged")
    verify.add_argument("--keep", action="store_true", help="only say what is damaged")
    export = action("export", "write built artifacts into one file for another machine's store")
    export.add_argument("file", metavar="FILE", help="the bundle: a name in .tar or .tar.gz")
    export.add_argument(
        "tasks",
        nargs="*",
        default=[],
        metavar="TASK",
        help="what these need; default: the campaign",
    )
    export.add_argument(
        "-c",
        "--campaign",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="the campaign file (default: benchwright.yaml)",
    )
    importing = action("import", "add a bundle to the store")
    importing.add_argument("file", metavar="FILE", help="what `store export` wrote")
