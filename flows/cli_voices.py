"""``narrate voices``: who can speak, and how it sounds."""

from __future__ import annotations

from typing import Annotated

import typer

from flows import console
from flows.cli_script import Json
from flows.console import show_json, show_table
from tts_tasks.request import AUTO
from tts_tasks.settings import load_settings

COLUMNS = ("provider", "voice", "language", "gender", "rate", "licence", "now")


def voices(
    provider: Annotated[
        str, typer.Option("--provider", "-p", help="Only this engine's voices.")
    ] = AUTO,
    language: Annotated[
        str | None, typer.Option("--language", "-l", help="Only those that speak it, e.g. pt.")
    ] = None,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help="Let each say a sentence, and write a page; Portuguese ones only, "
            "unless --language says otherwise.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """List the voices: what they are, and whether they can speak now."""
    from flows.voice_list import list_voices
    from flows.voice_list import preview as write_preview

    settings = load_settings()
    if preview:
        language = language or "pt"
    asked = None if provider == AUTO else provider
    listed = list_voices(settings, provider=asked, language=language)
    if preview:
        with console.progress_bar() as progress:
            bar = progress.add_task("speaking", total=len(listed))
            page = write_preview(listed, settings, on_voice=lambda _: progress.advance(bar))
        if json:
            show_json({"page": str(page)})
        else:
            console.out.print(str(page), markup=False, highlight=False, soft_wrap=True)
        return
    if json:
        show_json([each.as_dict() for each in listed])
        return
    show_table(
        COLUMNS,
        (
            (
                *(each.provider, each.voice.name, each.voice.language, each.voice.gender),
                *(each.sample_rate, each.voice.licence, "yes" if each.why_not is None else "no"),
            )
            for each in listed
        ),
    )
    for name in dict.fromkeys(each.provider for each in listed):
        reasons = dict.fromkeys(
            each.why_not for each in listed if each.provider == name and each.why_not
        )
        for reason in reasons:
            console.show_step(f"{name} {reason}")
