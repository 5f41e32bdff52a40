"""A headless Chromium, driven through its own protocol.

Source: https://chromedevtools.github.io/devtools-protocol/.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ANSWER_S = 60


class Page:
    """One tab."""

    def __init__(self, connection: Connection, url: str) -> None:
        """Open the page and wait until it is complete."""
        self._connection = connection
        self._number = 0
        self._session: dict[str, str] = {}
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        self.send("Page.enable")
        self.send("Page.navigate", url=url)
        self._receive(lambda message: message.get("method") == "Page.loadEventFired")

    def send(self, method: str, **params: object) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        number = self._number
        call = {"id": number, "method": method, "params": params, **self._session}
        self._connection.send(json.dumps(call))
        answer = self._receive(lambda message: message.get("id") == number)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; of a promise, what it comes to."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse, as a person does."""
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, text: str) -> None:
        """Press and release a key."""
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def _receive(self, wanted: Any) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = json.loads(self._connection.recv(timeout=ANSWER_S))
            if wanted(message):
                return message


@contextmanager
def opened(url: str, profile: Path, *options: str) -> Iterator[Page]:
    """Show a page in a browser of its own."""
    assert CHROMIUM
    command = [CHROMIUM, "--headless", "--no-sandbox", "--mute-audio", "--no-first-run"]
    command += ["--remote-debugging-port=0", f"--user-data-dir={profile}", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as browser:
        try:
            assert browser.stderr
            announced = (re.search(r"listening on (ws://\S+)", line) for line in browser.stderr)
            address = next(match[1] for match in announced if match)
            with connect(address, max_size=None) as connection:
                page = Page(connection, url)
                yield page
                page._session = {}
                page.send("Browser.close")
        finally:
            browser.terminate()
