"""Downloads that are made once: a folder of files named by what is in them.

``<stem>-<first 16 digits of the SHA-256>.<suffix>`` holds the bytes, and a small JSON file by
address says which of them is the one in force. Both are written whole or not at all, so a killed
process leaves the folder as it was. Nothing is ever deleted: what was once computed with can be
had again.
"""

import hashlib
import http.client
import json
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tiltwise.errors import DataError, SourceError

SECONDS = 30.0  #: without an answer before a server counts as silent
LARGEST = 64 * 2**20  #: bytes of a download that is still accepted
DIGITS = 16
AGENT = "tiltwise"

Check = Callable[[Path], object]


def fetched(url: str, folder: Path, check: Check, *, refresh: bool = False) -> Path:
    """Return the file of an address, downloading it only if it is not kept yet.

    Parameters
    ----------
    url : http or https.
    folder : where downloads are kept; made if absent.
    check : is given the file before it is kept; a `DataError` of it refuses the download.
    refresh : download even if a file is kept; that one stays where it is.

    Raises
    ------
    SourceError
        The server cannot be reached, refuses, stops halfway, or sends what `check` refuses; or a
        kept file is not what was downloaded.
    """
    kept = None if refresh else _kept(url, folder)
    if kept is not None:
        return kept
    data = download(url)
    folder.mkdir(parents=True, exist_ok=True)
    stem = _stem(url)
    name = f"{stem.stem}-{_digest(data)[:DIGITS]}{stem.suffix}"
    _write(folder / name, data, lambda part: _checked(part, check, url))
    pointer = {"url": url, "file": name, "sha256": _digest(data)}
    _write(_pointer(url, folder), (json.dumps(pointer, indent=2) + "\n").encode())
    return folder / name


def download(url: str) -> bytes:
    """Return what an address holds.

    Raises
    ------
    SourceError
        As for `fetched`.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise SourceError(f"{url}: not an address that begins with http:// or https://")
    request = urllib.request.Request(url, headers={"User-Agent": AGENT})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            data = bytes(answer.read(LARGEST + 1))
            promised = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(
            f"{url}: the server answers {error.code} {error.reason}; check the address"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise SourceError(
            f"{url}: no answer ({reason}); try again when it can be reached"
        ) from error
    if len(data) > LARGEST:
        raise SourceError(f"{url}: more than {LARGEST} bytes; this is not the file it should be")
    if promised is not None and promised.isdigit() and len(data) < int(promised):
        raise SourceError(f"{url}: stopped after {len(data)} of {promised} bytes; try again")
    return data


def _kept(url: str, folder: Path) -> Path | None:
    """Return the file in force, having compared it with what was downloaded."""
    pointer = _pointer(url, folder)
    if not pointer.is_file():
        return None
    try:
        told = json.loads(pointer.read_text(encoding="utf-8"))
        path, digest = folder / Path(told["file"]).name, told["sha256"]
        same = _digest(path.read_bytes()) == digest
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{pointer}: cannot be followed ({error}); download again with refresh"
        ) from error
    if not same:
        raise SourceError(f"{path}: changed since it was downloaded; download again with refresh")
    return path


def _checked(part: Path, check: Check, url: str) -> None:
    try:
        check(part)
    except DataError as error:
        said = str(error).removeprefix(f"{part}: ")
        raise SourceError(f"{url}: sent something else ({said}); nothing was kept") from error


def _write(path: Path, data: bytes, check: Check | None = None) -> None:
    """Write a file in one step, once `check` has accepted it under a hidden name."""
    with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as hidden:
        part = Path(hidden) / path.name
        with part.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if check is not None:
            check(part)
        part.replace(path)


def _stem(url: str) -> Path:
    return Path(Path(urllib.parse.urlsplit(url).path).name or "download")


def _pointer(url: str, folder: Path) -> Path:
    return folder / f"{_stem(url).stem}.{_digest(url.encode())[:8]}.json"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
