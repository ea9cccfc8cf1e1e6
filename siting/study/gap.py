"""The program's data under subsidy rule ``gap``: what each offer needs and what a kWh is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting import economics, sites
from siting.models import Instance

if TYPE_CHECKING:
    from siting.study.pipeline import Study


@dataclass(frozen=True, eq=False)
class GapCase:
    """What the program decides on under rule ``gap``.

    Parameters
    ----------
    instance
        The data; the cost of an offer is what it needs over its life (present value, PKR).
    offers
        The offers with that as ``cost_pkr``.
    margin_pkr
        Present value of the margin on one kWh/day over the life, by vehicle class (PKR).
    cap_share
        Largest share of that need which public money may pay.
    """

    instance: Instance
    offers: pd.DataFrame
    margin_pkr: dict[str, float]
    cap_share: float


def gap_case(study: Study) -> GapCase:
    """Return the data of rule ``gap``.

    A class's margin is the lowest of the chargers it can use, and the cap the strictest of the
    offers: both err against the station.
    """
    rule = sites.Subsidy(**study.config.offers.subsidy.model_dump())
    offers = study.offers
    terms = economics.gap_terms(offers, study.business_rules, rule)
    worth = terms["worth_pkr_kwh_day"].to_numpy(dtype=float)
    need = terms["need_pkr"].to_numpy(dtype=float)
    existing = offers["existing"].to_numpy(dtype=bool)
    open_ = (offers["reason"].fillna("").astype(str).str.strip() == "").to_numpy() & ~existing
    margin = {}
    for name in study.config.demand.vehicle_classes:
        pairs = study.compatibility
        groups = pairs.loc[pairs["vehicle_class"] == name, "charger_group"]
        columns = [f"capacity_{group}_kwh_day" for group in groups]
        columns = [column for column in columns if column in offers.columns]
        able = open_ & (offers[columns] > 0).any(axis=1).to_numpy() if columns else open_ & False
        margin[name] = float(worth[able].min()) if able.any() else 0.0
    cap = terms["cap_pkr"].to_numpy(dtype=float)
    share = float((cap[open_] / need[open_]).min()) if open_.any() else 1.0
    needing = offers.assign(cost_pkr=np.where(existing, 0.0, need))
    instance = Instance.from_tables(
        study.demand, needing, study.reach, study.compatibility, study.config.program.budget_pkr
    )
    return GapCase(instance, needing, margin, min(max(share, 1e-9), 1.0))
