"""Writing a plugin package to start from: `benchwright new-plugin`.

The files are templates below `templates/`, filled in by `string.Template`. For each kind of plugin
there is a module, a piece of the package's `__init__` and a test. A piece begins with the imports
that it needs: `#: ` at run time, `#? ` for type checkers only.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from benchwright.errors import BenchwrightError, UsageError
from benchwright.plugins import Registry

KINDS = {
    "backend": "backend `$name`",
    "quantizer": "quantizer `$name-int8`",
    "probe": "probe `$name`",
    "formatter": "formatter `$name-sheet`",
    "benchmark": "benchmark `$name-loudest`",
    "program": "fused program for `$benchmark` on `$backend`",
    "power_meter": "power meter `$name`",
}
"""Kind → what the README calls it, in the order in which files name them."""

_WITH_OPTIONS = ("backend", "quantizer")
"""Kinds that come with an options model, in a module of its own: it is rarely imported."""

_NEED_ONNX = {"quantizer", "benchmark"}
_LONGEST = 40


def option_of(kind: str) -> str:
    """The command line's option for a kind."""
    return f"--{kind.replace('_', '-')}"


def check_name(name: str) -> str:
    """The name where it can be one; UsageError with the near miss where not.

    It becomes the name of a distribution, a module, an entry point and of what is registered.
    """
    near = re.sub(r"[^a-z0-9]+", "-", name.lower().removeprefix("benchwright-")).strip("-")
    near = re.sub(r"^[0-9-]+", "", near)[:_LONGEST].strip("-")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > _LONGEST:
        raise UsageError(
            f"{name!r} cannot be the name of a plugin" + (f"; did you mean `{near}`?" * bool(near)),
            why="it is lower-case letters, digits and single hyphens, begins with a letter, and "
            f"has at most {_LONGEST} of them",
        )
    if name.startswith("benchwright-"):
        raise UsageError(
            f"`{name}`: the package is called `benchwright-NAME` anyway; did you mean `{near}`?"
        )
    if keyword.iskeyword(name) or name in ("testing", "tasks"):
        raise UsageError(f"`{name}` has a meaning already", fix="choose another name")
    taken = Registry().plugins.get(name)
    if taken is not None:
        raise UsageError(
            f"a plugin `{name}` is installed already",
            where=f"{taken.distribution} {taken.version}".strip() or None,
            fix="choose another name: two plugins of one name shut each other out",
        )
    return name


@dataclass(frozen=True)
class NewPlugin:
    """What is to be written: the vendor's name, and kinds of `KINDS`."""

    name: str
    kinds: tuple[str, ...]

    @property
    def distribution(self) -> str:
        """The package's name, and its folder's unless another is given."""
        return f"benchwright-{self.name}"

    def words(self) -> dict[str, str]:
        """What the templates' placeholders stand for."""
        parts = self.name.split("-")
        key = self.name.replace("-", "_")
        words = {
            "name": self.name,
            "distribution": self.distribution,
            "module": f"benchwright_{key}",
            "key": key,
            "prefix": "".join(part.capitalize() for part in parts),
            "constant": key.upper(),
            "title": " ".join(part.capitalize() for part in parts),
            "backend": self.name if "backend" in self.kinds else "onnxruntime",
            "benchmark": f"{self.name}-loudest" if "benchmark" in self.kinds else "resnet50",
        }
        needed = ["benchwright", *(["onnx>=1.17"] if _NEED_ONNX & set(self.kinds) else [])]
        words["dependencies"] = ", ".join(f'"{item}"' for item in needed)
        words["table"] = "\n".join(
            f"| {Template(what).substitute(words)} | `{kind}.py` |"
            for kind, what in KINDS.items()
            if kind in self.kinds
        )
        return words

    def files(self) -> dict[str, str]:
        """Every file's text, by its path in the package's folder."""
        words = self.words()

        def filled(template: str) -> str:
            return Template(_read(template)).substitute(words)

        home = f"src/{words['module']}"
        made = {
            "pyproject.toml": filled("pyproject.toml"),
            "README.md": filled("README.md"),
            ".gitignore": filled("gitignore"),
            ".github/workflows/ci.yml": filled("ci.yml"),
            "tests/conftest.py": filled("conftest.py"),
            f"{home}/py.typed": "",
        }
        pieces = []
        imports: set[str] = set()
        types: set[str] = set()
        for kind in (item for item in KINDS if item in self.kinds):
            made[f"{home}/{kind}.py"] = filled(f"{kind}.py")
            if kind in _WITH_OPTIONS:
                made[f"{home}/{kind}_options.py"] = filled(f"{kind}_options.py")
            made[f"tests/test_{kind}.py"] = filled(f"{kind}.test")
            lines = filled(f"{kind}.piece").splitlines()
            imports.update(line[3:] for line in lines if line.startswith("#: "))
            types.update(line[3:] for line in lines if line.startswith("#? "))
            pieces.append("\n".join(line for line in lines if not line.startswith(("#: ", "#? "))))
        made[f"{home}/__init__.py"] = Template(_read("init.py")).substitute(
            words,
            imports=_import_block(imports),
            type_imports="\n".join(f"    {line}" for line in sorted(types)),
            pieces="\n\n\n".join(pieces),
        )
        return made

    def write(self, folder: Path) -> list[Path]:
        """Writes the package; UsageError where the folder exists, be it empty."""
        if folder.exists() or folder.is_symlink():
            raise UsageError(
                "this folder exists already, and nothing in it is touched",
                where=str(folder),
                fix="name another with `--folder DIR`, or move it away",
            )
        written = []
        try:
            for name, text in self.files().items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                written.append(path)
        except OSError as error:
            raise BenchwrightError(
                "the package could not be written",
                where=str(error.filename or folder),
                why=error.strerror,
            ) from error
        return written


def ordered(kinds: Iterable[str]) -> tuple[str, ...]:
    """Kinds in the order of `KINDS`."""
    chosen = set(kinds)
    return tuple(kind for kind in KINDS if kind in chosen)


def _read(template: str) -> str:
    return files(__name__).joinpath("templates", f"{template}.tmpl").read_text("utf-8")


def _import_block(lines: Iterable[str]) -> str:
    """Import lines in the usual order: the standard library, then others; one statement for each
    module."""
    names: dict[str, set[str]] = {}
    for line in lines:
        module, _, what = line.removeprefix("from ").partition(" import ")
        names.setdefault(module, set()).update(part.strip() for part in what.split(","))
    groups: Sequence[list[str]] = ([], [])
    for module in sorted(names):
        top = module.split(".")[0]
        groups[top == "benchwright"].append(
            f"from {module} import {', '.join(sorted(names[module]))}\n"
        )
    return "\n".join("".join(group) for group in groups if group)
