"""A stand-in for the Hugging Face hub, as far as its client asks: models, commits, files."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tts_tasks.engines import models

LARGE = (".safetensors", ".bin")


class StandInHub:
    """Serves the files of a folder as one model at one commit."""

    def __init__(self, folder: Path, repo: str = "suno/bark", commit: str = "7" * 40) -> None:
        self.files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != models.RECEIPT  # Ours, where it was used before.
        }
        self.repo, self.commit = repo, commit
        self.calls: list[tuple[str, str, str | None, str | None]] = []
        """Method, path, token and range of each request."""

        self.status: int | None = None
        """Answers everything with this."""

        self.code: str | None = None
        """What the hub calls that answer, e.g. ``GatedRepo``."""

        self.holds_files = False
        """Answers no request for the content of a file until it ends: the client has to give up."""

        self._is_over = threading.Event()

        self.cut_after: int | None = None
        """Closes the connection in the middle of a large file, once."""

        self.lies: set[str] = set()
        """Files that are sent with other bytes than promised."""

    def __enter__(self):
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                hub.answer(self)

            def do_GET(self):
                hub.answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fetched(self):
        """Return the files that were asked for, in order."""
        mark = f"/{self.repo}/resolve/{self.commit}/"
        return [
            path.split(mark)[1]
            for method, path, _, _ in self.calls
            if method == "GET" and mark in path
        ]

    def answer(self, request):
        token, part = request.headers.get("Authorization"), request.headers.get("Range")
        self.calls.append((request.command, request.path, token, part))
        if self.status is not None:
            headers = {"X-Error-Code": self.code} if self.code else None
            return self._send(request, self.status, b'{"error": "as the test wants"}', headers)
        path = request.path.split("?")[0]
        if path.startswith(f"/api/models/{self.repo}"):
            asked = path.removeprefix(f"/api/models/{self.repo}").removeprefix("/revision/")
            if asked not in ("", "main", self.commit):
                headers = {"X-Error-Code": "RevisionNotFound"}
                return self._send(request, 404, b"{}", headers)
            return self._send(request, 200, json.dumps(self._info()).encode())
        mark = f"/{self.repo}/resolve/{self.commit}/"
        if path.startswith(mark) and path.removeprefix(mark) in self.files:
            return self._send_file(request, path.removeprefix(mark), part)
        code = "EntryNotFound" if path.startswith(mark) else "RepoNotFound"
        return self._send(request, 404, b"{}", {"X-Error-Code": code})

    def _info(self):
        siblings = []
        for name, content in self.files.items():
            sibling = {"rfilename": name, "size": len(content), "blobId": _sha1(content)}
            if name.endswith(LARGE):
                sha256 = hashlib.sha256(content).hexdigest()
                sibling["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        return {
            "id": self.repo,
            "modelId": self.repo,
            "sha": self.commit,
            "siblings": siblings,
            "private": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
        }

    def _send_file(self, request, name, part):
        content = self.files[name]
        if self.holds_files and request.command == "GET":
            self._is_over.wait()
        if name in self.lies:
            content = bytes(len(content))
        is_large = name.endswith(LARGE)
        etag = hashlib.sha256(self.files[name]).hexdigest() if is_large else _sha1(content)
        headers = {"X-Repo-Commit": self.commit, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if is_large:
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content))}
        begin = int(part.removeprefix("bytes=").split("-")[0]) if part else 0
        if part:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        cut = None
        if is_large and request.command == "GET" and self.cut_after is not None:
            cut, self.cut_after = self.cut_after, None
        self._send(request, 206 if part else 200, content[begin:], headers, cut)

    def _send(self, request, status, body, headers=None, cut=None):
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            request.wfile.flush()
            request.close_connection = True
            request.connection.close()


def _sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
