"""Texts of users' made safe for what they are written to: a text is a text there, nothing else.

Every writer takes its rule from here. What a file cannot hold, or what would act on a terminal, is
written so that it is seen (``\\x0b``); the tables in ``stages/`` keep texts as they are.

====================================  =============================================================
terminal, XML, KML, GeoPackage, HTML  `visible`; markup is then escaped by what writes the document
HTML in a string, JSON in a page      `html_text`, `json_in_page`
KML, besides                          `kml_text`: nothing that ends a section of it
spreadsheets and CSV                  `cell_text`: no formula
labels that QGIS works out            `qgis_label`: no ``[% expression %]``
====================================  =============================================================

In scripts of pages names are keys of a ``Map``, never of an object, which has keys of its own.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

# What would move the cursor, colour the screen or turn the writing around, half characters, and
# what is no character at all. XML can hold none of them but some of the turns.
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
# A control character in JSON: as it is, or escaped; a backslash before a backslash escapes no more.
_IN_JSON = re.compile(rf"\\(?:u[0-9a-f]{{4}}|.)|{CONTROL.pattern}")
# What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str) -> str:
    """Return a text whose control characters are seen and do nothing.

    Tabs and line ends stay.

    >>> print(visible(chr(27) + "[31mred"))
    \\x1b[31mred
    """
    return CONTROL.sub(lambda one: ascii(one[0])[1:-1], text)


def html_text(text: str) -> str:
    """Return a text as HTML shows it.

    >>> html_text("<b>" + chr(11))
    '&lt;b&gt;\\\\x0b'
    """
    return html.escape(visible(text))


def json_in_page(data: Any) -> str:
    """Return plain values as JSON that cannot end the element of a page it stands in.

    Control characters of its texts are seen, as in the page about it.

    >>> print(json_in_page({"name": "</script>"}))
    {"name":"\\u003c/script\\u003e"}
    """

    def seen(sign: re.Match[str]) -> str:
        return json.dumps(visible(json.loads(f'"{sign[0]}"')), ensure_ascii=False)[1:-1]

    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = _IN_JSON.sub(seen, text)
    return re.sub("[<>&\u2028\u2029]", lambda sign: f"\\u{ord(sign[0]):04x}", text)


def kml_text(value: Any) -> Any:
    """Return a text as the KML driver of GDAL takes it; anything but text stays as it is.

    It puts such a text into a section that ``]]>`` ends, and has no other way: a blank parts it.
    """
    return value.replace("]]>", "]] >") if isinstance(value, str) else value


def cell_text(value: Any) -> Any:
    """Return a text as a spreadsheet shows it: one that it would work out as a formula is quoted.

    Anything but text stays as it is. A carriage return becomes a line break: Python 3.12 does not
    quote it in a CSV, so that a row would end there.

    >>> cell_text("=1+1"), cell_text("Pump"), cell_text(-2.5)
    ("'=1+1", 'Pump', -2.5)
    """
    if not isinstance(value, str):
        return value
    quoted = f"'{value}" if value.startswith(FORMULA) else value
    return visible(quoted.replace("\r\n", "\n").replace("\r", "\n"))


def qgis_label(text: str) -> str:
    """Return a text for where QGIS works out what stands between ``[%`` and ``%]``.

    QGIS has no escape: each ``[%`` becomes an expression that gives these two characters.

    >>> qgis_label("[% env('HOME') %]")
    "[%'[%'%] env('HOME') %]"
    """
    return visible(text).replace("[%", "[%'[%'%]")
