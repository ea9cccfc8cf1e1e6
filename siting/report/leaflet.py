"""Leaflet, as an installed package has it, made fit to stand inside a page."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from siting.errors import Fault, MissingExtraError

_PACKAGE, _DATA = "XStatic-Leaflet", "xstatic/pkg/leaflet/data"


@dataclass(frozen=True)
class Leaflet:
    """The library's script and style sheet, with no link to another file in them."""

    version: str
    script: str
    style: str


def has_report() -> bool:
    """Return whether the packages that a report needs are installed."""
    if find_spec("jinja2") is None:
        return False
    try:
        distribution(_PACKAGE)
    except PackageNotFoundError:
        return False
    return True


def embedded_leaflet() -> Leaflet:
    """Return Leaflet's script and style sheet as text.

    Raises `MissingExtraError` if the package that carries Leaflet is not installed.
    """
    try:
        package = distribution(_PACKAGE)
        script = _file(package, "leaflet.js").read_text(encoding="utf-8")
        style = _file(package, "leaflet.css").read_text(encoding="utf-8")
    except (PackageNotFoundError, FileNotFoundError) as err:
        raise MissingExtraError(
            Fault("xstatic-leaflet", "is needed to make a report", 'pip install "siting[report]"')
        ) from err

    def inline(match: re.Match[str]) -> str:
        data = base64.b64encode(_file(package, match[1]).read_bytes()).decode("ascii")
        return f"url(data:image/png;base64,{data})"

    style = re.sub(r"url\(['\"]?(images/[\w.-]+\.png)['\"]?\)", inline, style)
    # A browser's developer tools would fetch the map of the script.
    script = re.sub(r"\n?//# sourceMappingURL=\S+", "", script)
    version = ".".join(package.version.split(".")[:3])
    return Leaflet(version, script, style)


def _file(package: Distribution, name: str) -> Path:
    return Path(str(package.locate_file(f"{_DATA}/{name}")))
