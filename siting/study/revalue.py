"""Compute what a plan's stations serve under different demand or capacity.

The stations stay fixed. Only the assignment of demand to stations is solved again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from siting.config import with_keys
from siting.config.program import LeastGain
from siting.engine.fixed import plan_of
from siting.errors import SolveError
from siting.program.limits import with_more_money
from siting.study.program_inputs import Asked, money_of, within_reach
from siting.study.to_program import program_of

ENDLESS_PKR = 1e14  # public money that no plan can exceed
NO_FLOORS: dict[str, Any] = {
    **{"min_served_share": 0.0, "zone_floor": 0.0, "class_floor": 0.0},
    **{"zone_floors": {}, "class_floors": {}},
}


def with_program(asked: Asked, **keys: Any) -> Asked:
    """Return the program's inputs with some keys of the ``program`` section changed."""
    changes = {f"program.{name}": value for name, value in keys.items()}
    return replace(asked, config=with_keys(asked.config, changes))


def in_the_end(asked: Asked, budget_pkr: float) -> Asked:
    """Return the program's inputs for the last year, with maximum energy as the only aim.

    The configuration's own demand is used. Limits, floors and the viability gap still apply.
    """
    last: Mapping[int | None, pd.DataFrame] = {None: asked.last_demand}
    limits = with_more_money(asked.limits, budget_pkr - money_of(asked.config))
    end = replace(asked, demand=last, own=last, worth=None, own_worth=None, limits=limits)
    left_out = dict.fromkeys(("years", "scenarios", "decay", "least_cost", "alternatives"))
    keys: dict[str, Any] = {"objective": "energy", "fairness": "none", "aims": (), "then": ()}
    keys |= {"least_gain": LeastGain(per_million=0), "budget_pkr": float(budget_pkr)}
    return with_program(end, **left_out, **keys)


def as_it_stands(asked: Asked, chosen: Collection[str], budget_pkr: float = ENDLESS_PKR) -> Asked:
    """Return the program's inputs for the last year, with all offers in `chosen` allowed.

    `chosen` has the ids of a plan's offers, including existing stations and offers that were ruled
    out. Limits, required and forbidden sites are left out. The aim is maximum energy. If public
    money pays viability gaps, the second aim is minimum public money, because the same energy could
    also be served at a higher cost.
    """
    asked = in_the_end(asked, budget_pkr)
    if asked.need is not None:
        asked = with_program(asked, then=("least_money",))

    def opened(offers: pd.DataFrame) -> pd.DataFrame:
        ours = offers["offer_id"].isin(list(chosen))
        return offers.assign(reason=offers["reason"].mask(ours, ""))

    return replace(_with_offers(asked, opened), limits=(), required=(), forbidden=())


def service_of(asked: Asked, chosen: Collection[str]) -> pd.DataFrame:
    """Return the most energy that offers can serve in the last year, with the shortest drives.

    `chosen` has the ids of the offers, including existing stations. The columns include
    ``site_id``, ``vehicle_class`` and ``served_kwh_day``.
    """
    # Public money is already spent, so the rule for viability gaps is left out.
    alone = _alone(replace(asked, need=None), chosen)
    if within_reach(alone).any():
        return plan_of(program_of(alone), chosen).service()
    return pd.DataFrame({"site_id": [], "vehicle_class": [], "served_kwh_day": []})


def least_money_of(asked: Asked, chosen: Collection[str]) -> float | None:
    """Return the minimum public money (PKR) at which given offers serve the maximum energy.

    The result is None if public money does not pay viability gaps, if no demand is in reach, or if
    no amount of public money makes all offers viable. `chosen` is as in `service_of`.
    """
    alone = _alone(asked, chosen)
    if asked.need is None or not within_reach(alone).any():
        return None
    try:
        return plan_of(program_of(alone), chosen).subsidy_pkr
    except SolveError:  # sales in the last year alone may be too low for any viable plan
        return None


def _alone(asked: Asked, chosen: Collection[str]) -> Asked:
    """Return the program's inputs for the last year, with only `chosen` and existing stations."""

    def standing(offers: pd.DataFrame) -> pd.DataFrame:
        # All existing stations are kept, because extensions refer to them.
        return offers[offers["offer_id"].isin(list(chosen)) | offers["existing"].astype(bool)]

    asked = replace(_with_offers(asked, standing), zones=None)
    asked = as_it_stands(with_program(asked, **NO_FLOORS, zones=None), chosen)
    return replace(asked, reach=asked.reach[asked.reach["site_id"].isin(asked.offers["site_id"])])


def by_class(demand: pd.DataFrame, service: pd.DataFrame) -> pd.DataFrame:
    """Return a table of demand and energy served (kWh/day), with one row per vehicle class.

    Columns: ``vehicle_class``, ``demand_kwh_day``, ``served_kwh_day`` and ``served_share`` (0
    without demand). The last row, ``all``, is for all classes together.
    """
    kwh = demand.groupby("vehicle_class")["demand_kwh_day"].sum()
    got = service.groupby("vehicle_class")["served_kwh_day"].sum().reindex(kwh.index)
    out = pd.DataFrame({"demand_kwh_day": kwh, "served_kwh_day": got.fillna(0.0)})
    out.loc["all"] = out.sum()
    wanted = out["demand_kwh_day"].where(out["demand_kwh_day"] > 0)
    out["served_share"] = out["served_kwh_day"] / wanted
    return out.fillna({"served_share": 0.0}).rename_axis("vehicle_class").reset_index()


def _with_offers(asked: Asked, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Asked:
    """Return the program's inputs, with `change` applied to every table of offers in them."""
    need = asked.need and replace(asked.need, offers=change(asked.need.offers))
    return replace(asked, offers=change(asked.offers), need=need)
