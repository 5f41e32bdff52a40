"""gTTS as an engine: the voice of Google Translate, over the network.

A chunk is one request: at most 100 characters, cut where a speaker would breathe by
``script.chunks``, not by gTTS, which cuts at each comma and colon. A request has its own retries,
keeps to a rate that all workers share, and is not sent while the service rests (``breaker``).
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import soundfile

from tts_tasks.engines import permits
from tts_tasks.engines.breaker import LONGEST_HOLD_S, Circuit, CircuitBreaker, Failure
from tts_tasks.engines.protocol import Availability, Engine, Voice
from tts_tasks.engines.token_bucket import TokenBucket, wait
from tts_tasks.errors import (
    BadAnswerError,
    EmptyTextError,
    ModelMissingError,
    ProviderRestsError,
    TextTooLongError,
)
from tts_tasks.settings import Settings, load_settings
from tts_tasks.values import Checkpoint, Chunk, Expected, Samples, Waveform, never_cancelled

if TYPE_CHECKING:
    from tts_tasks.engines.gtts_service import FailedRequest, Said, Service

SAMPLE_RATE = 24_000
"""Hertz of Google's MP3."""

BURST = 4
"""Requests that may follow each other at once after a pause."""

MAX_ATTEMPTS = 5
"""Times that a chunk is asked for: where 3 of 10 requests fail by chance, 1 chunk in 400 fails."""

FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 8.0
"""Delay before the second attempt, then twice as long each time, less up to a half by chance."""

PATIENCE_S = LONGEST_HOLD_S
"""Longest wish of the service that a chunk waits for; after a longer one the service rests."""

LEAST_S_PER_CHAR, MOST_S_PER_CHAR, SPARE_S = 1 / 35, 0.6, 3.0
"""An answer outside of this many seconds a character is not the text; a few characters may take
``SPARE_S`` longer. The checks of each take are finer."""

SPELLED_CHARS = 20
"""Texts below this length may be said in no time: their pace says nothing."""

TERMS = "Google's terms; client MIT"

EXPECTED = Expected(14.0, (7.0, 26.0), -18.0, (0.0, 0.0), 0.6)
"""Of a good take. Not measured: the service was out of reach; wide enough for any voice."""

SLOW_PACE = 0.65
"""Pace of the slow voices, times that of the others; not measured either."""


class Accent(NamedTuple):
    """What makes a voice, as Google has it."""

    language: str
    """Google's code."""

    tld: str
    """Top-level domain of the host."""

    slow: bool = False
    """Whether it speaks slowly."""


PORTUGUESE = {
    "google-com.br": Accent("pt", "com.br"),
    "google-pt": Accent("pt-PT", "pt"),
    "google-com.br-slow": Accent("pt", "com.br", slow=True),
    "google-pt-slow": Accent("pt-PT", "pt", slow=True),
}
"""The voices of this engine; what follows ``google-`` is the domain that decides the accent."""


