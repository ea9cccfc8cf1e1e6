"""The recount of a plan without years and scenarios, asked for by its figures one by one."""

from siting.verify import Account, Aim, recount


def verify(
    *,
    sites,
    service,
    demand,
    offers,
    reach,
    compatibility,
    cutoff_min,
    budget_pkr,
    capacitated,
    objective_kwh_day,
    bound_kwh_day,
    gap,
    headroom_kw=None,
    limits=None,
    limits_at_most=None,
    required_sites=(),
    forbidden_sites=(),
):
    """Return what a recount found."""
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
