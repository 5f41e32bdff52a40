"""``narrate cache stats`` and ``similar``: what the library is worth, and what is in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from flows.ages import parse_age
from flows.cli_eviction import Provider, Voice
from flows.cli_script import Json
from flows.console import show_json, show_step, show_table
from tts_tasks.settings import load_settings


def stats(
    since: Annotated[
        str | None, typer.Option("--since", help="Only what was asked for lately, e.g. 7d.")
    ] = None,
    json: Json = False,
) -> None:
    """Tell what the library saved: hits, seconds, bytes, requests; and what it holds."""
    from flows.cache_tables import statistics_tables
    from tts_tasks.catalog.statistics import measure_cache
    from tts_tasks.engines.registry import load_engine, providers

    settings = load_settings()
    engines = {name: load_engine(name, settings) for name in providers()}
    measured = measure_cache(
        settings.library,
        since_s=None if since is None else parse_age(since, "since"),
        gpu_providers={name for name, engine in engines.items() if engine.needs_gpu},
        network_providers={name for name, engine in engines.items() if engine.needs_network},
    )
    if json:
        show_json(measured.as_dict())
        return
    for title, columns, rows in statistics_tables(measured):
        show_table(columns, rows, title)


def similar(
    text: Annotated[str, typer.Argument(help="What to compare with.")],
    threshold: Annotated[float, typer.Option(help="Least similarity, from 0 to 1.")] = 0.8,
    voice: Voice = None,
    provider: Provider = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 10,
    json: Json = False,
) -> None:
    """Find the sentences of the library that read almost like one, the most similar first."""
    from tts_tasks.catalog.similar import similar as find_similar

    settings = load_settings()
    found = find_similar(
        settings.library, text, threshold, voice=voice, provider=provider, limit=limit
    )
    if json:
        show_json([asdict(match) for match in found])
    elif found:
        show_table(
            ("similarity", "provider", "voice", "seconds", "text", "key"),
            (
                (
                    f"{match.score:.3f}",
                    match.provider,
                    match.voice,
                    f"{match.duration_s:.1f}",
                    match.written,
                    match.key[:12],
                )
                for match in found
            ),
        )
    else:
        show_step(f"nothing is at least {threshold:g} similar")
