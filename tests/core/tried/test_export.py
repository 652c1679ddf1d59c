"""Exporting model folders, where torch and transformers are installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchwright.build.task import META
from benchwright.errors import BenchwrightError, UsageError
from benchwright.tried import export
from benchwright.tried.request import EXPORTERS, Asked
from benchwright.tried.resolve import Located

needed = pytest.mark.skipif(
    any(export.installed_version(name) is None for name in export.TOOLS),
    reason="the extra `export` (torch, transformers) is not installed",
)


def folder(place: Path, *names: str) -> Located:
    place.mkdir()
    for name in names:
        (place / name).write_text("{}", encoding="utf-8")
    return Located(place.name, place, None)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "installed_version", lambda name: "1")


@pytest.mark.usefixtures("installed")
def test_pickles_only_where_the_user_says_so(tmp_path: Path) -> None:
    model = folder(tmp_path / "m", "config.json", "pytorch_model.bin")
    with pytest.raises(UsageError, match="pickles") as caught:
        export.task_of(model, Asked())
    assert "--allow-pickle" in str(caught.value)
    task = export.task_of(model, Asked(pickles=True))
    assert task["name"].startswith("m-")
    assert str(model.folder / "pytorch_model.bin") in task["file_dep"]


@pytest.mark.usefixtures("installed")
def test_no_weights(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no weights"):
        export.task_of(folder(tmp_path / "m", "config.json"), Asked())


def test_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "installed_version", lambda name: None)
    with pytest.raises(UsageError, match=r"benchwright\[export\]"):
        export.task_of(folder(tmp_path / "m", "config.json", "model.safetensors"), Asked())


def test_without_optimum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its absence is told where it is asked for, and of no concern elsewhere."""
    own = export.TOOLS
    monkeypatch.setattr(export, "installed_version", lambda name: "1" if name in own else None)
    model = folder(tmp_path / "m", "config.json", "model.safetensors")
    export.task_of(model, Asked())
    with pytest.raises(UsageError, match=r"benchwright\[optimum\]") as caught:
        export.task_of(model, Asked(exporter="optimum"))
    assert "optimum-onnx" in str(caught.value)


@pytest.mark.usefixtures("installed")
def test_another_exporter_builds_anew(tmp_path: Path) -> None:
    model = folder(tmp_path / "m", "config.json", "model.safetensors")
    recipes = {}
    for exporter in EXPORTERS:
        task = export.task_of(model, Asked(exporter=exporter))
        recipes[exporter] = task["meta"][META]["recipe"]
        assert recipes[exporter].parameters["exporter"] == exporter
    assert len({recipe.folder for recipe in recipes.values()}) == len(EXPORTERS)
    assert set(recipes["optimum"].tools) - set(recipes["torch"].tools) == {
        "optimum",
        "optimum-onnx",
    }


def exported(model: Any, place: Path, **spec: Any) -> tuple[dict[str, Any], Path]:
    from benchwright.tried.export.child import FACTS, main

    source, out = place / "source", place / "out"
    model.eval().save_pretrained(source)
    return _main(main, FACTS, place, source, out, **spec)


def _main(
    main: Any, facts: str, place: Path, source: Path, out: Path, **spec: Any
) -> tuple[dict[str, Any], Path]:
    out.mkdir()
    path = place / "spec.json"
    given = {"folder": str(source), "out": str(out), "task": None, "pickles": False}
    given |= {"exporter": "torch", **spec}
    path.write_text(json.dumps(given), encoding="utf-8")
    main(path)
    return json.loads((place / facts).read_text(encoding="utf-8")), out


def models() -> dict[str, Any]:
    """A small model of each kind, with random weights."""
    import transformers as t

    text = {
        "vocab_size": 99,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 37,
        "max_position_embeddings": 64,
    }
    image = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 37,
        "image_size": 32,
        "patch_size": 8,
    }
    sound = {
        "vocab_size": 32,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 37,
        "conv_dim": (16, 16),
        "conv_stride": (5, 4),
        "conv_kernel": (10, 4),
        "num_feat_extract_layers": 2,
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 2,
    }
    return {
        "feature-extraction": lambda: t.BertModel(t.BertConfig(**text)),
        "fill-mask": lambda: t.BertForMaskedLM(t.BertConfig(**text)),
        "text-classification": lambda: t.BertForSequenceClassification(t.BertConfig(**text)),
        "token-classification": lambda: t.BertForTokenClassification(t.BertConfig(**text)),
        "question-answering": lambda: t.BertForQuestionAnswering(t.BertConfig(**text)),
        "image-classification": lambda: t.ViTForImageClassification(t.ViTConfig(**image)),
        "object-detection": lambda: t.YolosForObjectDetection(
            t.YolosConfig(**{**image, "image_size": [32, 32]}, num_detection_tokens=5)
        ),
        "automatic-speech-recognition": lambda: t.Wav2Vec2ForCTC(t.Wav2Vec2Config(**sound)),
        "text-generation": lambda: t.LlamaForCausalLM(t.LlamaConfig(**text, num_key_value_heads=2)),
        "text2text-generation": lambda: t.T5ForConditionalGeneration(
            t.T5Config(
                vocab_size=99,
                d_model=32,
                d_kv=8,
                d_ff=37,
                num_layers=1,
                num_heads=4,
                decoder_start_token_id=0,
            )
        ),
        "speech-to-text": lambda: t.WhisperForConditionalGeneration(
            t.WhisperConfig(
                vocab_size=99,
                d_model=32,
                encoder_layers=1,
                decoder_layers=1,
                encoder_attention_heads=4,
                decoder_attention_heads=4,
                encoder_ffn_dim=37,
                decoder_ffn_dim=37,
                num_mel_bins=16,
                max_source_positions=50,
                max_target_positions=64,
                decoder_start_token_id=1,
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=2,
                suppress_tokens=None,
                begin_suppress_tokens=None,
            )
        ),
    }


