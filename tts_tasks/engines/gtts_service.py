"""The conversation with Google Translate's voice: one request, one answer, and what can go wrong.

gTTS knows how a request is written. It does not hold the conversation here, since its own
(``gTTS.stream``, 2.5.4) returns no audio and no error for an empty answer, a web page, a redirect
or an answer without the audio, passes on whatever bytes it is sent, waits forever, and sends
everything with ``verify=False``: anybody on the way could read and change it. Ours verifies the
certificate, reads to a limit in time and size, and accepts only a whole MP3.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import requests
import urllib3
from gtts import gTTS
from requests.adapters import HTTPAdapter

from tts_tasks.errors import (
    BadAnswerError,
    EngineError,
    EngineUnavailableError,
    ProviderRefusedError,
)
from tts_tasks.mp3 import fault_of_mp3

CONNECT_TIMEOUT_S = 5.0
"""Longest time to reach the host."""

MAX_ANSWER_BYTES = 4_000_000
"""Longest answer read: 100 characters last at most a minute, which is 0.7 MB in base 64."""

ENVELOPE = "wrb.fr"
"""What marks the part of an answer that holds a result."""

REACHED_S = (2.0, 3.0)
"""Time to reach the host, and to answer, when only asked whether it is there."""


FINAL_STATUSES = (401, 403, 404, 405, 407, 410, 451)
"""They are about who asks, and where; the other 4xx are about what is asked."""


class Said(NamedTuple):
    """What is asked of the service."""

    text: str
    """At most 100 characters, with a letter or digit."""

    language: str
    """As Google calls it: ``pt``, ``pt-PT``, ``en``."""

    tld: str
    """Top-level domain of the host, which decides the accent: ``com.br``."""

    slow: bool
    """Whether it is said slowly."""


class FailedRequest(Exception):
    """A request that brought no audio."""

    def __init__(
        self, error: EngineError, retry_after_s: float = 0.0, *, is_final: bool = False
    ) -> None:
        """Keep the parts.

        Args:
            error: what the caller is told.
            retry_after_s: how long the service wants to be left alone; 0.0 if it does not say.
            is_final: whether the next request, for any text, would fail as well.
        """
        super().__init__(str(error))
        self.error = error
        self.retry_after_s = retry_after_s
        self.is_final = is_final


class _Session(requests.Session):
    """A session whose connections can be broken off, and that follows no redirect.

    The library's time limits are for each piece of an answer, and it reads all that comes with a
    redirect.
    """

    def __init__(self) -> None:
        """Note every socket that is opened."""
        super().__init__()
        self._sockets: list[socket.socket] = []
        for scheme in ("http://", "https://"):
            self.mount(scheme, _NotingAdapter(self._sockets))

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None

    def break_off(self) -> None:
        """End what is being sent and received, in whatever thread."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class _NotingAdapter(HTTPAdapter):
    """One that notes the sockets of its connections."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        """Note them in a list."""
        super().__init__()
        self._noted = sockets

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return a pool whose connections note their sockets."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        noted = self._noted

        class Noting(pool.ConnectionCls):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                noted.append(self.sock)

        pool.ConnectionCls = Noting
        return pool


@dataclass(frozen=True, slots=True)
class Service:
    """Where Google Translate is, or what stands in for it."""

    base_url: str | None = None
    """Base in place of ``https://translate.google.<tld>``."""

    timeout_s: float = 20.0
    """Longest time that a request may take."""

    def ask(self, said: Said) -> bytes:
        """Return the MP3 of a text: whole, 24 kHz, mono.

        Raises:
            FailedRequest: whatever went wrong.
        """
        request = self._prepare(said)
        session = _Session()
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            session.break_off()

        watchdog = threading.Timer(self.timeout_s, end)
        watchdog.daemon = True
        watchdog.start()
        try:
            # Proxies and certificates as the environment says; gTTS would not verify them.
            settings = session.merge_environment_settings(request.url, {}, True, None, None)
            timeouts_s = (min(CONNECT_TIMEOUT_S, self.timeout_s), self.timeout_s)
            with session.send(
                request, timeout=timeouts_s, allow_redirects=False, **settings
            ) as response:
                _refuse_status(response)
                answer = self._read(response)
        except TRANSLATED as error:
            late = requests.ReadTimeout() if is_late.is_set() else error
            raise translated(late, self.timeout_s) from error
        finally:
            watchdog.cancel()
            session.close()
        if is_late.is_set():
            raise translated(requests.ReadTimeout(), self.timeout_s)
        return audio_of(answer, said.text)

    def is_reachable(self, tld: str) -> bool:
        """Return whether anybody answers at the address; a request without a text."""
        try:
            with closing(_Session()) as session:
                session.head(self._address(tld), timeout=REACHED_S, allow_redirects=False)
        except TRANSLATED:
            return False
        return True

    def host(self, tld: str) -> str:
        """Return the host's name, for messages."""
        return urllib.parse.urlsplit(self._address(tld)).netloc

    def _address(self, tld: str) -> str:
        return self.base_url or f"https://translate.google.{tld}"

    def _prepare(self, said: Said) -> requests.PreparedRequest:
        speaker = gTTS(
            said.text,
            tld=said.tld,
            lang=said.language,
            slow=said.slow,
            lang_check=False,  # It makes pt-PT Brazilian.
            pre_processor_funcs=[],
            tokenizer_func=_as_one,
        )
        request: requests.PreparedRequest
        (request,) = speaker._prepare_requests()
        if self.base_url:
            request.url = self.base_url + str(urllib.parse.urlsplit(request.url).path)
        return request

    def _read(self, response: requests.Response) -> bytes:
        """Return the body, of whatever encoding, up to a limit."""
        body = bytearray()
        while piece := response.raw.read1(65_536, decode_content=True):
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise FailedRequest(_bad_answer(f"more than {MAX_ANSWER_BYTES:,} bytes"))
        return bytes(body)


