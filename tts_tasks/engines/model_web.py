"""Model files over HTTP: from the Hugging Face hub, and from where else a file is published.

An interrupted download is resumed where the server can do that (``Range``), at once or by the next
pull. Proxies and certificates are those of the environment, as ``urllib`` knows them.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tts_tasks.engines.model_intake import (
    Intake,
    Progress,
    SourceFailedError,
    SourceUnreachableError,
    cannot_write,
)
from tts_tasks.engines.models import ModelFile

HUB = "https://huggingface.co"

CONNECT_S = 5.0
"""Longest wait for an answer to begin, and for each block of it: a mirror is better than a wait."""

BLOCK_BYTES = 1 << 18

AT_ONCE = 4
"""Downloads at the same time. A voice is small: most of its time is the way there, through one
redirection."""

GOES_ON = 20
"""Broken connections that are taken up again for one file, as long as each brought something."""

Advance = Callable[[int], None]
"""Told how many bytes of the file are there by now."""


def fetch_from_web(intake: Intake) -> None:
    """Fetch the wanted files that are published on the web; those that fail stay wanted.

    Raises:
        StorageFullError, InputError: if a file cannot be written.
    """
    files = [file for file in intake.wanted if file.urls]
    total = sum(file.size_bytes for file in files)
    done = dict.fromkeys((file.path for file in files), 0)
    stopped = threading.Event()
    unreachable: set[str] = set()

    def fetch(file: ModelFile) -> None:
        def advance(so_far: int) -> None:
            if stopped.is_set():
                raise SourceFailedError("it was interrupted")
            done[file.path] = so_far
            message = f"downloading {intake.model.name}"
            intake.on_progress(Progress(message, sum(done.values()), total))

        for template in file.urls:
            if stopped.is_set():
                return
            if "{hub}" in template and _is_offline():
                intake.failed("the Hugging Face hub", "is not asked (HF_HUB_OFFLINE is set)")
                continue
            url = template.replace("{hub}", _hub())
            # Without what HF_ENDPOINT may hold before an @: a password.
            host = url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url
            if host in unreachable:
                continue

            try:
                _fetch(file, url, host, intake, advance)
                return
            except SourceUnreachableError as failure:
                unreachable.add(host)
                intake.failed(host, str(failure))
            except SourceFailedError as failure:
                if not stopped.is_set():
                    intake.failed(host, str(failure))

    try:
        for _ in _each(fetch, files):
            pass
    finally:
        stopped.set()


def _fetch(file: ModelFile, url: str, host: str, intake: Intake, advance: Advance) -> None:
    """Fetch one file from one place."""
    partial = intake.partial(file)
    is_resumed = partial.exists()
    download(url, partial, file.size_bytes, advance)
    try:
        intake.accept(file, host)
    except SourceFailedError:
        if not is_resumed:
            raise
        # The beginning was left by an earlier pull; it may be at fault.
        download(url, partial, file.size_bytes, advance)
        intake.accept(file, host)


def download(url: str, path: Path, size_bytes: int, advance: Advance) -> None:
    """Download a file of a known size; what ``path`` holds already is not asked for again.

    Args:
        url: an http or https address.
        path: where it is put; keeps what came if the download fails.
        size_bytes: size of the whole file; nothing else is accepted.
        advance: called with the bytes that are there, after each block; may raise to stop.

    Raises:
        SourceUnreachableError: if nobody answers there.
        SourceFailedError: if the server does not have the file, has one of another size, or stops
            sending.
        StorageFullError, InputError: if the file cannot be written.
    """
    if not url.startswith(("http://", "https://")):
        raise SourceUnreachableError("is no http or https address")
    reason = ""
    for _ in range(GOES_ON):
        begun = _size(path, at_most=size_bytes)
        if begun == size_bytes:
            advance(begun)
            return
        try:
            with closing(_open(url, begun)) as answer:
                offset = _offset(answer, begun, size_bytes)
                _receive(answer, path, offset, size_bytes, advance)
            reason = "the connection was closed"
        except HTTPError as error:
            error.close()
            if error.code != 416 or not begun:
                raise SourceFailedError(f"answers {error.code} {error.reason}") from error
            path.unlink()
            continue
        except (OSError, HTTPException, ValueError) as error:  # ValueError: a host like "a..b"
            reason = _clause(error)
            if _size(path, at_most=size_bytes) <= begun:
                raise SourceUnreachableError(f"cannot be reached ({reason})") from error
        if _size(path, at_most=size_bytes) <= begun:
            break
    came = _size(path, at_most=size_bytes)
    if came < size_bytes:
        raise SourceFailedError(
            f"stopped after {came:,} of {size_bytes:,} bytes ({reason}); the next pull goes on"
        )


def _hub() -> str:
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB


def _is_offline() -> bool:
    # Source: huggingface_hub, constants.py, ENV_VARS_TRUE_VALUES.
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _open(url: str, begun: int) -> HTTPResponse:
    headers = {"User-Agent": "narration", "Accept-Encoding": "identity"}
    if begun:
        headers["Range"] = f"bytes={begun}-"
    answer: HTTPResponse = urlopen(Request(url, headers=headers), timeout=CONNECT_S)
    return answer


def _offset(answer: HTTPResponse, begun: int, size_bytes: int) -> int:
    """Return where in the file the answer begins, if it is of the right file."""
    offset, total = 0, answer.headers.get("Content-Length")
    if answer.status == 206:
        sent = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if sent is None or int(sent[1]) != begun:
            raise SourceFailedError("sent other bytes than it was asked for")
        offset, total = begun, sent[2]
    if total and total.isdigit() and int(total) != size_bytes:
        raise SourceFailedError(f"has a file of {int(total):,} bytes instead of {size_bytes:,}")
    return offset


def _receive(
    answer: HTTPResponse, path: Path, offset: int, size_bytes: int, advance: Advance
) -> None:
    """Write what comes behind the offset, and never more than the whole file."""
    try:
        file = path.open("r+b" if offset else "wb")
    except OSError as error:
        raise cannot_write(error, path) from error
    with file:
        file.seek(offset)
        while offset < size_bytes:
            # Not read(): that waits until all of the block is there.
            block = answer.read1(min(BLOCK_BYTES, size_bytes - offset))
            if not block:
                return
            try:
                file.write(block)
                file.flush()
            except OSError as error:
                raise cannot_write(error, path) from error
            offset += len(block)
            advance(offset)


def _size(path: Path, *, at_most: int) -> int:
    """Return how much of a file is there; too much of it counts as nothing."""
    try:
        size_bytes = path.stat().st_size
    except FileNotFoundError:
        return 0
    if size_bytes <= at_most:
        return size_bytes
    path.unlink()
    return 0


def _clause(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, OSError):
        return reason.strerror or str(reason) or type(reason).__name__
    return str(reason) or type(error).__name__


def _each(work: Callable[[ModelFile], None], files: Sequence[ModelFile]) -> Iterator[None]:
    """Do the work for several files at a time, and yield as often as one is done.

    The threads are daemons: a look-up of a name can hang for half a minute, and Ctrl-C should not.
    """
    to_do: SimpleQueue[ModelFile] = SimpleQueue()
    done: SimpleQueue[BaseException | None] = SimpleQueue()
    for file in files:
        to_do.put(file)

    def run() -> None:
        while True:
            try:
                file = to_do.get_nowait()
            except Empty:
                return
            try:
                work(file)
            except BaseException as error:  # noqa: BLE001 - raised again by the one who waits
                done.put(error)
                return
            done.put(None)

    for _ in range(min(AT_ONCE, len(files))):
        threading.Thread(target=run, daemon=True).start()
    for _ in files:
        error = done.get()
        if error is not None:
            raise error
        yield
