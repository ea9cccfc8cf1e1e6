"""Fonts for text in pictures.

Matplotlib does not search for a font with Urdu letters. Only Matplotlib 3.11 and later, built with
libraqm, can join these letters. Urdu that cannot be drawn correctly is left out.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

# The Arabic script, in which Urdu is written, with its presentation forms.
ARABIC = r"\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff"
# Urdu words, with the marks and spaces between them.
_URDU = re.compile(rf"[{ARABIC}](?:[{ARABIC}\u200c-\u200f\s]*[{ARABIC}])?")
_NO_LETTERS = " \u200c\u200d\u200e\u200f\t\n"
# Fonts with every letter of Urdu, by their names on Linux, Windows and macOS.
URDU_FONTS = (
    *("Noto Naskh Arabic", "Noto Sans Arabic", "Noto Nastaliq Urdu"),
    *("Segoe UI", "Tahoma", "Geeza Pro", "DejaVu Sans"),
)
LEFT_OUT = "Names in Urdu are left out, because this computer cannot draw their letters."


def legible(title: str, subtitle: str, note: str) -> tuple[str, str, str, dict[str, Any]]:
    """Return the drawable parts of three texts, and the font arguments for Matplotlib's ``text``.

    If Urdu is left out, the note says so.

    >>> legible("Town", "", "© OpenStreetMap contributors")
    ('Town', '', '© OpenStreetMap contributors', {})
    """
    texts = (title, subtitle, note)
    letters = frozenset("".join(_URDU.findall("\n".join(texts)))) - set(_NO_LETTERS)
    if not letters:
        return *texts, {}
    if font := _font_with(letters):
        return *texts, {"fontfamily": [font, "DejaVu Sans"]}
    title, subtitle, note = map(_without_urdu, texts)
    return title, subtitle, f"{note} {LEFT_OUT}".strip(), {}


def _without_urdu(text: str) -> str:
    """Return a string without its Urdu words and empty brackets.

    >>> _without_urdu("F-8 (ایف ۸), Islamabad")
    'F-8, Islamabad'
    """
    left = re.sub(r"\s+", " ", _URDU.sub("", text))
    return re.sub(r"\s*\(\s*\)", "", left).strip(" ,;:–—-")


@cache
def _font_with(letters: frozenset[str]) -> str | None:
    """Return the first installed font that has all letters; None without such a font or libraqm."""
    from matplotlib import font_manager, ft2font

    if not hasattr(ft2font, "__libraqm_version__"):
        return None
    wanted = {ord(letter) for letter in letters}
    for name in URDU_FONTS:
        # The font must have both weights, because titles are bold and notes are not.
        faces = [font_manager.FontProperties(family=name, weight=w) for w in ("normal", "bold")]
        try:
            paths = {font_manager.findfont(face, fallback_to_default=False) for face in faces}
        except ValueError:  # no such font
            continue
        if all(wanted <= set(ft2font.FT2Font(path).get_charmap()) for path in paths):
            return name
    return None
