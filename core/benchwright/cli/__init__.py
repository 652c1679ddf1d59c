"""The command line: `benchwright COMMAND`. Each command lives in a module that is imported only
when it runs."""

from benchwright.cli.main import main

__all__ = ["main"]
