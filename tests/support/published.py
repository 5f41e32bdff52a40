"""A course as the flow publishes it, without a flow."""

from pathlib import Path

from flows.narrate import generate_narration_sync
from tts_tasks.catalog.courses import write_manifest
from tts_tasks.files import checksum

TEXT = "Bom dia a todos! Esta aula tem duas partes. A primeira é a mais curta das duas."


def publish_course(home: Path, course_id: str, text: str) -> Path:
    """Narrate one lesson, write the manifest, and return the folder."""
    folder = home / "data" / "narrations" / course_id
    outcome = generate_narration_sync(text, folder / "01-aula.mp3")
    assert outcome["success"], outcome["error"]
    lesson = {
        "id": "aula",
        "key": outcome["key"],
        "files": {path.name: checksum(path) for path in sorted(folder.iterdir())},
        "chunks": outcome["sentences"],
    }
    write_manifest(folder, {"id": course_id, "lessons": [lesson]})
    return folder
