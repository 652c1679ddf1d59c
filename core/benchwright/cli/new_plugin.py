"""`benchwright new-plugin`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from benchwright.errors import UsageError
from benchwright.newplugin import KINDS, NewPlugin, check_name, option_of, ordered


def main(arguments: Namespace) -> int:
    """Writes a package that passes its own tests as it is."""
    if arguments.campaign is not None:
        raise UsageError("a package has no campaign", fix="leave out `-c`")
    name = check_name(arguments.name)
    kinds = ordered(kind for kind in KINDS if getattr(arguments, kind) or arguments.all)
    if not kinds:
        raise UsageError(
            f"what `{name}` is to bring is not said",
            fix=f"name at least one of {', '.join(map(option_of, KINDS))}, or `--all`",
        )
    plugin = NewPlugin(name, kinds)
    folder = Path(arguments.folder or plugin.distribution)
    written = plugin.write(folder)
    print(f"wrote {len(written)} files to {folder}: {', '.join(kinds).replace('_', ' ')}")
    print(f"next: cd {folder} && pip install -e '.[test]' && pytest")
    return 0
