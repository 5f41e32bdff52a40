"""Fetching Bark's model from the Hugging Face hub, by the hub's own client; no torch.

The client resumes what broke off, and checks sizes; large files are checked against the hub's
SHA-256 here too. ``HF_TOKEN`` or ``HUGGINGFACE_TOKEN`` is sent if it is set; ``HF_ENDPOINT`` and
``HF_HUB_OFFLINE`` are respected.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_tasks.engines.bark.source import (
    PULLING,
    RECEIPT,
    SETTING,
    BarkSource,
    Pulled,
    found,
    read_receipt,
    write_receipt,
)
from tts_tasks.engines.model_intake import OFF_THE_DISK, OnProgress, Progress, cannot_write
from tts_tasks.engines.model_sources import alone
from tts_tasks.engines.models import ModelFile, checksum
from tts_tasks.errors import (
    EngineUnavailableError,
    InputError,
    ModelMissingError,
    NarrationError,
    SourceError,
    storage_error,
)
from tts_tasks.files import checksum as checksum_afresh

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

WANTED = (
    "config.json",
    "generation_config.json",
    "model*.safetensors*",
    "pytorch_model*.bin*",
    "tokenizer*",
    "vocab.txt",
    "special_tokens_map.json",
    "processor_config.json",
    "preprocessor_config.json",
    "speaker_embeddings_path.json",
    "speaker_embeddings/*",
)
"""Files that are used; a repository has others besides."""

SPARE_BYTES = 1 << 28
"""Free space that a pull leaves."""

ATTEMPTS, PAUSE_S = 5, 1.0
"""Times that a connection which breaks is made again, and seconds before the first of them."""

TOKENS = ("HF_TOKEN", "HUGGINGFACE_TOKEN")
"""Environment variables; the first that is set is sent."""


def pull(source: BarkSource, *, on_progress: OnProgress = lambda _: None) -> list[str]:
    """Fetch what is missing or wrong of a model.

    Args:
        source: the model, one of the hub.
        on_progress: told what is being done; called from several threads.

    Returns:
        Paths of the files that were fetched, relative to the folder.

    Raises:
        InputError: if it is a folder of one's own, or the hub has no such model.
        EngineUnavailableError: if it cannot be had now. What was fetched is kept.
        ModelMissingError: if the hub's client is not installed.
        StorageFullError, InputError: if the folder cannot be written.
    """
    repo = _repo(source)
    folder = source.folder
    with alone(folder.name, folder, on_progress):
        pulled = read_receipt(folder)
        is_asked = pulled is not None and source.commit in (None, pulled.commit)
        if is_asked and found(source).condition == "present":
            return []
        commit = source.commit or (pulled.commit if pulled and pulled.repo == repo else None)
        with _translated(source):
            info = _info(repo, commit)
            files = wanted_files([sibling.rfilename for sibling in info.siblings or []])
            siblings = [each for each in info.siblings or [] if each.rfilename in files]
            _check_space(siblings, folder)
            (folder / PULLING).touch()
            _remove_wrong(siblings, folder)
            _fetch(repo, str(info.sha), folder, files, on_progress)
            listed = tuple(_checked(each, folder, on_progress) for each in siblings)
        before = {file.path: file for file in pulled.files} if pulled else {}
        write_receipt(folder, Pulled(repo, str(info.sha), listed))
        (folder / PULLING).unlink(missing_ok=True)
        return [file.path for file in listed if before.get(file.path) != file]


def copy(source: BarkSource, other: Path, *, on_progress: OnProgress = lambda _: None) -> list[str]:
    """Take a model from another folder, e.g. one that another machine pulled.

    Raises:
        SourceError, ModelMissingError: if there is no such folder, or not this model in it, whole.
        StorageFullError, InputError: if it cannot be written, or is a folder of one's own.
    """
    repo = _repo(source)
    if not other.is_dir():
        raise SourceError(
            f"there is no folder {other}",
            field="from",
            value=other,
            remedy="give the folder of a Bark model",
        )
    given = BarkSource(str(other), None, None, other.resolve())
    state = found(given)
    if state.condition != "present":
        faults = "; ".join(f"{each.path} {each.fault}" for each in state.faults)
        raise ModelMissingError(
            f"{other} holds no whole Bark model ({faults})",
            field="from",
            value=other,
            remedy="give the folder of a Bark model",
        )
    pulled = read_receipt(given.folder)
    if pulled is not None and pulled.repo != repo:
        raise ModelMissingError(
            f"{other} holds {pulled.repo} instead of {repo}",
            field="from",
            value=other,
            remedy="give the folder of this model",
        )
    if given.folder == source.folder.resolve():
        return []
    names = sorted(
        str(path.relative_to(given.folder)) for path in given.folder.rglob("*") if path.is_file()
    )
    names = [name for name in names if any(fnmatch.fnmatch(name, each) for each in WANTED)]
    folder = source.folder
    with alone(folder.name, folder, on_progress):
        try:
            (folder / PULLING).touch()
            (folder / RECEIPT).unlink(missing_ok=True)  # It speaks of what was here before.
            for done, name in enumerate(names):
                on_progress(Progress(f"copying {folder.name}", done, len(names), "files"))
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(given.folder / name, folder / name)
            if pulled is not None:
                write_receipt(folder, pulled)
            (folder / PULLING).unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(error, folder) from error
    return names


def wanted_files(names: list[str]) -> list[str]:
    """Return the files that are used; of weights in two formats only the safetensors."""
    wanted = [name for name in names if any(fnmatch.fnmatch(name, each) for each in WANTED)]
    if any(fnmatch.fnmatch(name, "model*.safetensors") for name in wanted):
        wanted = [name for name in wanted if not name.startswith("pytorch_model")]
    return wanted


def _repo(source: BarkSource) -> str:
    if source.repo is None:
        raise InputError(
            f"{SETTING} is the folder {source.folder}: there is nothing to pull",
            field=SETTING,
            value=source.name,
            remedy="set it to suno/bark or suno/bark-small",
        )
    return source.repo


def _token() -> str | None:
    return next((os.environ[name] for name in TOKENS if os.environ.get(name)), None)


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _info(repo: str, commit: str | None) -> ModelInfo:
    """Return what the hub knows of a model: its commit, and its files with their sizes."""
    from huggingface_hub import HfApi

    api = HfApi(endpoint=_endpoint(), token=_token())
    return api.model_info(repo, revision=commit, files_metadata=True, timeout=20)


def _check_space(siblings: list[RepoSibling], folder: Path) -> None:
    missing = sum(each.size or 0 for each in siblings if not (folder / each.rfilename).is_file())
    free = shutil.disk_usage(folder).free
    if free < missing + SPARE_BYTES:
        raise storage_error(
            OSError(28, f"{missing / 1e9:.1f} GB are missing, {free / 1e9:.1f} GB are free"),
            folder,
        )


def _fetch(repo: str, commit: str, folder: Path, files: list[str], on_progress: OnProgress) -> None:
    import httpx
    from huggingface_hub import snapshot_download

    for attempt in range(1, ATTEMPTS + 1):
        try:
            snapshot_download(
                repo,
                revision=commit,
                local_dir=folder,
                allow_patterns=files,
                token=_token(),
                endpoint=_endpoint(),
                tqdm_class=_bar(f"fetching {repo} from the Hugging Face hub", on_progress),
            )
            if all((folder / name).is_file() for name in files):
                return
            # When the client cannot ask the hub it returns whatever folder is there.
            raise httpx.ConnectError("the hub does not answer any more")
        except httpx.TransportError:
            if attempt == ATTEMPTS:
                raise
            on_progress(Progress("the connection broke: going on"))
            time.sleep(PAUSE_S * attempt)


def _remove_wrong(siblings: list[RepoSibling], folder: Path) -> None:
    """Remove files that are not what the hub has: its client takes what is there for right."""
    for sibling in siblings:
        path = folder / sibling.rfilename
        if path.is_file() and not _is_right(path, sibling):
            path.unlink()


def _is_right(path: Path, sibling: RepoSibling) -> bool:
    if sibling.size not in (None, path.stat().st_size):
        return False
    if sibling.lfs:
        return bool(checksum(path) == sibling.lfs.sha256)
    content = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return sibling.blob_id in (None, blob.hexdigest())


def _checked(sibling: RepoSibling, folder: Path, on_progress: OnProgress) -> ModelFile:
    """Return a file with its checksum; one that is not what the hub says goes away."""
    path = folder / sibling.rfilename
    size_bytes = path.stat().st_size
    if size_bytes > 1 << 26:
        on_progress(Progress(f"checking {sibling.rfilename}"))
    if not _is_right(path, sibling):
        path.unlink()
        raise EngineUnavailableError(
            f"the hub sent {sibling.rfilename} otherwise than it says",
            field="models",
            value=sibling.rfilename,
            remedy="run the pull again",
        )
    # The receipt is for what takes long to hash: it is written anew for each file in it.
    sha256 = checksum(path) if sibling.lfs else checksum_afresh(path)
    return ModelFile(sibling.rfilename, size_bytes, sha256)


def _bar(message: str, on_progress: OnProgress) -> Any:
    """Return a class of progress bars that tells somebody else."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        """Says nothing itself."""

        monitor_interval = 0  # tqdm's own thread looks at a set that others change, and dies of it.
        _one_at_a_time = threading.Lock()

        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)
            options |= {"disable": False, "file": io.StringIO()}
            super().__init__(*arguments, **options)

        def update(self, n: float | None = 1) -> Any:
            with self._one_at_a_time:
                shown = super().update(n)
                if self.unit == "B" and self.total:
                    on_progress(Progress(message, int(self.n), int(self.total)))
            return shown

    return Bar


@contextmanager
def _translated(source: BarkSource) -> Iterator[None]:
    """Turn whatever the hub's client raises into an error of ours.

    Raises:
        NarrationError: see ``pull``.
    """
    try:
        import httpx
        from huggingface_hub import errors
    except ImportError as error:
        raise ModelMissingError(
            f"pulling Bark needs huggingface_hub, which cannot be imported ({error})",
            field="models",
            value=source.name,
            remedy="install narration with its extra bark",
        ) from error
    try:
        yield
    except NarrationError:
        raise
    except errors.RevisionNotFoundError as error:
        raise InputError(
            f"{source.repo} has no commit {source.commit!r} ({_line(error)})",
            field=SETTING,
            value=source.name,
            remedy="leave the part after @ out",
        ) from error
    except errors.HfHubHTTPError as error:
        # The hub does not say whether a model is missing or only hidden.
        if error.response is None or error.response.status_code not in (401, 403, 404):
            raise _unreachable(source, error) from error
        raise InputError(
            f"the hub has no model {source.repo!r}, or not for you ({_line(error)})",
            field=SETTING,
            value=source.repo,
            remedy="check the name; a private model needs HF_TOKEN",
        ) from error
    except (httpx.HTTPError, ConnectionError, TimeoutError) as error:
        raise _unreachable(source, error) from error
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(source, error) from error
    except OSError as error:
        raise cannot_write(error, source.folder) from error
    except errors.HFValidationError as error:
        raise InputError(
            f"{source.repo!r} is no name on the hub ({_line(error)})",
            field=SETTING,
            value=source.name,
            remedy="use suno/bark, suno/bark-small, or the folder of a Bark model",
        ) from error
    except (ValueError, RuntimeError) as error:
        if any(mark in str(error) for mark in OFF_THE_DISK):  # So says hf_xet.
            raise cannot_write(OSError(28, str(error)), source.folder) from error
        raise _unreachable(source, error) from error


def _unreachable(source: BarkSource, error: Exception) -> EngineUnavailableError:
    return EngineUnavailableError(
        f"{source.repo} cannot be fetched from the Hugging Face hub ({_line(error)})",
        field="models",
        value=source.repo,
        remedy="connect to the internet and pull it again: it goes on where it was; or take it "
        "from another machine with --from FOLDER",
    )


def _line(error: Exception) -> str:
    """Return the first line of an error, without a token that stands in it."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    with suppress(TypeError):
        if (token := _token()) is not None:
            said = said.replace(token, "***")
    return f"{type(error).__name__}: {said}"
