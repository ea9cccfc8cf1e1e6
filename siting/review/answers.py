"""Answers from outside: the DISCO's sanctions and requests, and withdrawals.

A CSV with a line for each: ``site`` (id or name) or ``bid`` (of an award), ``answer`` (sanctioned,
refused, withdrawn), and if known the sanctioned ``kw`` and the ``pkr`` of the connection, in place
of the estimate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from siting.engine.solve import chosen
from siting.errors import Fault, InfeasibleError, InputError, SolveError
from siting.files import read_csv, row_labels, texts_of
from siting.program.limits import Limit
from siting.sites import subsidy_pkr, with_dearer
from siting.study.limits import sites_named
from siting.study.pipeline import Study
from siting.study.program_inputs import subsidy_of

SANCTIONED, REFUSED, WITHDRAWN = ANSWERS = ("sanctioned", "refused", "withdrawn")
REASONS = {REFUSED: "refused by the power company", WITHDRAWN: "withdrawn by the bidder"}
STAYS = "stations that stay as they were"
# Keys of bids, beside the configuration's own limits.
OF_BIDS = ("cap", "alternatives")
# Stations given up one by one; if that is not enough, none need stay.
MOST_GIVEN_UP = 8
# Seconds to test for a plan with a number of stations.
LOOK_S = 20.0
_BID = re.compile(r"bid\d{4,}:(?P<bid>.+)")


@dataclass(frozen=True, eq=False)
class Answered:
    """The offers of a study after the answers, and notes for readers."""

    offers: pd.DataFrame
    sites: frozenset[str]  # whose offers they change
    notes: tuple[str, ...]


def bid_of(offer_id: str) -> str:
    """Return the bid that an offer of an award is of, with its part; blank: of none.

    >>> bid_of("bid0007:B3/2"), bid_of("s1:hub")
    ('B3/2', '')
    """
    found = _BID.fullmatch(offer_id)
    return found["bid"] if found else ""


def answered(study: Study, path: Path) -> Answered:
    """Return a study's offers as answers leave them; an `InputError` names every fault by line."""
    table = read_csv(path, dtype={"site": "str", "bid": "str", "answer": "str"})
    if "answer" not in table.columns or {"site", "bid"}.isdisjoint(table.columns):
        have = ", ".join(map(str, table.columns))
        lost = "answer" if "answer" not in table.columns else "site or bid"
        raise InputError(Fault(str(path), f"has no column {lost}", f"it has: {have}"))
    labels = row_labels(path, range(len(table)))
    faults: list[Fault] = []

    def add(column: str, what: str, fix: str, bad: np.ndarray) -> None:
        if bad.any():
            lines = tuple(np.array(labels, dtype=object)[bad])
            faults.append(Fault(f"{path}, column {column}", what, fix, lines))

    site, bid, answer = (
        texts_of(table, "site"),
        texts_of(table, "bid"),
        texts_of(table, "answer").str.casefold(),
    )
    add("answer", "is none of " + ", ".join(ANSWERS), "", ~answer.isin(ANSWERS).to_numpy())
    numbers = {}
    for name in ("kw", "pkr"):
        read = pd.to_numeric(
            texts_of(table, name).where(texts_of(table, name) != ""), errors="coerce"
        ).astype(float)
        bad = (texts_of(table, name) != "") & ~(np.isfinite(read) & (read >= 0))
        add(name, "no number of 0 or more", "leave it blank where it is not known", bad.to_numpy())
        extra = (texts_of(table, name) != "") & (answer != SANCTIONED)
        add(name, f"is not {SANCTIONED}", "leave it blank", extra.to_numpy())
        numbers[name] = read
    both = (site != "") == (bid != "")
    add("site", "names no site or bid, or both", "give one of them", both.to_numpy())
    offers = study.offers.copy()
    ids = offers["offer_id"].astype(str)
    known = {name: ids.map(bid_of).str.fullmatch(re.escape(name) + r"(/\d+)?") for name in set(bid)}
    site_of: list[str] = []
    for n, label in enumerate(labels):
        here = ""
        if bid[n] and not known[bid[n]].any():
            faults.append(Fault(f"{path}, column bid", f"{bid[n]!r} is no bid", "", (label,)))
        if site[n] and not bid[n]:
            try:
                here = sites_named(study.candidates, [site[n]], f"{path}, {label}")[0]
            except InputError as err:
                faults += err.faults
        site_of.append(here)
    key = pd.Series([b or s for b, s in zip(bid, site_of, strict=True)])
    add(
        "answer",
        "two answers for one place",
        "leave one",
        ((key != "") & key.duplicated()).to_numpy(),
    )
    if faults:
        raise InputError(faults)
    reason = offers["reason"].fillna("").astype(str)
    new, rule = ~offers["existing"].to_numpy(bool), subsidy_of(study.config)
    notes, touched = [], set[str]()
    for n in range(len(table)):
        mine = new & (known[bid[n]] if bid[n] else offers["site_id"] == site_of[n]).to_numpy(bool)
        touched |= set(offers.loc[mine, "site_id"].astype(str))
        if answer[n] != SANCTIONED:
            reason = reason.mask(mine & (reason == ""), REASONS[answer[n]])
            continue
        kw, pkr = float(numbers["kw"][n]), float(numbers["pkr"][n])
        if kw == kw:
            more = mine & (offers["power_kw"] - offers["standing_kw"] > kw + 1e-6)
            said = [f"draws {p:g} kW, sanctioned are {kw:g} kW" for p in offers["power_kw"]]
            reason = reason.mask(more & (reason == ""), pd.Series(said, offers.index))
        if pkr == pkr:
            offers.loc[mine, "connection_cost_pkr"] = pkr
            offers.loc[mine, ["line_cost_pkr", "upgrade_cost_pkr"]] = 0.0
            added = (pkr - offers["grid_cost_pkr"]).where(mine, 0.0)
            offers = with_dearer(offers, "grid_cost_pkr", added)
            own = mine & (ids.map(bid_of) == "").to_numpy()
            offers.loc[own, "subsidy_pkr"] = subsidy_pkr(offers[own], rule)
            most = offers[["subsidy_pkr", "cost_pkr"]].min(axis=1)
            offers["subsidy_pkr"] = offers["subsidy_pkr"].mask(mine & ~own, most)
    counts = answer.value_counts()
    notes.append(f"{path.name}: " + ", ".join(f"{counts[k]:,} {k}" for k in ANSWERS if k in counts))
    return Answered(offers.assign(reason=reason), frozenset(touched), tuple(notes))


def changed_least(study: Study, before: tuple[str, ...]) -> tuple[Study, list[str]]:
    """Return a study that keeps as many stations of a plan as possible, and a note.

    `before` are the offers of that plan. Those ruled out since cannot stay.
    """
    instance = study.program.instance
    left = set(map(str, instance.offer_ids[~instance.offer_existing]))
    may = [offer for offer in before if offer in left]
    for given_up in range(min(len(may), MOST_GIVEN_UP + 1)):
        need = len(may) - given_up
        stays = Limit(STAYS, "kept", "stations", float("inf"), dict.fromkeys(may, 1.0), need)
        trial = study.program.limit(stays).without_aims().least_money()
        try:
            chosen(trial, time_limit_s=LOOK_S, seed=study.config.solver.seed, start=may)
        except (InfeasibleError, SolveError):
            continue
        made = study.with_stages({"limits": (*study.limits, stays)}, progress=study.progress)
        note = f"{need:,} stations stay as they were"
        if given_up:
            note += f"; {given_up:,} more could not, for the money or a limit"
        return made, [note]
    return study, ["no station needs to stay as it was"] if may else []
