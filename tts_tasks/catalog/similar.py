"""Find utterances whose text is like another one. Reads the catalog; writes nothing.

Compared is ``written``, what the producer wrote: that is what a person remembers and types, while
``spoken`` spells out numbers and abbreviations in ways that change with the lexicon. Case, the
form of Unicode (NFC or NFD) and the amount of white space make no difference; accents and
punctuation do. What is returned is the text as it was kept.

The published texts stay in this process; what was registered, amended or evicted since is read from
the events of later catalogs and from the journals, until it is so much that all is read again. The
answer is that of a comparison with every row of ``connect(library, live=True).utterances``. A
process keeps about 400 bytes for each utterance of 97 characters (40 MB for 100,000), and
``KEPT_BYTES`` of them altogether.
"""

from __future__ import annotations

import contextlib
import json
import math
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np

from tts_tasks.catalog.alike import Floats, Indices, Packed, Texts, folded
from tts_tasks.catalog.database import DamagedError, beyond_reading, translated
from tts_tasks.catalog.journal import SUFFIX
from tts_tasks.catalog.live import load_tail, offsets_in
from tts_tasks.catalog.reading import connect, identity
from tts_tasks.catalog.schema import LEVELS
from tts_tasks.catalog.tail import read_tail
from tts_tasks.errors import EmptyTextError, InputError, TextTooLongError

MAX_CHARS = 5_000
"""Longest text to look for; no engine takes a chunk that is a quarter as long."""

KEPT_BYTES = 1 << 30
"""Memory for the libraries that were asked last; the last one stays, even if it is larger."""

ROWS_AT_ONCE = 20_000

MOST_CHANGES = 2_000
"""Entries that may have changed since the texts were read; each question looks at them apart ..."""

CHANGED_SHARE = 0.02
"""... or so large a share of them, in a large library: then all texts are read again."""

HARMLESS = ("utterance_hit", "utterance_duplicate", "utterance_imported")
"""Events of an utterance that change nothing of what is shown here; of later kinds, who knows."""


@dataclass(frozen=True, slots=True)
class Match:
    """An utterance of the library whose text is like the one asked for."""

    key: str
    """Its key in the library."""

    written: str
    """What the producer wrote."""

    spoken: str
    """What the engine was given."""

    provider: str | None
    """Name of the engine."""

    voice: str | None
    """Name of the voice."""

    duration_s: float | None
    """Length of the audio."""

    score: float
    """How like the texts are: 1 is the same but for case and white space, 0 has no letter."""


def similar(
    library_root: Path | str,
    text: str,
    threshold: float = 0.8,
    voice: str | None = None,
    provider: str | None = None,
    limit: int = 10,
) -> tuple[Match, ...]:
    """Return the utterances whose text is most like another one.

    Args:
        library_root: the library's folder; may be empty or absent.
        text: what to look for, up to ``MAX_CHARS`` characters.
        threshold: the least score of a match, from 0 to 1.
        voice: of this voice only.
        provider: of this engine only.
        limit: the most matches to return.

    Returns:
        Matches by descending score; among equals the newest first, then by key. The same text in
        another voice or with other parameters is another match.

    Raises:
        EmptyTextError: if the text is blank.
        TextTooLongError: if it is longer than ``MAX_CHARS``.
        InputError: if the threshold or the limit is not a number in its range, or a name no text.
        CatalogError: if the catalog was written by a newer version, or cannot be read.
    """
    asked = _text(text)
    _check_numbers(threshold, limit)
    _check_names(voice=voice, provider=provider)
    state = _state(Path(library_root).absolute())
    old = state.base.best(asked, threshold, voice, provider, limit, state.changed)
    recent = state.recent.best(asked, threshold, voice, provider, limit, frozenset())
    both = sorted([*old, *recent], key=lambda found: (-found[1].score, -found[0], found[1].key))
    return tuple(match for _, match in both[:limit])


def forget() -> None:
    """Give the memory back; the next question reads its library again."""
    with _lock:
        for root in tuple(_kept):
            _forget(root)


