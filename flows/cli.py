"""The ``narrate`` command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import cli_audiobook, cli_doctor, cli_listen, cli_script, cli_voices, console
from flows.cli_cache import cache_app
from flows.cli_catalog import catalog_app
from flows.cli_models import models_app
from flows.cli_script import (
    AcceptFlagged,
    CourseFormat,
    CourseProvider,
    CourseVoice,
    HowToChoose,
    Json,
    Lexicon,
    Profile,
)
from flows.console import show_error, show_json, show_step, show_table
from tts_tasks.errors import (
    ModelMissingError,
    NarrationError,
    OutputPathError,
    SourceError,
    error_from_dict,
)
from tts_tasks.request import AUTO, Markup
from tts_tasks.settings import Settings, load_settings

if TYPE_CHECKING:
    from flows.course_plan import Wishes
    from tts_tasks.script.course import Course
    from tts_tasks.script.lexicon import Entry
    from tts_tasks.script.readers import Document

app = typer.Typer(
    name="narrate",
    help="Narrate course lessons in Brazilian Portuguese, and never pay twice for the same audio.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cache_app, name="cache")
app.add_typer(catalog_app, name="catalog")
app.add_typer(models_app, name="models")
app.command("say-as")(cli_script.say_as)
app.command("script")(cli_script.script)
app.command("listen")(cli_listen.listen)
app.command("audiobook")(cli_audiobook.audiobook)
app.command("voices")(cli_voices.voices)
app.command("doctor")(cli_doctor.doctor)

Provider = Annotated[str, typer.Option("--provider", "-p", help="Engine, or 'auto'.")]
Voice = Annotated[str | None, typer.Option("--voice", "-v", help="Voice; see 'narrate voices'.")]


def main() -> None:
    """Run the command. An expected failure is one line on stderr and exit status 2.

    Status 1 is left to failures that may pass when the same command is run again. SIGTERM and
    SIGHUP end a command as Ctrl-C does: its runs are cancelled, and what it started is stopped.
    """
    _end_as_ctrl_c_does()
    try:
        app()
    except NarrationError as error:
        if "--json" in sys.argv:
            show_json({"success": False, "error": error.as_dict()})
        show_error(str(error))
        sys.exit(1 if error.retryable else 2)


def _end_as_ctrl_c_does() -> None:
    """Make SIGTERM and SIGHUP an interrupt; ``nohup`` and a script's ``&`` keep their meaning."""

    def interrupt(*_: object) -> None:
        # Shells start a script's background jobs with SIGINT ignored.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, interrupt)


