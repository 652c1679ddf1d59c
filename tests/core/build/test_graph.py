"""The task graph: layers, what is left out, and its drawings."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from benchwright.build.drawing import as_svg, as_text
from benchwright.build.graph import Graph
from benchwright.build.status import TaskStatus

SVG = "{http://www.w3.org/2000/svg}"


def _graph(count: int, edges: set[tuple[int, int]]) -> Graph:
    """Numbered tasks; an edge goes from the lower number to the higher."""
    tasks = {f"t:{number}": TaskStatus(f"t:{number}", number % 3 == 0) for number in range(count)}
    return Graph(tasks, tuple((f"t:{first}", f"t:{then}") for first, then in sorted(edges)))


GRAPHS = st.integers(1, 9).flatmap(
    lambda count: st.builds(
        _graph,
        st.just(count),
        st.sets(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(
                lambda edge: edge[0] < edge[1]
            )
        ),
    )
)


def _reach(graph: Graph) -> dict[str, set[str]]:
    needed = graph.needed()
    found: dict[str, set[str]] = {}
    for name in graph.tasks:
        found[name] = set(needed[name]).union(*(found[other] for other in needed[name]))
    return found


@given(GRAPHS)
def test_every_task_stands_in_one_layer_above_what_it_needs(graph: Graph) -> None:
    layers = graph.layers()
    where = {name: number for number, layer in enumerate(layers) for name in layer}
    assert sorted(where) == sorted(graph.tasks)
    assert all(layers)
    assert all(where[first] < where[then] for first, then in graph.edges)


@given(GRAPHS)
def test_reduction_keeps_who_needs_whom_and_nothing_besides(graph: Graph) -> None:
    reduced = graph.reduced()
    assert _reach(reduced) == _reach(graph)
    for edge in reduced.edges:
        fewer = Graph(reduced.tasks, tuple(other for other in reduced.edges if other != edge))
        assert _reach(fewer) != _reach(reduced), f"{edge} follows from the others"


@given(GRAPHS)
def test_the_part_under_a_task_is_what_it_needs(graph: Graph) -> None:
    last = list(graph.tasks)[-1]
    assert set(graph.under([last]).tasks) == {last, *_reach(graph)[last]}


def test_text_marks_what_is_due_and_names_what_it_waits_for() -> None:
    graph = _graph(4, {(0, 2), (1, 2), (0, 3), (2, 3)})
    lines = as_text(graph).splitlines()
    assert lines[0] == "layer 1"
    assert "  * t:0" in lines
    assert "    t:1" in lines
    assert "    t:2  <- all of layer 1" in lines
    assert "  * t:3  <- t:2" in lines


def test_svg_shows_every_task_with_its_reasons_escaped() -> None:
    tasks = {
        "a:<1>": TaskStatus("a:<1>", True, ("option x changed from 1 to 2",)),
        "b": TaskStatus("b", False, (), ("source & co",)),
    }
    root = ElementTree.fromstring(as_svg(Graph(tasks, (("a:<1>", "b"),))))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[:2] == ["* a:<1>", "~ b"]
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert "a:<1>: due: option x changed from 1 to 2" in titles
    assert "b: stale: source & co" in titles
    assert len(list(root.iter(f"{SVG}path"))) == 1


def test_svg_boxes_do_not_overlap_in_a_graph_of_two_hundred() -> None:
    edges = {(number - 33, number) for number in range(33, 200)}
    edges |= {(number - 34, number) for number in range(34, 200)}
    root = ElementTree.fromstring(as_svg(_graph(200, edges)))
    boxes = [
        tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        for group in root.iter(f"{SVG}g")
        for box in group.iter(f"{SVG}rect")
    ]
    assert len(boxes) == 200
    for number, (x, y, width, height) in enumerate(boxes):
        for to_x, to_y, to_width, to_height in boxes[:number]:
            apart = x + width <= to_x or to_x + to_width <= x
            assert apart or y + height <= to_y or to_y + to_height <= y
