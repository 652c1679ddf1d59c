"""What a family's miniature is, and a project in which it stands for the official preset."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from benchwright.contracts.benchmark import BenchmarkInfo
from benchwright.contracts.source import Manual
from benchwright.plugins import DISABLE_VARIABLE
from core.http_server import Resource, Server, serving
from functional.project import Outcome, Project

TESTS = Path(__file__).parents[2]

CAMPAIGN = """\
round: v3.1
division: open
category: [edge, datacenter]
duration: 1
preset: official
benchmarks: [{benchmark}]
backends: [onnxruntime]
scenarios: [Offline]
settings: {{Offline: {{target_qps: {rate}}}}}
"""


@dataclass
class Miniature:
    """Files in the official formats, by the names of the official preset's sources.

    family, benchmark: names; package: the built-in plugin's module; module: that of `make`, whose
    `shrink(values)` makes the official sizes small where weights come as a checkpoint.
    accuracy: what an accuracy run must come to, by metric. bucket: files that making the data set
    fetches besides; `shrink` is told where they lie. rate: samples a second to ask for.
    """

    family: str
    benchmark: str
    package: str
    module: str
    dataset: dict[str, bytes]
    model: dict[str, bytes]
    samples: int
    accuracy: Mapping[str, float]
    rate: float = 20.0
    disk_bytes: int = 50_000_000
    memory_bytes: int = 200_000_000
    values: Mapping[str, Any] = field(default_factory=dict)
    bucket: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def plugin(self) -> str:
        """The built-in plugin's name."""
        return self.package.removeprefix("benchwright_")

    @property
    def info(self) -> BenchmarkInfo:
        """The built-in descriptor."""
        found = {info.name: info for info in import_module(self.package).benchmarks()}
        info = found[self.benchmark]
        assert isinstance(info, BenchmarkInfo)
        return info

    @property
    def manual(self) -> list[str]:
        """Names of the files that are to be placed by hand."""
        return [item.name for item in self.info.presets["official"].dataset
                if isinstance(item, Manual)]  # fmt: skip

    def specification(self, server: Server) -> dict[str, Any]:
        """What `plugin` reads; the files are on the server from now on."""
        official = self.info.presets["official"]
        algorithms = {item.name: item.checksum.algorithm for item in
                      (*official.dataset, *official.model) if item.checksum}  # fmt: skip
        files = {}
        for name, content in {**self.dataset, **self.model}.items():
            digest = hashlib.new(algorithms.get(name, "sha256"), content).hexdigest()
            files[name] = {
                "url": server.add(f"/{name}", Resource(content, etag=f'"{digest}"')),
                "checksum": digest,
                "size": len(content),
            }
        values = dict(self.values)
        if self.bucket:
            values["bucket"] = server.url("/bucket")
            for name, content in self.bucket.items():
                server.add(f"/bucket/{name}", Resource(content))
        return {
            "family": self.family,
            "package": self.package,
            "module": self.module,
            "files": files,
            "samples": self.samples,
            "disk_bytes": self.disk_bytes,
            "memory_bytes": self.memory_bytes,
            "values": values,
        }


@dataclass
class Served:
    """A miniature, its server, and a project that uses them."""

    made: Miniature
    server: Server
    project: Project
    outcome: Outcome | None = None

    @property
    def subject(self) -> str:
        return f"{self.made.benchmark}-official/onnxruntime"

    @property
    def task(self) -> str:
        """The family's part of task names."""
        return f"{self.made.family}-official"

    @property
    def downloads(self) -> Path:
        return self.project.folder / "build" / "downloads"

    @property
    def dataset(self) -> Path:
        return self.project.file("datasets", self.task, "raw")

    @property
    def samples(self) -> Path:
        return self.project.file("datasets", self.task, "preprocessed")

    def file(self, name: str) -> Resource:
        """A source on the server."""
        return self.server.resources[f"/{name}"]

    def place(self) -> None:
        """Puts the licensed files where a person is told to put them."""
        self.downloads.mkdir(parents=True, exist_ok=True)
        for name in self.made.manual:
            (self.downloads / name).write_bytes(self.made.dataset[name])

    def specify(self, **changes: Any) -> None:
        """Changes what the plugin reads."""
        path = Path(self.project.env["MINIATURE"])
        given = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**given, **changes}), encoding="utf-8")

    def campaign(self, more: str = "") -> None:
        text = CAMPAIGN.format(benchmark=self.made.benchmark, rate=self.made.rate)
        self.project.campaign(text + more)

    def another(self, name: str) -> Served:
        """A second project beside the first, with nothing built."""
        project = Project(self.project.folder.with_name(name), dict(self.project.env))
        project.path = list(self.project.path)
        found = Served(self.made, self.server, project)
        found.campaign()
        return found


@contextmanager
def served(made: Miniature, folder: Path, env: Mapping[str, str]) -> Iterator[Served]:
    """The miniature on a running server, and a project for it in `folder`."""
    with serving() as server:
        path = folder / "miniature.json"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(made.specification(server)), encoding="utf-8")
        project = Project(folder / "project", dict(env))
        project.env |= {"MINIATURE": str(path), DISABLE_VARIABLE: made.plugin}
        project.plug("miniature", "functional.official.plugin", source=TESTS)
        found = Served(made, server, project)
        found.campaign()
        yield found


def tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """A tar archive; mode: `w` or `w:gz`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()
