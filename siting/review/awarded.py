"""Check the tables that come from bids or answers against the run's other tables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from siting.errors import Fault, InputError
from siting.files import read_csv, row_labels, rows_fault, texts_of
from siting.manifest import FOLDER
from siting.review.answers import ANSWERS_FILE, OF_ANSWERS, OF_BIDS
from siting.review.run_claims import MENDED, NOT_OTHERS, edited, same_table
from siting.study.pipeline import Study
from siting.study.program_inputs import money_of
from siting.tables import may_be_built
from siting.verify import AwardAccount, Ceiling

AWARD, BIDS, PAGE = "award", "bids.csv", "award.html"
AWARD_FILES = (
    BIDS, "winners.csv", "losers.csv", "payments.csv", "winners.geojson", "losers.geojson", PAGE
)  # fmt: skip
ZONE = "zone"
# Columns of an offer that come from its bid, not from the study's rules.
OF_A_BID = ["offer_id", "subsidy_pkr", "reason", "bundle", "opens_year"]
PLACE = ["site_id", "configuration", "existing"]


def is_own(name: str, facts: dict[str, Any]) -> bool:
    """Return whether bids or answers change the table called `name`."""
    return name in ("offers", "limits") and (AWARD in facts or _answers(facts))


def own_files(facts: dict[str, Any]) -> list[str]:
    """Return the files that a run folder has only because of bids or answers."""
    return [*(AWARD_FILES if AWARD in facts else ()), *([ANSWERS_FILE] if _answers(facts) else [])]


def _answers(facts: dict[str, Any]) -> bool:
    return bool((facts.get("replanned_from") or {}).get("answers"))


def own_faults(
    study: Study, name: str, anew: Any, facts: dict[str, Any], folder: Path
) -> list[Fault]:
    """Return errors for offers or limits that do not follow from the study, bids and answers."""
    where = f"{FOLDER}, table {name}"
    if name == "limits":
        plain = tuple(one for one in study.limits if one.kind not in (*OF_BIDS, OF_ANSWERS))
        what = "has other limits than follow from the configuration, the bids and the answers"
        return [] if plain == anew else [edited(where, what)]
    stored = study.offers
    changed = _answered_sites(study, folder) if _answers(facts) else set()
    both = stored[~stored["site_id"].isin(changed)].merge(
        anew, on=PLACE, how="left", suffixes=("", "_anew"), indicator="there"
    )
    lost = both["there"] != "both"
    what = "contains offers that the study does not generate"
    faults = rows_fault(where, lost, both["offer_id"], what, MENDED)
    own = set(OF_A_BID) if AWARD in facts or "bundle" in stored.columns else set()
    for column in [c for c in anew.columns if c not in {*PLACE, *own}]:
        one, two = both.loc[~lost, [column]], both.loc[~lost, [f"{column}_anew"]]
        if not same_table(one, two.set_axis([column], axis=1)):
            faults.append(edited(f"{where}, column {column}", NOT_OTHERS))
    return faults


def _answered_sites(study: Study, folder: Path) -> set[str]:
    table = read_csv(folder / ANSWERS_FILE, dtype={"site": "str", "bid": "str"})
    offers, names = study.offers, study.candidates.set_index("name")["site_id"].astype(str)
    named, bids = set(texts_of(table, "site")), set(texts_of(table, "bid")) - {""}
    out = named | set(names[names.index.isin(named)])
    return out | set(offers.loc[texts_of(offers, "bundle").isin(bids), "site_id"].astype(str))


def award_account(study: Study, folder: Path) -> AwardAccount:
    """Return the contents of an award's files, and the study's rules for bids."""
    path, rules = folder / BIDS, study.config.award
    table = read_csv(path, dtype=dict.fromkeys(("bid", "bidder", "one_of"), "str"))
    named = texts_of(table, "bid")
    columns = {"bidder", "one_of", *(cap.column for cap in rules.caps.values())}
    by_place = ZONE in columns - set(table.columns)
    columns -= {ZONE} if by_place else set()
    bids = pd.DataFrame({name: texts_of(table, name) for name in columns})
    bids["bid"] = named.where(named != "", pd.Series(row_labels(path, range(len(table)))))
    for name in ("ask_pkr", "rent_pkr"):
        given = table.get(name, pd.Series(0.0, index=table.index))
        bids[name] = pd.to_numeric(given, errors="coerce").fillna(0.0)
    offers = study.offers
    open_ = offers[may_be_built(offers)]
    own = open_[["offer_id", "site_id", "cost_pkr", "power_kw", "subsidy_pkr"]]
    own = own.assign(bid=open_["bundle"], line=open_.groupby("bundle").cumcount())
    if by_place:
        own[ZONE] = own["site_id"].map(zone_of_sites(study, own["site_id"]))
    budget = money_of(study.config)
    caps = [
        Ceiling(
            name, cap.column, cap.value,
            math.inf if cap.stations is None else cap.stations,
            min(math.inf if cap.pkr is None else cap.pkr, (cap.budget_share or math.inf) * budget),
        )
        for name, cap in rules.caps.items()
    ]  # fmt: skip
    names = ("winners", "losers", "payments")
    tables = {name: read_csv(folder / f"{name}.csv", dtype={"bid": "str"}) for name in names}
    return AwardAccount(
        bids=bids, offers=own, stands=study.outcome.offers, caps=caps, budget_pkr=budget,
        reserve_share=rules.reserve_share, reserve_pkr_kw=rules.reserve_pkr_kw, **tables,
    )  # fmt: skip


def zone_of_sites(study: Study, site_ids: Iterable[str]) -> dict[str, str]:
    """Return the zone of each site: the zone of the nearest cell."""
    if study.cell_zones is None:
        what = "there are no zones to cap"
        raise InputError("award.caps", what, "add program.zones, or a `zone` column")
    cells, known = study.cells, study.candidates.set_index("site_id").geometry
    wanted = list(dict.fromkeys(site_ids))
    from scipy.spatial import cKDTree

    middle = cells.geometry.representative_point().get_coordinates().to_numpy()
    _, near = cKDTree(middle).query(known.loc[wanted].get_coordinates().to_numpy())
    ids = cells["cell_id"].astype(str).to_numpy(object)[near]
    return dict(zip(wanted, study.cell_zones.reindex(ids).astype(str), strict=True))
