"""A circuit breaker: a service that keeps failing is left alone for a while, by everybody.

    closed --failures in a row--> open --rest is over--> half-open --probe succeeds--> closed
                                    ^                        |
                                    +------ probe fails -----+   and each rest is twice as long

What is known of the service is a small file in the installation, so that all workers learn from
one worker's failures, and ``narrate doctor`` sees what they see.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from tts_tasks.errors import ProviderRestsError, storage_error
from tts_tasks.files import held, write_whole

FAILURES_TO_OPEN = 8
"""Failures in a row that open the breaker. Where 3 of 10 requests fail by chance, eight in a row
come once in 15,000 requests."""

FIRST_REST_S = 10.0
"""Rest after the breaker opened; shorter than the delays of a task's retries taken together."""

LONGEST_REST_S = 600.0
"""Longest rest that the breaker gives by itself; a service may ask for a longer one."""

LONGEST_WISH_S = 86_400.0
"""Longest rest that a service can ask for."""

LONGEST_HOLD_S = 60.0
"""Longest time that requests are held back; for longer wishes the service rests."""

PROBE_S = 60.0
"""Time in which a probe must succeed or fail; then somebody else may try."""


class Circuit(StrEnum):
    """What happens to the next request."""

    CLOSED = "closed"
    """It is sent."""

    OPEN = "open"
    """It is refused at once."""

    HALF_OPEN = "half-open"
    """It is sent, and shows whether the service has recovered; others are refused meanwhile."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that failed."""

    why: str
    """What went wrong."""

    is_final: bool = False
    """Whether the breaker opens at once, however few failures there were."""

    rest_s: float = 0.0
    """Rest that the service asked for, in seconds."""

    was_probe: bool = False
    """Whether the request was let pass to see whether the service has recovered."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a service."""

    failures: int = 0
    """Failures since the last success."""

    openings: int = 0
    """Times that the breaker opened since the last success."""

    rests_until_s: float | None = None
    """When the rest ends, in seconds since the epoch; ``None`` while the breaker is closed."""

    not_before_s: float = 0.0
    """When the service wants the next request, in seconds since the epoch."""

    why: str = ""
    """The last failure."""

    @property
    def is_sound(self) -> bool:
        """Whether each field is what it should be, and not what somebody else wrote."""
        counts = (self.failures, self.openings)
        times_s = (self.not_before_s, 0.0 if self.rests_until_s is None else self.rests_until_s)
        return (
            all(isinstance(each, int) and each >= 0 for each in counts)
            and all(isinstance(each, int | float) and 0 <= each < 1e11 for each in times_s)
            and isinstance(self.why, str)
        )

    def within_reason(self, now_s: float) -> Record:
        """Return the record without waits that nobody can have meant: the clock was set back."""
        rests_until_s = self.rests_until_s
        if rests_until_s is not None:
            rests_until_s = min(rests_until_s, now_s + LONGEST_WISH_S)
        not_before_s = min(self.not_before_s, now_s + LONGEST_HOLD_S)
        return replace(self, rests_until_s=rests_until_s, not_before_s=not_before_s)

    def circuit(self, now_s: float) -> Circuit:
        """Return the breaker's state at a time."""
        if self.rests_until_s is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now_s < self.rests_until_s else Circuit.HALF_OPEN

    def after_failure(self, now_s: float, failure: Failure) -> Record:
        """Return the record with one more failure, at a time in seconds since the epoch."""
        failures, why = self.failures + 1, failure.why
        is_open = self.rests_until_s is not None
        opens = failure.is_final or failures >= FAILURES_TO_OPEN
        # What was on its way when the breaker opened is no news.
        if not failure.was_probe and (is_open or not opens):
            return replace(self, failures=failures, why=why)
        openings = self.openings + 1
        own_s = min(FIRST_REST_S * 2.0 ** min(openings - 1, 20), LONGEST_REST_S)
        return replace(
            self,
            failures=failures,
            openings=openings,
            rests_until_s=now_s + max(own_s, min(failure.rest_s, LONGEST_WISH_S)),
            why=why,
        )


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """The breaker of one service, shared by all processes of an installation."""

    name: str
    """The provider."""

    folder: Path
    """Where the record is kept."""

    clock: Callable[[], float] = time.time
    """Seconds since the epoch: processes must agree on it."""

    def read(self) -> Record:
        """Return what is known; a record that cannot be read is a new one."""
        try:
            record = Record(**json.loads(self._path.read_bytes()))
        except (OSError, ValueError, TypeError, RecursionError):
            return Record()
        return record.within_reason(self.clock()) if record.is_sound else Record()

    def refuse_while_open(self) -> None:
        """Return if a request may be sent or would be a probe.

        Raises:
            ProviderRestsError: while the service rests.
        """
        record = self.read()
        if record.circuit(self.clock()) is Circuit.OPEN:
            raise self._rests(record)

    def admit(self) -> bool:
        """Let one request pass, and take the probe if it is due.

        Returns:
            Whether the request is a probe; who sends it tells how it went, or releases it.

        Raises:
            ProviderRestsError: while the service rests, or somebody else's probe is on its way.
        """
        if self.read().rests_until_s is None:
            return False
        with self._alone():
            record, now_s = self.read(), self.clock()
            circuit = record.circuit(now_s)
            if circuit is Circuit.OPEN:
                raise self._rests(record)
            if circuit is Circuit.HALF_OPEN:
                self._write(replace(record, rests_until_s=now_s + PROBE_S))
            return circuit is Circuit.HALF_OPEN

    def hold_back_s(self) -> float:
        """Return for how many seconds the service wants no request."""
        return max(0.0, self.read().not_before_s - self.clock())

    def hold_back(self, seconds: float) -> None:
        """Note that the service wants no request for so many seconds."""
        with self._alone():
            record = self.read()
            not_before_s = max(record.not_before_s, self.clock() + seconds)
            self._write(replace(record, not_before_s=not_before_s))

    def succeeded(self) -> None:
        """Note a success: the breaker closes."""
        record = self.read()
        if record.failures or record.rests_until_s is not None:
            with self._alone():
                self._write(Record(not_before_s=self.read().not_before_s))

    def failed(self, failure: Failure) -> None:
        """Note a failure; see ``Record.after_failure``."""
        with self._alone():
            self._write(self.read().after_failure(self.clock(), failure))

    def released(self) -> None:
        """Give a probe back from which nothing was learnt: the next request is one."""
        with self._alone():
            record = self.read()
            if record.rests_until_s is not None:
                self._write(replace(record, rests_until_s=self.clock()))

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.name}.json"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = self.folder / f".{self.name}.lock"
        with ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(lock))
            except OSError as error:
                raise storage_error(error, lock) from error
            yield

    def _write(self, record: Record) -> None:
        write_whole(self._path, json.dumps(asdict(record), ensure_ascii=False))

    def _rests(self, record: Record) -> ProviderRestsError:
        return ProviderRestsError(
            f"{self.name} {self.describe(record)}",
            field="provider",
            value=self.name,
            remedy="try again then, or let another provider speak",
        )

    @staticmethod
    def describe(record: Record) -> str:
        """Return why an open breaker is open, as it follows the provider's name in a sentence."""
        until = datetime.fromtimestamp(record.rests_until_s or 0.0).astimezone()
        day = "" if until.date() == datetime.now().astimezone().date() else f"{until:%Y-%m-%d} "
        return f"rests until {day}{until:%H:%M:%S} after {record.failures} failure(s): {record.why}"
