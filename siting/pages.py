"""Self-contained HTML pages with tables and without scripts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from siting.texts import html_text

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(title: str, style: str, body: str) -> str:
    """Return a page as HTML, given its title as text, its style as CSS and its body as HTML."""
    title = html_text(title)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], sides: Sequence[str] | None = None,
    kinds: Iterable[str] | None = None,
) -> str:  # fmt: skip
    """Return a table as HTML, in an element that scrolls horizontally.

    `heads` and the cells of `rows` are HTML. The last cell of a short row spans the remaining
    columns. `sides` lists the CSS class of each column, by default ``n`` (numbers) for all columns
    except the first. `kinds` lists the CSS class of each row.

    >>> table(["City", "kW"], [["Lahore", "60"]])
    '<div class="wide"><table><thead><tr><th class="">City</th><th class="n">kW</th></tr></thead>\
<tbody><tr class=""><td class="">Lahore</td><td class="n">60</td></tr></tbody></table></div>'
    """
    sides = ["", *["n"] * (len(heads) - 1)] if sides is None else sides

    def line(cells: Sequence[str]) -> str:
        left = len(heads) - len(cells) + 1
        last = f' colspan="{left}" class="error"' if left > 1 else f' class="{sides[-1]}"'
        shown = [
            f'<td class="{side}">{cell}</td>' for side, cell in zip(sides, cells[:-1], strict=False)
        ]
        return "".join(shown) + f"<td{last}>{cells[-1]}</td>"

    rows = list(rows)
    head = "".join(f'<th class="{s}">{h}</th>' for s, h in zip(sides, heads, strict=True))
    body = "".join(
        f'<tr class="{kind}">{line(row)}</tr>'
        for row, kind in zip(rows, kinds or [""] * len(rows), strict=True)
    )
    head, body = f"<thead><tr>{head}</tr></thead>", f"<tbody>{body}</tbody>"
    return f'<div class="wide"><table>{head}{body}</table></div>'


def figure(value: Any, form: str = ",.0f", unit: float = 1.0, blank: str = "–") -> str:
    """Return a number divided by `unit` as text: in the format `form`, or `blank` if missing.

    >>> figure(2.5e6, ",.2f", 1e6), figure(0.25, ".1%"), figure(None), figure(math.nan, blank="")
    ('2.50', '25.0%', '–', '')
    """
    if value is None or value != value or not math.isfinite(value):
        return blank
    return format(float(value) / unit, form)
