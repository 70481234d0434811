"""Headless Chromium spoken to over the DevTools pipe: no driver, no port, standard library only."""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--remote-debugging-pipe",
)

DRAWN = "[...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))"
KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), " ": (32, " ")}


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium, or a visible skip."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator["Browser"]:
    """A running browser for all tests of the session; use `browser.open(...)`."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        started = Browser.start(chromium, profile)
        try:
            yield started
        finally:
            started.stop()


@dataclass
class Browser:
    """Owner of the process and of both ends of its pipe."""

    process: subprocess.Popen[bytes]
    reader: int
    writer: int
    buffer: bytes = b""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    events: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def start(cls, path: str, profile: str) -> "Browser":
        command_read, command_write = os.pipe()
        answer_read, answer_write = os.pipe()
        # Chromium reads commands on descriptor 3 and answers on 4; bash can place them there.
        script = f'exec "$@" 3<&{command_read} 4>&{answer_write}'
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", path, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(command_read, answer_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(command_read)
        os.close(answer_write)
        return cls(process, answer_read, command_write)

    def stop(self) -> None:
        with contextlib.suppress(Exception):
            self.call("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.reader)
        os.close(self.writer)

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; what happens meanwhile joins `events`."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive(60.0)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _receive(self, patience: float) -> dict[str, Any]:
        deadline = time.monotonic() + patience
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.reader], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            chunk = os.read(self.reader, 1 << 20)
            if not chunk:
                raise RuntimeError("the browser has closed the pipe")
            self.buffer += chunk
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    @contextlib.contextmanager
    def open(
        self, url: str | Path, width: int = 1280, height: int = 900, *, dark: bool = False
    ) -> Iterator["Tab"]:
        """Load a page (a path becomes a file:// address) in a fresh, isolated context."""
        address = url.as_uri() if isinstance(url, Path) else url
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab = Tab(self, session["sessionId"], address)
        try:
            tab.load(width, height, dark=dark)
            yield tab
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)


@dataclass
class Tab:
    """One page and what it said."""

    browser: Browser
    session: str
    address: str

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **params)

    def load(self, width: int, height: int, *, dark: bool) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.media(dark=dark)
        self.call("Page.navigate", url=self.address)
        self.wait("document.readyState === 'complete'")
        self.settle()

    def resize(self, width: int, height: int) -> None:
        narrow = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if narrow else 1,
            mobile=narrow,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=narrow)

    def media(self, *, dark: bool, kind: str = "") -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=kind, features=[scheme])

    def evaluate(self, expression: str) -> Any:
        """Value of a JavaScript expression; a promise is awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never true: {condition}")
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait for two frames, so that what a script changed has been laid out and painted."""
        self.evaluate(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))"
        )

    def stands(self, *, plots: int, width: int) -> None:
        """Assert that so many plots are drawn and fit, without a word or a request."""
        assert self.evaluate(DRAWN)
        assert self.evaluate("document.querySelectorAll('.plot').length") == plots
        assert self.evaluate("document.documentElement.scrollWidth") == width
        assert self.console() == []
        assert self.requests() == []

    def press(self, key: str) -> None:
        code, text = KEYS[key]
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def move(self, x: float, y: float) -> None:
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self, path: Path, *, full: bool = True) -> Path:
        self.settle()
        size = self.call("Page.getLayoutMetrics")["cssContentSize" if full else "cssLayoutViewport"]
        width, height = (size.get(k) or size[f"client{k.title()}"] for k in ("width", "height"))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=full, clip=clip
        )
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def pdf(self, path: Path) -> Path:
        printed = self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(printed["data"]))
        return path

    def _events(self, *methods: str) -> list[dict[str, Any]]:
        self.evaluate("1")
        return [
            event["params"]
            for event in self.browser.events
            if event.get("sessionId") == self.session and event["method"] in methods
        ]

    def console(self) -> list[str]:
        """Everything the page printed, threw, or was warned of."""
        lines = [
            " ".join(str(arg.get("value", arg.get("description"))) for arg in event["args"])
            for event in self._events("Runtime.consoleAPICalled")
        ]
        lines += [
            event["exceptionDetails"].get("exception", {}).get("description", "exception")
            for event in self._events("Runtime.exceptionThrown")
        ]
        return lines + [event["entry"]["text"] for event in self._events("Log.entryAdded")]

    def requests(self) -> list[str]:
        """Addresses asked for, apart from the page itself and data inside it."""
        asked = (event["request"]["url"] for event in self._events("Network.requestWillBeSent"))
        inside = ("data:", "blob:", self.address)
        return [url for url in asked if not url.startswith(inside)]
