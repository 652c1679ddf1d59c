"""What tasks ask for, what this machine has, and what of it a build may use.

Amounts are numbers by name: `cpu` in cores, `memory` and `disk` in bytes, `gpu` in devices.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchwright.errors import UsageError, did_you_mean

NAMES = ("cpu", "memory", "gpu", "disk")
"""Everything that a task may ask for."""


def stated(task: str, resources: Mapping[str, float] | None) -> dict[str, float]:
    """What a task asks for, checked: one core where it does not say."""
    found: dict[str, float] = {"cpu": 1}
    for name, amount in (resources or {}).items():
        if name not in NAMES:
            raise UsageError(
                f"unknown resource `{name}`; {did_you_mean(name, NAMES)}".rstrip("; "),
                where=f"task {task}",
            )
        number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not number or not 0 <= amount < math.inf:
            raise UsageError(
                f"`{name}` must be a number from 0 up, not {amount!r}", where=f"task {task}"
            )
        found[name] = amount
    return found


def parse_budget(text: str) -> dict[str, float]:
    """Amounts from `cpu=2,memory=8GB,gpu=0`; UsageError when it is anything else."""
    found: dict[str, float] = {}
    for part in filter(None, (item.strip() for item in text.split(","))):
        name, _, value = part.partition("=")
        if name not in NAMES:
            raise UsageError(
                f"unknown resource `{name}`; {did_you_mean(name, NAMES)}".rstrip("; "),
                where="--budget",
                fix="write it as in --budget=cpu=2,memory=8GB,gpu=0",
            )
        amount = parse_bytes(value) if name in ("memory", "disk") else _count(value)
        if amount is None or (name == "cpu" and amount <= 0):
            raise UsageError(
                f"`{value}` is no amount of `{name}`",
                where="--budget",
                fix="write it as in --budget=cpu=2,memory=8GB,gpu=0",
            )
        found[name] = amount
    return found


def parse_jobs(text: str) -> int | None:
    """How many tasks at a time: 0 and 1 one after the other, None for `auto`."""
    if text == "auto":
        return None
    if not re.fullmatch("[0-9]{1,4}", text):
        raise UsageError(f"`{text}` is no number of jobs", where="-n", fix="write -n 4 or -n auto")
    return int(text)


def _count(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) else None


def parse_bytes(text: str) -> float | None:
    """Bytes from `8GB`, `500MiB` or `1000`; None when it is anything else."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([kmgt]?)(i?)b?", text, re.IGNORECASE)
    if match is None:
        return None
    unit = match[2].lower()
    if match[3] and not unit:
        return None
    power = " kmgt".index(unit or " ")
    return float(match[1]) * float((1024 if match[3] else 1000) ** power)


class Budget(NamedTuple):
    """has: what there is at all, beyond which a task is refused; free: what tasks that run at
    the same time may take together."""

    has: Mapping[str, float]
    free: Mapping[str, float]
    given: frozenset[str] = frozenset()
    """The names that `--budget` stated."""

    def lacks(self, resources: Mapping[str, float]) -> list[str]:
        """The names of what a task asks for beyond what there is."""
        return [name for name in NAMES if resources.get(name, 0) > self.has[name]]

    def fits(self, resources: Mapping[str, float], running: Iterable[Mapping[str, float]]) -> bool:
        """Whether a task may start beside those that run."""
        taken = list(running)
        return all(
            amount + sum(other.get(name, 0) for other in taken) <= self.free[name] + 1e-9
            for name, amount in resources.items()
            if amount > 0
        )


def budget(text: str = "", jobs: int | None = 1, folder: str = ".") -> Budget:
    """This machine's budget as `--budget` and `-n` change it; folder: where the build writes.

    Somebody who asks for more jobs than there are cores gets them.
    """
    given = parse_budget(text)
    memory, available = memory_bytes()
    has = {"cpu": cores(), "memory": memory, "gpu": float(gpus()), "disk": disk_free(folder)}
    has.update(given)
    free = {**has, "memory": min(available, memory), **given}
    if "cpu" not in given:
        free["cpu"] = max(has["cpu"], float(jobs or 0))
    return Budget(has, free, frozenset(given))


def job_count(jobs: int | None, found: Budget) -> int:
    """How many tasks at a time; `auto` (None) is as many as the budget has cores."""
    return max(1, math.floor(found.free["cpu"])) if jobs is None else max(1, jobs)


def refusal(task: str, resources: Mapping[str, float], found: Budget) -> UsageError | None:
    """Why a task can never run here, or None."""
    names = found.lacks(resources)
    if not names:
        return None
    asks = ", ".join(f"{amount_text(name, resources[name])}" for name in names)
    has = ", ".join(
        f"{amount_text(name, found.has[name])}{' by --budget' if name in found.given else ''}"
        for name in names
    )
    name = names[0]
    example = f"{resources[name]:g}" if name in ("cpu", "gpu") else f"{resources[name] / 1e9:.3g}GB"
    return UsageError(
        f"this task asks for more than there is: {asks}",
        where=f"task {task}",
        why=f"there is {has}",
        fix=f"run it on another machine; if the probe is wrong, say --budget={name}={example}",
    )


