"""A stand-in for Google Translate's voice: the same envelope, real MP3, and every way to fail.

python -m tests.support.translate --port 8765 --fail 0.3
NARRATION_GTTS_URL=http://127.0.0.1:8765 narrate text "Olá." --provider gtts -o ola.mp3
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import random
import re
import threading
import time
import urllib.parse
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import soundfile
import soxr

from tts_tasks.engines.espeak import EspeakEngine
from tts_tasks.values import Chunk

RATE_HZ = 24_000
RPC = "jQ1olc"

OK = "ok"
STATUSES = (400, 403, 404, 408, 429, 500, 502, 503)
SILENT = ("empty", "html", "redirect", "redirect-away", "no-result", "null", "no-audio")
WRONG = ("bad-base64", "not-mp3", "cut-mp3", "half-mp3", "other-rate", "not-utf8")
BROKEN = ("truncated", "reset", "slow", "trickle", "endless")
ACTIONS = (OK, *map(str, STATUSES), *SILENT, *WRONG, *BROKEN)
"""What the stand-in can be told to do with a request; ``429:60`` asks to wait for 60 s."""

RANDOM_FAILURES = ("500", "503", "429:0", "empty", "html", "null", "cut-mp3", "truncated", "reset")
"""What may happen to a request where failures are left to chance."""


@dataclass(frozen=True)
class Call:
    """One request, as it arrived."""

    at_s: float
    text: str
    language: str
    slow: bool
    path: str
    host: str
    action: str


class StandIn:
    """A server on a free port of this machine; ``script`` is eaten up, one entry per request."""

    def __init__(self, port=0, fail=0.0, latency_s=0.0, seed=0, render=None):
        self.script = deque()
        self.calls = []
        self.probes = 0
        self.fail, self.latency_s = fail, latency_s
        self.always = None
        self.render = render or mp3_of
        self.chance = random.Random(seed)
        self.lock = threading.Lock()
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"stand_in": self})
        self.server = _Server(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def next_action(self):
        with self.lock:
            if self.script:
                return self.script.popleft()
            if self.always:
                return self.always
            if self.chance.random() < self.fail:
                return self.chance.choice(RANDOM_FAILURES)
            return OK

    @property
    def texts(self):
        """What was asked for, in order."""
        return [call.text for call in self.calls]

    @property
    def answered(self):
        """What was said: the texts of the requests that did not fail."""
        return [call.text for call in self.calls if call.action == OK]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # With the usual 5 a burst waits for a second.

    def handle_error(self, request, client_address):
        """Say nothing: clients that go away are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.stand_in.probes += 1
        self.answer(200, b"")

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        rpc, parameters, *_ = json.loads(form["f.req"][0])[0][0]
        text, language, slow, _ = json.loads(parameters)
        assert rpc == RPC
        assert len(text) <= 100
        action = self.stand_in.next_action()
        call = Call(
            time.monotonic(),
            text,
            language,
            bool(slow),
            self.path,
            self.headers["Host"],
            action.partition(":")[0],
        )
        with self.stand_in.lock:
            self.stand_in.calls.append(call)
        self.stand_in.closing.wait(self.stand_in.latency_s)
        self.play(action, text, bool(slow))

    def play(self, action, text, slow):
        action, _, detail = action.partition(":")
        if action.isdigit():
            headers = [("Retry-After", detail)] if detail else []
            return self.answer(int(action), b"<html>error</html>", "text/html", headers)
        if action == "redirect":
            return self.answer(302, b"", "text/html")
        if action == "redirect-away":
            return self.answer(302, b"", "text/html", [("Location", "http://sorry.example/x")])
        if action in PAGES:
            return self.answer(200, PAGES[action], "text/html")
        if action == "reset":
            self.close_connection = True
            return self.connection.close()
        audio = self.stand_in.render(text, slow)
        body = envelope(PAYLOADS.get(action, lambda mp3: json.dumps([encoded(mp3)]))(audio))
        if action == "slow":
            self.stand_in.closing.wait(float(detail or 5))
        if action in ("truncated", "trickle"):
            self.answer(200, body, shown=body[: len(body) // 2], pause_s=0.05, pieces=action)
            self.close_connection = True
            return None
        if action == "endless":
            return self.answer_endlessly()
        return self.answer(200, body)

    def answer(self, status, body, kind="application/json", headers=(), shown=None, **trickle):
        self.send_response(status)
        for name, value in [("Content-Type", kind), ("Content-Length", len(body)), *headers]:
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "HEAD":
            return
        if trickle.get("pieces") == "trickle":
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if self.stand_in.closing.wait(trickle["pause_s"]):
                    return
        self.wfile.write(body if shown is None else shown)
        self.wfile.flush()

    def answer_endlessly(self):
        self.send_response(200)
        self.end_headers()
        while not self.stand_in.closing.is_set():
            self.wfile.write(b"x" * 65_536)


PAGES = {
    "empty": b"",
    "html": b"<!doctype html><html><body>Before you continue</body></html>",
    "no-result": b')]}\'\n\n[["nothing here"]]\n',
    "not-utf8": b"\xff\xfe\xfa",
}

PAYLOADS = {
    "null": lambda _: None,
    "no-audio": lambda _: json.dumps([""]),
    "bad-base64": lambda _: json.dumps(["AAA"]),
    "not-mp3": lambda _: json.dumps([encoded(b"hello")]),
    "cut-mp3": lambda mp3: json.dumps([encoded(mp3[: len(mp3) * 2 // 3 + 7])]),
    "half-mp3": lambda mp3: json.dumps([encoded(whole_frames(mp3, 0.35))]),
    "other-rate": lambda mp3: json.dumps([encoded(at_other_rate(mp3))]),
}


def encoded(audio):
    return base64.b64encode(audio).decode()


def envelope(payload):
    row = [["wrb.fr", RPC, payload, None, None, None, "generic"], ["di", 42]]
    text = json.dumps([*row, ["af.httprm", 41, "-1", 7]], separators=(",", ":"))
    return f")]}}'\n\n{text}".encode()


@lru_cache(maxsize=4_096)
def mp3_of(text, slow=False):
    """Return eSpeak NG's speech as Google sends it: 24 kHz, mono, 64 kb/s, no tags."""
    parameters = {"rate": 100 if slow else 160}
    # eSpeak NG refuses what Google spells.
    sayable = re.sub(r"\w{25}", r"\g<0> ", text)
    chunk = Chunk(written=text, spoken=sayable, voice="pt-br", parameters=parameters)
    [take] = EspeakEngine().synthesize([chunk])
    return as_mp3(soxr.resample(take.samples, take.sample_rate, RATE_HZ), RATE_HZ)


def as_mp3(samples, rate_hz):
    file = io.BytesIO()
    soundfile.write(
        file, samples, rate_hz, format="MP3", subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT", compression_level=0.6,
    )  # fmt: skip
    mp3 = file.getvalue()
    # Its first frame counts the others; Google sends none such, and nothing tells what is missing.
    return mp3[mp3.index(mp3[:3], 3) :]


def whole_frames(mp3, share):
    """Return the beginning of an MP3, cut where a frame ends: nothing in it tells."""
    from tts_tasks.mp3 import fault_of_mp3

    end = round(len(mp3) * share)
    return next(mp3[:at] for at in range(end, len(mp3)) if fault_of_mp3(mp3[:at]) is None)


def at_other_rate(mp3):
    samples, rate_hz = soundfile.read(io.BytesIO(mp3), dtype="float32")
    return as_mp3(soxr.resample(samples, rate_hz, 44_100), 44_100)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.support.translate", description=__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--fail", type=float, default=0.0, help="share of requests that fail")
    parser.add_argument("--always", choices=ACTIONS, help="what happens to every request")
    parser.add_argument("--latency", type=float, default=0.3, help="seconds before each answer")
    given = parser.parse_args()
    with StandIn(given.port, given.fail, given.latency) as stand_in:
        stand_in.always = given.always
        print(f"NARRATION_GTTS_URL={stand_in.url}", flush=True)
        seen = 0
        try:
            while True:
                time.sleep(0.2)
                for call in stand_in.calls[seen:]:
                    print(call.action, call.language, repr(call.text), flush=True)
                    seen += 1
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