PAIRS = ("text2text-generation", "speech-to-text")
KINDS = (
    "feature-extraction",
    "fill-mask",
    "text-classification",
    "token-classification",
    "question-answering",
    "image-classification",
    "object-detection",
    "automatic-speech-recognition",
    "text-generation",
    "text2text-generation",
    "speech-to-text",
)


@needed
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_an_export_computes_what_the_original_does(kind: str, tmp_path: Path) -> None:
    facts, out = exported(models()[kind](), tmp_path)
    assert facts["task"] == kind
    assert 0 <= facts["largest_difference"] < 1e-4
    graphs = sorted(path.name for path in out.glob("*.onnx"))
    pair = ["decoder_model.onnx", "encoder_model.onnx"]
    assert graphs == (pair if kind in PAIRS else ["model.onnx"])
    assert sorted(facts["torch"]) == graphs
    for form in facts["torch"].values():
        _check_form(form, out)


optimum = pytest.mark.skipif(
    export.installed_version("optimum-onnx") is None, reason="the extra `optimum` is not installed"
)


@needed
@optimum
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in PAIRS])
def test_optimum_exports_the_same_model(kind: str, tmp_path: Path) -> None:
    """The graph, and a torch module that gives exactly the graph's outputs."""
    import onnxruntime
    import torch
    from safetensors.torch import load_file

    from benchwright.tried.export.modules import original

    facts, out = exported(models()[kind](), tmp_path, exporter="optimum")
    assert (facts["task"], facts["exporter"]) == (kind, "optimum")
    assert 0 <= facts["largest_difference"] < 1e-4
    assert sorted(path.name for path in out.iterdir()) == ["model.onnx", "model.safetensors"]
    form = facts["torch"]["model.onnx"]
    session = onnxruntime.InferenceSession(str(out / "model.onnx"))
    assert [item.name for item in session.get_inputs()] == form["inputs"]
    if kind == "text-generation":
        return
    module = original(**form["arguments"]).eval()
    module.load_state_dict(load_file(out / form["weights"]), strict=False)
    torch.manual_seed(3)
    given = {
        item.name: torch.randn(2, 3, 32, 32)
        if item.name == "pixel_values"
        else torch.randn(2, 4000)
        if item.name == "input_values"
        else torch.ones(2, 7, dtype=torch.int64)
        for item in session.get_inputs()
    }
    with torch.no_grad():
        wanted = module(*given.values())
    found = session.run(None, {name: tensor.numpy() for name, tensor in given.items()})
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(torch.from_numpy(one), other, rtol=1e-3, atol=1e-4)


@needed
@optimum
@pytest.mark.filterwarnings("ignore")
def test_optimum_exports_no_pairs(tmp_path: Path) -> None:
    with pytest.raises(BenchwrightError, match="encoder and a decoder") as caught:
        exported(models()["text2text-generation"](), tmp_path, exporter="optimum")
    assert "leave out `--exporter optimum`" in str(caught.value)


def _check_form(form: dict[str, Any], out: Path) -> None:
    """A graph's torch form: its factory's module takes exactly the weights that were written."""
    from safetensors.torch import load_file

    from benchwright.tried.export.modules import original

    module = original(**form["arguments"])
    weights = load_file(out / form["weights"])
    assert set(weights) <= set(module.state_dict())
    assert {name for name, _ in module.named_parameters()} <= set(weights)


@needed
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_generated_text_is_that_of_the_original(tmp_path: Path) -> None:
    """Through description and driver, against transformers' own greedy generation."""
    import numpy as np
    import onnxruntime
    import torch

    from benchwright.tried.describe import describe
    from benchwright.tried.driver import driver_of

    torch.manual_seed(1)
    model = models()["text-generation"]()
    _, out = exported(model, tmp_path)
    source = tmp_path / "source"
    found = describe(
        Located("m", source, (out / "model.onnx").resolve()),
        Asked(lengths=(3, 6), new_tokens=7),
        {},
    )
    session = onnxruntime.InferenceSession(str(out / "model.onnx"))

    class Session:
        def run(self, inputs: dict[str, Any]) -> Any:
            return session.run(None, inputs)

    prompts = [np.array([5, 17, 3]), np.array([9, 9, 30, 2, 4, 8])]
    (made,) = driver_of(found)({"main": Session()}, {"input_ids": prompts})
    for prompt, tokens in zip(prompts, made, strict=True):
        ids = torch.tensor(prompt)[None]
        wanted = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=7,
            min_new_tokens=7,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert tokens.tolist() == wanted[0, len(prompt) :].tolist()


@needed
@pytest.mark.filterwarnings("ignore")
def test_a_model_that_needs_code_of_its_own(tmp_path: Path) -> None:
    from benchwright.tried.export.child import FACTS, main

    source = tmp_path / "source"
    source.mkdir()
    config = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}
    (source / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (source / "mine.py").write_text("raise SystemExit('it was run')\n", encoding="utf-8")
    with pytest.raises(BenchwrightError, match="code of its author's") as caught:
        _main(main, FACTS, tmp_path, source, tmp_path / "out")
    assert "mine.Config" in str(caught.value)
