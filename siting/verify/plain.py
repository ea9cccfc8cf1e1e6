"""The recount of a plan without years and scenarios, asked for by its figures one by one."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from siting.verify.account import Account, Aim
from siting.verify.recount import recount


def verify(
    *,
    sites: pd.DataFrame,
    service: pd.DataFrame,
    demand: pd.DataFrame,
    offers: pd.DataFrame,
    reach: pd.DataFrame,
    compatibility: pd.DataFrame,
    cutoff_min: float,
    budget_pkr: float,
    capacitated: bool,
    objective_kwh_day: float,
    bound_kwh_day: float,
    gap: float | None,
    headroom_kw: pd.Series | None = None,
    limits: pd.DataFrame | None = None,
    limits_at_most: pd.DataFrame | None = None,
    required_sites: Collection[str] = (),
    forbidden_sites: Collection[str] = (),
) -> pd.DataFrame:
    """Return one row a check that a plan passed; raise if it fails any.

    Parameters
    ----------
    sites
        What the plan says stands: ``site_id``, ``offer_id``, ``existing``, ``power_kw``,
        ``cost_pkr``, ``subsidy_pkr``, ``served_kwh_day``.
    service
        Who is served by what (`siting.tables.SERVICE`).
    demand, offers, reach, compatibility
        The tables the plan was made from.
    cutoff_min
        The longest drive allowed, minutes.
    budget_pkr
        The public money there is.
    capacitated
        Whether stations can serve no more than their chargers' kWh/day. If not, every demand within
        reach of a compatible station must be served whole.
    objective_kwh_day, bound_kwh_day, gap
        What the solver claims: energy served, the proven limit on it, and the relative difference
        (None where energy was not what the solver aimed at).
    headroom_kw
        Spare grid power in kW, indexed by ``site_id``; not checked where absent.
    limits, limits_at_most
        ``limit``, ``offer_id``, ``use``: what an offer uses of each limit; and ``limit``,
        ``at_most``, if there is a ``unit`` with it: what there is. Not checked where absent.
    required_sites, forbidden_sites
        Sites that must have a station, and sites that must not.

    Returns
    -------
    DataFrame
        ``check`` (what was recounted), ``found`` and ``limit`` in the check's own unit.

    Raises
    ------
    VerifyError
        Naming every figure that does not hold.
    InputError
        If the two tables of limits do not fit each other.
    """
    claim = Aim("most_worth", objective_kwh_day, bound_kwh_day, gap)
    names = {"limit": "resource"}
    return recount(
        Account(
            built=sites[["site_id", "offer_id"]],
            sites=sites,
            service=service,
            demand=demand,
            offers=offers,
            reach=reach,
            compatibility=compatibility,
            cutoff_min=cutoff_min,
            budget_pkr=budget_pkr,
            model="capacitated" if capacitated else "coverage",
            serves_all=not capacitated,
            aims=(claim,),
            headroom_kw=headroom_kw,
            resource_use=None if limits is None else limits.rename(columns=names),
            resources=None if limits_at_most is None else limits_at_most.rename(columns=names),
            required_sites=tuple(required_sites),
            forbidden_sites=tuple(forbidden_sites),
        )
    )
