"""Apply answers to a plan: loads sanctioned or refused by the power company, and withdrawn bids.

The answers are a CSV file with the columns ``site`` (id or name) or ``bid`` (of an award), and
``answer`` (sanctioned, refused or withdrawn). Two columns are optional. ``kw`` is the sanctioned
load; offers that would add more than this are ruled out. ``pkr`` is the cost of the grid
connection, which replaces the study's estimate.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from siting.engine.solve import chosen
from siting.errors import InfeasibleError, InputError, SolveError, refuse
from siting.files import UserTable, texts_of
from siting.program.limits import Limit
from siting.sites import subsidy_pkr, with_dearer
from siting.study.pipeline import Study
from siting.study.program_inputs import subsidy_of
from siting.study.to_limits import site_named
from siting.tables import load_kw, reasons_of

SANCTIONED, REFUSED, WITHDRAWN = ANSWERS = ("sanctioned", "refused", "withdrawn")
REASONS = {REFUSED: "refused by the power company", WITHDRAWN: "withdrawn by the bidder"}
ANSWERS_FILE = "answers.csv"  # the copy of the answers in a run folder
# Kinds of limits that come from bids and from answers, not from the configuration.
OF_BIDS, OF_ANSWERS = ("cap", "alternatives"), "kept"
# The search gives up at most this many earlier stations; if that fails, any number may change.
MOST_GIVEN_UP = 8
# Time limit (s) of the search for a plan that keeps a given number of stations.
LOOK_S = 20.0


def answered(study: Study, path: Path) -> tuple[pd.DataFrame, str]:
    """Return the study's offers after the answers in a file, and a note that counts the answers.

    An `InputError` lists every error in the file with its line.
    """
    file = UserTable(path, ("site", "bid", "answer"))
    file.require(["answer"], ["site", "bid"])
    site, bid = file.text("site"), file.text("bid")
    answer = file.text("answer").str.casefold()
    numbers = {name: file.number(name, "a number of 0 or more") for name in ("kw", "pkr")}
    offers = study.offers.copy()
    of = texts_of(offers, "bundle")
    sites = pd.Series("", index=site.index, dtype=object)
    for n in np.flatnonzero((site != "") & (bid == "")).tolist():
        try:
            sites[n] = site_named(study.candidates, site[n], f"{path}, {file.labels[n]}")
        except InputError as err:
            file.faults += err.faults
    key = bid.where(bid != "", sites)
    for column, what, fix, bad in (
        ("answer", "is none of " + ", ".join(ANSWERS), "", ~answer.isin(ANSWERS)),
        *((name, f"is only allowed with the answer {SANCTIONED}", "leave it blank",
           (file.text(name) != "") & (answer != SANCTIONED)) for name in numbers),
        ("site", "must name a site or a bid, not both", "give one of them",
         (site != "") == (bid != "")),
        ("bid", "is not a bid of the run",
         f"known names: {', '.join(sorted({*of} - {''})) or 'none'}",
         (bid != "") & ~bid.isin(set(of))),
        ("answer", "two answers for one place", "keep one", (key != "") & key.duplicated()),
    ):  # fmt: skip
        file.fault(column, what, fix, bad)
    refuse(file.faults)
    reason = reasons_of(offers)
    new, rule = ~offers["existing"].to_numpy(bool), subsidy_of(study.config)
    for n in range(len(answer)):
        mine = new & (of == bid[n] if bid[n] else offers["site_id"] == sites[n]).to_numpy(bool)
        if answer[n] != SANCTIONED:
            reason = reason.mask(mine & (reason == ""), REASONS[answer[n]])
            continue
        kw, pkr = float(numbers["kw"][n]), float(numbers["pkr"][n])
        if kw == kw:
            # A sanction covers the load applied for, not the chargers' rated power.
            added = load_kw(offers) - offers["standing_kw"]
            more = mine & (added > kw + 1e-6)
            said = [f"adds {p:g} kW of load, but {kw:g} kW are sanctioned" for p in added]
            reason = reason.mask(more & (reason == ""), pd.Series(said, offers.index))
        if pkr == pkr:
            offers.loc[mine, "connection_cost_pkr"] = pkr
            offers.loc[mine, ["line_cost_pkr", "upgrade_cost_pkr"]] = 0.0
            added = (pkr - offers["grid_cost_pkr"]).where(mine, 0.0)
            offers = with_dearer(offers, "grid_cost_pkr", added)
            own = mine & (of == "").to_numpy()
            offers.loc[own, "subsidy_pkr"] = subsidy_pkr(offers[own], rule)
            most = offers[["subsidy_pkr", "cost_pkr"]].min(axis=1)
            offers["subsidy_pkr"] = offers["subsidy_pkr"].mask(mine & ~own, most)
    counts = answer.value_counts()
    note = f"{path.name}: " + ", ".join(f"{counts[k]:,} {k}" for k in ANSWERS if k in counts)
    return offers.assign(reason=reason), note


def changed_least(study: Study, before: tuple[str, ...]) -> tuple[Study, list[str]]:
    """Return a study whose plan keeps as many of the offers in `before` as it can, and a note."""
    instance = study.program.instance
    left = set(map(str, instance.offer_ids[~instance.offer_existing]))
    may = [offer for offer in before if offer in left]
    for given_up in range(min(len(may), MOST_GIVEN_UP + 1)):
        need = len(may) - given_up
        name, use = "stations that stay as they were", dict.fromkeys(may, 1.0)
        stays = Limit(name, OF_ANSWERS, "stations", math.inf, use, need)
        trial = study.program.limit(stays).without_aims().least_money()
        try:
            chosen(trial, time_limit_s=LOOK_S, seed=study.config.solver.seed, start=may)
        except (InfeasibleError, SolveError):
            continue
        note = f"{need:,} stations stay as they were"
        if given_up:
            note += f"; {given_up:,} more could not, because of the money or a limit"
        return study.with_stages({"limits": (*study.limits, stays)}), [note]
    return study, ["no station needs to stay as it was"] if may else []