def _text(text: object) -> str:
    remedy = "give the words to look for"
    if not isinstance(text, str):
        raise InputError("it is no text", field="text", value=text, remedy=remedy)
    if len(text) > MAX_CHARS:
        raise TextTooLongError(
            f"{len(text)} characters are over the limit of {MAX_CHARS}",
            field="text",
            value=text,
            remedy="look for one sentence of it",
        )
    asked = folded(text)
    if not asked:
        raise EmptyTextError("it is blank", field="text", value=text, remedy=remedy)
    return asked


def _check_numbers(threshold: object, limit: object) -> None:
    is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if not is_number or not 0 <= threshold <= 1:  # type: ignore[operator]  # NaN is not, either
        raise InputError(
            f"{threshold!r} is no number from 0 to 1",
            field="threshold",
            value=threshold,
            remedy="0.8 finds a sentence with a word changed, 1 only the same text",
        )
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise InputError(
            f"{limit!r} is no whole number from 1 on",
            field="limit",
            value=limit,
            remedy="say how many matches to return, e.g. 10",
        )


def _check_names(**names: object) -> None:
    for field, name in names.items():
        if name is not None and (not isinstance(name, str) or not name):
            raise InputError(
                f"{name!r} is no name", field=field, value=name, remedy="leave it out for any"
            )


@dataclass(frozen=True, slots=True)
class _Entries:
    """Some utterances: the newest first, then by key."""

    keys: Packed
    written: Packed
    spoken: Packed
    """Empty where it is what was written."""

    created_us: Indices
    duration_s: Floats
    """Not a number where it is not known."""

    speakers: Indices
    """For each entry an index into ``names``."""

    names: tuple[tuple[str | None, str | None], ...]
    """Provider and voice."""

    texts: Texts
    """Each text once, folded."""

    by_text: Indices
    """The entries of text n are ``by_text[starts[n] : starts[n + 1]]``."""

    starts: Indices

    @property
    def size_bytes(self) -> int:
        """Memory that they take, about."""
        parts = (self.keys, self.written, self.spoken, self.texts)
        return sum(part.size_bytes for part in parts) + 5 * self.created_us.nbytes

    def best(
        self,
        text: str,
        threshold: float,
        voice: str | None,
        provider: str | None,
        limit: int,
        hidden: frozenset[str],
    ) -> list[tuple[int, Match]]:
        """Return the best matches that are not hidden, each after the time of its registration."""
        ids, scores_of_texts = self.texts.like(text, threshold)
        sizes = self.starts[ids + 1] - self.starts[ids]
        # The ranges of the texts' entries, one after the other.
        offsets = np.repeat(self.starts[ids] - (np.cumsum(sizes) - sizes), sizes)
        entries = self.by_text[offsets + np.arange(len(offsets))]
        scores = np.repeat(scores_of_texts, sizes)
        if voice is not None or provider is not None:
            speaks = [
                provider in (None, of_provider) and voice in (None, of_voice)
                for of_provider, of_voice in self.names
            ]
            is_wanted = np.array(speaks, bool)[self.speakers[entries]]
            entries, scores = entries[is_wanted], scores[is_wanted]
        found: list[tuple[int, Match]] = []
        for place in np.lexsort((entries, -scores)):
            entry = int(entries[place])
            if (key := self.keys[entry]) in hidden:
                continue
            found.append((int(self.created_us[entry]), self._match(entry, key, scores[place])))
            if len(found) == limit:
                break
        return found

    def _match(self, entry: int, key: str, score: float) -> Match:
        written = self.written[entry]
        provider, voice = self.names[self.speakers[entry]]
        duration_s = float(self.duration_s[entry])
        return Match(
            key=key,
            written=written,
            spoken=self.spoken[entry] or written,
            provider=provider,
            voice=voice,
            duration_s=None if math.isnan(duration_s) else duration_s,
            score=float(score),
        )


