"""Which quantizer makes a precision for a backend: what the plan decides before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchwright.campaign import Campaign
from benchwright.chosen import chosen
from benchwright.contracts.backend import BackendInfo
from benchwright.errors import UsageError, did_you_mean
from benchwright.plugins import Registry, lookup

if TYPE_CHECKING:
    from benchwright.contracts.quantizer import QuantizerInfo

FULL = "fp32"
"""The precision of the models as they come: no quantizer is needed."""

CALIBRATION_SAMPLES = 128
"""How many samples of the data set a quantizer is offered."""


def quantizer_for(
    campaign: Campaign, registry: Registry, backend: BackendInfo, precision: str
) -> tuple[QuantizerInfo | None, Mapping[str, Any]]:
    """The quantizer and its options; (None, {}) where none is needed.

    Raises UsageError when the backend does not compute in this precision, when nothing installed
    makes it, and when the campaign leaves a choice.
    """
    where = campaign.where("precision")
    able = backend.capabilities.precisions
    if precision not in able:
        raise UsageError(
            f"backend `{backend.name}` cannot compute in {precision}; "
            f"{did_you_mean(precision, able)}",
            where=where,
        )
    if precision == FULL:
        return None, {}
    fitting = {
        name: info
        for name, info in registry.quantizers.items()
        if info.precision == precision and backend.name in info.backends
    }
    if not fitting:
        raise UsageError(
            f"no installed quantizer makes {precision} for backend `{backend.name}`",
            where=where,
            fix="`benchwright plugins` lists the installed quantizers",
        )
    named = [name for name in fitting if name in campaign.quantizers]
    if len(named or fitting) > 1:
        raise UsageError(
            f"{', '.join(sorted(named or fitting))} can each make {precision} for backend "
            f"`{backend.name}`",
            where=where,
            fix="name one under `quantizers:`",
        )
    info = fitting[(named or list(fitting))[0]]
    given = campaign.quantizers.get(info.name, {})
    place = ("quantizers", info.name)
    return info, chosen(info.load_options, given, campaign.document, place)


def check_names(campaign: Campaign, registry: Registry, used: set[str]) -> None:
    """Refuses quantizers that the campaign names and nothing would use."""
    for name in campaign.quantizers:
        where = campaign.where("quantizers", name)
        info = lookup("quantizer", name, registry.quantizers, where)
        if name not in used:
            raise UsageError(
                f"nothing in this campaign is quantised by `{name}`",
                where=where,
                why=f"it makes {info.precision} for {', '.join(info.backends)}",
                fix=f"ask for it with `precision: {info.precision}`",
            )
