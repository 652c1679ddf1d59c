"""What every examination shares: finding what is examined, its descriptor, its options.

A vendor subclasses one of the examinations of this package, names what is to be examined, and
pytest runs every test of it.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, ClassVar, TypeVar

import pytest

from benchwright import yamlfile
from benchwright.distributions import NOT_INSTALLED, tool_version
from benchwright.errors import UsageError, did_you_mean
from benchwright.options import Options
from benchwright.plugins import Registry
from benchwright.testing.verdict import fail, require
from benchwright.validation import validate

HEAVY = (
    "numpy", "onnx", "onnxruntime", "openvino", "torch", "tensorflow", "tensorrt", "jax", "scipy",
    "pandas", "cv2", "PIL", "matplotlib", "requests", "transformers", "sklearn",
)  # fmt: skip
"""Packages that take long to import: none may come in when plugins are only listed."""

Value = TypeVar("Value")


@cache
def installed() -> Registry:
    """The plugins of this environment."""
    return Registry()


@cache
def _heavy_when_listed() -> str:
    code = (
        "import sys\n"
        "from benchwright.hooks import LISTING_HOOKS\n"
        "from benchwright.plugins import Registry\n"
        "registry = Registry()\n"
        "for hook in LISTING_HOOKS:\n"
        "    getattr(registry, hook)\n"
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


class Examination:
    """The base of all examinations.

    info: the name under which a plugin of this environment registers what is examined, or its
    descriptor itself. bound_s: a bound for the one timed call, in seconds, where you want it
    asserted; without one the time is only reported (printed, and a property in a junit report).
    """

    info: ClassVar[Any] = None
    bound_s: ClassVar[float | None] = None
    family: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    _made: ClassVar[dict[str, Any]] = {}

    @classmethod
    def descriptor(cls) -> Any:
        """What the hook hands over."""
        if cls.info is None:
            fail(f'{cls.__name__} must say what it examines: info = "the {cls.kind}\'s name"')
        if not isinstance(cls.info, str):
            return cls.info
        known = getattr(installed(), cls.family)
        if cls.info not in known:
            told = "\n".join(installed().problems())
            near = did_you_mean(cls.info, known)
            fail(
                f"no plugin of this environment brings a {cls.kind} `{cls.info}`; {near}\n{told}\n"
                "is your package installed here? `pip install -e .`, then `benchwright plugins`"
            )
        return known[cls.info]

    @classmethod
    def _once(cls, name: str, make: Callable[[], Value]) -> Value:
        """What `make` gives, made by the first test of the class that asks for it."""
        # Fixtures of a whole class are written in other ways by different versions of pytest.
        if "_made" not in vars(cls):
            cls._made = {}
        if name not in cls._made:
            cls._made[name] = make()
        found: Value = cls._made[name]
        return found

    def test_the_descriptor_names_it(self) -> None:
        """Name and summary are what lists, task names and folders can bear."""
        info = self.descriptor()
        plain = all(sign.isascii() and (sign.isalnum() or sign in "._-") for sign in info.name)
        require(
            plain and info.name and info.name[0].isalnum(),
            f"the name {info.name!r} must be letters, digits, `.`, `_`, `-`: it becomes a folder",
        )
        require(
            info.summary.strip() and "\n" not in info.summary,
            f"{info.name}: the summary must be one line that says what it is",
        )

    def test_listing_imports_nothing_heavy(self) -> None:
        """`benchwright list` answers at once: what is heavy is imported by `load`."""
        if not isinstance(self.info, str):
            pytest.skip("examined by its descriptor, not through an installed plugin")
        found = _heavy_when_listed()
        require(not found, f"listing the plugins of this environment imports {found}")

    def _require_sources(self, owner: str, sources: Iterable[str]) -> None:
        for module in sources:
            require(_exists(module), f"{owner}: the module `{module}` of `sources` does not exist")

    def _require_tools(self, owner: str, tools: Iterable[str]) -> None:
        for name in tools:
            require(
                tool_version(name) != NOT_INSTALLED,
                f"{owner}: the distribution `{name}` of `tools` is not installed, so that its "
                "version cannot count",
            )

    def _report(self, request: pytest.FixtureRequest, name: str, seconds: float, what: str) -> None:
        # The fixture record_property warns where a report in the form xunit2 is written.
        request.node.user_properties.append((name, seconds))
        print(f"{what}: {seconds * 1e6:.1f} us")
        if self.bound_s is not None:
            require(
                seconds <= self.bound_s,
                f"{what} took {seconds:.4g} s; this class allows {self.bound_s:g} s",
            )


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


class OptionsExamination(Examination):
    """Options: documented, with defaults that hold, and strict about names and types."""

    def _options(self) -> type[Options]:
        model = self.descriptor().load_options()
        require(
            isinstance(model, type) and issubclass(model, Options),
            "`load_options` of the descriptor must give a subclass of benchwright.options.Options",
        )
        found: type[Options] = model
        return found

    def test_every_option_is_described(self) -> None:
        """`benchwright plugins NAME` can say what each option does."""
        for name, field in self._options().model_fields.items():
            require(
                (field.description or "").strip(),
                f"option `{name}` has no description: Field(…, description=…)",
            )

    def test_every_option_has_a_default_that_holds(self) -> None:
        """Nothing has to be set, and a default is a value that the option itself would take."""
        model = self._options()
        needed = [name for name, field in model.model_fields.items() if field.is_required()]
        require(not needed, f"without a default: {', '.join(needed)}; nothing may have to be set")
        defaults = model()
        plain = defaults.model_dump(mode="json")
        try:
            again = model.model_validate(plain)
        except ValueError as error:
            fail(f"a default is refused by its own option: {error}")
        require(again == defaults, f"the defaults change when they are written down: {plain}")

    def test_a_misspelt_option_is_refused_with_the_near_miss(self) -> None:
        """`streems` is not ignored: the error says `did you mean \\`streams\\``."""
        model = self._options()
        known = list(model.model_fields)
        for name in known or ["anything"]:
            typo = name + name[-1]
            if typo in known:
                continue
            text = str(_refusal(model, {typo: 1}, f"the unknown option `{typo}`"))
            require(f"`{typo}`" in text, f"the refusal does not name `{typo}`: {text}")
            require(not known or "did you mean" in text, f"no suggestion for `{typo}`: {text}")

    def test_an_option_of_the_wrong_type_is_refused(self) -> None:
        """A list of nothing in place of a number or a word is an error before any work."""
        model = self._options()
        for name, schema in model.model_json_schema().get("properties", {}).items():
            if schema.get("type") in ("string", "integer", "number", "boolean") or "enum" in schema:
                what = f"a list for the option `{name}`"
                require(
                    f"{name}:" in str(_refusal(model, {name: [[]]}, what)), f"{what} was accepted"
                )


def _refusal(model: type[Options], given: dict[str, Any], what: str) -> UsageError:
    text = "".join(f"{name}: {value}\n" for name, value in given.items())
    try:
        validate(model, given, yamlfile.parse(text, "options.yaml"))
    except UsageError as error:
        return error
    fail(f"{what} was accepted")


def at_once(calls: Sequence[Callable[[], Value]]) -> list[Value]:
    """Calls all of them at the same time, each in a thread; fails where one raises."""
    answers: dict[int, Value] = {}
    raised: list[BaseException] = []
    together = threading.Barrier(len(calls))

    def work(number: int, call: Callable[[], Value]) -> None:
        try:
            together.wait(timeout=60)
            answers[number] = call()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=work, args=item, daemon=True) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    if raised:
        fail(f"in a thread, beside others: raised {type(raised[0]).__name__}: {raised[0]}")
    require(len(answers) == len(calls), "in a thread, beside others: did not come to an end")
    return [answers[number] for number in range(len(calls))]
