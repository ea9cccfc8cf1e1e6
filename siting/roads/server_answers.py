"""Check and store what OpenStreetMap's servers answer to OSMnx, and explain failures.

After status 429 or 504, OSMnx 2.1 retries every 55 seconds indefinitely. OSMnx also stores empty
answers, and a killed run can leave a partial file that stops every later run. If a server times
out, OSMnx continues with only some of the streets. During a call, this module therefore replaces
the functions that read and write OSMnx's cache, and switches off OSMnx's queueing. The cache keeps
OSMnx's format and file names. A hook of ``requests`` checks the status of an answer.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha1
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from siting.roads.osmnx_settings import osmnx_settings, swapped
from siting.writing import write_text

logger = logging.getLogger(__name__)

# A whole answer may take this many times the time-out, because some connections are slow.
WHOLE_ANSWER = 10.0
_CONNECT_S = 2  # time-out of a connection attempt
_MAY_PASS = {408, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Trouble:
    """A failed request."""

    what: str
    may_pass: bool = True  # a retry may help
    fix: str = ""  # remedy in place of the usual one
    wait_s: float = 0.0  # wait requested by the server (s)
    empty: bool = False  # the answer was valid but empty


_WRONG_FORM = Trouble("the answer is JSON, but not in the expected form")
_NOTHING = Trouble(
    "the answer is empty: nothing was found there",
    may_pass=False,
    fix="check the spelling of the place, or use a polygon or a larger polygon",
    empty=True,
)
_SAID = {  # problems, keyed by text in OSMnx's error messages
    "no graph nodes within the requested polygon": Trouble(
        "the answer has no street that cars may use inside the area",
        may_pass=False,
        fix="use a larger area",
        empty=True,
    ),
    "did not geocode query": Trouble(
        "the place is known as a point, not as an area",
        may_pass=False,
        fix="name an area (a town, a district), or use a polygon",
    ),
    "missing nodes": Trouble("the answer lacks some nodes of its streets"),
}


class UnsoundAnswerError(Exception):
    """An answer that cannot be used."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.what)
        self.trouble = trouble


def troubles() -> tuple[type[Exception], ...]:
    """Return the exceptions that OSMnx may raise for a request; `trouble_of` explains them."""
    from osmnx._errors import InsufficientResponseError, ResponseStatusCodeError

    of_osmnx = (InsufficientResponseError, ResponseStatusCodeError, ValueError, TypeError)
    return (UnsoundAnswerError, requests.RequestException, *of_osmnx)


