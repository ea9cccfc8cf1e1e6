"""Tables of the terminal: each column is declared once, with its form, unit and blank."""

import numpy as np
import pandas as pd
import pytest

from siting.review.traced import Trace
from siting.shown import Block, Column, Display, Shown, block_of, labelled, sentences
from siting.terminal.screen import Screen, print_result

ROW = {
    "pkr": 1_234_567.0,
    "share": 0.125,
    "lot": 3,
    "class": "two_wheeler",
    "none": None,
    "nan": np.nan,
    "na": pd.NA,
}


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (Column("PKR m", "pkr", ",.2f", per=1e6), "1.23"),
        (Column("Share", "share", ".1%"), "12.5%"),
        (Column("Lot", "lot", ">"), "3"),
        (Column("Class", "class", "_"), "two wheeler"),
        (Column("Name", "class"), "two_wheeler"),
        (Column("More", lambda row: row["pkr"] - 1e6, "+,.0f"), "+234,567"),
        (Column("Said", lambda row: "no gain", ",.0f"), "no gain"),
        *((Column("Lack", name, ",.0f", blank="-"), "-") for name in ("none", "nan", "na")),
    ],
)
def test_a_column_writes_its_value_by_its_form(column, text):
    assert column.text(ROW) == text


def test_of_more_rows_the_first_are_shown_and_the_rest_counted(capsys):
    rows = pd.DataFrame({"kwh": [1500.0, 20.0, 3.0]})
    columns = [Column("kWh/day", "kwh", ",.0f")]
    Screen(width=80).block(block_of(rows, columns, "sites", "sites.csv", most=2))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["", "kWh/day", "───────", "1,500", "20", "", "… and 1 more in sites.csv"]


def test_a_whole_number_in_a_table_of_a_trace_is_grouped_like_any_other(capsys):
    # Beside shares a column holds objects; whole numbers among them are NumPy's.
    figures = pd.DataFrame(
        {"figure": ["fee", "share"], "value": pd.Series([np.int64(50_000), 0.5], dtype=object)}
    )
    print_result(Trace("station", "s1", "", 2030, "", (), {"business": figures}))
    assert "50,000" in capsys.readouterr().out


class Answer(Shown):
    """A result with one of each kind of block."""

    sites = pd.DataFrame({"site_id": [f"s{n:02d}" for n in range(20)], "kwh": range(20)})

    def _shown(self):
        columns = [Column("Site", "site_id"), Column("Sold, kWh/day", "kwh", ",.1f")]
        blocks = [
            Block((), [("Budget", "PKR 1 m"), ("Plan", "differs")],
                  style=lambda row: "red" if row[1] == "differs" else ""),
            labelled(["", "Before", "After"], [("New stations", ["1", "12"])]),
            block_of(self.sites, columns, "sites", "sites.csv", title="Sold", below="Sold: a day."),
            sentences(["  one step", "      its source"], title="What it costs"),
        ]  # fmt: skip
        return Display(
            "All [red]stations", "not surveyed", blocks,
            notes=["first note", "second note"], warning="FAR", good=False,
        )  # fmt: skip


def test_terminal_and_notebook_show_the_same_words_of_a_result(capsys, tmp_path):
    print_result(Answer(), tmp_path)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    text = repr(Answer()).splitlines()
    shown = [" ".join(line.split()) for line in lines]
    told = [" ".join(line.split()) for line in text if line]
    # The sentence on the other rows names what its reader has: a file, or an attribute.
    assert "… and 4 more in sites.csv" in shown
    told[told.index("… and 4 more (all rows: .sites)")] = "… and 4 more in sites.csv"
    assert [line for line in told if line not in shown] == []
    added = ["Notes:", f"Written to {tmp_path}"]
    assert [line for line in shown if line.strip("─ ") and line not in told] == added
    # Numbers are right-aligned in both, and a source stands below its step.
    assert "New stations       1     12" in text
    assert text[-5:] == ["  one step", "      its source", "", "first note", "second note"]
    assert "      its source" in lines
    page = Answer()._repr_html_()
    for words in ("FAR", "All [red]stations", "not surveyed", "Sold: a day.", "second note"):
        assert words in page
    assert "<td style='text-align:right'>15.0</td>" in page


def test_bad_news_is_red_in_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_result(Answer())
    out = capsys.readouterr().out
    assert "\x1b[1;31mFAR\x1b[0m" in out
    assert "\x1b[1;31mAll [red]stations\x1b[0m" in out
    assert "\x1b[33mnot surveyed\x1b[0m" in out
    assert "\x1b[31mdiffers" in out
