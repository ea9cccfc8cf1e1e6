"""Write the report's figures, labels and confidence marks as text."""

from __future__ import annotations

import math
import re
from typing import Any

from siting.export.fonts import ARABIC

NONE = "–"

_CONFIDENCE = {"definition": "by definition", "H": "high", "M": "medium", "L": "low",
               "ASSUMPTION": "assumed"}  # fmt: skip


def missing(value: Any) -> bool:
    """Return whether a value is empty: ``None``, NaN, infinite or blank."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return value is None or str(value).strip() in ("", "nan", "<NA>")


def text_or(value: Any, otherwise: str = "") -> str:
    """Return a value as text, or `otherwise` if it is missing.

    >>> text_or(None), text_or(float("nan"), "not stated"), text_or(5)
    ('', 'not stated', '5')
    """
    return otherwise if missing(value) else str(value)


def number(value: Any, decimals: int = 0) -> str:
    """Return a number with thousands separators, or a dash if it is missing.

    >>> number(13769.96), number(2.394, 1), number(None)
    ('13,770', '2.4', '–')
    """
    return NONE if missing(value) else f"{float(value):z,.{decimals}f}"


def rupees(value: Any) -> str:
    """Return an amount as text: in PKR, or in PKR m if it is a million or more.

    >>> rupees(59_900_000), rupees(1000), rupees(2.5e9), rupees(-0.001)
    ('PKR 59.90 m', 'PKR 1,000', 'PKR 2,500.00 m', 'PKR 0')
    """
    if missing(value):
        return NONE
    return f"PKR {value / 1e6:,.2f} m" if abs(value) >= 1e6 else f"PKR {value:z,.0f}"


def percent(value: Any, decimals: int = 1) -> str:
    """Return a share (0 to 1) as a percentage.

    >>> percent(0.66903), percent(0.00742, 2)
    ('66.9 %', '0.74 %')
    """
    return NONE if missing(value) else f"{float(value) * 100:z,.{decimals}f} %"


def figure(value: Any) -> str:
    """Return a figure with four significant digits or, from 1000 on, as a whole number.

    >>> [figure(v) for v in (1828691.48, 0.011821663, 12.0, 0, "text")]
    ['1,828,691', '0.01182', '12', '0', 'text']
    """
    if missing(value):
        return NONE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def label(name: Any) -> str:
    """Return a table's column name as words.

    >>> label("two_wheeler_delivery"), label("grid works")
    ('Two wheeler delivery', 'Grid works')
    """
    text = str(name).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def confidence(mark: Any) -> str:
    """Return a confidence mark as a word.

    >>> confidence("ASSUMPTION"), confidence("H"), confidence(None)
    ('assumed', 'high', 'not stated')
    """
    return "not stated" if missing(mark) else _CONFIDENCE.get(str(mark), str(mark))


def is_urdu(text: Any) -> bool:
    """Return whether a string has letters of the Arabic script.

    >>> is_urdu("صدر"), is_urdu("Saddar")
    (True, False)
    """
    return bool(re.search(f"[{ARABIC}]", str(text)))
