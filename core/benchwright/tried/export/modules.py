"""Models of `transformers` as modules of plain tensors: what an exporter, and a comparison with the
original, can call.

Only the exporting process, and a backend that runs torch modules, imports this: it needs torch and
transformers.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch

AUTO = {
    "feature-extraction": "AutoModel",
    "fill-mask": "AutoModelForMaskedLM",
    "text-classification": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "question-answering": "AutoModelForQuestionAnswering",
    "image-classification": "AutoModelForImageClassification",
    "object-detection": "AutoModelForObjectDetection",
    "audio-classification": "AutoModelForAudioClassification",
    "automatic-speech-recognition": "AutoModelForCTC",
    "text-generation": "AutoModelForCausalLM",
    "text2text-generation": "AutoModelForSeq2SeqLM",
    "speech-to-text": "AutoModelForSpeechSeq2Seq",
}
"""The class of `transformers` for each task."""

_ENDINGS = (
    ("ForMaskedLM", "fill-mask"),
    ("ForSequenceClassification", "text-classification"),
    ("ForTokenClassification", "token-classification"),
    ("ForQuestionAnswering", "question-answering"),
    ("ForAudioClassification", "audio-classification"),
    ("ForImageClassification", "image-classification"),
    ("ForObjectDetection", "object-detection"),
    ("ForCTC", "automatic-speech-recognition"),
    ("ForCausalLM", "text-generation"),
    ("LMHeadModel", "text-generation"),
    ("ForConditionalGeneration", "text2text-generation"),
    ("Model", "feature-extraction"),
)
_SPEECH = ("whisper", "speech_to_text")


def task_of(config: Any) -> str | None:
    """What a model is for, by the class that its configuration names."""
    for name in config.architectures or ():
        for ending, task in _ENDINGS:
            if name.endswith(ending):
                speech = task == "text2text-generation" and config.model_type in _SPEECH
                return "speech-to-text" if speech else task
    return None


class Flat(torch.nn.Module):
    """A model that is called once: its inputs in order, its tensors in a tuple.

    names: of the inputs. wanted: of the outputs, in order; None for all that are tensors, in the
    model's own. outputs: known once it has been called.
    """

    def __init__(
        self, model: Any, names: Sequence[str], wanted: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self.names = list(names)
        self.wanted = wanted
        self.outputs: list[str] = []

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The model's outputs."""
        found = self.model(**dict(zip(self.names, tensors, strict=True)), return_dict=True)
        kept = {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}
        if self.wanted is not None:
            kept = {name: kept[name] for name in self.wanted}
        self.outputs = list(kept)
        return tuple(kept.values())


def _causal_mask(mask: torch.Tensor, steps: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What is added to attention scores, [B, 1, S, P + S], from a mask int64 [B, P + S]: each of
    the S last tokens sees those before it that the mask allows."""
    total = mask.shape[1]
    size = steps.shape[1]
    key = torch.arange(total, device=mask.device)
    query = torch.arange(size, device=mask.device) + (total - size)
    seen = (key[None, :] <= query[:, None])[None] & (mask[:, None, :] > 0)
    least = torch.finfo(dtype).min
    return torch.where(seen, 0.0, least).to(dtype)[:, None]


def _pairs(past: Sequence[torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(past[at], past[at + 1]) for at in range(0, len(past), 2)]


def _tensors(cache: Any) -> list[torch.Tensor]:
    return [item for layer in cache.layers for item in (layer.keys, layer.values)]


class Decoder(torch.nn.Module):
    """A decoder with its key-value cache as tensors: (input_ids, attention_mask, position_ids,
    key and value of each layer …) to (logits, key and value of each layer …)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.positions = "position_ids" in inspect.signature(model.forward).parameters

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        position_ids: torch.Tensor,
        *past: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """See the class."""
        from transformers import DynamicCache

        cache = DynamicCache(_pairs(past))
        more = {"position_ids": position_ids} if self.positions else {}
        found = self.model(
            input_ids=input_ids,
            attention_mask=_causal_mask(attention_mask, input_ids, self.model.dtype),
            past_key_values=cache,
            use_cache=True,
            return_dict=True,
            **more,
        )
        return (found.logits, *_tensors(cache))


class CrossDecoder(torch.nn.Module):
    """The decoder of an encoder-decoder model: (decoder_input_ids, decoder_attention_mask,
    encoder_hidden_states, [encoder_attention_mask,] key and value of each layer …) to (logits,
    key and value of each layer …)."""

    def __init__(self, model: Any, masked: bool) -> None:
        super().__init__()
        self.model = model
        self.masked = masked

    def forward(
        self,
        decoder_input_ids: torch.Tensor,
        decoder_attention_mask: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        *rest: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """See the class."""
        from transformers import DynamicCache, EncoderDecoderCache
        from transformers.modeling_outputs import BaseModelOutput

        past = rest[1:] if self.masked else rest
        own = DynamicCache(_pairs(past))
        cache = EncoderDecoderCache(own, DynamicCache())
        found = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoder_hidden_states),
            attention_mask=rest[0] if self.masked else None,
            decoder_input_ids=decoder_input_ids,
            decoder_attention_mask=_causal_mask(
                decoder_attention_mask, decoder_input_ids, self.model.dtype
            ),
            past_key_values=cache,
            use_cache=True,
            return_dict=True,
        )
        return (found.logits, *_tensors(own))


def wrapped(
    model: Any, kind: str, names: Sequence[str], outputs: Sequence[str] | None = None
) -> torch.nn.Module:
    """One graph of a model as a module: `single`, `encoder`, `decoder` or `cross`; names: of its
    inputs; outputs: see `Flat`."""
    if kind == "decoder":
        return Decoder(model)
    if kind == "cross":
        return CrossDecoder(model, "encoder_attention_mask" in names)
    return Flat(model.get_encoder() if kind == "encoder" else model, names, outputs)


def original(
    config: Mapping[str, Any],
    task: str,
    kind: str,
    names: Sequence[str],
    outputs: Sequence[str] | None = None,
) -> torch.nn.Module:
    """The factory of a graph's torch form: the module as it was exported, without its weights."""
    import transformers
    from transformers import AutoConfig

    found = AutoConfig.for_model(**config)
    attention = "eager" if kind in ("decoder", "cross", "encoder") else None
    model = getattr(transformers, AUTO[task]).from_config(found, attn_implementation=attention)
    return wrapped(model, kind, names, outputs)
