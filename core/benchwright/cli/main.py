"""The entry point: parses, dispatches, and turns errors into text and exit codes."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from benchwright.cli.parser import build_parser
from benchwright.cli.place import enter
from benchwright.errors import BenchwrightError, ExitCode
from benchwright.garbage import none_until_work

COMMANDS = {
    "run": "benchwright.cli.run",
    "list": "benchwright.cli.listing",
    "plan": "benchwright.cli.planning",
    "explain": "benchwright.cli.explain",
    "graph": "benchwright.cli.graph",
    "plugins": "benchwright.cli.plugins",
    "doctor": "benchwright.cli.doctor",
    "system": "benchwright.cli.system",
    "check": "benchwright.cli.check",
    "results": "benchwright.cli.results",
    "init": "benchwright.cli.init",
    "ci": "benchwright.cli.ci",
    "clean": "benchwright.cli.clean",
    "store": "benchwright.cli.store",
    "try": "benchwright.cli.trying",
    "reproduce": "benchwright.cli.reproduce",
    "compare": "benchwright.cli.comparing",
    "new-plugin": "benchwright.cli.new_plugin",
}
"""Command → the module whose `main(arguments)` does it and returns the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the process's exit code. Without `argv` this is the program."""
    if argv is None:
        with none_until_work():
            return main(sys.argv[1:])
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What the terminal's encoding lacks is shown in another way rather than not at all.
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return int(ExitCode.OK)
    try:
        enter(arguments)
        return int(import_module(COMMANDS[arguments.command]).main(arguments))
    except BenchwrightError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    raise SystemExit(main())
