"""Where Bark's model is: a folder of one's own, or one of the hub at a pinned revision; no torch.

``hub`` fetches; this module only looks. What a pull brought is written down in ``source.json``, the
last of its files: a folder without it is somebody's own, and is known by its content.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tts_tasks import files
from tts_tasks.engines.models import FileState, Model, ModelFile, ModelState, checksum, state
from tts_tasks.errors import InputError, ModelMissingError

PINNED = {
    "suno/bark": "70a8a7d34168586dc5d028fa9666aceade177992",
    "suno/bark-small": "1dbd7a128513b8ae4a4e2130fed57b7ac9da5bcd",
}
"""The commit of each model on the hub; of others the one that the first pull finds."""

SHORT_NAMES = {"bark": "suno/bark", "bark-small": "suno/bark-small"}
"""What the command line and the folders call them."""

LICENCE = "MIT"

RECEIPT = "source.json"
"""Written last by a pull: repository, commit, and every file with its size and checksum."""

PULLING = ".pulling"
"""In the folder while a pull goes on, and after one that broke off."""

CONFIGURATION = ("config.json", "generation_config.json")

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""One of them, or its shards, is enough."""

TOKENIZERS = ("tokenizer.json", "vocab.txt")
"""One of them is enough."""

_MAIN_FILES = (
    *CONFIGURATION,
    *WEIGHTS,
    *(f"{name}.index.json" for name in WEIGHTS),
    *TOKENIZERS,
)

SETTING = "NARRATION_BARK_MODEL"

_WORDS = r"\w+(?:[.-]\w+)*"

_HUB_NAME = re.compile(
    rf"(?P<repo>{_WORDS}/{_WORDS})(?:@(?P<commit>{_WORDS}(?:/{_WORDS})*))?", re.A
)
"""Source: huggingface_hub's ``validate_repo_id``; a branch or tag may have slashes."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class BarkSource:
    """A model, whether it is here or not."""

    name: str
    """What the setting says."""

    repo: str | None
    """Its name on the hub; ``None`` for a folder of one's own."""

    commit: str | None
    """The commit that is asked for; ``None`` where the first pull decides."""

    folder: Path
    """Where its files are, or will be."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull has brought."""

    repo: str
    """Name on the hub."""

    commit: str
    """The commit, 40 hexadecimal digits."""

    files: tuple[ModelFile, ...]
    """All files, each with its checksum."""


def find_source(model: str, models: Path, home: Path) -> BarkSource:
    """Return the model that a setting names.

    A folder of that name with a ``config.json`` wins over the hub: an empty one beside the library
    should not hide ``suno/bark``.

    Args:
        model: a folder, or a name on the hub: ``suno/bark``, ``owner/name@commit``.
        models: folder of the models that are pulled.
        home: what a relative folder is relative to.

    Raises:
        InputError: if it is neither.
    """
    path = home / os.path.expanduser(model)  # Path.expanduser raises for ~nobody.
    is_name = bool(model) and "\0" not in model
    is_folder = model.startswith((".", "~", "/")) or model.endswith("/")
    if is_name and (is_folder or os.path.isfile(path / "config.json")):
        return BarkSource(model, None, None, path.resolve())
    on_the_hub = _HUB_NAME.fullmatch(SHORT_NAMES.get(model, model))
    if on_the_hub is not None:
        repo, commit = on_the_hub["repo"], on_the_hub["commit"]
        short = {hub: name for name, hub in SHORT_NAMES.items()}.get(repo, repo.replace("/", "--"))
        return BarkSource(on_the_hub[0], repo, commit or PINNED.get(repo), models / short)
    if is_name and (model.count("/") > 1 or os.path.isdir(path)):
        return BarkSource(model, None, None, path.resolve())
    raise InputError(
        f"{model!r} is neither a folder nor a name on the Hugging Face hub",
        field=SETTING,
        value=model,
        remedy="use suno/bark, suno/bark-small, or the folder of a Bark model",
    )


def require(source: BarkSource) -> Path:
    """Return the model's folder, which has all that is needed; nothing large is read.

    Raises:
        ModelMissingError: if it is missing, partial, or another one than is asked for.
    """
    faults = _lacking(source.folder) or _at_odds(source)
    if faults:
        raise _not_here(source, faults)
    return source.folder


def revision(source: BarkSource) -> str:
    """Return what the model is, the same in each process: part of every key.

    What was pulled is known by its commit as long as its content is that of the pull.

    Raises:
        ModelMissingError: if it is not here, cannot be read, or was changed since it was pulled.
    """
    folder = require(source)
    pulled = read_receipt(folder)
    try:
        content = {path.name: checksum(path) for path in sorted(_content(folder))}
    except OSError as error:
        fault = f"cannot be read ({error.strerror or error})"
        raise _not_here(source, [FileState("a file", "corrupt", fault)]) from error
    changed = [] if pulled is None else _changed(content, pulled)
    if pulled is not None and not changed:
        return f"{pulled.repo}@{pulled.commit[:12]}"
    if source.repo is not None and changed:
        raise _not_here(source, changed)
    digest = hashlib.sha256()
    for name, sha256 in content.items():
        digest.update(f"{name} {sha256}\n".encode())
    return digest.hexdigest()[:16]


