"""Tables of a run from bids or answers, checked against its other tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from siting.errors import Fault
from siting.files import read_csv, row_labels, texts_of
from siting.manifest import FOLDER
from siting.review.answers import OF_BIDS, STAYS, bid_of
from siting.review.run_claims import MENDED, same_table
from siting.study.pipeline import Study

AWARD, BIDS, ANSWERS = "award", "bids.csv", "answers.csv"
AWARD_FILES = (
    BIDS, "winners.csv", "losers.csv", "payments.csv", "winners.geojson", "losers.geojson"
)  # fmt: skip
# Fields of an offer from bids, not from the rules of the study.
OF_A_BID = ["offer_id", "subsidy_pkr", "reason", "bundle", "opens_year"]
PLACE = ["site_id", "configuration", "existing"]


def is_own(name: str, facts: dict[str, Any]) -> bool:
    """Return whether bids or answers give a stage another table than its configuration does."""
    return name in ("offers", "limits") and (AWARD in facts or _answers(facts))


def own_files(facts: dict[str, Any]) -> list[str]:
    """Return the files that only bids or answers bring into a run folder."""
    return [*(AWARD_FILES if AWARD in facts else ()), *([ANSWERS] if _answers(facts) else [])]


def _answers(facts: dict[str, Any]) -> bool:
    return bool((facts.get("replanned_from") or {}).get("answers"))


def own_faults(
    study: Study, name: str, anew: Any, facts: dict[str, Any], folder: Path
) -> list[Fault]:
    """Return where offers or limits are not those of the study, but for bids and answers."""
    where = f"{FOLDER}, table {name}"
    if name == "limits":
        known = (*OF_BIDS, "kept")
        plain = tuple(one for one in study.limits if one.kind not in known and one.name != STAYS)
        what = "has other limits than the configuration, its bids and its answers"
        return [] if plain == anew else [Fault(where, what, MENDED)]
    stored, faults = study.offers, []
    changed: set[str] = set()
    if _answers(facts):
        changed = _answered_sites(study, folder)
    both = stored[~stored["site_id"].isin(changed)].merge(
        anew, on=PLACE, how="left", suffixes=("", "_anew"), indicator="there"
    )
    lost = both["there"] != "both"
    if lost.any():
        ids = tuple(both.loc[lost, "offer_id"].astype(str))
        faults.append(Fault(where, "has offers that the study does not make", MENDED, ids))
    own = set(OF_A_BID) if AWARD in facts or "bundle" in stored.columns else set()
    for column in [c for c in anew.columns if c not in {*PLACE, *own}]:
        one, two = both.loc[~lost, [column]], both.loc[~lost, [f"{column}_anew"]]
        if not same_table(one, two.set_axis([column], axis=1)):
            what = "is not what the run's other tables give"
            faults.append(Fault(f"{where}, column {column}", what, MENDED))
    return faults + (_ask_faults(stored, folder / BIDS, where) if AWARD in facts else [])


def _answered_sites(study: Study, folder: Path) -> set[str]:
    table = read_csv(folder / ANSWERS, dtype={"site": "str", "bid": "str"})
    offers, names = study.offers, study.candidates.set_index("name")["site_id"].astype(str)
    named, bids = set(texts_of(table, "site")), set(texts_of(table, "bid")) - {""}
    out = named | set(names[names.index.isin(named)])
    of = offers["offer_id"].astype(str).map(bid_of).str.replace(r"/\d+$", "", regex=True)
    return out | set(offers.loc[of.isin(bids), "site_id"].astype(str))


def _ask_faults(offers: pd.DataFrame, path: Path, where: str) -> list[Fault]:
    """Return the bids whose offers draw something else than the file of bids asks for."""
    table = read_csv(path, dtype={"bid": "str"})
    labels = pd.Series(row_labels(path, range(len(table))))
    bid = texts_of(table, "bid")
    bid = bid.where(bid != "", labels)
    asked = pd.to_numeric(table.get("ask_pkr", pd.Series(0.0, index=table.index)), errors="coerce")
    asked = asked.fillna(0.0).groupby(bid).sum()
    open_ = offers[(offers["reason"].fillna("") == "") & ~offers["existing"].to_numpy(bool)]
    name = open_["offer_id"].astype(str).map(bid_of)
    name = name.where(name.isin(set(bid)), name.str.replace(r"/\d+$", "", regex=True))
    drawn = open_["subsidy_pkr"].astype(float).groupby(name).sum()
    apart = np.abs(drawn - asked.reindex(drawn.index).fillna(-1.0)) > 1e-3
    if not apart.any():
        return []
    what = f"draw something else than {BIDS} asks for"
    return [Fault(where, what, MENDED, tuple(map(str, drawn.index[apart])))]