def _as_one(text: str) -> list[str]:
    """Return a text as one request's: it was cut where a speaker would breathe."""
    return [text]


def _refuse_status(response: requests.Response) -> None:
    """Return if the status of an answer is 200.

    Raises:
        FailedRequest: for another one.
    """
    status, reason = response.status_code, response.reason or ""
    if status == requests.codes.ok:
        return
    answer = f"answered {status} {_told(reason)}".rstrip()
    if status == requests.codes.too_many_requests or status in (408, 425) or status >= 500:
        wish_s = retry_after_s(response.headers, datetime.now(UTC))
        raise FailedRequest(_unavailable(answer), wish_s)
    if status < 300:
        raise FailedRequest(_bad_answer(f"a status of {status} {_told(reason)}".rstrip()))
    if 300 <= status < 400:
        # To a page that asks for consent, or whether a human is there.
        where = _host_of(response.headers.get("Location", "")) or "nowhere"
        raise FailedRequest(_unavailable(f"{answer}: it redirects to {where}, a page to be read"))
    raise FailedRequest(
        ProviderRefusedError(
            f"Google Translate {answer}",
            field="provider",
            value="gtts",
            remedy="it forbids this address, or has changed; let another provider speak, and "
            "look for a newer gTTS",
        ),
        is_final=status in FINAL_STATUSES,
    )


def _host_of(address: str) -> str:
    try:
        return urllib.parse.urlsplit(address).netloc
    except ValueError:
        return ""


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float:
    """Return how long an answer asks to wait, in seconds; 0.0 if it does not or cannot be read.

    Source: RFC 9110, section 10.2.3: seconds, or a date.
    """
    wish = headers.get("Retry-After", "").strip()
    if wish.isascii() and wish.isdigit():
        return float(wish)
    try:
        at = parsedate_to_datetime(wish)
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp())


def audio_of(answer: bytes, text: str) -> bytes:
    """Return the MP3 inside an answer.

    Args:
        answer: body of the answer.
        text: what was asked for.

    Raises:
        FailedRequest: if the answer holds no audio, or something else.
    """
    try:
        encoded = _payload(answer.decode())
        audio = base64.b64decode(encoded, validate=True)
    except UnicodeDecodeError as error:
        raise FailedRequest(_bad_answer("something that is no text")) from error
    except ValueError as error:  # Of another alphabet, or length.
        raise FailedRequest(_bad_answer("audio in a wrong encoding")) from error
    if not audio:
        raise FailedRequest(_bad_answer(f"no audio for {text!r}"))
    if fault := fault_of_mp3(audio):
        raise FailedRequest(_bad_answer(f"no whole MP3: it {fault}"))
    return audio


def _payload(body: str) -> str:
    r"""Return what the answer to our call holds, still in base 64.

    Such an answer is a line that no browser can run, then arrays in JSON, maybe their lengths
    between them: ``[["wrb.fr","jQ1olc","[\"<base 64>\"]",null,...],...]``.
    """
    if not body.strip():
        raise FailedRequest(_bad_answer("nothing"))
    rows = [row for line in body.splitlines() for row in _rows(line)]
    results = [row[2:3] for row in rows if row[:2] == [ENVELOPE, gTTS.GOOGLE_TTS_RPC]]
    if len(results) > 1:
        raise FailedRequest(_bad_answer(f"{len(results)} results for one text"))
    if results:
        return _only_text(*results[0])
    is_page = "<html" in body[:1_000].lower()
    raise FailedRequest(_bad_answer("a web page" if is_page else "something without any audio"))


def _rows(line: str) -> list[list[Any]]:
    try:
        rows = json.loads(line) if line.startswith("[") else []
    except (ValueError, RecursionError):
        return []
    return [row for row in rows if isinstance(row, list)]


