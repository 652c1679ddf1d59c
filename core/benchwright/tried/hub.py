"""Models from a Hugging Face hub: which files of a repository are needed, and fetching them.

`huggingface_hub` does the fetching: its cache, its resuming, its tokens and its environment
variables (`HF_ENDPOINT`, `HF_TOKEN`, `HF_HOME`, `HF_HUB_OFFLINE`) count. Every fetch is of one
commit. Weights come as safetensors or ONNX; pickles only where the user says so.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchwright.distributions import installed_version
from benchwright.errors import BenchwrightError, UsageError
from benchwright.tried.request import Asked
from benchwright.tried.resolve import ONNX_PLACES, HubId

_CONFIGURATION = ("config.json", "preprocessor_config.json")
_SAFETENSORS = "*.safetensors"
_PICKLES = ("pytorch_model*.bin",)


class Fetched(NamedTuple):
    """A model that has come: the folder on this machine, the commit, and where it came from."""

    folder: Path
    commit: str
    origin: str


def fetch(model: HubId, asked: Asked) -> Fetched:
    """Fetches a model at one commit; UsageError where it cannot be had, with the next step."""
    if installed_version("huggingface-hub") is None:
        raise UsageError(
            f"`{model}` is no file or folder here, and models cannot be fetched",
            why="the package `huggingface-hub` is not installed",
            fix="pip install 'benchwright[hf]', or name a file or folder",
        )
    import huggingface_hub
    from huggingface_hub import constants

    try:
        if constants.HF_HUB_OFFLINE:
            return _cached(model, asked, "offline mode is on (`HF_HUB_OFFLINE`)")
        api = huggingface_hub.HfApi()
        info = api.model_info(model.repo, revision=model.revision)
        wanted = choose([item.rfilename for item in info.siblings or ()], model, asked)
        place = huggingface_hub.snapshot_download(
            # By its name, so that offline the name is known; the place is that of one commit.
            model.repo,
            revision=model.revision,
            allow_patterns=wanted,
        )
        return _fetched(model, Path(place), constants.ENDPOINT)
    except BenchwrightError:
        raise
    except Exception as error:
        # Its own errors and those of the HTTP library below have no base in common.
        return _explained(model, asked, error, constants.ENDPOINT)


def choose(names: Sequence[str], model: HubId, asked: Asked) -> list[str]:
    """The files of a repository that are fetched: its ONNX where there is one, else safetensors,
    else pickles where they are allowed; and the configuration."""
    prefix = f"{model.subfolder.strip('/')}/" if model.subfolder else ""
    own = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    if not own:
        folders = sorted({name.split("/")[0] for name in names if "/" in name})
        raise UsageError(
            f"`{model.repo}` has no folder `{model.subfolder}`",
            why=f"it has {', '.join(folders) or 'none'}",
            fix="choose one of them after the colon",
        )
    found = [name for name in _CONFIGURATION if name in own]
    graph = next((name for name in ONNX_PLACES if name in own), None)
    if graph is None:
        lone = [n for n in own if fnmatch.fnmatch(n, "*.onnx") and n.count("/") <= 1]
        graph = lone[0] if len(lone) == 1 else None
    if graph is not None:
        folder = graph.rpartition("/")[0]
        beside = [name for name in own if name.rpartition("/")[0] == folder]
        weights = [name for name in beside if name.startswith(f"{graph}_data") or name == graph]
        weights += [name for name in beside if name == f"{graph}.data"]
        found += weights
    else:
        found += _weights(own, model, asked)
    return [prefix + name for name in found]


def _weights(own: Sequence[str], model: HubId, asked: Asked) -> list[str]:
    top = [name for name in own if "/" not in name]
    safe = [name for name in top if fnmatch.fnmatch(name, _SAFETENSORS)]
    if safe:
        return [*safe, *(name for name in top if name.endswith(".safetensors.index.json"))]
    pickles = [name for name in top if any(fnmatch.fnmatch(name, kind) for kind in _PICKLES)]
    if pickles and asked.pickles:
        return [*pickles, *(name for name in top if name.endswith(".bin.index.json"))]
    if pickles:
        raise UsageError(
            f"`{model}` has its weights as pickles only, which can run code of their author's",
            why=f"{pickles[0]}: only safetensors and ONNX are taken, unless you say otherwise",
            fix="choose a revision with .safetensors files, or add `--allow-pickle`",
        )
    raise UsageError(
        f"`{model}` holds neither ONNX nor safetensors",
        why=f"it has {', '.join(top[:8]) or 'no files'}",
        fix="choose another model, revision or subfolder",
    )


def _fetched(model: HubId, place: Path, endpoint: str) -> Fetched:
    commit = place.name
    folder = place / model.subfolder if model.subfolder else place
    return Fetched(folder, commit, f"{endpoint}/{model.repo}/tree/{commit}")


def _cached(model: HubId, asked: Asked, why: str) -> Fetched:
    """What an earlier fetch has left."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    wanted = model.revision or constants.DEFAULT_REVISION
    try:
        repos = scan_cache_dir().repos
    except CacheNotFound:
        repos = frozenset()
    for repo in repos:
        if repo.repo_id != model.repo or repo.repo_type != "model":
            continue
        for revision in repo.revisions:
            if wanted not in (*revision.refs, revision.commit_hash):
                continue
            place = Path(revision.snapshot_path)
            files = [str(item.file_path.relative_to(place)) for item in revision.files]
            choose(files, model, asked)
            return _fetched(model, place, constants.ENDPOINT)
    raise UsageError(
        f"`{model}` is not among the models that were fetched before",
        why=why,
        fix="fetch it once with network, or name a folder; `HF_HOME` says where the cache is",
    )


def _explained(model: HubId, asked: Asked, error: Exception, endpoint: str) -> Fetched:
    from huggingface_hub import errors

    why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, errors.GatedRepoError):
        raise UsageError(
            f"`{model.repo}` is gated: its owners ask you to agree to their conditions",
            where=f"{endpoint}/{model.repo}",
            why=why,
            fix="agree to them on that page, then set `HF_TOKEN`, or run `hf auth login`",
        ) from error
    if isinstance(error, errors.RevisionNotFoundError):
        raise UsageError(
            f"`{model.repo}` has no revision `{model.revision}`",
            where=f"{endpoint}/{model.repo}",
            why=why,
            fix="name a branch, a tag or a commit after the @",
        ) from error
    if isinstance(error, errors.RepositoryNotFoundError):
        raise UsageError(
            f"there is no file or folder `{model}` here, and no such model on the hub",
            where=f"{endpoint}/{model.repo}",
            why=why,
            fix="check the spelling; for a private model set `HF_TOKEN`",
        ) from error
    try:
        return _cached(model, asked, f"{endpoint} cannot be reached: {why}")
    except UsageError as gone:
        raise _unreachable(model, endpoint, str(gone.why)) from error


def _unreachable(model: HubId, endpoint: str, why: str) -> BenchwrightError:
    return BenchwrightError(
        f"`{model}` cannot be fetched",
        where=endpoint,
        why=why,
        fix="check the network (`HF_ENDPOINT` names a mirror), or name a local folder",
    )
