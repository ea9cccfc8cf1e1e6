"""Fonts for names in pictures: Urdu needs a font with its letters and joined forms.

Browsers and QGIS find a font and join Urdu letters by themselves. Matplotlib does not look for a
font, and joins letters only if built with libraqm (3.11 and later). A name that it cannot draw
correctly is replaced, because boxes and loose letters are worse than an id.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

# Arabic script and its presentation forms, in which Urdu is written.
ARABIC = r"\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff"
# Words with the marks and spaces between them.
_URDU = re.compile(rf"[{ARABIC}](?:[{ARABIC}\u200c-\u200f\s]*[{ARABIC}])?")
# Fonts with every letter of Urdu, by their names on Linux, Windows and macOS.
URDU_FONTS = (
    "Noto Naskh Arabic",
    "Noto Sans Arabic",
    "Noto Nastaliq Urdu",
    "Segoe UI",
    "Tahoma",
    "Geeza Pro",
    "DejaVu Sans",
)
LEFT_OUT = "Names in Urdu are left out: no font on this machine has their letters."


def written(text: str, instead: str = "") -> tuple[str, dict[str, Any]]:
    """Return a text that Matplotlib draws correctly, and the font to draw it in.

    Urdu that cannot be drawn is replaced by `instead`, such as a site's id. The second result holds
    arguments for Matplotlib's ``text``: none, or ``fontfamily``.

    >>> written("Blue Area")
    ('Blue Area', {})
    """
    urdu_parts = _URDU.findall(text)
    if not urdu_parts:
        return text, {}
    letters = frozenset("".join(urdu_parts)) - set(" \u200c\u200d\u200e\u200f\t\n")
    font = _font_with(letters)
    if font is not None:
        return text, {"fontfamily": [font, "DejaVu Sans"]}
    return without_urdu(text, instead), {}


def without_urdu(text: str, instead: str = "") -> str:
    """Return a text with its Urdu words replaced, and no empty brackets.

    >>> without_urdu("F-8 (ایف ۸), Islamabad")
    'F-8, Islamabad'
    >>> without_urdu("عبد الستار ایدھی روڈ", "s0177")
    's0177'
    """
    left = re.sub(r"\s+", " ", _URDU.sub(instead, text))
    left = re.sub(r"\s*\(\s*\)", "", left).strip(" ,;:–—-")
    return left or instead


def legible(title: str, subtitle: str, note: str) -> tuple[str, str, str, dict[str, Any]]:
    """Return a picture's drawable texts, with a note on texts left out, and their font.

    >>> legible("Town", "", "© OpenStreetMap contributors")
    ('Town', '', '© OpenStreetMap contributors', {})
    """
    texts = "\n".join((title, subtitle, note))
    text, fonts = written(texts)
    if text == texts:
        return title, subtitle, note, fonts
    title, subtitle, note = (without_urdu(part) for part in (title, subtitle, note))
    return title, subtitle, f"{note} {LEFT_OUT}".strip(), {}


@cache
def _font_with(letters: frozenset[str]) -> str | None:
    """Return the first installed font with all the letters; None if these cannot be joined."""
    from matplotlib import font_manager, ft2font

    if not hasattr(ft2font, "__libraqm_version__"):
        return None
    wanted = {ord(letter) for letter in letters}
    # The font needs both weights, because titles are bold and notes are not.
    faces = [font_manager.FontProperties(weight=weight) for weight in ("normal", "bold")]
    for name in URDU_FONTS:
        try:
            for face in faces:
                face.set_family(name)
            paths = {font_manager.findfont(face, fallback_to_default=False) for face in faces}
        except ValueError:  # no such font
            continue
        if all(wanted <= set(ft2font.FT2Font(path).get_charmap()) for path in paths):
            return name
    return None
