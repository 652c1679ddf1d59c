"""The programs of `benchwright.testing.exercises` as torch modules with safetensors; backends find
their factories by import path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from benchwright.contracts.program import Graph, TorchForm
from benchwright.testing.exercises import Exercise, chain, dense, label, tokens, weights


class Dense(nn.Module):
    output_names = ("y",)

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(16, 8))
        self.b = nn.Parameter(torch.empty(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x @ self.w + self.b).relu()


class Label(nn.Module):
    """Names its outputs in another order than the program asks for them."""

    output_names = ("label", "score")

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = 2 * x
        return logits.argmax(dim=1), logits.amax(dim=1)


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 6)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
        return [(self.table(ids) * mask[..., None]).sum(dim=1)]


class Decode(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(8, 3))

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return h @ self.w


STATES = {
    "Dense": {"w": (16, 8), "b": (8,)},
    "Label": {},
    "Tokens": {"table.weight": (10, 6)},
    "Decode": {"w": (8, 3)},
}


@dataclass(frozen=True)
class TorchExercise(Exercise):
    """An exercise whose graphs have the torch form alone."""

    def write_model(self, folder: Path) -> Path:
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        for graph in self.program.graphs:
            assert graph.torch is not None
            shapes = STATES[graph.torch.factory.partition(":")[2]]
            state = {name: torch.from_numpy(weights(*shape)) for name, shape in shapes.items()}
            save_file(state, str(folder / graph.torch.weights))
        return folder


def as_torch(exercise: Exercise, *modules: str) -> TorchExercise:
    """The exercise with these modules for its graphs."""

    def turned(graph: Graph, module: str) -> Graph:
        form = TorchForm(f"{__name__}:{module}", f"{graph.name}.safetensors")
        return replace(graph, onnx=None, torch=form)

    graphs = tuple(map(turned, exercise.program.graphs, modules))
    program = replace(exercise.program, graphs=graphs)
    return TorchExercise(program, exercise.samples, exercise.answers)


def torch_tokens(length: int = 5) -> Exercise:
    """The program that is dynamic in length."""
    return as_torch(tokens(length), "Tokens")


def torch_exercises() -> list[Exercise]:
    """All of them."""
    return [
        as_torch(dense(), "Dense"),
        as_torch(label(), "Label"),
        torch_tokens(),
        as_torch(chain(), "Dense", "Decode"),
    ]