class Answers:
    """The valid answers of the servers, in a folder in OSMnx's format."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = ""
        self.kept = 0
        self._pending: dict[Path, Any] = {}
        self._used_empty = False
        self._believe_empty = True
        self._online: set[str] = set()  # hosts already tried

    @contextmanager
    def in_osmnx(self, **settings: Any) -> Iterator[None]:
        """Make OSMnx use this store and the given `settings` during a ``with`` block."""
        import osmnx as ox
        from osmnx import _http

        read = partial(_read, limit_s=WHOLE_ANSWER * float(settings["requests_timeout"]))
        hooks = {"response": [_refuse_bad_status, read]}
        settings |= {
            "use_cache": True,
            "cache_folder": self.folder,
            "overpass_rate_limit": False,
            "doh_url_template": None,
            "requests_kwargs": {**ox.settings.requests_kwargs, "hooks": hooks},
        }
        functions = {
            "_retrieve_from_cache": self.load,
            "_save_to_cache": self.save,
            "_config_dns": lambda url: None,
        }
        with osmnx_settings(**settings), swapped(_http, **functions):
            yield

    def load(self, url: str) -> Any:
        """Return the stored answer to a request (URL with query), or ``None``."""
        self.server = url.split("?")[0]
        path = self._path(url)
        try:
            answer = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._require_online(url)
            return None
        except (OSError, ValueError) as err:
            logger.warning("stored answer %s is damaged (%s); requesting it again", path, err)
            return None
        if trouble := _fault_of(answer):
            logger.warning("stored answer %s: %s; requesting it again", path, trouble.what)
            return None
        if _is_empty(answer):
            # A tile of a large area may be empty, but the whole area rarely is.
            self._used_empty = True
            return answer if self._believe_empty and isinstance(answer, dict) else None
        return answer

    def save(self, url: str, answer: Any, ok: bool) -> None:
        """Store a valid answer; an empty answer remains pending until `keep_pending` is called.

        The arguments are OSMnx's. Raises `UnsoundAnswerError` for malformed answers and failures.
        """
        if trouble := _fault_of(answer):
            raise UnsoundAnswerError(trouble)
        if _is_empty(answer):
            self._pending[self._path(url)] = answer
        else:
            self._write(self._path(url), answer)

    def keep_pending(self) -> None:
        """Store the pending empty answers, since the area as a whole is not empty."""
        for path, answer in self._pending.items():
            self._write(path, answer)
        self._pending.clear()

    def doubt_empty(self) -> bool:
        """Reject stored empty answers from now on; return whether one was used before."""
        changes = self._used_empty and self._believe_empty
        self._believe_empty = False
        self._pending.clear()
        return changes

    def _require_online(self, url: str) -> None:
        """Check that this machine can reach the server, to avoid useless retries."""
        parts = urlsplit(url)
        if parts.netloc in self._online or requests.utils.get_environ_proxies(url):
            return
        self._online.add(parts.netloc)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if not _answers_at(str(parts.hostname), port):
            what = f"this machine seems to be offline: no connection within {_CONNECT_S} s"
            fix = "go online and run `siting fetch CONFIG` once to store the answers"
            raise UnsoundAnswerError(Trouble(what, may_pass=False, fix=fix))

    def _path(self, url: str) -> Path:
        name = sha1(url.encode("utf-8"), usedforsecurity=False).hexdigest()
        return self.folder / f"{name}.json"

    def _write(self, path: Path, answer: Any) -> None:
        try:
            write_text(path, json.dumps(answer), replace=True)
        except OSError as err:
            logger.warning("an answer could not be kept in %s: %s", path, err)
        else:
            self.kept += 1


def trouble_of(err: BaseException, timeout_s: float) -> Trouble | None:
    """Return the failed request behind an exception; ``None`` if the failure is not a known one."""
    from osmnx._errors import InsufficientResponseError, ResponseStatusCodeError

    if isinstance(err, UnsoundAnswerError):
        return err.trouble
    if isinstance(err, InsufficientResponseError | ResponseStatusCodeError):
        if isinstance(err.__cause__, ValueError):
            return _broken_json(getattr(err.__cause__, "doc", ""))
        return _WRONG_FORM if "did not return a" in str(err) else _NOTHING
    if isinstance(err, requests.Timeout) or "Read timed out" in str(err):
        return Trouble(f"timed out: no answer within {timeout_s:g} s")
    if isinstance(err, requests.exceptions.ChunkedEncodingError):
        return Trouble("the answer broke off")
    if isinstance(err, requests.ConnectionError):
        return Trouble(f"cannot be reached ({_innermost(err)})")
    if isinstance(err, requests.RequestException):
        return Trouble(f"cannot be requested: {err}", may_pass=False, fix="check the address")
    return next((trouble for words, trouble in _SAID.items() if words in str(err)), None)


def _answers_at(host: str, port: int) -> bool:
    """Return whether an address accepts or refuses a connection; either shows a working network."""
    answered = threading.Event()

    def connect() -> None:
        with suppress(OSError):
            with suppress(ConnectionError):
                socket.create_connection((host, port), timeout=_CONNECT_S).close()
            answered.set()

    # A name lookup has no time limit, so it runs in a thread.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_CONNECT_S)
    return answered.is_set()


def _refuse_bad_status(response: requests.Response, *args: Any, **kwargs: Any) -> None:
    if response.is_redirect:
        there = urljoin(response.url, response.headers["Location"])
        asked_host, other = urlsplit(response.url).hostname, urlsplit(there).hostname
        if asked_host == other:
            return
        response.close()
        # OSMnx would store the other server's answer under the first server's address.
        what = f"the server redirects to another server, {other}"
        raise UnsoundAnswerError(Trouble(what, may_pass=False, fix="use that server's address"))
    if response.ok:
        return
    response.close()
    status = response.status_code
    phrase = HTTPStatus(status).phrase if status in HTTPStatus else response.reason or ""
    asked = response.headers.get("Retry-After", "")
    wait_s = float(asked) if asked.isdecimal() else 0.0
    what = f"HTTP {status} {phrase}".rstrip()
    raise UnsoundAnswerError(Trouble(what, may_pass=status in _MAY_PASS, wait_s=wait_s))


def _read(response: requests.Response, *_: Any, limit_s: float, **__: Any) -> None:
    """Read an answer in pieces, so that its total time can be limited.

    The time-out of ``requests`` limits only the pause between two pieces.
    """
    if response.is_redirect:
        return
    until, parts = time.monotonic() + limit_s, []
    try:
        while part := response.raw.read1(1 << 16, decode_content=True):
            parts.append(part)
            if time.monotonic() > until:
                response.close()
                what = f"timed out: no whole answer within {limit_s:g} s"
                raise UnsoundAnswerError(Trouble(what))
    except urllib3.exceptions.ReadTimeoutError as err:
        raise requests.ReadTimeout(err) from err
    except urllib3.exceptions.HTTPError as err:
        raise requests.exceptions.ChunkedEncodingError(err) from err
    response._content = b"".join(parts)
    response._content_consumed = True


def _broken_json(text: str) -> Trouble:
    begin = " ".join(text.split())[:60]
    if begin[:1] in ("{", "["):
        return Trouble(f"broken JSON: the answer breaks off after {len(text):,} characters")
    return Trouble(f"the answer is not JSON but {begin!r}" if begin else "the answer is blank")


def _fault_of(answer: Any) -> Trouble | None:
    if isinstance(answer, dict):
        if "remark" in answer:
            # When Overpass times out, it sends the data found so far, with status 200.
            return Trouble(f"the server gave up: {str(answer['remark'])[:200]}")
        elements = answer.get("elements")
        if isinstance(elements, list) and all(map(_is_element, elements)):
            return None
    elif isinstance(answer, list) and all(map(_is_place, answer)):
        return None
    return _WRONG_FORM


def _is_element(element: Any) -> bool:
    if not (isinstance(element, dict) and "id" in element):
        return False
    kind = element.get("type")
    if kind == "node":
        return "lat" in element and "lon" in element
    return kind == "relation" or (kind == "way" and isinstance(element.get("nodes"), list))


def _is_place(place: Any) -> bool:
    return isinstance(place, dict) and {"lat", "lon", "importance", "boundingbox"} <= place.keys()


def _is_empty(answer: Any) -> bool:
    return not (answer["elements"] if isinstance(answer, dict) else answer)


def _innermost(err: BaseException) -> str:
    """Return the innermost reason for a failed connection, as text."""
    inner = getattr(err, "reason", None) or (err.args[0] if err.args else None)
    if isinstance(inner, BaseException):
        return _innermost(inner)
    words = str(err).splitlines()[0] if str(err) else type(err).__name__
    return words.rsplit(": ", 1)[-1]