def _read_entries(connection: duckdb.DuckDBPyConnection, table: str) -> _Entries:
    connection.execute(
        f"""
        select key, written, coalesce(nullif(spoken, written), ''), provider, voice,
            coalesce(duration_s, 'nan'), epoch_us(created_at)
        from {table} where created_at is not null and written is not null
        order by created_at desc, key
        """
    )
    keys, written, spoken = Packed(), Packed(), Packed()
    durations_s, created_us, speakers, texts_of = array("d"), array("q"), array("q"), array("q")
    names: dict[tuple[str | None, str | None], int] = {}
    texts: dict[str, int] = {}
    while rows := connection.fetchmany(ROWS_AT_ONCE):
        columns = tuple(zip(*rows, strict=True))
        keys.extend(columns[0])
        written.extend(columns[1])
        spoken.extend(columns[2])
        texts_of.extend(texts.setdefault(folded(text), len(texts)) for text in columns[1])
        pairs = zip(columns[3], columns[4], strict=True)
        speakers.extend(names.setdefault(pair, len(names)) for pair in pairs)
        durations_s.extend(columns[5])
        created_us.extend(columns[6])
    n_entries = np.bincount(np.array(texts_of, np.int64), minlength=len(texts))
    return _Entries(
        keys=keys,
        written=written,
        spoken=spoken,
        created_us=np.array(created_us, np.int64),
        duration_s=np.array(durations_s, np.float64),
        speakers=np.array(speakers, np.int64),
        names=tuple(names),
        texts=Texts(tuple(texts)),
        by_text=np.argsort(np.array(texts_of, np.int64), kind="stable"),
        starts=np.concatenate([[0], np.cumsum(n_entries)]),
    )


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment of the catalog, from which on its events tell what changed."""

    lineage: object
    """When the indexer's file was made, and how many objects it found without an event: of one
    that was made again, or that found more, the events do not tell everything."""

    last_row: int
    """Row of the last event, -1 if there is none; events are only ever appended."""

    last_event: object
    """What is in that row."""


@dataclass(frozen=True, slots=True)
class _State:
    """What this process knows of a library at one moment."""

    published: tuple[int, int] | None
    """Of the published file that was there before this was read; None if there was none."""

    base: _Entries
    """All entries of a published catalog, this one or an earlier one."""

    mark: _Mark
    """The moment of that catalog."""

    recent: _Entries
    """Those that changed since, as they are now."""

    changed: frozenset[str]
    """Keys whose entries in the base no longer hold: they are in ``recent``, or evicted."""

    dealt_with_bytes: Mapping[str, int]
    """How far each journal is in the published catalog, by file name."""

    offsets: Mapping[str, int]
    """How far each journal is known, by file name; at least so far."""

    connection: duckdb.DuckDBPyConnection
    """To that catalog: as long as it is the published one, only the journals are read again."""

    @property
    def size_bytes(self) -> int:
        """Memory that it takes, about."""
        return self.base.size_bytes + self.recent.size_bytes


_kept: OrderedDict[Path, _State] = OrderedDict()
_lock = threading.Lock()


def _state(root: Path) -> _State:
    """Return what the library holds now; what is known already is not read again.

    One thread reads at a time: two would hold a large library twice.
    """
    with _lock:
        known = _kept.get(root)
        # Taken first: what is published or appended while this reads is looked at the next time.
        published = identity(root)
        offsets, is_changed = _read_on(root, known) if known else ({}, True)
        if known and published == known.published:
            state = _read_tail_again(root, known) if is_changed else known
            state = replace(state, offsets={**state.offsets, **offsets})
        else:
            del known  # Nobody else holds it: it is freed where it has served.
            state = _read(root, published, offsets, _forget(root))
        _kept[root] = state
        _kept.move_to_end(root)
        while len(_kept) > 1 and sum(each.size_bytes for each in _kept.values()) > KEPT_BYTES:
            _forget(next(iter(_kept)))
        return state


def _forget(root: Path) -> _State | None:
    state = _kept.pop(root, None)
    if state is not None:
        state.connection.close()
    return state


def _read(
    root: Path,
    published: tuple[int, int] | None,
    offsets: Mapping[str, int],
    known: _State | None,
) -> _State:
    # The connection shows one moment: whatever is published or appended meanwhile, the parts agree
    # with each other.
    connection = connect(root, live=True)
    with _readable(root):
        if known is not None and _goes_on(connection, known.mark):
            _note_changes(connection, known.mark)
            changed, recent = _read_changes(connection)
            most = max(MOST_CHANGES, CHANGED_SHARE * len(known.base.created_us))
            if len(changed) > most:
                known = None
        else:
            known = None
        if known is None:  # The old texts are freed before the new ones are read.
            mark = _mark(connection)
            base = _read_entries(connection, "library.main.utterances")
            _note_changes(connection, mark)
            changed, recent = _read_changes(connection)
        else:
            base, mark = known.base, known.mark
        dealt_with = offsets_in(connection)
    return _State(
        published=published,
        base=base,
        mark=mark,
        recent=recent,
        changed=changed,
        dealt_with_bytes=dealt_with,
        offsets={
            name: max(offsets.get(name, 0), dealt_with.get(name, 0))
            for name in {*offsets, *dealt_with}
        },
        connection=connection,
    )


def _read_tail_again(root: Path, known: _State) -> _State:
    with _readable(root):
        load_tail(known.connection, root, LEVELS[:1])
        changed, recent = _read_changes(known.connection)
    return replace(known, changed=changed, recent=recent)


def _mark(connection: duckdb.DuckDBPyConnection) -> _Mark:
    """Return the moment of the published catalog."""
    row = connection.execute(
        "select coalesce(max(rowid), -1) from library.main.events"
    ).fetchone() or (-1,)
    return _Mark(_lineage(connection), int(row[0]), _event(connection, int(row[0])))


def _goes_on(connection: duckdb.DuckDBPyConnection, mark: _Mark) -> bool:
    """Return whether a catalog is a later one, whose events tell what changed since a moment."""
    is_same_file = _lineage(connection) == mark.lineage
    return is_same_file and _event(connection, mark.last_row) == mark.last_event


def _lineage(connection: duckdb.DuckDBPyConnection) -> object:
    return connection.execute(
        "select (select min(applied_at) from library.indexer.migrations), found"
        " from library.indexer.state"
    ).fetchone()


def _event(connection: duckdb.DuckDBPyConnection, row: int) -> object:
    sql = f"select process, sequence from library.main.events where rowid = {row}"
    return connection.execute(sql).fetchone()


def _note_changes(connection: duckdb.DuckDBPyConnection, mark: _Mark) -> None:
    """Make ``live.noted``: keys of which the published catalog has events since a moment."""
    connection.execute(
        f"""
        create or replace table live.noted as
        select distinct key from library.main.events
        where rowid > {mark.last_row} and key is not null
            and starts_with(kind, 'utterance_') and kind not in {HARMLESS}
        """
    )


def _read_changes(connection: duckdb.DuckDBPyConnection) -> tuple[frozenset[str], _Entries]:
    """Return the keys of which events or journals tell, and what they are now.

    Those that were evicted, or have hits alone, have no row in the view.
    """
    connection.execute(
        """
        create or replace table live.changed as
        select key from live.noted union select key from live.utterances
        """
    )
    changed = connection.execute("select key from live.changed").fetchall()
    now = "(select * from memory.main.utterances semi join live.changed using (key))"
    return frozenset(key for (key,) in changed), _read_entries(connection, now)


@contextlib.contextmanager
def _readable(root: Path) -> Iterator[None]:
    """Say what to do about damage that only reading meets.

    Raises:
        CatalogError: if the catalog is damaged.
    """
    try:
        with translated(root / "catalog.duckdb"):
            yield
    except DamagedError as damage:
        raise beyond_reading(damage) from damage


def _read_on(root: Path, known: _State) -> tuple[Mapping[str, int], bool]:
    """Return how far the journals are now, and whether they tell what changes the answers."""
    folder = root / "journal"
    sizes = {path.name: _size_bytes(path) for path in folder.glob(f"*{SUFFIX}")}
    if any(
        offset > max(sizes.get(name, 0), known.dealt_with_bytes.get(name, 0))
        for name, offset in known.offsets.items()
    ):
        return {}, True  # A journal lost what was known of it, or was put away.
    offsets = {name: offset for name, offset in known.offsets.items() if name in sizes}
    is_changed = False
    is_all = False
    while not is_all:
        tail = read_tail(folder, offsets)
        offsets.update(tail.offsets)
        is_changed = is_changed or any(map(_changes_answers, tail.lines))
        is_all = tail.is_all
    return offsets, is_changed


def _changes_answers(line: bytes) -> bool:
    kind = json.loads(line)["kind"]
    return kind.startswith("utterance_") and kind not in HARMLESS


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
