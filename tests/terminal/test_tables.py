"""Tables of the terminal: each column is declared once, with its form, unit and blank."""

import numpy as np
import pandas as pd
import pytest

from siting.review.traced import Trace
from siting.shown import Column
from siting.terminal.reason_tables import print_trace
from siting.terminal.screen import Screen

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
        (Column("Rounded", "share", "~"), "0.125"),
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
    Screen(width=80).table(columns, rows, most=2, more="… and {:,} more in sites.csv")
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["", "kWh/day", "───────", "1,500", "20", "", "… and 1 more in sites.csv"]


def test_a_whole_number_in_a_table_of_a_trace_is_grouped_like_any_other(capsys):
    # Beside shares a column holds objects; whole numbers among them are NumPy's.
    figures = pd.DataFrame(
        {"figure": ["fee", "share"], "value": pd.Series([np.int64(50_000), 0.5], dtype=object)}
    )
    print_trace(Trace("station", "s1", "", 2030, "", (), {"business": figures}))
    assert "50,000" in capsys.readouterr().out
