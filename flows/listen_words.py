"""What the listening page says: checks and measurements in the words of a producer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flows.listen_lessons import Lesson, Status

FLAGS: Mapping[str, str] = {
    "too_short": "shorter than this text needs: words may be missing",
    "too_long": "longer than this text needs: something may be said twice",
    "long_silence": "a long silence inside the sentence",
    "mostly_silent": "mostly silence",
    "clipping": "distorted: the voice hits full scale",
    "dc_offset": "off centre: it may click where sentences meet",
    "too_quiet": "much quieter than this voice",
    "too_loud": "much louder than this voice",
    "noise_head": "noise before the speech",
    "noise_tail": "noise or babble after the speech",
    "repetition": "something is said twice",
    "missing_words": "words that the recogniser did not hear",
    "extra_words": "words that the recogniser heard, and nobody wrote",
    "unusable": "damaged audio",
}
"""What is wrong, by the name of the check (``mastering.quality``, ``mastering.asr``)."""

STATUSES: Mapping[Status, str] = {
    Status.PUBLISHED: "published",
    Status.REFUSED: "refused: waits for your ears",
    Status.CHANGED: "its text has changed since it was published",
    Status.NEW: "not narrated yet",
    Status.BROKEN: "cannot be narrated",
}
"""What a lesson is waiting for."""

TONES: Mapping[Status, str] = {
    Status.PUBLISHED: "good",
    Status.REFUSED: "bad",
    Status.CHANGED: "fair",
    Status.NEW: "fair",
    Status.BROKEN: "bad",
}
"""How good that is; also the name of its colours."""

UNITS: Mapping[str, str] = {
    "s": "s",
    "ms": "ms",
    "hz": "Hz",
    "db": "dB",
    "dbfs": "dBFS",
    "dbtp": "dBTP",
    "lu": "LU",
    "lufs": "LUFS",
    "percent": "%",
}
"""How units at the end of a name are written."""


def flag_in_words(flag: str) -> str:
    """Return what a failed check means; a check without words is named."""
    return FLAGS.get(flag, flag.replace("_", " "))


def score_in_words(name: str, value: float) -> tuple[str, str]:
    """Return a measurement and its value with unit: ``longest_pause_s`` -> ``longest pause``.

    Args:
        name: as in ``Quality.scores``, with its unit at the end.
        value: what was measured.
    """
    words = name.split("_")
    if words[-2:-1] == ["per"]:
        unit = f" {words[-3]}/{words[-1]}" if len(words) > 2 else ""
        return "pace" if len(words) == 3 else " ".join(words[:-3]), f"{value:.1f}{unit}"
    unit = UNITS.get(words[-1], "") if len(words) > 1 else ""
    label = " ".join(words[:-1] if unit else words)
    return label, f"{round(value, 3):.4g} {unit}".strip()


def clock(seconds: float) -> str:
    """Return a time as players show it, full seconds only: ``1:05`` or ``1:02:05``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: ``1 sentence``, ``2 sentences``."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def verdict(lessons: Sequence[Lesson], n_missing: int) -> tuple[str, str]:
    """Return how the course stands: ``bad``, ``fair`` or ``good``, and that in a sentence or two.

    Args:
        lessons: all of the course.
        n_missing: lessons whose audio is gone.
    """
    waiting = [lesson for lesson in lessons if lesson.status is Status.REFUSED]
    n_waiting = sum(lesson.n_flagged for lesson in waiting)
    published = [lesson for lesson in lessons if lesson.audio and not lesson.is_draft]
    n_accepted = sum(lesson.n_flagged for lesson in published)
    said = []
    if waiting:
        verb = "waits" if n_waiting == 1 else "wait"
        said.append(
            f"{counted(n_waiting, 'sentence')} in {counted(len(waiting), 'lesson')} {verb} "
            "for your ears."
        )
    if n_accepted:
        verb = "was" if n_accepted == 1 else "were"
        said.append(f"{counted(n_accepted, 'flagged sentence')} {verb} published all the same.")
    for status, words in (
        (Status.NEW, "not narrated yet"),
        (Status.CHANGED, "not up to date"),
        (Status.BROKEN, "not possible to narrate"),
    ):
        n = sum(lesson.status is status for lesson in lessons)
        if n:
            said.append(f"{counted(n, 'lesson')} {'is' if n == 1 else 'are'} {words}.")
    if n_missing:
        verb = "has" if n_missing == 1 else "have"
        said.append(f"{counted(n_missing, 'lesson')} {verb} lost the audio.")
    is_well = not said
    if not any(lesson.n_flagged for lesson in lessons):
        said.insert(0, "All is well: nothing was flagged." if is_well else "Nothing was flagged.")
    tone = "bad" if waiting or n_missing else "good" if is_well else "fair"
    return tone, " ".join(said)
