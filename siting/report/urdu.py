"""The report in Urdu: each English string of the finished page is looked up in a glossary.

In the English column of ``urdu.csv``, ``#`` stands for a number and ``*`` for any string, which is
itself looked up. In the Urdu column, ``{1}`` is replaced by the first number or string, ``{2}`` by
the second, and so on.
"""

from __future__ import annotations

import base64
import csv
import html
import re
from functools import cache
from importlib.resources import files

NUMBER = r"(?<![\w.])[-−]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])"
_NUMBER = re.compile(NUMBER)
# A piece of a page: an element that stays unchanged (name, code or data), a tag, or text.
_PIECE = re.compile(
    r"(?s)(?P<left><(?P<name>script|style|code|bdi|noscript)\b.*?</(?P=name)>)|(?P<tag><[^>]*>)|[^<]+"
)
# HTML attributes that browsers show or read aloud.
_ATTRIBUTE = re.compile(r'\b(aria-label|placeholder|alt|data-told)="([^"]*)"')
NOTE = (
    "یہ ترجمہ صرف مشین سے جانچا گیا ہے، کسی انسان نے اس کی نظرثانی نہیں کی۔ جس عبارت کا ترجمہ نہیں "
    "وہ انگریزی میں ہے، اور اختلاف کی صورت میں انگریزی رپورٹ معتبر ہے۔"
)


@cache
def glossary() -> dict[str, str]:
    """Return a mapping of English strings (in lower case, with `#` and `*`) to Urdu strings."""
    text = (files("siting.report") / "urdu.csv").read_text(encoding="utf-8")
    # A number and its percent sign stay on one line.
    text = text.replace("} %", "}\u00a0%")
    # A number with a Latin unit is read from left to right.
    text = re.sub(r"\{\d\} k[VW][A-Za-z/]*", lambda m: f"\u2066{m[0]}\u2069", text)
    return {row["english"].casefold(): row["urdu"] for row in csv.DictReader(text.splitlines())}


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    def pattern(english: str) -> re.Pattern[str]:
        text = re.escape(english).replace(r"\#", f"({NUMBER})").replace(r"\*", "(.+?)")
        return re.compile(text, re.I | re.S)

    return [(pattern(english), urdu) for english, urdu in glossary().items() if "*" in english]


def in_urdu(text: str) -> str | None:
    """Return the Urdu translation of a string; None if the glossary lacks it.

    >>> in_urdu("Cost"), in_urdu("PKR 59.90 m"), in_urdu("Saddar")
    ('لاگت', '59.90 ملین روپے', None)
    """
    plain = " ".join(text.split())
    if (entry := glossary().get(_NUMBER.sub("#", plain).casefold())) is not None:
        return _filled(entry, _NUMBER.findall(plain))
    for pattern, urdu in _patterns():
        if match := pattern.fullmatch(plain):
            return _filled(urdu, [in_urdu(part) or _apart(part) for part in match.groups()])
    return None


def _filled(urdu: str, values: list[str]) -> str:
    # In right-to-left text, a minus sign would move behind its number.
    isolated = [_apart(value) if value[:1] in "-−" else value for value in values]
    return urdu.format("", *isolated)


def _apart(text: str) -> str:
    """Return a string between Unicode marks that isolate it from the direction of other text."""
    return text if _NUMBER.fullmatch(text) and text[:1] not in "-−" else f"\u2068{text}\u2069"


def page_in_urdu(page: str) -> str:
    """Return a finished page in Urdu; names, code, scripts and style sheets are unchanged."""

    def say(text: str) -> str:
        plain = html.unescape(text)
        if (translated := in_urdu(plain)) is None:
            return text
        before, after = (" " if side != side.strip() else "" for side in (plain[:1], plain[-1:]))
        return f"{before}{html.escape(translated, quote=True)}{after}"

    def piece(match: re.Match[str]) -> str:
        if match["left"]:
            return match["left"]
        if match["tag"]:
            return _ATTRIBUTE.sub(lambda m: f'{m[1]}="{say(m[2])}"', match["tag"])
        return say(match[0]) if match[0].strip() else match[0]

    translated = _PIECE.sub(piece, page)
    return translated.replace('<html lang="en">', '<html lang="ur" dir="rtl">', 1)


def font_style() -> str:
    """Return a style sheet with a font for every letter of Urdu (see ``urdu-font.txt``)."""
    font = base64.b64encode((files("siting.report") / "urdu.woff2").read_bytes()).decode("ascii")
    return (
        f"@font-face {{ font-family: SitingUrdu; "
        f"src: url(data:font/woff2;base64,{font}) format('woff2'); "
        "unicode-range: U+0600-06FF, U+200C-200D; }"
    )
