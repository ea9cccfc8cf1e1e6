"""Leaflet, read from its installed package so that a page can embed it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from siting.errors import Fault, MissingExtraError

_PACKAGE, _DATA = "XStatic-Leaflet", "xstatic/pkg/leaflet/data"
# SHA-256 of the script and the style sheet of each tested version. Changed files are refused.
KNOWN = {
    "1.9.3": (
        "5819285cec137b229c94e1ee5ad73e8b6b84345a4367d60f75fe477fe0fb7b03",
        "90b693d86392a4779c861b28cf307e7e59c3fb35328c4d8b95f58f814d38c722",
    ),
}
NEEDED = 'it needs another package, pip install "siting[report]"'
_MISSING = Fault("xstatic-leaflet", "is needed to make a report", 'pip install "siting[report]"')


@dataclass(frozen=True)
class Leaflet:
    """The library's script and style sheet, without links to other files."""

    version: str
    script: str
    style: str
    sha256: str  # of the installed script
    known: bool  # whether the script is the released file of this version


def why_no_report() -> str:
    """Return the reason why a report cannot be made; empty if it can."""
    if find_spec("jinja2") is None:
        return NEEDED
    try:
        embedded_leaflet()
    except MissingExtraError as err:
        return str(err)
    return ""


def is_why_no_report(text: str) -> bool:
    """Return whether a string is a message of `why_no_report` for any Leaflet version."""
    version = re.search(r"Leaflet (\d+(?:\.\d+)*)", text)
    return text in (NEEDED, str(_MISSING), version and str(_changed(version[1])))


def embedded_leaflet() -> Leaflet:
    """Return Leaflet's script and style sheet as text.

    Raises `MissingExtraError` if Leaflet is not installed or differs from its release in `KNOWN`.
    """
    try:
        package = distribution(_PACKAGE)
        files = [_file(package, name).read_bytes() for name in ("leaflet.js", "leaflet.css")]
    except (PackageNotFoundError, FileNotFoundError) as err:
        raise MissingExtraError(_MISSING) from err
    version = ".".join(package.version.split(".")[:3])
    found = tuple(hashlib.sha256(content).hexdigest() for content in files)
    if KNOWN.get(version, found) != found:
        raise MissingExtraError(_changed(version))
    # The files mix two kinds of line endings, but a page needs a single kind.
    script, style = (content.decode("utf-8").replace("\r\n", "\n") for content in files)

    def inline(match: re.Match[str]) -> str:
        data = base64.b64encode(_file(package, match[1]).read_bytes()).decode("ascii")
        return f"url(data:image/png;base64,{data})"

    style = re.sub(r"url\(['\"]?(images/[\w.-]+\.png)['\"]?\)", inline, style)
    # Developer tools of a browser would follow the link to a source map.
    script = re.sub(r"\n?//# sourceMappingURL=\S+", "", script)
    return Leaflet(version, script, style, found[0], version in KNOWN)


def _changed(version: str) -> Fault:
    what = f"is not Leaflet {version} as it was released: its files were changed"
    fix = "install it again: pip install --force-reinstall xstatic-leaflet"
    return Fault("xstatic-leaflet", what, fix)


def _file(package: Distribution, name: str) -> Path:
    return Path(str(package.locate_file(f"{_DATA}/{name}")))