@app.command()
def text(
    text: Annotated[str | None, typer.Argument(help="What to say; '-' reads stdin.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the text here.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Audio file.")] = None,
    provider: Provider = AUTO,
    voice: Voice = None,
    policy: HowToChoose = None,
    deadline: Annotated[
        float | None, typer.Option(help="Seconds in which the audio should be there, for 'auto'.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="mp3, m4a, opus, flac or wav; by default as --output says.")
    ] = None,
    profile: Profile = None,
    quality: Annotated[
        str, typer.Option(help="Checks of every take: signal, or asr for a recogniser's too.")
    ] = "signal",
    accept_flagged: AcceptFlagged = False,
    language: Annotated[
        str | None, typer.Option(help="Language of the text; pt-BR by default.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="The text is Markdown.")] = False,
    ssml: Annotated[bool, typer.Option("--ssml", help="The text is SSML.")] = False,
    code: Annotated[
        str | None, typer.Option(help="Blocks of code: skip (default), announce or read.")
    ] = None,
    tables: Annotated[str | None, typer.Option(help="Tables: read (default) or skip.")] = None,
    urls: Annotated[str | None, typer.Option(help="URLs: host (default), skip or full.")] = None,
    rate: Annotated[int | None, typer.Option(help="eSpeak NG: words per minute.")] = None,
    pitch: Annotated[int | None, typer.Option(help="eSpeak NG: 0 to 99.")] = None,
    speed: Annotated[float | None, typer.Option(help="Kokoro: 0.5 to 2 times its pace.")] = None,
    lexicon: Lexicon = None,
    title: Annotated[str, typer.Option(help="Title written into the file.")] = "",
    json: Json = False,
) -> None:
    """Narrate one text in this process, without the stack."""
    from flows.contract import as_request, failure, success
    from tts_tasks import steps
    from tts_tasks.script.course_fields import parameters_of, switch_of
    from tts_tasks.script.policies import policies_of

    settings = load_settings()
    chosen = {"rate": rate, "pitch": pitch, "speed": speed}
    document, front = _text_to_say(text, file, settings)
    own_policies = policies_of(front.get("policies"))
    markup = "ssml" if ssml else "markdown" if markdown else document.markup
    request = as_request(
        settings,
        text=document.text,
        output_path=output,
        provider=provider if provider != AUTO else str(front.get("provider", AUTO)),
        voice=voice or front.get("voice"),
        format=format,
        language=language or str(front.get("language", "pt-BR")),
        markup=markup,
        first_line=document.first_line,
        policies=policies_of(_given(code=code, tables=tables, urls=urls), own_policies),
        profile=profile or "course",
        quality=quality,
        policy="quality" if policy is None else policy,
        deadline_s=deadline,
        accept_flagged=accept_flagged or switch_of(front, "accept_flagged", "the front matter"),
        parameters={**parameters_of(front, "the front matter"), **_given(**chosen)},
        title=title or str(front.get("title", "")) or (output.stem if output else ""),
        lexicon=_read_lexicon(lexicon),
    )
    if file is not None:
        _refuse_to_overwrite(file, request.output_path)
    try:
        outcome = success(steps.narrate(request, settings))
    except NarrationError as error:
        if json:
            show_json(failure(error))
        show_error(str(error))
        raise typer.Exit(1 if error.retryable else 2) from None
    if json:
        show_json(outcome)
    else:
        if outcome["downgraded"]:
            show_step(outcome["choice"])
        synthesized = outcome["synthesized_chunks"]
        console.out.print(
            f"{outcome['audio_path']}  {outcome['duration']:.1f} s, {outcome['voice']}, "
            f"{outcome['chunks']} chunk(s), {synthesized} synthesized",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


@app.command()
def course(
    path: Annotated[Path, typer.Argument(help="Folder of the course, or its manifest.")],
    provider: CourseProvider = None,
    voice: CourseVoice = None,
    format: CourseFormat = None,
    profile: Profile = None,
    accept_flagged: AcceptFlagged = False,
    policy: HowToChoose = None,
    upgrade: Annotated[
        bool,
        typer.Option(
            "--upgrade", help="Narrate lessons again that a lesser voice spoke for a failed one."
        ),
    ] = False,
    pull: Annotated[
        bool, typer.Option("--pull", help="Fetch the model of the default voice if it is missing.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be synthesized.")
    ] = False,
    json: Json = False,
) -> None:
    """Narrate the changed lessons of a course, through Prefect.

    Its own settings say who speaks, and how it is mastered; the options overrule them in all
    lessons.
    """
    from flows.audiobook import check_cover
    from flows.course_plan import Wishes, as_wished
    from flows.stack_loan import borrowed_stack, is_on_loan, kept_stack
    from flows.stack_state import use_stack
    from tts_tasks.script.course import read_course

    settings = load_settings()
    folder = path.expanduser().resolve()
    # Read here first: a folder that is no course should not cost the start of a stack; nor
    # should a speaker that there is not.
    source = read_course(folder, max_lesson_chars=settings.max_lesson_chars)
    cli_script.tell_what_is_left_out(folder)
    wishes = Wishes(provider, voice, format, profile, accept_flagged, policy, upgrade)
    if dry_run:
        _show_dry_run(source, folder, wishes, settings, json=json)
        return
    if pull:
        _pull_default_model(source, provider, settings)
    as_wished(source, wishes, settings)
    check_cover(source)
    kept = kept_stack(settings) if keep else nullcontext()
    with kept, borrowed_stack(settings, show_step) as stack:
        use_stack(settings)
        show_step(f"the runs can be watched at {stack.ui}/runs")
        asked = {"course": str(folder), **asdict(wishes)}
        report = asyncio.run(_narrate_course(asked, len(source.lessons), settings))
        stays_up = keep or not is_on_loan(settings)
    if json:
        shown = ("course", "lessons", "totals", "audiobook")
        show_json({key: report[key] for key in shown if key in report})
    else:
        console.show_course(report, stack.ui, stays_up=stays_up)
    failures = [lesson for lesson in report["lessons"] if lesson["error"]]
    for lesson in failures:
        show_error(f"lesson {lesson['id']}: {lesson['error']['message']}")
    if failures:
        lasting = any(not lesson["error"].get("retryable") for lesson in failures)
        raise typer.Exit(2 if lasting else 1)


@app.command()
def up(
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Supervise in this terminal until Ctrl-C.")
    ] = False,
    gpu: Annotated[
        bool | None,
        typer.Option(
            "--gpu/--no-gpu", help="Start a worker of the gpu pool; by default with a GPU."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Start the local stack: PostgreSQL, Prefect server and UI, workers."""
    from flows.deploy import deploy as deploy_all
    from flows.stack import up as start
    from flows.stack_loan import kept_stack
    from flows.stack_state import use_stack

    settings = load_settings()
    with kept_stack(settings):
        status = start(settings, gpu=gpu, on_progress=show_step)
    use_stack(settings)
    asyncio.run(deploy_all(settings))
    _show_status(status.as_dict(), json)
    if foreground:
        start(settings, foreground=True)


@app.command()
def down(json: Json = False) -> None:
    """Stop the local stack; runs in flight may finish first."""
    from flows.stack import down as stop

    stopped = stop(load_settings(), on_progress=show_step)
    if json:
        show_json({"stopped": stopped})
    else:
        console.out.print("stopped" if stopped else "no stack was running")


@app.command()
def status(json: Json = False) -> None:
    """List the processes of the local stack; exit 1 when it does not run."""
    from flows.stack_state import status as read_status

    found = read_status(load_settings()).as_dict()
    _show_status(found, json)
    raise typer.Exit(0 if found["running"] else 1)


@app.command()
def worker(
    pool: Annotated[str, typer.Argument(help="Work pool: cpu, gpu or control.")],
    limit: Annotated[int | None, typer.Option(help="Flow runs in flight at once.")] = None,
    name: Annotated[str | None, typer.Option(help="Name in the Prefect UI.")] = None,
    drain_s: Annotated[float, typer.Option(help="Seconds that runs may finish in.")] = 60.0,
) -> None:
    """Run one warm worker in this terminal, against PREFECT_API_URL or the local stack."""
    settings = load_settings()
    _use_prefect(settings)
    from flows.worker import preload, runs_at_once
    from tts_tasks.worker import run_worker_sync

    preload(pool)
    limit = limit or runs_at_once(pool, settings)
    run_worker_sync(pool, limit=limit, name=name, drain_s=drain_s)


@app.command()
def deploy(json: Json = False) -> None:
    """Create the work pools, the rate limits and the deployments of prefect.yaml."""
    settings = load_settings()
    _use_prefect(settings)
    from flows.deploy import deploy as deploy_all

    names = asyncio.run(deploy_all(settings))
    if json:
        show_json(names)
    else:
        console.out.print("\n".join(names), highlight=False)


async def _narrate_course(
    asked: dict[str, Any], n_lessons: int, settings: Settings
) -> dict[str, Any]:
    """Trigger the deployment, show what finishes, and return the report."""
    from flows import batches
    from flows.deploy import deploy as deploy_all
    from flows.runs import trigger, wait_for

    await deploy_all(settings)
    started = time.monotonic()
    run = await trigger("narrate-course/nightly", asked)
    batch_id = str(run.id)
    with console.progress_bar() as progress:
        bar = progress.add_task("reading the course", total=n_lessons)
        waiting = asyncio.ensure_future(wait_for([run.id]))
        while not waiting.done():
            items = batches.read_items(settings, batch_id)
            done = len(batches.read_outcomes(settings, batch_id))
            if items:
                progress.update(bar, total=len(items), completed=done, description="narrating")
            await asyncio.wait([waiting], timeout=0.3)
        ended = (await waiting)[run.id]
    report = batches.read_report(settings, batch_id)
    if report is None:
        from flows.course import run_lost

        raise run_lost(ended)
    if "error" in report:
        raise error_from_dict(report["error"])
    # From the trigger to the end of the run, as a user waits for it.
    report["totals"]["wall_s"] = round(time.monotonic() - started, 3)
    return report


def _show_dry_run(
    course: Course,
    source: Path,
    wishes: Wishes,
    settings: Settings,
    *,
    json: bool,
) -> None:
    from flows.dry_run import dry_run

    forecast = dry_run(course, source, wishes, settings)
    if json:
        show_json(forecast)
    else:
        console.show_forecast(forecast)
    failures = [lesson for lesson in forecast["lessons"] if lesson["error"]]
    for lesson in failures:
        show_error(f"lesson {lesson['id']}: {lesson['error']['message']}")
    if failures:
        raise typer.Exit(2)


def _pull_default_model(course: Course, provider: str | None, settings: Settings) -> None:
    """Fetch the neural model if the course may need it; without it, eSpeak NG speaks."""
    from flows.cli_models import pull_if_missing
    from tts_tasks.engines.choose import choose
    from tts_tasks.engines.kokoro_runtime import require_runtime

    asked = [provider] if provider else [one.provider or course.provider for one in course.lessons]
    if not {AUTO, "kokoro"}.intersection(asked):
        return
    try:
        require_runtime()
        reason = pull_if_missing(settings, "kokoro")
    except ModelMissingError as error:
        reason = str(error)
    if reason and AUTO in asked:
        speaker = choose(AUTO, None, course.language, settings).engine.name
        show_step(f"{speaker} will speak: {reason}; `narrate models pull kokoro` tries again")


def _use_prefect(settings: Settings) -> None:
    """Point this process's Prefect client at PREFECT_API_URL, or else at the local stack."""
    from flows.stack_state import use_stack

    if "PREFECT_API_URL" not in os.environ:
        use_stack(settings)


def _given(**options: object) -> dict[str, object]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _read_lexicon(path: Path | None) -> dict[str, Entry]:
    from tts_tasks.script.lexicon import read_lexicon

    return read_lexicon(path) if path else {}


def _refuse_to_overwrite(source: Path, output_path: Path) -> None:
    """Refuse an output whose captions would take the place of the text: aula.srt -> aula.mp3."""
    from tts_tasks.mastering.publish import CAPTION_SUFFIXES

    beside = [output_path.with_suffix(suffix).resolve() for suffix in CAPTION_SUFFIXES]
    if source.resolve() in (output_path.resolve(), *beside):
        raise OutputPathError(
            f"the narration would overwrite its source {source}",
            field="output_path",
            value=output_path,
            remedy="give the audio another name, or write it into another folder",
        )


def _text_to_say(
    text: str | None, file: Path | None, settings: Settings
) -> tuple[Document, dict[str, Any]]:
    """Return what to say, and the front matter of the file that it stands in."""
    from tts_tasks.script.readers import WITH_FRONT_MATTER, Document, read_document
    from tts_tasks.script.sources import split_front_matter

    if text is not None and file is not None:
        raise SourceError(
            "there are two texts",
            field="text",
            value=text,
            remedy="give either the argument or --file, not both",
        )
    if file is not None:
        document = read_document(
            file, max_chars=settings.max_text_chars, limit_setting="NARRATION_MAX_TEXT_CHARS"
        )
        if file.suffix.lower() not in WITH_FRONT_MATTER:
            return document, {}
        front, body = split_front_matter(document.text)
        lines = document.text.count("\n", 0, len(document.text) - len(body))
        return Document(body, document.markup, 1 + lines), front
    if text is None:
        raise SourceError(
            "there is no text",
            field="text",
            remedy="give it as an argument, as --file FILE, or as '-' on standard input",
        )
    if text == "-":
        try:
            text = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError as error:
            raise SourceError(
                f"standard input is not UTF-8 (byte {error.start})",
                field="text",
                remedy="convert it, e.g. with `iconv -f latin1 -t utf-8`",
            ) from error
    return Document(text, Markup.TEXT, 1), {}


def _show_status(status: dict[str, Any], json: bool) -> None:
    if json:
        show_json(status)
        return
    columns = ("name", "state", "pid", "port", "restarts")
    show_table(columns, ([row.get(column) for column in columns] for row in status["processes"]))
    console.out.print(f"UI  {status['ui']}" if status["running"] else "not running")
