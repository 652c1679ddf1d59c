"""Stage `loadgen`: the installed module, or one that is built from source for this campaign."""

from __future__ import annotations

import json
import os
import re
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchwright.build.artifact import sha256_of
from benchwright.build.recipe import Kitchen, Recipe
from benchwright.build.task import product
from benchwright.campaign import LoadgenSettings
from benchwright.distributions import installed_version
from benchwright.errors import BenchwrightError, UsageError
from benchwright.plan import Plan

MODULE = "mlperf_loadgen"
_DISTRIBUTIONS = ("mlcommons-loadgen", "mlperf-loadgen")
"""The released name, and what a source of 4.0 or older calls itself."""

_FILE = "loadgen.json"
_SITE = "site"
_BUILD_TOOLS_BYTES = 3_000_000
_SCRATCH_BYTES = 80_000_000


def tasks(plan: Plan) -> Iterator[dict[str, Any]]:
    """The one task of this stage."""
    settings = plan.campaign.loadgen
    if settings.build == "source":
        yield _source_task(plan, _named_source(plan, settings))
        return
    _refuse_source_keys(plan, settings)
    installed = _installed()
    if installed is None:
        # There is no wheel for this platform, so the release is built here.
        yield _source_task(plan, _released(None, None), instead=True)
    else:
        yield _wheel_task(plan, *installed)


def _refuse_source_keys(plan: Plan, settings: LoadgenSettings) -> None:
    for name in ("version", "source", "checksum"):
        if getattr(settings, name) is not None:
            raise UsageError(
                f"`{name}` is of no use with `build: wheel`, which takes the installed loadgen",
                where=plan.campaign.where("loadgen", name),
                fix="add `build: source`, or remove the key",
            )


def _installed() -> tuple[str, str] | None:
    """(version, file) of the installed module; None where there is none."""
    spec = find_spec(MODULE)
    if spec is None or spec.origin is None:
        return None
    for name in _DISTRIBUTIONS:
        release = installed_version(name)
        if release is not None:
            return release, spec.origin
    return "unknown", spec.origin


def python_interface() -> str:
    """What a compiled module must fit, such as `cpython-311-x86_64-linux-gnu`."""
    return str(sysconfig.get_config_var("SOABI") or sysconfig.get_platform())


