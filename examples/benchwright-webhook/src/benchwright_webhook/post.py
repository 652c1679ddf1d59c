"""One POST: to https or to this machine, verified, in limited time, without telling the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from benchwright.errors import BenchwrightError

TIMEOUT_SECONDS = 5.0
"""For the connection, and for each part of the answer."""

_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")


def post(address: str, event: Mapping[str, Any]) -> None:
    """Posts an event as JSON; BenchwrightError where it was not taken.

    Errors name the host only: the rest of such an address usually is a secret, and `requests`
    writes it into its messages.
    """
    host = _host(address)
    try:
        answer = requests.post(
            address, json=event, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
        )
        answer.close()
    except requests.exceptions.SSLError:
        raise _refused(host, "its certificate cannot be verified") from None
    except requests.exceptions.Timeout:
        raise _refused(host, f"no answer within {TIMEOUT_SECONDS:g} s") from None
    except requests.exceptions.RequestException as error:
        raise _refused(host, type(error).__name__) from None
    if not 200 <= answer.status_code < 300:
        raise _refused(host, f"it answered {answer.status_code}")


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        host, scheme = parts.hostname or "", parts.scheme
    except ValueError:
        host, scheme = "", ""
    if not host or (scheme != "https" and not (scheme == "http" and host in _THIS_MACHINE)):
        raise BenchwrightError(
            "the webhook's address cannot be used",
            where="BENCHWRIGHT_WEBHOOK",
            why="results go out over https only, or over http to this machine",
            fix="set it to `https://…`",
        )
    return host


def _refused(host: str, why: str) -> BenchwrightError:
    return BenchwrightError(
        f"{host} did not take the result",
        why=why,
        fix="`benchwright results --json` prints what was to be posted",
    )