def refuse_too_big(
    metas: Mapping[str, Mapping[str, Any]],
    found: Budget | None,
    due: Callable[[], Collection[str]],
) -> None:
    """UsageError where a task that would run asks for more than there is, or where those that
    would run need more disk together than is free.

    metas: our part of each task's meta; found: the budget where one was asked for; due: gives the
    names of the tasks that would run, which is only asked where something is too big. The machine
    is only looked at when a task asks for more than any machine has.
    """
    asking = {name: meta["resources"] for name, meta in metas.items() if _asks(meta)}
    if not asking:
        return
    here = found or budget()
    refused = {name: refusal(name, resources, here) for name, resources in asking.items()}
    crowded = _disk(asking, asking) > here.has["disk"]
    if not crowded and not any(refused.values()):
        return
    wanted = due()
    for name in wanted:
        if (error := refused.get(name)) is not None:
            raise error
    needed = _disk(asking, wanted)
    if needed > here.has["disk"]:
        largest = max(wanted, key=lambda name: _disk(asking, [name]))
        by_budget = " by --budget" if "disk" in here.given else ""
        raise UsageError(
            f"what is due needs up to {amount_text('disk', needed)}, and there is "
            f"{amount_text('disk', here.has['disk'])}{by_budget}",
            why=f"the most is for `{largest}`",
            fix="make room, build elsewhere, or run fewer benchmarks at a time",
        )


def _disk(asking: Mapping[str, Mapping[str, float]], names: Iterable[str]) -> float:
    return sum(asking[name].get("disk", 0) for name in names if name in asking)


def _asks(meta: Mapping[str, Any]) -> bool:
    resources: Mapping[str, float] = meta.get("resources") or {}
    return len(resources) > 1 or resources.get("cpu", 0) > 1


def amount_text(name: str, amount: float) -> str:
    """`2 cpu`, `16 GB memory`."""
    if name in ("cpu", "gpu"):
        return f"{amount:g} {name}"
    from benchwright.build.display import size

    return f"{size(amount)} {name}"


def cores(root: Path = Path("/")) -> float:
    """Cores' worth of time that this process may use, at least one."""
    try:
        usable = float(len(os.sched_getaffinity(0)))
    except AttributeError:
        usable = float(os.cpu_count() or 1)
    quotas = [_quota(text) for text in _group_files(root, "cpu", "cpu.max")]
    for used, period in zip(
        _group_files(root, "cpu", "cpu.cfs_quota_us"),
        _group_files(root, "cpu", "cpu.cfs_period_us"),
        strict=False,
    ):
        quotas.append(_quota(f"{used} {period}"))
    return max(1.0, min([usable, *(quota for quota in quotas if quota is not None)]))


def _quota(text: str) -> float | None:
    fields = text.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields) or int(fields[1]) == 0:
        return None
    return int(fields[0]) / int(fields[1]) or None


def memory_bytes(root: Path = Path("/")) -> tuple[float, float]:
    """(total, available) bytes of memory, within the limits of control groups."""
    text = _text(root / "proc/meminfo") or ""
    rows: dict[str, str] = dict(re.findall(r"^(\w+): +([0-9]+) kB", text, re.MULTILINE))
    if "MemTotal" in rows:
        total = float(rows["MemTotal"]) * 1024
        available = float(rows.get("MemAvailable", rows["MemTotal"])) * 1024
    else:
        import psutil

        memory = psutil.virtual_memory()
        total, available = float(memory.total), float(memory.available)
    limits = [
        float(text)
        for name in ("memory.max", "memory.limit_in_bytes")
        for text in _group_files(root, "memory", name)
        if text.isdigit() and int(text) > 0
    ]
    total = min([total, *limits])
    return total, min(total, available)


def gpus() -> int:
    """GPUs with a device file of NVIDIA's driver, as far as CUDA_VISIBLE_DEVICES shows them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = len([path for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit()])
    if visible is None:
        return found
    return min(found, len([item for item in visible.split(",") if item.strip() not in ("", "-1")]))


def disk_free(folder: str) -> float:
    """Bytes that this user may still write where the build goes."""
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    status = os.statvfs(place)
    return float(status.f_bavail) * status.f_frsize


def _group_files(root: Path, controller: str, name: str) -> list[str]:
    """A control group file's text in this process's group and all above it, where mounted as
    usual (the probe in benchwright_linux knows the unusual)."""
    found = []
    for row in (_text(root / "proc/self/cgroup") or "").splitlines():
        number, _, rest = row.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            mount = root / "sys/fs/cgroup"
        elif controller in controllers.split(","):
            mount = root / "sys/fs/cgroup" / controller
        else:
            continue
        parts = [part for part in group.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            text = _text(mount.joinpath(*parts[:depth], name))
            if text is not None:
                found.append(text.strip())
    return found


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def asked(meta: Mapping[str, Any]) -> Mapping[str, float]:
    """What a task's meta asks for; a foreign task takes a core."""
    found: Mapping[str, float] = meta.get("resources") or {"cpu": 1}
    return found
