"""The task graph as data: tasks with their status, who needs whom, and in which layer each stands.

Drawing it is `benchwright.cli.graph`'s and `benchwright.build.drawing`'s work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchwright.build.status import TaskStatus, meta_of, needs, ordered


@dataclass(frozen=True, slots=True)
class Graph:
    """tasks: name → status, each after what it needs; edges: (needed, task) pairs, without
    doit's group tasks."""

    tasks: Mapping[str, TaskStatus]
    edges: tuple[tuple[str, str], ...]

    def under(self, names: Iterable[str]) -> Graph:
        """The part that the named tasks need, themselves included."""
        needed = self.needed()
        kept: set[str] = set()
        stack = list(names)
        while stack:
            name = stack.pop()
            if name not in kept:
                kept.add(name)
                stack.extend(needed[name])
        return Graph(
            {name: status for name, status in self.tasks.items() if name in kept},
            tuple(edge for edge in self.edges if edge[1] in kept),
        )

    def needed(self) -> dict[str, list[str]]:
        """Task → what it needs directly."""
        found: dict[str, list[str]] = {name: [] for name in self.tasks}
        for first, then in self.edges:
            found[then].append(first)
        return found

    def layers(self) -> list[list[str]]:
        """The tasks by the length of the longest way to them, moved up to just below the first that
        needs them, so that few edges cross a layer; within a layer as they come."""
        needed = self.needed()
        depth: dict[str, int] = {}
        above: dict[str, int] = {}
        for name in self.tasks:
            depth[name] = 1 + max((depth[other] for other in needed[name]), default=-1)
        for name in reversed(list(self.tasks)):
            depth[name] = above.get(name, depth[name] + 1) - 1
            for other in needed[name]:
                above[other] = min(above.get(other, depth[name]), depth[name])
        found: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
        for name, layer in depth.items():
            found[layer].append(name)
        return found

    def reduced(self) -> Graph:
        """Without the edges that follow from others: what people want to see."""
        needed = self.needed()
        reach: dict[str, set[str]] = {}
        kept = []
        for name in self.tasks:
            further = set().union(*(reach[other] for other in needed[name]))
            kept += [(other, name) for other in needed[name] if other not in further]
            reach[name] = further.union(needed[name])
        return Graph(self.tasks, tuple(kept))


def graph_of(tasks: Iterable[Any], found: Mapping[str, TaskStatus]) -> Graph:
    """The graph of doit tasks with the statuses that `status.statuses` gave them."""
    every = ordered(tasks)
    real = [task for task in every if meta_of(task) or task.actions]
    names = {task.name for task in real}
    producer = {target: task.name for task in every for target in task.targets}
    edges = {
        (need, task.name): None
        for task in real
        for need in sorted(needs(task, producer))
        if need in names
    }
    return Graph({task.name: found[task.name] for task in real}, tuple(edges))