class GttsEngine(Engine):
    """Google Translate's voice, through gTTS."""

    name = "gtts"
    sample_rate = SAMPLE_RATE
    max_chars = 100
    naturalness = 0.6
    needs_network = True
    typical_rtf = 0.1  # At two requests a second of five seconds each.
    typical_chars_per_s = EXPECTED.chars_per_s
    computing = 0.01
    takes_differ = True
    deterministic = False

    def __init__(self, settings: Settings | None = None) -> None:
        """Note where the service is; nothing is sent yet."""
        settings = settings or load_settings()
        self._settings = settings
        self._bucket = TokenBucket(settings.gtts_requests_per_s, BURST)
        self.breaker = CircuitBreaker(self.name, settings.providers)

    @property
    def revision(self) -> str:
        """Google changes its voices without notice: only the request has a version."""
        return "translate-jQ1olc-1"

    def catalogue(self) -> list[Voice]:
        """Return the Portuguese voices, then one for each other language that gTTS knows."""
        return [_voice(name, accent) for name, accent in _accents().items()]

    def availability(self, *, ask: bool = False) -> Availability:
        """Return whether gTTS is here and the service works; see ``Engine.availability``."""
        try:
            service = self._service()
        except ModelMissingError as error:
            return Availability(f"is not ready ({error.message})")
        record = self.breaker.read()
        if record.circuit(self.breaker.clock()) is Circuit.OPEN:
            return Availability(self.breaker.describe(record), is_passing=True)
        if ask and not _is_reachable(service, int(time.monotonic() / 60)):
            host = service.host(PORTUGUESE[self._default].tld)
            return Availability(f"cannot be reached at {host}", is_passing=True)
        return Availability()

    def status(self) -> dict[str, str | float]:
        """Return how the service is doing, as all workers see it; see ``Engine.status``."""
        record = self.breaker.read()
        known: dict[str, str | float] = {
            "circuit": record.circuit(self.breaker.clock()),
            "failures_in_a_row": record.failures,
            "requests_per_s": self._settings.gtts_requests_per_s,
        }
        if record.rests_until_s is not None:
            known["rests_until"] = _clock_time(record.rests_until_s)
        if self.breaker.hold_back_s():
            known["not_before"] = _clock_time(record.not_before_s)
        if record.why:
            known["last_failure"] = record.why
        return known

    def expects(self, chunk: Chunk) -> Expected | None:
        """Return what a good take is like; see ``Engine.expects``."""
        accent = _accents().get(chunk.voice)
        return EXPECTED.at_pace(SLOW_PACE) if accent and accent.slow else EXPECTED

    def fits(self, spoken: str, voice: str) -> bool:
        """Return whether one request can hold the text; see ``Engine.fits``."""
        return len(spoken.strip()) <= self.max_chars

    def synthesize(
        self, chunks: Sequence[Chunk], checkpoint: Checkpoint = never_cancelled
    ) -> list[Waveform]:
        """Speak each chunk in one request; see ``Engine.synthesize``."""
        service = self._service()
        return [self._speak(chunk, service, checkpoint) for chunk in chunks]

    @property
    def _default(self) -> str:
        return next(iter(PORTUGUESE))

    def _service(self) -> Service:
        """Return the other end of the conversation.

        Raises:
            ModelMissingError: if gTTS is not installed.
        """
        try:
            from tts_tasks.engines.gtts_service import Service
        except ImportError as error:
            raise ModelMissingError(
                f"gTTS is not installed ({error})",
                field="provider",
                value=self.name,
                remedy="run `pip install 'narration[gtts]'`",
            ) from error
        return Service(self._settings.gtts_url, self._settings.gtts_timeout_s)

    def _speak(self, chunk: Chunk, service: Service, checkpoint: Checkpoint) -> Waveform:
        from tts_tasks.engines.gtts_service import Said

        text = chunk.spoken.strip()
        if not any(character.isalnum() for character in text):
            raise EmptyTextError("there is nothing to say in it", field="text", value=repr(text))
        if len(text) > self.max_chars:
            raise TextTooLongError(
                f"a chunk of {len(text)} characters is over gTTS's {self.max_chars}",
                field="text",
                value=text,
                remedy="split it into shorter sentences",
            )
        self.describe(chunk.voice)
        self.parameters(chunk.parameters)
        accent = _accents()[chunk.voice]
        said = Said(text, accent.language, accent.tld, accent.slow)
        samples, request_s = self._ask(said, service, checkpoint)
        return Waveform(samples, self.sample_rate, request_s)

    def _ask(self, said: Said, service: Service, checkpoint: Checkpoint) -> tuple[Samples, float]:
        """Return the samples of a text, and the seconds that its last request took.

        Raises:
            ProviderRestsError: while the service rests.
            EngineUnavailableError: if it failed each time.
            BadAnswerError: if no answer held the whole audio.
            ProviderRefusedError: if asking again would not help.
            CancelledError: from the checkpoint.
        """
        from tts_tasks.engines.gtts_service import FailedRequest

        for attempt in range(1, MAX_ATTEMPTS + 1):
            is_probe = self._await_turn(checkpoint)
            started_s = time.perf_counter()
            try:
                samples = decoded(service.ask(said), said)
            except FailedRequest as failed:
                self._note(failed, is_probe)
                if attempt == MAX_ATTEMPTS or not failed.error.retryable:
                    raise failed.error from failed
                self._pause(failed, attempt, checkpoint)
            except BaseException:
                if is_probe:
                    self.breaker.released()
                raise
            else:
                self.breaker.succeeded()
                return samples, time.perf_counter() - started_s
        raise AssertionError("unreachable")

    def _await_turn(self, checkpoint: Checkpoint) -> bool:
        """Wait until one more request may be sent, and return whether it is a probe."""
        while True:
            checkpoint()
            self.breaker.refuse_while_open()
            # First: all who held back would otherwise have their turns at the same moment.
            wait(self.breaker.hold_back_s(), checkpoint)
            wait(self._bucket.take(), checkpoint)
            permits.await_permit(self.name, checkpoint)
            if not self.breaker.hold_back_s():
                return self.breaker.admit()

    def _note(self, failed: FailedRequest, is_probe: bool) -> None:
        """Tell the breaker what went wrong, and all workers what the service asks for."""
        rest_s = failed.retry_after_s
        is_final = failed.is_final or rest_s > PATIENCE_S
        self.breaker.failed(Failure(failed.error.message, is_final, rest_s, is_probe))
        if 0 < rest_s <= PATIENCE_S:
            self.breaker.hold_back(rest_s)

    def _pause(self, failed: FailedRequest, attempt: int, checkpoint: Checkpoint) -> None:
        """Wait before the next attempt: as the service asks, or longer each time."""
        with suppress(ProviderRestsError):
            # While it rests there is no use in waiting here: the next turn says so at once.
            self.breaker.refuse_while_open()
            delay_s = min(FIRST_DELAY_S * 2 ** (attempt - 1), LONGEST_DELAY_S)
            # By chance, so that workers that failed together do not come back together.
            wait(max(failed.retry_after_s, delay_s * random.uniform(0.5, 1.0)), checkpoint)


