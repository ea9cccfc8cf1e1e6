r"""Make users' strings safe wherever they are written: always text, never markup or code.

All output uses these rules; only the tables in ``stages/`` keep strings unchanged. Characters that
a file cannot contain, or that would control a terminal, are written in visible form (``\x0b``).
Scripts in pages keep names as keys of a ``Map``, because a plain object has built-in keys.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

# Characters that move the cursor, colour the screen or reverse the direction of writing; also lone
# surrogates and non-characters.
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
# An escape in JSON, or a raw control character; an escaped backslash is one escape.
_IN_JSON = re.compile(rf"\\(?:u[0-9a-f]{{4}}|.)|{CONTROL.pattern}")
# Characters with which a spreadsheet formula may begin.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def counted(number: float, what: str) -> str:
    """Return a number with its noun, in the plural for numbers other than 1.

    >>> counted(1, "site"), counted(2500, "site")
    ('1 site', '2,500 sites')
    """
    return f"{number:,.15g} {what}{'' if number == 1 else 's'}"


def visible(text: str) -> str:
    r"""Return a string with control characters made visible and harmless.

    The result is safe for terminals, XML and GeoPackages. Tabs and line feeds are unchanged.

    >>> print(visible(chr(27) + "[31mred"))
    \x1b[31mred
    """
    return CONTROL.sub(lambda one: ascii(one[0])[1:-1], text)


def html_text(text: str) -> str:
    r"""Return a string escaped for HTML.

    >>> html_text("<b>" + chr(11))
    '&lt;b&gt;\\x0b'
    """
    return html.escape(visible(text))


def json_in_page(data: Any) -> str:
    r"""Return plain values as JSON that cannot close the HTML element that contains it.

    >>> print(json_in_page({"name": "</script>"}))
    {"name":"\u003c/script\u003e"}
    """

    def seen(sign: re.Match[str]) -> str:
        return json.dumps(visible(json.loads(f'"{sign[0]}"')), ensure_ascii=False)[1:-1]

    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = _IN_JSON.sub(seen, text)
    return re.sub("[<>&\u2028\u2029]", lambda sign: f"\\u{ord(sign[0]):04x}", text)


def kml_text(value: Any) -> Any:
    """Return a string that is safe for the KML driver of GDAL; other values are unchanged.

    The driver does not escape ``]]>``, which would end a CDATA section, so a space is inserted.
    """
    return value.replace("]]>", "]] >") if isinstance(value, str) else value


def cell_text(value: Any) -> Any:
    """Return a string for a spreadsheet, with formulas quoted; other values are unchanged.

    A carriage return becomes a line feed, because Python 3.12 does not quote it in a CSV.

    >>> cell_text("=1+1"), cell_text("Pump"), cell_text(-2.5)
    ("'=1+1", 'Pump', -2.5)
    """
    if not isinstance(value, str):
        return value
    quoted = f"'{value}" if value.startswith(FORMULA) else value
    return visible(quoted.replace("\r\n", "\n").replace("\r", "\n"))


def qgis_label(text: str) -> str:
    """Return a string for fields in which QGIS evaluates expressions between ``[%`` and ``%]``.

    QGIS has no escape, so each ``[%`` is replaced by an expression whose value is ``[%``.

    >>> qgis_label("[% env('HOME') %]")
    "[%'[%'%] env('HOME') %]"
    """
    return visible(text).replace("[%", "[%'[%'%]")
