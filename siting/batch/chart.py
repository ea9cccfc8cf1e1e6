"""Draw the share of demand served as an SVG chart: bars, or lines over a swept value."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from siting.batch.studies import short_words, sweep_words, value_words
from siting.texts import html_text

WIDTH, HEIGHT = 760, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 12, 46
COLOURS = ("#0b6e4f", "#c8553d", "#2c5d9b", "#b8860b", "#7a4e9e", "#4a4a4a")
MOST_BARS = 40
MOST_LINES = len(COLOURS)


def draw_chart(table: pd.DataFrame, swept: Sequence[str], links: Sequence[str]) -> str:
    """Return a chart of the share of demand served as an ``svg`` element; "" if there is no plan.

    A thin line above each point or bar ends at the proven bound. `table` is a `results_table` with
    the swept keys in its columns `swept`. `links` has a link for each row; a link may be blank.
    """
    share = table["served_share"]
    bound = (share * table["bound_kwh_day"] / table["served_kwh_day"]).clip(upper=1.0)
    # Without a bound, the line ends at the share that is served.
    table = table.assign(link=list(links), bound_share=bound.fillna(share))[share.notna()]
    if table.empty:
        return ""
    numbers = [k for k in swept if table[k].dtype == float and len(set(table[k].dropna())) > 1]
    lines = _series(table, numbers[0], swept) if numbers else {}
    if lines and len(lines) <= MOST_LINES:
        return _lines(table, numbers[0], lines)
    return _bars(table, swept)


def chart_words(table: pd.DataFrame, swept: Sequence[str]) -> str:
    """Describe the drawing in words, for screen readers."""
    done = table[table["served_share"].notna()]
    if done.empty:
        return ""
    best = max(done.to_dict("records"), key=lambda row: float(row["served_share"]))
    about = sweep_words({key: best[key] for key in swept if not pd.isna(best[key])})
    return (
        f"From {done['served_share'].min():.1%} to {done['served_share'].max():.1%} of the demand "
        f"is served; the most by {best['name']}" + (f" ({about})" if about else "") + "."
    )


def _series(table: pd.DataFrame, x: str, swept: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Group rows into lines; rows of a line share the study and all swept values except `x`."""
    others = [k for k in swept if k != x]
    several = len(set(table["name"])) > 1
    lines = {}
    for (name, *values), rows in table.groupby(["name", *others], sort=False, dropna=False):
        given = {k: v for k, v in zip(others, values, strict=True) if v is not None and v == v}
        words = [str(name)] if several or not others else []
        words += [sweep_words(given)] if given else []
        lines[", ".join(words) or str(name)] = rows[rows[x].notna()].sort_values(x)
    return {words: rows for words, rows in lines.items() if len(rows)}


def _axis(top: float) -> list[str]:
    parts = []
    for share in (top * i / 4 for i in range(5)):
        y = _y(share, top)
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>',
        ]
    return parts


def _y(share: float, top: float) -> float:
    return TOP + (1 - share / top) * (HEIGHT - TOP - BOTTOM)


def _lines(table: pd.DataFrame, x: str, lines: dict[str, pd.DataFrame]) -> str:
    most = table["bound_share"].max()
    top = next(top for top in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if most <= top + 1e-9)
    values = sorted(table[x].dropna().unique())
    low, high = float(values[0]), float(values[-1])

    def across(value: float) -> float:
        return LEFT + 24 + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT - 60)

    parts = _axis(top)
    last = -math.inf
    for value in values:
        at = across(float(value))
        if at - last > 62:  # else labels overlap
            last = at
            parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
                         f"{short_words(float(value))}</text>")  # fmt: skip
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{html_text(x)}</text>')
    for colour, (words, rows) in zip(COLOURS, lines.items(), strict=False):
        points = [(across(float(row[x])), _y(float(row["served_share"]), top), row)
                  for row in rows.to_dict("records")]  # fmt: skip
        way = " ".join(f"{px:.1f},{py:.1f}" for px, py, _ in points)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for px, py, row in points:
            limit = _y(row["bound_share"], top)
            parts.append(f'<line x1="{px:.1f}" x2="{px:.1f}" y1="{py:.1f}" y2="{limit:.1f}" '
                         f'stroke="{colour}"/>')  # fmt: skip
            text = f"{words}, {value_words(float(row[x]))}: {row['served_share']:.1%} served"
            dot = f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4.5" fill="{colour}">'
            parts.append(_linked(f"{dot}<title>{html_text(text)}</title></circle>", row["link"]))
    key = "".join(
        f'<span><i style="background:{colour}"></i>{html_text(words)}</span>'
        for colour, words in zip(COLOURS, lines, strict=False)
    )
    return _svg(parts, HEIGHT) + (f'<p class="key">{key}</p>' if len(lines) > 1 else "")


def _bars(table: pd.DataFrame, swept: Sequence[str]) -> str:
    shown = table.head(MOST_BARS)
    wide, line = 300, 22
    scale = WIDTH - wide - 90
    parts = []
    for i, row in enumerate(shown.to_dict("records")):
        y = 4 + i * line
        values = [value_words(row[k]) for k in swept if not pd.isna(row[k])]
        words = " · ".join([str(row["name"]), *values])
        words = words if len(words) <= 42 else words[:41] + "…"
        width, limit = row["served_share"] * scale, row["bound_share"] * scale
        bar = (
            f'<text x="{wide - 8}" y="{y + 15}" text-anchor="end">{html_text(words)}</text>'
            f'<rect x="{wide}" y="{y + 3}" width="{width:.1f}" height="{line - 7}" '
            f'fill="{COLOURS[0]}"/>'
        )
        middle = y + line / 2 - 0.5
        parts += [
            _linked(bar, row["link"]),
            f'<line x1="{wide + width:.1f}" x2="{wide + limit:.1f}" y1="{middle}" y2="{middle}" '
            'stroke="#333"/>',
            f'<text x="{wide + limit + 8:.1f}" y="{y + 15}">{row["served_share"]:.1%}</text>',
        ]
    more = len(table) - len(shown)
    note = f"<p>{more:,} more studies are in the table but not drawn.</p>" if more else ""
    return _svg(parts, line * len(shown) + 8) + note


def _linked(shape: str, link: str) -> str:
    return f'<a href="{html_text(link)}">{shape}</a>' if link else shape


def _svg(parts: Sequence[str], height: float) -> str:
    start = f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="chart-words">'
    return f"{start}{''.join(parts)}</svg>"