def _only_text(payload: object = None) -> str:
    try:
        parts = json.loads(payload) if isinstance(payload, str) else None
    except (ValueError, RecursionError):
        parts = None
    match parts:
        case [str(text)]:
            return text
        case [str(), *more] if any(isinstance(each, str) and each for each in more):
            raise FailedRequest(_bad_answer(f"audio in {1 + len(more)} parts"))
        case [str(text), *_]:
            return text
    raise FailedRequest(_bad_answer("no audio stream"))


def _unavailable(what: str) -> EngineUnavailableError:
    return EngineUnavailableError(
        f"Google Translate {what}",
        field="provider",
        value="gtts",
        remedy="try again later, or let another provider speak",
    )


def _bad_answer(what: str) -> BadAnswerError:
    return BadAnswerError(
        f"Google Translate answered with {what}",
        field="provider",
        value="gtts",
        remedy="try again later, or let another provider speak",
    )


def _bad_certificate(error: Exception, _: float) -> EngineError:
    return ProviderRefusedError(
        f"the certificate of Google Translate cannot be verified ({error})",
        field="provider",
        value="gtts",
        remedy="somebody stands between; set REQUESTS_CA_BUNDLE if it is your own proxy",
    )


def _no_handshake(error: Exception, timeout_s: float) -> EngineError:
    is_certificate = isinstance(_deepest(error), ssl.SSLCertVerificationError)
    return (_bad_certificate if is_certificate else _unreachable)(error, timeout_s)


def _too_slow(_: Exception, timeout_s: float) -> EngineError:
    return _unavailable(f"did not answer within {timeout_s:g} s")


def _unreached(_: Exception, timeout_s: float) -> EngineError:
    return _unavailable(f"cannot be reached within {min(CONNECT_TIMEOUT_S, timeout_s):g} s")


def _unreachable(error: Exception, _: float) -> EngineError:
    return _unavailable(f"cannot be reached ({_cause(error)})")


def _broken_off(error: Exception, _: float) -> EngineError:
    return _bad_answer(f"an answer that breaks off ({_cause(error)})")


def _wrong_address(error: Exception, _: float) -> EngineError:
    return ProviderRefusedError(
        f"Google Translate has no such address ({error})",
        field="NARRATION_GTTS_URL",
        remedy="correct or unset the environment variable, and those of your proxy",
    )


TRANSLATIONS: tuple[tuple[type[Exception], Callable[[Exception, float], EngineError]], ...] = (
    (requests.exceptions.SSLError, _no_handshake),
    (requests.exceptions.ProxyError, _unreachable),
    (requests.exceptions.ConnectTimeout, _unreached),
    (requests.exceptions.Timeout, _too_slow),
    (requests.exceptions.ConnectionError, _unreachable),
    (requests.exceptions.ChunkedEncodingError, _broken_off),
    (requests.exceptions.ContentDecodingError, _broken_off),
    (requests.exceptions.StreamConsumedError, _broken_off),
    (requests.exceptions.UnrewindableBodyError, _broken_off),
    (requests.exceptions.JSONDecodeError, _broken_off),
    (requests.exceptions.InvalidJSONError, _broken_off),
    (requests.exceptions.HTTPError, _broken_off),
    (requests.exceptions.RetryError, _unreachable),
    (requests.exceptions.TooManyRedirects, _unreachable),
    (requests.exceptions.InvalidURL, _wrong_address),
    (requests.exceptions.InvalidSchema, _wrong_address),
    (requests.exceptions.MissingSchema, _wrong_address),
    (requests.exceptions.URLRequired, _wrong_address),
    (requests.exceptions.InvalidHeader, _broken_off),
    (urllib3.exceptions.TimeoutError, _too_slow),
    (urllib3.exceptions.ProtocolError, _broken_off),
    (urllib3.exceptions.DecodeError, _broken_off),
    (urllib3.exceptions.SSLError, _no_handshake),
    (urllib3.exceptions.ProxySchemeUnsupported, _wrong_address),
    (urllib3.exceptions.HTTPError, _unreachable),
    (OSError, _unreachable),
)
"""From what requests raises to what we do; the first that fits. ``test_gtts_service`` fails when
the library has an exception that only the last line knows."""

TRANSLATED = tuple(kind for kind, _ in TRANSLATIONS)
"""What a request may raise."""


def translated(error: Exception, timeout_s: float) -> FailedRequest:
    """Return an exception of requests as one of ours."""
    make = next(make for kind, make in TRANSLATIONS if isinstance(error, kind))
    ours = make(error, timeout_s)
    return FailedRequest(ours, is_final=isinstance(ours, ProviderRefusedError))


def _cause(error: Exception) -> str:
    deepest = _deepest(error)
    return _told(str(deepest)) or type(deepest).__name__


def _told(text: str) -> str:
    """Return what a server said so that it can be shown: one line, printable, not long."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:200]


def _deepest(error: BaseException) -> BaseException:
    """Return what lies at the bottom of an exception: the library wraps it three times."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error
