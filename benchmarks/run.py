"""The one door to Benchwright's own measurements.

    python benchmarks/run.py list
    python benchmarks/run.py NAME… [--json] [--quick]

What is measured lives in `measures`, one module each; README.md says how and shows figures.
The exit status tells whether everything was measured, not whether the goals were met.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict


def main(arguments: Sequence[str] | None = None) -> int:
    """Lists or runs; results on standard output, progress on standard error."""
    try:
        from benchwright.errors import BenchwrightError
    except ModuleNotFoundError:
        print("error: benchwright is not installed\n  fix: pip install -e .", file=sys.stderr)
        return 2
    options = _parser().parse_args(arguments)
    try:
        return _list(options) if options.names == ["list"] else _run(options)
    except BenchwrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py",
        description="Measures Benchwright itself. `list` names the benchmarks.",
        allow_abbrev=False,
    )
    parser.add_argument("names", nargs="+", metavar="list | NAME", help="what to measure")
    parser.add_argument("--json", action="store_true", help="a JSON list instead of a table")
    parser.add_argument(
        "--quick", action="store_true", help="one short round each: shows that it works, not more"
    )
    return parser


def _list(options: argparse.Namespace) -> int:
    from measures.registry import BENCHMARKS

    if options.json:
        entries = [{"name": name, "summary": item.summary} for name, item in BENCHMARKS.items()]
        print(json.dumps(entries, indent=1))
        return 0
    width = max(map(len, BENCHMARKS))
    for name, item in BENCHMARKS.items():
        print(f"{name:<{width}}  {item.summary}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from measures.registry import find
    from measures.result import table

    chosen = [find(name) for name in dict.fromkeys(options.names)]
    results = [result for item in chosen for result in item.run(options.quick, _note)]
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=1))
    else:
        print(table(results))
    return 0


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