def decoded(audio: bytes, said: Said) -> Samples:
    """Return the samples of an MP3, shape (n_samples,), float32 in [-1, 1].

    Raises:
        FailedRequest: if they cannot be all of the text.
    """
    from tts_tasks.engines.gtts_service import FailedRequest

    def refused(what: str) -> FailedRequest:
        return FailedRequest(
            BadAnswerError(
                f"Google Translate answered with {what}",
                field="text",
                value=said.text,
                remedy="try again later; if it stays, rephrase the sentence",
            )
        )

    try:
        samples, rate = soundfile.read(io.BytesIO(audio), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise refused(f"an MP3 that cannot be decoded ({error})") from error
    if rate != SAMPLE_RATE:
        raise refused(f"audio at {rate} Hz, not {SAMPLE_RATE}")
    mono: Samples = np.clip(samples.mean(axis=1), -1.0, 1.0).astype(np.float32)
    duration_s, n_chars = len(mono) / rate, len(said.text)
    shortest_s = n_chars * LEAST_S_PER_CHAR if n_chars >= SPELLED_CHARS else 0.0
    longest_s = n_chars * MOST_S_PER_CHAR + SPARE_S
    if not shortest_s < duration_s < longest_s:
        raise refused(f"{duration_s:.1f} s for {n_chars} characters: that is not all, or not it")
    return mono


def _clock_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _voice(name: str, accent: Accent) -> Voice:
    pace = ", slow" if accent.slow else ""
    # Google has a word for each: pt is Brazilian, and pt-PT is not.
    language = "pt-br" if accent.language == "pt" else accent.language.lower()
    description = f"Google Translate, {_language_name(accent.language)}{pace}"
    return Voice(name, language, description=description, licence=TERMS)


@lru_cache(maxsize=1)
def _languages() -> Mapping[str, str]:
    """Return the names of the languages that gTTS knows by Google's codes; none without gTTS."""
    try:
        from gtts.lang import tts_langs
    except ImportError:
        return {"pt": "Portuguese (Brazil)", "pt-PT": "Portuguese (Portugal)"}
    known: Mapping[str, str] = tts_langs()
    return known


def _language_name(code: str) -> str:
    return _languages().get(code, code)


@lru_cache(maxsize=1)
def _accents() -> Mapping[str, Accent]:
    """Return every voice by its name."""
    others = [code for code in _languages() if code.split("-")[0] != "pt"]
    return PORTUGUESE | {f"google-{code}": Accent(code, "com") for code in others}


@lru_cache(maxsize=4)
def _is_reachable(service: Service, minute: int) -> bool:
    """Return whether the service is there, asked once a minute."""
    return service.is_reachable(PORTUGUESE["google-com.br"].tld)
