"""`benchwright graph`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from benchwright.build.drawing import as_svg, as_text, state
from benchwright.build.engine import with_state
from benchwright.build.graph import Graph, graph_of
from benchwright.build.recipe import explain_os_error
from benchwright.build.status import statuses
from benchwright.cli.common import find, load, print_json


def main(arguments: Namespace) -> int:
    """Draws the campaign's tasks, or the named ones and what they need."""
    _, tasks = load(arguments, extra=arguments.tasks)
    graphs: list[Graph] = []
    with_state(
        tasks,
        lambda by_name, records: graphs.append(
            graph_of(by_name.values(), statuses(by_name.values(), records))
        ),
    )
    graph = graphs[0]
    if arguments.tasks:
        graph = graph.under(
            name for typed in arguments.tasks for name in find(typed, tasks, arguments.started)
        )
    if arguments.svg:
        try:
            Path(arguments.svg).write_text(as_svg(graph), encoding="utf-8")
        except OSError as error:
            raise explain_os_error(error, arguments.svg) from error
    if arguments.json:
        print_json(_plain(graph))
    elif arguments.svg:
        print(f"{arguments.svg}: {len(graph.tasks)} tasks")
    else:
        print(as_text(graph))
    return 0


def _plain(graph: Graph) -> dict[str, object]:
    return {
        "nodes": [
            {
                "task": name,
                "stage": name.split(":", 1)[0],
                "status": state(status),
                "reasons": [*status.reasons, *status.stale],
            }
            for name, status in graph.tasks.items()
        ],
        "edges": [{"from": first, "to": then} for first, then in graph.edges],
    }