def found(source: BarkSource, *, afresh: bool = False) -> ModelState:
    """Return how the model is found; see ``models.state``.

    Of a model that was pulled all files are looked at, of another one those that must be there.
    """
    model = pulled_model(source.folder)
    if model is None:
        lacking = _lacking(source.folder)
        if not any((source.folder / name).exists() for name in (*_MAIN_FILES, PULLING)):
            return ModelState("missing", ())
        faults = lacking or _at_odds(source)
    else:
        seen = state(model, source.folder, afresh=afresh)
        if seen.condition == "missing":
            return seen
        named = {fault.path for fault in seen.faults}
        odd = [fault for fault in _at_odds(source) if fault.path not in named]
        faults = [*seen.faults, *odd]
    is_corrupt = any(fault.condition == "corrupt" for fault in faults)
    return ModelState("corrupt" if is_corrupt else "partial" if faults else "present", (*faults,))


def pulled_model(folder: Path) -> Model | None:
    """Return the model as a pull wrote it down in its folder; ``None`` if none has."""
    pulled = read_receipt(folder)
    if pulled is None:
        return None
    return Model(folder.name, f"Bark, {pulled.repo}", LICENCE, pulled.files)


def read_receipt(folder: Path) -> Pulled | None:
    """Return what a pull wrote down; a damaged receipt counts as none."""
    try:
        written = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
        files = tuple(
            ModelFile(file["path"], int(file["size_bytes"]), file["sha256"])
            for file in written["files"]
        )
        return Pulled(str(written["repo"]), str(written["commit"]), files)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_receipt(folder: Path, pulled: Pulled) -> None:
    """Write down what was pulled."""
    listed = [
        {"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256}
        for file in pulled.files
    ]
    written = {"repo": pulled.repo, "commit": pulled.commit, "files": listed}
    files.write_whole(folder / RECEIPT, json.dumps(written, indent=1) + "\n")


def _lacking(folder: Path) -> list[FileState]:
    """Return what a folder lacks of a model."""
    lacking = [name for name in CONFIGURATION if not (folder / name).is_file()]
    if not _weights(folder):
        lacking.append(" or ".join(WEIGHTS))
    if not any((folder / name).is_file() for name in TOKENIZERS):
        lacking.append(" or ".join(TOKENIZERS))
    return [FileState(name, "missing", "is missing") for name in lacking]


def _at_odds(source: BarkSource) -> list[FileState]:
    """Return what contradicts the pull that filled a folder, as far as names and sizes show it."""
    folder, pulled = source.folder, read_receipt(source.folder)
    odd = []
    if (folder / PULLING).exists():
        odd.append(FileState("the end of a pull", "missing", "is missing"))
    if pulled is None or source.repo is None:
        return odd
    is_commit = source.commit is not None and _COMMIT.fullmatch(source.commit)
    if pulled.repo != source.repo or (is_commit and pulled.commit != source.commit):
        fault = f"says {pulled.repo}@{pulled.commit[:12]} instead of {source.name}"
        odd.append(FileState(RECEIPT, "corrupt", fault))
    sizes = {file.path: file.size_bytes for file in pulled.files}
    for path in _content(folder):
        size_bytes = path.stat().st_size
        if path.name not in sizes:
            fault = "is none of the files that were pulled: remove it"
            odd.append(FileState(path.name, "corrupt", fault))
        elif size_bytes != sizes[path.name]:
            fault = f"has {size_bytes:,} bytes instead of {sizes[path.name]:,}"
            odd.append(FileState(path.name, "corrupt", fault))
    return odd


def _changed(content: Mapping[str, str], pulled: Pulled) -> list[FileState]:
    """Return the files that have not the checksum of the pull."""
    known = {file.path: file.sha256 for file in pulled.files}
    changed = [name for name, sha256 in content.items() if known.get(name) != sha256]
    return [FileState(name, "corrupt", "was changed since it was pulled") for name in changed]


def _not_here(source: BarkSource, faults: Sequence[FileState]) -> ModelMissingError:
    missing = [fault.path for fault in faults if fault.condition == "missing"]
    said = [f"it lacks {', '.join(missing)}"] if missing else []
    said += [f"{fault.path} {fault.fault}" for fault in faults if fault.condition != "missing"]
    return ModelMissingError(
        f"Bark's model {source.name} is not in {source.folder}: {'; '.join(said)}",
        field=SETTING,
        value=source.name,
        remedy="set it to the folder of a Bark model"
        if source.repo is None
        else f"connect to the internet and run `narrate models pull {source.folder.name}`, or set "
        "it to a folder that has the model",
    )


def _weights(folder: Path) -> list[Path]:
    """Return the files of the weights, safetensors where there are both; none if one is missing."""
    for name in WEIGHTS:
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            try:
                shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            except (OSError, ValueError, KeyError, AttributeError):
                return []
            paths = [folder / str(shard) for shard in sorted(shards)]
            return [index, *paths] if all(path.is_file() for path in paths) else []
    return []


def _content(folder: Path) -> list[Path]:
    """Return the files that decide what the model says."""
    names = [folder / name for name in (*CONFIGURATION, *TOKENIZERS)]
    return [*(path for path in names if path.is_file()), *_weights(folder)]