def libc() -> str:
    """The C library that a compiled module was made for, or runs with, such as `glibc 2.36`; the
    platform's name where it has no version of its own."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or sysconfig.get_platform()
    except (AttributeError, ValueError, OSError):
        return sysconfig.get_platform()


def _wheel_task(plan: Plan, installed: str, file: str) -> dict[str, Any]:
    made = Recipe(
        task="loadgen",
        call="benchwright_tasks.loadgen:build",
        folder=plan.layout.loadgen,
        parameters={"build": "wheel"},
        inputs={"module": file},
        tools={_DISTRIBUTIONS[0]: installed, "python": python_interface(), "libc": libc()},
        log=plan.layout.log("loadgen"),
        store=plan.campaign.store.use,
    )
    return product(made, doc=f"loadgen {installed}, the installed one", files=[_FILE])


class _Source:
    """A source to build: what counts for the key, what the build needs besides, and the files
    that count by their digest."""

    def __init__(
        self,
        doc: str,
        counts: Mapping[str, Any],
        aside: Mapping[str, Any],
        inputs: Mapping[str, str] | None = None,
        files: Iterable[str] = (),
    ) -> None:
        self.doc = doc
        self.counts = counts
        self.aside = aside
        self.inputs = inputs or {}
        self.files = files


def _source_task(plan: Plan, source: _Source, *, instead: bool = False) -> dict[str, Any]:
    from benchwright.harness import loadgen_build

    made = Recipe(
        task="loadgen",
        call="benchwright_tasks.loadgen:build",
        folder=plan.layout.loadgen,
        parameters={"build": "source", "recipe": loadgen_build.RECIPE, **source.counts},
        inputs=source.inputs,
        tools={
            "compiler": loadgen_build.compiler_line(),
            "python": python_interface(),
            "libc": libc(),
        },
        log=plan.layout.log("loadgen"),
        keyed_by_source=False,
        store=plan.campaign.store.use,
        aside={**source.aside, "downloads": plan.layout.downloads, "instead": instead},
    )
    return product(
        made,
        doc=f"loadgen, built from {source.doc}" + (" (none is installed)" if instead else ""),
        files=[_FILE],
        seconds=loadgen_build.BUILD_SECONDS,
        disk_bytes=_SCRATCH_BYTES,
        download_bytes=_BUILD_TOOLS_BYTES,
        watches=source.files,
    )


# Which source


def _named_source(plan: Plan, settings: LoadgenSettings) -> _Source:
    where = plan.campaign.where
    checksum = _checksum(plan, settings)
    if settings.source is None:
        return _released(_version(plan, settings), checksum)
    if settings.version is not None:
        raise UsageError(
            "`version` names a release, `source` something else: only one of them can be built",
            where=where("loadgen", "version"),
            fix="remove one of the two",
        )
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", settings.source):
        return _from_url(plan, settings.source, checksum)
    path = Path(settings.source).expanduser()
    if path.is_dir():
        return _from_folder(plan, path, checksum)
    if path.is_file():
        # Its content counts as an input, so that planning need not read it.
        return _Source(
            path.name, {"from": "archive", "checksum": checksum}, {}, {"archive": str(path)}
        )
    raise UsageError(
        "there is no such file or folder",
        where=where("loadgen", "source"),
        why=f"{path} does not exist (a relative path starts at {Path.cwd()})",
        fix="name a folder, an archive or an https:// address",
    )


def _released(release: str | None, checksum: str | None) -> _Source:
    from benchwright.harness.loadgen_build import DEFAULT_VERSION

    wanted = release or DEFAULT_VERSION
    counts = {"from": "release", "version": wanted, "checksum": checksum}
    return _Source(f"the source of release {wanted}", counts, {})


def _version(plan: Plan, settings: LoadgenSettings) -> str | None:
    if settings.version is None or re.fullmatch(r"[0-9][0-9A-Za-z.+!]*", settings.version):
        return settings.version
    raise UsageError(
        f"`{settings.version}` is not a version",
        where=plan.campaign.where("loadgen", "version"),
        fix="write one such as 6.0.17",
    )


def _checksum(plan: Plan, settings: LoadgenSettings) -> str | None:
    from benchwright.download import Checksum

    if settings.checksum is None:
        return None
    try:
        return str(Checksum.parse(settings.checksum))
    except BenchwrightError as error:
        where = plan.campaign.where("loadgen", "checksum")
        raise UsageError(error.what, where=where, why=error.why, fix=error.fix) from None


def _from_folder(plan: Plan, path: Path, checksum: str | None) -> _Source:
    from benchwright.harness.loadgen_source import source_digest, source_files, source_folder

    where = plan.campaign.where("loadgen", "source")
    if checksum is not None:
        raise UsageError(
            "a folder has no checksum",
            where=plan.campaign.where("loadgen", "checksum"),
            fix="remove the key: the folder's content counts by itself",
        )
    try:
        folder = source_folder(path)
        digest = source_digest(folder)
        files = [str(file) for _, file in source_files(folder)]
    except OSError as error:
        raise UsageError("this folder cannot be read", where=where, why=str(error)) from None
    except BenchwrightError as error:
        why = f"{error.where}: {error.why}"
        raise UsageError(error.what, where=where, why=why, fix=error.fix) from None
    counts = {"from": "folder", "sha256": digest}
    return _Source(str(path), counts, {"folder": str(folder)}, files=files)


def _from_url(plan: Plan, url: str, checksum: str | None) -> _Source:
    if checksum is None:
        raise UsageError(
            "a source from the network needs a checksum",
            where=plan.campaign.where("loadgen", "source"),
            fix="add `checksum: sha256:…` beside it",
        )
    try:
        _download(url, checksum)
    except BenchwrightError as error:
        where = plan.campaign.where("loadgen", "source")
        raise UsageError(error.what, where=where, why=error.why, fix=error.fix) from None
    return _Source(url, {"from": "url", "checksum": checksum}, {"url": url})


def _download(url: str, checksum: str) -> Any:
    from benchwright.download import Checksum, Download

    parsed = Checksum.parse(checksum)
    # Named by content: two campaigns may name two files of one name.
    return Download(f"loadgen-{parsed.value}", (url,), parsed)


# The action


def build(kitchen: Kitchen) -> None:
    """Writes loadgen.json, and for a build from source the unpacked wheel in `site`."""
    from benchwright.harness.loadgen_build import try_module

    if kitchen.parameters["build"] == "source":
        facts, module = _build_source(kitchen)
    else:
        module = try_module(None, kitchen)
        installed = kitchen.recipe.tools[_DISTRIBUTIONS[0]]
        facts = {"version": installed, "source_sha256": None, "compiler": None}
    kitchen.facts.update(
        facts,
        build=kitchen.parameters["build"],
        python=kitchen.recipe.tools["python"],
        module=module.name,
    )
    described = {
        **kitchen.facts,
        "path": _SITE if kitchen.parameters["build"] == "source" else None,
        "module_sha256": sha256_of(module),
    }
    text = json.dumps(described, indent=1, sort_keys=True)
    (kitchen.out / _FILE).write_text(f"{text}\n", encoding="utf-8")


def _build_source(kitchen: Kitchen) -> tuple[dict[str, Any], Path]:
    from benchwright.harness import loadgen_build, loadgen_source

    if kitchen.recipe.aside.get("instead"):
        release = kitchen.parameters["version"]
        kitchen.say(f"{_DISTRIBUTIONS[0]} is not installed: building {release} from its source")
    # Alone in its folder: loadgen's build asks git about the folder above its own.
    source = kitchen.scratch() / "source" / "loadgen"
    if kitchen.parameters["from"] == "folder":
        loadgen_source.copy_source(Path(kitchen.recipe.aside["folder"]), source)
    else:
        archive = _archive(kitchen)
        kitchen.note(f"archive: {archive}")
        loadgen_source.unpack_source(archive, source, kitchen.scratch())
    built = loadgen_build.build(source, kitchen.out / _SITE, kitchen)
    facts = {
        "version": built.version,
        "source_sha256": built.source_sha256,
        "compiler": built.compiler,
    }
    return facts, built.module


def _archive(kitchen: Kitchen) -> Path:
    """The archive to build from, verified where there is a checksum."""
    from benchwright.download import Checksum, fetch, file_checksum
    from benchwright.harness.loadgen_build import download_sdist

    given = kitchen.parameters
    if given["from"] == "url":
        download = _download(kitchen.recipe.aside["url"], given["checksum"])
        downloads = Path(kitchen.recipe.aside["downloads"])
        return fetch(download, downloads, progress=kitchen.progress, note=kitchen.note)
    if given["from"] == "release":
        archive = download_sdist(given["version"], kitchen)
    else:
        archive = kitchen.input("archive")
    if given["checksum"] is not None:
        expected = Checksum.parse(given["checksum"])
        found = file_checksum(archive, expected.algorithm)
        if found != expected:
            raise BenchwrightError(
                "this archive has another content than expected",
                where=str(archive),
                why=f"expected {expected}, found {found}",
                fix="get the archive again, or correct `loadgen.checksum`",
            )
    return archive
