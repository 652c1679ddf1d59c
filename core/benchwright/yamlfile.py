"""YAML with positions: every value knows its line, duplicate keys are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from benchwright.errors import UsageError

if TYPE_CHECKING:
    import yaml

Location = tuple[str | int, ...]

MOST_LEVELS = 200
"""Deeper nesting is refused: the YAML parser calls itself for each level, and would crash."""

MOST_VALUES = 200_000
"""More values are refused: a few lines of aliases of aliases stand for billions."""


class Document(NamedTuple):
    """A parsed YAML file: its text, its plain data, and the line of each value by path. Without
    data it only tells lines: what the data was is known from before."""

    name: str
    text: str
    data: Any
    lines: Mapping[Location, int] = MappingProxyType({})

    def where(self, location: Sequence[str | int] = ()) -> str:
        """`file:line: dotted.path` of a value, or of the nearest enclosing one that exists."""
        wanted = tuple(location)
        found = wanted
        while found not in self.lines and found:
            found = found[:-1]
        line = self.lines.get(found, 1)
        return f"{self.name}:{line}: {dotted(wanted)}" if wanted else f"{self.name}:{line}"


def dotted(location: Sequence[str | int]) -> str:
    """`benchmarks.resnet50.preset`, with list positions as `[0]`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def parse(text: str, name: str) -> Document:
    """Parses one YAML document; UsageError with file and line on bad syntax or a repeated key."""
    import yaml

    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = None
    try:
        _refuse_depth(text, loader_class, name)
        # What the text holds may be wrong in the constructor already (an unprintable character).
        loader = loader_class(text)
        node = loader.get_single_node()
        lines = _lines(node, name) if node is not None else {}
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise UsageError(
            f"this is not valid YAML: {error.problem or error.context}",
            where=f"{name}:{line}",
            fix="check indentation, colons and quotes on this line and the one before",
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"this is not valid YAML: {error}", where=name) from error
    except (KeyError, IndexError, AttributeError, TypeError, OverflowError) as error:
        # What PyYAML raises when a tag such as `!!bool` or `!!timestamp` does not fit its value.
        raise UsageError(
            "a value of this file does not fit its tag",
            where=name,
            why=f"{type(error).__name__}: {error}",
            fix="remove `!!` tags: values are recognised without them",
        ) from error
    finally:
        if loader is not None:
            loader.dispose()
    return Document(name, text, data, lines)


def _refuse_depth(text: str, loader_class: Any, name: str) -> None:
    """Events come without recursion, so that depth can be told before nodes are made."""
    import yaml

    if sum(text.count(opening) for opening in ("[", "{", "- ", "? ")) <= MOST_LEVELS:
        # Only these nest without ever deeper indentation.
        return
    depth = 0
    for event in yaml.parse(text, Loader=loader_class):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MOST_LEVELS:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise UsageError("this file is nested too deeply", where=f"{name}:{line}")


def load(path: Path) -> Document:
    """Reads and parses a YAML file."""
    return parse(read(path), str(path))


def read(path: Path) -> str:
    """A file's text; UsageError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("this file is not UTF-8 text", where=str(path), why=str(error)) from error
    except OSError as error:
        raise UsageError(
            "this file cannot be read", where=str(path), why=error.strerror or str(error)
        ) from error


def _lines(node: yaml.Node, name: str) -> dict[Location, int]:
    found: dict[Location, int] = {}
    for location, line in _positions(node, (), name):
        found[location] = line
        # An alias of itself never ends, but its locations grow longer.
        if len(found) > MOST_VALUES or len(location) > 2 * MOST_LEVELS:
            raise UsageError(
                "this file is nested too deeply, or too large once its aliases are followed",
                where=f"{name}:{line}",
            )
    return found


def _positions(node: yaml.Node, location: Location, name: str) -> Iterator[tuple[Location, int]]:
    import yaml

    yield location, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise UsageError("a key must be plain text", where=f"{name}:{line}")
            if key.value in seen:
                raise UsageError(
                    f"the key `{key.value}` is given twice",
                    where=f"{name}:{line}: {dotted((*location, key.value))}",
                    why=f"it was given first on line {seen[key.value]}",
                    fix="keep one of them",
                )
            seen[key.value] = line
            yield from _positions(value, (*location, key.value), name)
            # The line of the key, also where its value starts on a later line.
            yield (*location, key.value), line
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _positions(item, (*location, index), name)
            if isinstance(item, yaml.ScalarNode):
                # A list of names is also reached by name: `benchmarks.resnet50`.
                yield (*location, item.value), item.start_mark.line + 1
