"""Plain values, as a YAML parser hands them over, into named tuples by their annotations.

The named tuples are the schema: a value that is missing, of another type or not among the allowed
ones, and a key that no field has, is an error naming the file and the dotted path. Knows no round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

from benchwright.errors import BenchwrightError, did_you_mean

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V", covariant=True)


class FrozenMap(Mapping[K, V]):
    """A mapping that cannot be changed; unlike a mapping proxy it can be hashed and pickled."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V] | None = None) -> None:
        self._items: dict[K, V] = dict(items or {})

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"


class OneOf(NamedTuple):
    """Marks a text annotation: `Annotated[str, OneOf(("edge", "datacenter"))]`."""

    choices: tuple[str, ...]


class _Place(NamedTuple):
    """Where a value stands: a file, and the dotted path in it."""

    source: str
    path: str = ""

    def at(self, key: str) -> _Place:
        return _Place(self.source, f"{self.path}.{key}" if self.path else key)

    def error(
        self, what: str, *, why: str | None = None, fix: str | None = None
    ) -> BenchwrightError:
        where = f"{self.source}: {self.path}" if self.path else self.source
        return BenchwrightError(what, where=where, why=why, fix=fix)


_Reader = Callable[[object, _Place], Any]


def decode(kind: type[T], value: object, source: str) -> T:
    """Read `value` as a `kind`.

    kind: a `NamedTuple` whose fields are annotated with `str`, `int`, `float`, `bool`, `X | None`,
    `int | float`, `tuple[X, ...]`, `Mapping[str, X]` (keys and texts may be limited by `OneOf`) or
    further named tuples; a field with a default may be missing. The annotations must be objects,
    not texts: a module that defines such a tuple does not postpone them.
    source: the file's name, for errors. Raises `BenchwrightError`.
    """
    schema: Any = kind
    result: T = _reader(schema)(value, _Place(source))
    return result


@cache
def _reader(kind: Any) -> _Reader:
    if kind in _SCALARS:
        return _SCALARS[kind]
    if hasattr(kind, "_fields"):
        return _record_reader(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _choice_reader(args[1])
    if origin in (Union, UnionType):
        return _union_reader(args)
    if origin is tuple:
        return _tuple_reader(_reader(args[0]))
    if origin is Mapping:
        return _mapping_reader(_reader(args[0]), _reader(args[1]))
    raise TypeError(f"no reader for the annotation {kind!r}")


def _text(value: object, place: _Place) -> str:
    if not isinstance(value, str):
        raise place.error(f"expected text, found {_seen(value)}")
    return value


def _boolean(value: object, place: _Place) -> bool:
    if not isinstance(value, bool):
        raise place.error(f"expected true or false, found {_seen(value)}")
    return value


def _whole(value: object, place: _Place) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise place.error(f"expected a whole number, found {_seen(value)}")
    return value


def _number(value: object, place: _Place) -> int | float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise place.error(f"expected a number, found {_seen(value)}")
    return value


def _real(value: object, place: _Place) -> float:
    return float(_number(value, place))


_SCALARS: dict[Any, _Reader] = {str: _text, bool: _boolean, int: _whole, float: _real}


def _choice_reader(limit: OneOf) -> _Reader:
    known = frozenset(limit.choices)

    def read(value: object, place: _Place) -> str:
        text = _text(value, place)
        if text not in known:
            raise place.error(f"`{text}` is not allowed", fix=did_you_mean(text, known))
        return text

    return read


def _union_reader(kinds: tuple[Any, ...]) -> _Reader:
    if set(kinds) == {int, float}:
        return _number
    inner = [kind for kind in kinds if kind is not NoneType]
    if len(inner) != 1 or len(kinds) != 2:
        raise TypeError(f"no reader for a union of {kinds!r}")
    read_inner = _reader(inner[0])

    def read(value: object, place: _Place) -> Any:
        return None if value is None else read_inner(value, place)

    return read


def _tuple_reader(read_item: _Reader) -> _Reader:
    def read(value: object, place: _Place) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise place.error(f"expected a list, found {_seen(value)}")
        return tuple(read_item(item, place.at(str(i))) for i, item in enumerate(value))

    return read


def _mapping_reader(read_key: _Reader, read_item: _Reader) -> _Reader:
    def read(value: object, place: _Place) -> FrozenMap[str, Any]:
        items = {}
        for key, item in _mapping(value, place).items():
            here = place.at(str(key))
            items[read_key(key, here)] = read_item(item, here)
        return FrozenMap(items)

    return read


def _record_reader(kind: Any) -> _Reader:
    readers = {name: _reader(hint) for name, hint in kind.__annotations__.items()}
    needed = [name for name in kind._fields if name not in kind._field_defaults]

    def read(value: object, place: _Place) -> Any:
        given = _mapping(value, place)
        if unknown := [key for key in given if key not in readers]:
            key = str(unknown[0])
            raise place.at(key).error("unknown key", fix=did_you_mean(key, readers))
        if missing := [name for name in needed if name not in given]:
            raise place.at(missing[0]).error("this value is missing")
        return kind(**{key: readers[key](item, place.at(key)) for key, item in given.items()})

    return read


def _mapping(value: object, place: _Place) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise place.error(f"expected a mapping, found {_seen(value)}")
    return value


def _seen(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f"`{value}` ({type(value).__name__})"
