"""A study: its stages in order, each computed once, timed, and open to look at as a table."""

from __future__ import annotations

from functools import cached_property

import geopandas as gpd
import pandas as pd

from siting import economics, roads, sites
from siting.errors import Fault, InfeasibleError
from siting.models import Instance
from siting.plan import Plan, make_plan
from siting.solve import Progress, Solution, assign, solve
from siting.study.demand import DemandStudy
from siting.study.sources import candidate_layers, on_the_grid
from siting.study.stages import stage
from siting.verify import verify


def outside_area(dropped: pd.DataFrame) -> pd.Series[bool]:
    """Return which of the places left out lie outside the area of the roads altogether."""
    return dropped["reason"].astype(str).str.startswith(sites.OUTSIDE)


class Study(DemandStudy):
    """One configuration, its stages as tables, and the plan.

    Each stage is computed when it is first asked for, and once. Nothing is written; see
    `siting.run` for the run folder.

    Parameters
    ----------
    config
        The configuration, or the path of its YAML file.
    overrides
        ``key.path=value`` texts that replace keys of the file.
    progress
        Called with an `Event` when a stage is done, and now and then while solving.

    Examples
    --------
    >>> study = Study("configs/islamabad.yaml")  # doctest: +SKIP
    >>> study.cells.explore("people")  # doctest: +SKIP
    >>> study.plan.headline()  # doctest: +SKIP
    """

    # --- sites -----------------------------------------------------------------------------------

    @stage(
        "candidates",
        lambda pair: (
            f"{len(pair[0]):,} sites, {pair[0]['existing'].sum():,} of them existing; "
            f"{outside_area(pair[1]).sum():,} places outside the area, "
            f"{(~outside_area(pair[1])).sum():,} too far from a road"
        ),
    )
    def _candidates_and_dropped(self) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
        config = self.config.candidates
        found, dropped = sites.merge_candidates(
            candidate_layers(self.config, self.network),
            self.network,
            merge_within_m=config.merge_within_m,
            max_snap_m=config.max_snap_m,
        )
        return on_the_grid(self.config, found, self.site_costs.line_detour), dropped

    @property
    def candidates(self) -> gpd.GeoDataFrame:
        """Where a station could stand or stands (`siting.tables.CANDIDATES`)."""
        return self._candidates_and_dropped[0]

    @property
    def dropped(self) -> gpd.GeoDataFrame:
        """Places too far from a road to be candidates, with the reason."""
        return self._candidates_and_dropped[1]

    @cached_property
    def compatibility(self) -> pd.DataFrame:
        """Which charger group serves which vehicle class (`siting.tables.COMPATIBILITY`)."""
        return sites.compatibility()

    @stage(
        "offers",
        lambda o: f"{len(o):,} offers, {(o['reason'].fillna('') != '').sum():,} ruled out",
    )
    def offers(self) -> pd.DataFrame:
        """What could be built at each site (`siting.tables.OFFERS`)."""
        offers = self.config.offers
        return sites.make_offers(
            self.candidates,
            {name: dict(counts) for name, counts in offers.configurations.items()},
            chargers=sites.charger_catalogue(offers.chargers_csv),
            grid=sites.grid_figures(offers.grid_csv),
            fees=sites.fee_figures(),
            compatibility=self.compatibility,
            headroom_kw=offers.headroom_kw,
            utilisation=offers.utilisation,
            availability=self.availability,
            subsidy=sites.Subsidy(**offers.subsidy.model_dump()),
            service=sites.ServiceStandard(
                utilisation=offers.utilisation, **offers.service.model_dump()
            ),
            costs=self.site_costs,
            sessions=self.sessions,
            energy_kwh_day=dict(
                zip(self.energy["vehicle_class"], self.energy["demand_kwh_day"], strict=True)
            ),
            existing_policy=offers.existing_policy,
            upgrade=offers.upgrade,
        )

    @cached_property
    def site_costs(self) -> sites.SiteCosts:
        """Civil works, land, bays and upkeep, with the configuration's overrides."""
        own = self.config.offers.costs.model_dump()
        return sites.site_costs(**{k: v for k, v in own.items() if v is not None})

    @cached_property
    def business_rules(self) -> economics.BusinessRules:
        """Prices and rates of the business case, with the configuration's overrides."""
        own = self.config.money.model_dump()
        return economics.business_rules(**{k: v for k, v in own.items() if v is not None})

    @cached_property
    def availability(self) -> float:
        """Share of the time that grid and charger work."""
        return self.config.offers.availability or float(self.city["availability"])

    # --- program ---------------------------------------------------------------------------------

    @stage("reach", lambda r: f"{len(r):,} pairs of a cell and a site within the cutoff")
    def reach(self) -> pd.DataFrame:
        """Which sites each cell can reach (`siting.tables.REACH`)."""
        return roads.reach(
            self.network,
            self.cells,
            self.candidates,
            self.config.reach.cutoff_min,
            self.config.reach.access_kmh,
        )

    @cached_property
    def instance(self) -> Instance:
        """The program's data."""
        return Instance.from_tables(
            self.demand,
            self.offers,
            self.reach,
            self.compatibility,
            self.config.program.budget_pkr,
        )

    @stage(
        "solve",
        lambda s: f"{s.status}, {s.objective_kwh_day:,.0f} kWh/day, gap {s.gap:.2%}, {s.stopped}",
    )
    def solution(self) -> Solution:
        """The solver's answer: offers chosen, bound, gap, why it stopped."""
        solver = self.config.solver

        def progress(now: Progress) -> None:
            self._say("solve", str(now), now.seconds, done=False)

        return solve(
            self.instance,
            self.config.program.model,
            gap=solver.gap,
            time_limit_s=solver.time_limit_s,
            threads=solver.threads,
            seed=solver.seed,
            solver=solver.name,
            progress=progress if self._progress else None,
        )

    @stage("plan", lambda p: f"{len(p.new_sites):,} new stations; {len(p.checks)} checks passed")
    def plan(self) -> Plan:
        """The plan, recounted by `siting.verify.verify`."""
        model = self.config.program.model
        self._require_floor()
        plan = make_plan(
            title=self.config.title,
            note=self.config.note,
            cells=self.cells,
            demand=self.demand,
            candidates=self.candidates,
            dropped=self.dropped,
            offers=self.offers,
            edges=self.network.edges,
            service=assign(self.instance, self.solution.offers, model),
            solution=self.solution,
        )
        checks = verify(
            sites=plan.sites,
            service=plan.service,
            demand=self.demand,
            offers=self.offers,
            reach=self.reach,
            compatibility=self.compatibility,
            cutoff_min=self.config.reach.cutoff_min,
            budget_pkr=self.config.program.budget_pkr,
            capacitated=model == "capacitated",
            objective_kwh_day=self.solution.objective_kwh_day,
            bound_kwh_day=self.solution.bound_kwh_day,
            gap=self.solution.gap,
            headroom_kw=self._headroom_kw(),
        )
        return plan.with_checks(checks)

    def _headroom_kw(self) -> pd.Series[float]:
        sites_ = self.candidates.set_index("site_id")
        default = self.config.offers.headroom_kw
        if "headroom_kw" in sites_.columns:
            own: pd.Series[float] = sites_["headroom_kw"].astype(float).fillna(default)
            return own
        return pd.Series(default, index=sites_.index, dtype=float)

    def _require_floor(self) -> None:
        """Refuse a plan below the share that must be served, saying whether any plan could be."""
        floor = self.config.program.min_served_share
        total = float(self.demand["demand_kwh_day"].sum())
        have = self.solution.objective_kwh_day / total
        if have >= floor - 1e-9:
            return
        best = self.solution.bound_kwh_day / total
        proven = best < floor
        raise InfeasibleError(
            Fault(
                "program.min_served_share",
                f"needs {floor:.1%} of the demand served; for PKR "
                f"{self.config.program.budget_pkr:,.0f} the best plan found serves {have:.1%} and "
                + (
                    f"no plan serves more than {best:.1%}"
                    if proven
                    else f"none better than {best:.1%} can exist (not decided: raise "
                    "solver.time_limit_s)"
                ),
                f"lower it to {have:.3f}, or raise program.budget_pkr or reach.cutoff_min",
            )
        )
