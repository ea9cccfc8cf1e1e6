"""An award recounted from its tables: what is edited shows, in words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from siting.verify import AwardAccount, Ceiling, award_faults


def award():
    """Return an award of four bids: a bundle and a single win, an alternative and a rent lose."""
    bids = pd.DataFrame(
        [
            ("ab", "X", "", "Punjab", 300.0, 0.0),
            ("ab", "X", "", "Punjab", 200.0, 0.0),
            ("c", "Y", "first", "Sindh", 400.0, 0.0),
            ("d", "Y", "first", "Sindh", 600.0, 0.0),
            ("e", "Z", "", "Sindh", 0.0, 50.0),
        ],
        columns=["bid", "bidder", "one_of", "province", "ask_pkr", "rent_pkr"],
    )
    offers = bids.assign(
        offer_id=["1:ab/1", "1:ab/2", "2:c", "3:d", "4:e"], line=[0, 1, 0, 0, 0],
        cost_pkr=1000.0, power_kw=10.0, subsidy_pkr=bids["ask_pkr"],
    )[["offer_id", "bid", "line", "cost_pkr", "power_kw", "subsidy_pkr"]]  # fmt: skip
    told = bids.groupby("bid")[["ask_pkr", "rent_pkr"]].sum().reset_index()
    told["critical_low_pkr"] = [700.0, 450.0, 300.0, -1.0]
    told["critical_high_pkr"] = [700.0, 460.0, 300.0, -1.0]
    told["proven"] = [True, False, True, True]
    winners, losers = told.iloc[:2], told.iloc[2:].assign(over_pkr=[300.0, np.nan])
    payments = pd.DataFrame(
        [("pay as bid", 900.0, 900.0), ("pay the critical ask", 1150.0, 1160.0),
         ("rents paid", 0.0, 0.0)], columns=["rule", "low_pkr", "high_pkr"],
    )  # fmt: skip
    caps = [Ceiling("each", "bidder", stations=2, pkr=500.0), Ceiling("p", "province", "Sindh", 1)]
    return AwardAccount(
        bids=bids, offers=offers, stands=["1:ab/1", "1:ab/2", "2:c"], winners=winners,
        losers=losers, payments=payments, caps=caps, budget_pkr=1000.0, reserve_share=0.7,
        reserve_pkr_kw=50.0,
    )  # fmt: skip


def with_cell(table, row, column, value):
    out = table.copy()
    out.loc[out.index[row], column] = value
    return out


def test_a_true_award_holds() -> None:
    assert award_faults(award()) == []


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda a: {"stands": [*a.stands, "3:d"]}, "losing bids with a station (d)"),
        (lambda a: {"stands": [*a.stands, "3:d"]}, "alternatives 'first' of Y win together"),
        (lambda a: {"stands": [*a.stands, "3:d"]}, "p, Sindh: wins 2 stations, but at most 1"),
        (lambda a: {"stands": ["1:ab/1", "2:c"]}, "bundles that are only partly built (ab)"),
        (lambda a: {"stands": ["1:ab/1", "1:ab/2"]}, "winning bids without a station (c)"),
        (lambda a: {"winners": a.winners.iloc[:1]}, "bids of the file are in neither table (c)"),
        (lambda a: {"losers": pd.concat([a.losers, a.losers.iloc[:1]])}, "listed twice (d)"),
        (lambda a: {"losers": with_cell(a.losers, 0, "bid", "x")}, "not in the file of bids (x)"),
        (lambda a: {"losers": with_cell(a.losers, 0, "over_pkr", 1.0)}, "minus their critical ask"),
        (lambda a: {"losers": with_cell(a.losers, 1, "over_pkr", 5.0)}, "minus their critical ask"),
        (lambda a: {"losers": with_cell(a.losers, 0, "ask_pkr", 9.0)}, "sum differs from the file"),
        (lambda a: {"losers": with_cell(a.losers, 0, "critical_low_pkr", 900.0)}, "below the"),
        (lambda a: {"winners": with_cell(a.winners, 1, "proven", value=True)}, "mark contradicts"),
        (lambda a: {"caps": [Ceiling("each", "bidder", pkr=450.0)]}, "500 PKR, but at most 450"),
        (lambda a: {"caps": [Ceiling("n", "bidder", stations=1)]}, "n, X: wins 2 stations"),
        (lambda a: {"reserve_share": 0.3}, "above their reserve price (c)"),
        (lambda a: {"reserve_pkr_kw": 20.0}, "above their reserve price (ab, c)"),
        (lambda a: {"budget_pkr": 800.0}, "winners ask for PKR 900, but the budget is PKR 800"),
        (lambda a: {"payments": with_cell(a.payments, 0, "high_pkr", 800.0)},
         "800 is stated, but winners.csv adds up to 900"),
        (lambda a: {"payments": with_cell(a.payments, 1, "low_pkr", 1.0)}, "adds up to 1,150"),
        (lambda a: {"payments": a.payments.iloc[1:]}, "appears 0 times"),
        (lambda a: {"offers": with_cell(a.offers, 0, "subsidy_pkr", 1.0)}, "draw another amount"),
    ],
)  # fmt: skip
def test_what_is_edited_shows_in_words(edit, said) -> None:
    account = award()
    faults = award_faults(replace(account, **edit(account)))
    assert any(said in str(fault) for fault in faults), [*map(str, faults)]
