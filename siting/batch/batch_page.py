"""The page of a batch: status, chart, and a table of results with a link to each report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from siting import pages
from siting.batch.chart import chart_words, draw_chart
from siting.batch.studies import short_words, value_words
from siting.batch.table import FIGURES, swept_of
from siting.shown import Column
from siting.texts import html_text

PAGE = "index.html"
_STATUS = {"feasible": "not proven optimal", "waiting": "not finished"}


def render(table: pd.DataFrame, out: Path) -> str:
    """Return the HTML page of the batch in folder `out`; `table` is from `results_table`."""
    swept = swept_of(table)
    links = [_link(out, str(folder)) for folder in table["folder"]]
    style = (files("siting.batch") / "page.css").read_text(encoding="utf-8")
    drawing = draw_chart(table, swept, links)
    chart = (
        "<h2>Share of the demand that is served</h2>"
        f'<figure>{drawing}<figcaption id="chart-words">{html_text(chart_words(table, swept))} '
        "Thin lines end at the bound, which no plan with this budget exceeds."
        "</figcaption></figure>\n"
    )
    notes = "".join(
        f'<p class="note"><b>{html_text(name)}</b>: {html_text(note)}</p>\n'
        for name, note in notes_of(table)
    )
    body = f"""<p>{html_text(status_words(table))}</p>
{chart if drawing else ""}<h2>Results</h2>
{_table(table, swept, links)}
{notes}<p class="quiet">The same results as tables: <a href="results.csv">results.csv</a>,
<a href="results.parquet">results.parquet</a>. The seconds are the total time of all stages.</p>"""
    return pages.page(f"{len(table):,} {'study' if len(table) == 1 else 'studies'}", style, body)


def short_columns(table: pd.DataFrame) -> list[Column]:
    """Return the columns of the results in the terminal and in notebooks, the study first."""
    return [
        Column("Study", "name", overflow="fold"),
        *map(_swept, swept_of(table)),
        Column("Served", "served_share", ".1%"),
        Column("At most", _at_most, ".1%"),
        Column("Gap", "gap", ".2%"),
        Column("Subsidy, PKR m", "subsidy_pkr", ",.1f", per=1e6, overflow="fold", min_width=8),
        Column("Stations", "new_stations", ",.0f"),
    ]


def _at_most(row: Any) -> float:
    """Return an upper bound on the share of the demand that a study can serve."""
    return float(row["served_share"] * row["bound_kwh_day"] / (row["served_kwh_day"] or 1.0))


def _swept(key: str) -> Column:
    def words(row: Any) -> str:
        return "" if pd.isna(row[key]) else short_words(row[key])

    return Column(key.rpartition(".")[2], words, ">", overflow="fold")


def notes_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the caveats of the studies without duplicates, each with the name of its study."""
    noted = table[table["note"] != ""].drop_duplicates(["name", "note"])
    return list(zip(noted["name"].astype(str), noted["note"].astype(str), strict=True))


def status_words(table: pd.DataFrame) -> str:
    """Return the number of studies with each status, as text.

    >>> status_words(pd.DataFrame({"status": ["optimal", "failed", "optimal"]}))
    '2 optimal, 1 failed'
    """
    words = {
        "optimal": "optimal",
        "feasible": "with a plan not proven optimal",
        "failed": "failed",
        "waiting": "not finished",
    }
    counts = table["status"].value_counts()
    return ", ".join(f"{counts[k]:,} {text}" for k, text in words.items() if k in counts)


def _link(out: Path, folder: str) -> str:
    if not folder:
        return ""
    page = f"{folder}/report.html"
    return page if (out / page).is_file() else f"{folder}/"


def _table(table: pd.DataFrame, swept: Sequence[str], links: Sequence[str]) -> str:
    keys = [
        f'<span title="{html_text(key)}">{html_text(key.rpartition(".")[2])}</span>'
        for key in swept
    ]
    heads = ["Study", *keys, "Status", *(column.head for column in FIGURES)]
    sides = ["", *("n" if table[key].dtype == float else "" for key in swept), ""]
    records = zip(table.to_dict("records"), links, strict=True)
    rows = [_row(row, swept, link) for row, link in records]
    return pages.table(heads, rows, [*sides, *["n"] * len(FIGURES)], map(str, table["status"]))


def _row(row: Mapping[Any, Any], swept: Sequence[str], link: str) -> list[str]:
    name = html_text(str(row["name"]))
    cells = [f'<a href="{html_text(link)}">{name}</a>' if link else name]
    cells += ["" if pd.isna(row[key]) else html_text(value_words(row[key])) for key in swept]
    cells.append(html_text(_STATUS.get(str(row["status"]), str(row["status"]))))
    if row["error"]:
        text = row["error"] if row["study"] else f"{row['config']}\n{row['error']}"
        return [*cells, html_text(text)]
    return cells + [column.text(row) for column in FIGURES]
