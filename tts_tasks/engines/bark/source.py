"""Where Bark's model is: a folder of one's own, or one of the hub at a pinned revision; no torch.

``hub`` fetches; this module only looks. What a pull brought is written down in ``source.json``, the
last of its files: a folder without it is somebody's own, and is known by its content.
"""

from __future__ import annotations

import hashlib
import json
import re
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

SETTING = "NARRATION_BARK_MODEL"

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


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

    Args:
        model: a folder, or a name on the hub: ``suno/bark``, ``owner/name@commit``.
        models: folder of the models that are pulled.
        home: what a relative folder is relative to.

    Raises:
        InputError: if it is neither.
    """
    path = (home / Path(model).expanduser()).resolve()
    model = SHORT_NAMES.get(model, model)
    is_path = model.startswith((".", "~", "/")) or model.count("/") > 1 or model.endswith("/")
    if model and (is_path or (path / "config.json").is_file()):
        return BarkSource(model, None, None, path)
    if not _HUB_NAME.fullmatch(model):
        raise InputError(
            f"{model!r} is neither a folder nor a name on the Hugging Face hub",
            field=SETTING,
            value=model,
            remedy="use suno/bark, suno/bark-small, or the folder of a Bark model",
        )
    repo, _, commit = model.partition("@")
    short = {hub: name for name, hub in SHORT_NAMES.items()}.get(repo, repo.replace("/", "--"))
    return BarkSource(model, repo, commit or PINNED.get(repo), models / short)


def require(source: BarkSource) -> Path:
    """Return the model's folder, which has all that is needed.

    Raises:
        ModelMissingError: if it is missing or partial.
    """
    faults = _faults(source)
    if not faults:
        return source.folder
    raise ModelMissingError(
        f"Bark's model {source.name} is not in {source.folder}: it lacks {', '.join(faults)}",
        field=SETTING,
        value=source.name,
        remedy="set it to the folder of a Bark model"
        if source.repo is None
        else f"connect to the internet and run `narrate models pull {source.folder.name}`, or set "
        "it to a folder that has the model",
    )


def revision(source: BarkSource) -> str:
    """Return what the model is, the same in each process: part of every key.

    Raises:
        ModelMissingError: if it is not here.
    """
    folder = require(source)
    pulled = read_receipt(folder)
    if pulled is not None:
        return f"{pulled.repo}@{pulled.commit[:12]}"
    digest = hashlib.sha256()
    for path in sorted(_content(folder)):
        digest.update(f"{path.name} {checksum(path)}\n".encode())
    return digest.hexdigest()[:16]


def found(source: BarkSource, *, afresh: bool = False) -> ModelState:
    """Return how the model is found; see ``models.state``."""
    if not source.folder.is_dir():
        return ModelState("missing", ())
    model = pulled_model(source.folder)
    if model is not None:
        return state(model, source.folder, afresh=afresh)
    faults = tuple(FileState(name, "missing", "is missing") for name in _faults(source))
    return ModelState("partial" if faults else "present", faults)


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


def _faults(source: BarkSource) -> list[str]:
    """Return what a folder lacks of a model, in words."""
    folder = source.folder
    lacking = [name for name in CONFIGURATION if not (folder / name).is_file()]
    if not _weights(folder):
        lacking.append("model.safetensors or pytorch_model.bin")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        lacking.append(" or ".join(TOKENIZERS))
    if not lacking and (folder / PULLING).exists():
        lacking.append("the end of a pull")
    return lacking


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
