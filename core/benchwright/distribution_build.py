"""What `pip install -e` does here besides linking: the sources are compiled at once.

pip compiles what it copies; what an editable install links to it leaves to Python, which may not
write bytecode (PYTHONDONTWRITEBYTECODE, a folder of somebody else's) and then compiles every module
at every start. Loaded by setuptools alone, by its path.
"""

from __future__ import annotations

import compileall
from pathlib import Path

from setuptools.command.editable_wheel import editable_wheel

SOURCE_ROOTS = ("core", "plugins", "tasks")


class CompiledEditableWheel(editable_wheel):  # type: ignore[misc]
    """An editable install whose sources are compiled, as far as they can be."""

    def run(self) -> None:
        """Installs, then compiles; a folder that cannot be written is no reason to fail."""
        super().run()
        for root in SOURCE_ROOTS:
            if Path(root).is_dir():
                compileall.compile_dir(root, quiet=2)
