"""What an installation can be told from outside, read once at the edge and passed on as a value.

Every field is an environment variable with the prefix ``NARRATION_``. Engine parameters and voices
belong to requests and courses, not here.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import tempfile
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tts_tasks.errors import InputError

PREFIX = "NARRATION_"
PROJECT = Path(__file__).resolve().parent.parent

logger = logging.getLogger(__name__)


def _default_home() -> Path:
    """Return the checkout that this code runs from, or the current folder when installed."""
    return PROJECT if (PROJECT / "prefect.yaml").is_file() else Path.cwd()


class Settings(BaseSettings):
    """One installation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    home: Path = Field(default_factory=_default_home)
    """Folder that holds ``data/``."""

    output_roots: Annotated[tuple[Path, ...], NoDecode] = ()
    """Folders that audio may be written into, separated like those of PATH; empty means the home
    above, the current folder, the user's own folder and the one for temporary files."""

    models: Path = Path("data/models")
    """Folder of the models, relative to the home unless absolute; may be read-only."""

    lexicons: Path = PROJECT / "data" / "lexicon"
    """Folder of the lexicons that every narration uses, one per language (``pt-BR.yaml``)."""

    asr_model: Path | None = None
    """Folder of a Whisper model for ``quality: asr``, relative to the home unless absolute."""

    max_lesson_chars: int = Field(default=100_000, gt=0)
    """Longest lesson, in characters."""

    max_text_chars: int = Field(default=5_000, gt=0)
    """Longest single text, in characters."""

    gtts_url: str | None = None
    """Base of the address that gTTS speaks to, in place of ``https://translate.google.<tld>``."""

    gtts_requests_per_s: float = Field(default=2.0, ge=0.01, le=100)
    """Requests a second that gTTS sends at most, over all workers; a request is a sentence."""

    gtts_timeout_s: float = Field(default=20.0, gt=0, le=60)
    """Longest time, in seconds, that one request of gTTS may take."""

    bark_model: str = "suno/bark"
    """Bark's model: a folder, relative to the home unless absolute, or a name on the Hugging Face
    hub; ``suno/bark-small`` is the other one there."""

    bark_device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$")
    """Where Bark speaks; ``auto`` is the first GPU. Without one, ``cpu`` lets the processor do it,
    many times slower than real time."""

    bark_dtype: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    """How Bark computes; ``auto`` is bfloat16 on a GPU that has it, float32 elsewhere."""

    bark_slots: int = Field(default=0, ge=0, le=512)
    """Chunks that Bark speaks at once; 0 is as many as the memory and the device are good for."""

    max_size_gb: float = Field(default=5.0, gt=0)
    """Size of the library, in 10^9 bytes, above which the least recently used audio goes; ``inf``
    keeps everything. What published courses and open batches use always stays."""

    durable: bool = True
    """Whether every write to the library is flushed to the disk before it counts (fsync)."""

    max_running: int = Field(default=3, gt=0)
    """Flow runs that one worker has in flight at once."""

    prefect_port: int = Field(default=4200, ge=0, le=65_535)
    """Port of the Prefect server and its UI, on 127.0.0.1."""

    postgres_port: int = Field(default=5433, ge=0, le=65_535)
    """Port of the embedded PostgreSQL, on 127.0.0.1."""

    @field_validator("models", mode="before")
    @classmethod
    def _default_models(cls, value: object) -> object:
        return value or Path("data/models")

    @field_validator("asr_model", mode="before")
    @classmethod
    def _no_asr_model(cls, value: object) -> object:
        return value or None

    @field_validator("gtts_url", mode="before")
    @classmethod
    def _http_or_nothing(cls, value: object) -> object:
        if not value:
            return None
        try:
            address = urlsplit(str(value))
            is_right = address.scheme in ("http", "https") and bool(address.hostname)
            is_right = is_right and address.port != 0 and not (address.query or address.fragment)
        except ValueError:  # A port that is no number, half a bracket.
            is_right = False
        if not is_right or re.search(r"\s", str(value)):
            raise ValueError("it is no address such as http://127.0.0.1:8765")
        return str(value).rstrip("/")

    @field_validator("output_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(Path(part) for part in value.split(os.pathsep) if part)

    @model_validator(mode="after")
    def _resolve_folders(self) -> Self:
        object.__setattr__(self, "home", self.home.expanduser().resolve())
        object.__setattr__(self, "models", (self.home / self.models.expanduser()).resolve())
        if self.asr_model is not None:
            asr_model = (self.home / self.asr_model.expanduser()).resolve()
            object.__setattr__(self, "asr_model", asr_model)
        return self

    @property
    def data(self) -> Path:
        """Everything that is written lives below this folder."""
        return self.home / "data"

    @property
    def library(self) -> Path:
        """Objects, journal and catalog."""
        return self.data / "library"

    @property
    def max_size_bytes(self) -> int:
        """Budget of the library in bytes."""
        return int(min(self.max_size_gb * 1e9, 2.0**62))

    @property
    def batches(self) -> Path:
        """Batches, one folder each."""
        return self.data / "batches"

    @property
    def providers(self) -> Path:
        """What is known of services that rest after failures; shared by all processes."""
        return self.data / "providers"

    @property
    def narrations(self) -> Path:
        """Published courses, one folder each."""
        return self.data / "narrations"

    @property
    def allowed_output_roots(self) -> tuple[Path, ...]:
        """Folders that audio may be written into."""
        if self.output_roots:
            return tuple(root.expanduser().resolve() for root in self.output_roots)
        roots = (self.home, Path.cwd(), Path.home(), Path(tempfile.gettempdir()))
        # A service started in "/" must not thereby be allowed to write everywhere.
        return tuple(root.resolve() for root in roots if root.resolve() != Path("/"))


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        InputError: if a value is invalid; names the variable.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(set(os.environ) - known):
        if name.startswith(PREFIX):
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            logger.warning("unknown setting %s is ignored%s", name, hint)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0] if first["loc"] else "").upper()
        raise InputError(
            f"{first['msg'].removeprefix('Value error, ')}, got {first['input']!r}",
            field=name,
            value=first["input"],
            remedy="correct or unset the environment variable",
        ) from error
