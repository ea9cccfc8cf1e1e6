"""A study: its stages in order, each computed once, timed, and open to look at as a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import geopandas as gpd
import pandas as pd

from siting import economics, roads, sites
from siting.errors import Fault, InfeasibleError, InputError
from siting.models import Instance, Limit, limit_tables
from siting.plan import Plan, make_plan
from siting.solve import Progress, Solution
from siting.study.decide import decide
from siting.study.decision import Decision
from siting.study.demand import DemandStudy
from siting.study.gap import GapCase, gap_case
from siting.study.limits import limits_of, sites_named
from siting.study.sources import candidate_layers, on_the_grid
from siting.study.stages import stage
from siting.study.zones import zone_of_cells
from siting.verify import verify

# What does not depend on year, scenario or case of the demand.
SHARED = (
    "city",
    "network",
    "network_sha256",
    "_people",
    "places",
    "cells",
    "surfaces",
    "_candidates_and_dropped",
    "compatibility",
    "offers",
    "availability",
    "reach",
    "cell_zones",
    "limits",
    "required_sites",
    "forbidden_sites",
)

# What of cells and candidates the reach depends on.
_WHERE_CELLS = ["cell_id", "node_id", "snap_m"]
_WHERE_SITES = ["site_id", "node_id", "snap_m"]


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
        Called with an `Event` when a stage is done, and now and then while solving;
        ``siting.show_progress()`` shows them.

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
        reach = self.config.reach
        cells, places = self.cells[_WHERE_CELLS], self.candidates[_WHERE_SITES]
        limits = (reach.cutoff_min, reach.access_kmh)
        return self.kept(
            "reach",
            (cells, places, *limits),
            lambda: roads.reach(
                self.network, cells, places, *limits, self._counting("reach", "sites")
            ),
        )

    @cached_property
    def cell_zones(self) -> pd.Series | None:
        """The zone of each cell, by ``cell_id``; none where the program has no zones."""
        return zone_of_cells(self.config, self.cells)

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """What a plan must keep to beside the budget: numbers, spacing, envelopes, feeders."""
        return limits_of(self)

    @cached_property
    def required_sites(self) -> tuple[str, ...]:
        """Ids of the sites that must get a station."""
        key = "program.limits.required_sites"
        return sites_named(self.candidates, self.config.program.limits.required_sites, key)

    @cached_property
    def forbidden_sites(self) -> tuple[str, ...]:
        """Ids of the sites that must get none."""
        key = "program.limits.forbidden_sites"
        return sites_named(self.candidates, self.config.program.limits.forbidden_sites, key)

    @cached_property
    def instance(self) -> Instance:
        """The program's data."""
        self._require_plain_limits()
        return Instance.from_tables(
            self.demand,
            self.offers,
            self.reach,
            self.compatibility,
            self.config.program.budget_pkr,
            limits=self.limits,
            required=self.required_sites,
            forbidden=self.forbidden_sites,
        )

    def _require_plain_limits(self) -> None:
        """Refuse limits where the program asked for does not know them yet."""
        program = self.config.program
        gap = self.config.offers.subsidy.rule == "gap"
        if (program.variant == "plain" and program.alternatives is None and not gap) or not (
            self.limits or self.required_sites or self.forbidden_sites
        ):
            return
        what = "offers.subsidy.rule gap" if gap else f"the program {program.variant}"
        if program.alternatives is not None:
            what = "program.alternatives"
        raise InputError(
            Fault(
                "program.limits",
                f"cannot go with {what} yet",
                "leave out the limits, sites required or forbidden, and offers.feeders",
            )
        )

    def in_other(
        self, *, year: int | None = None, scenario: str | None = None, case: str | None = None
    ) -> Study:
        """Return the same study with the demand of another year, scenario or case.

        What the demand does not change is shared, so that sites and reach are worked out once.
        """
        demand = self.config.demand
        demand = demand.model_copy(
            update={"scenario": scenario or demand.scenario, "case": case or demand.case}
        )
        config = self.config.model_copy(update={"year": year or self.config.year, "demand": demand})
        other = Study(config)
        for name in SHARED:
            other.__dict__[name] = getattr(self, name)
        return other

    @cached_property
    def gap_case(self) -> GapCase:
        """The program's data under subsidy rule gap."""
        self._require_plain_limits()
        return gap_case(self)

    @stage(
        "solve",
        lambda d: f"{d.proof}",
    )
    def decision(self) -> Decision:
        """What the program decides: offers, service, proof, and the tables of its variant."""
        return decide(self)

    @property
    def solve_progress(self) -> Callable[[Progress], None] | None:
        """What a solve tells how far it is; none if nobody listens."""
        if self._progress is None:
            return None
        return lambda now: self._say("solve", str(now), now.seconds, done=False)

    @property
    def solution(self) -> Solution:
        """The solver's answer: offers chosen, bound, gap, why it stopped."""
        return self.decision.solution

    @stage("plan", lambda p: f"{len(p.new_sites):,} new stations; {len(p.checks)} checks passed")
    def plan(self) -> Plan:
        """The plan, recounted by `siting.verify.verify` and the recount of its variant."""
        program = self.config.program
        found = self.decision
        if program.variant == "plain":
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
            service=found.service,
            solution=found.solution,
            subsidies=found.subsidies,
        )
        plan = self._with_business(plan, found)
        use, there = limit_tables(self.limits)
        solution = found.solution
        plain = program.variant == "plain" and found.subsidies is None
        checks = verify(
            sites=plan.sites,
            service=plan.service,
            demand=self.demand,
            offers=self._offers_as_drawn(plan, found),
            reach=self.reach,
            compatibility=self.compatibility,
            cutoff_min=self.config.reach.cutoff_min,
            budget_pkr=solution.budget_pkr,
            # Only the plain programs serve all that is in reach where nothing holds them back.
            capacitated=program.model == "capacitated" or not plain,
            objective_kwh_day=solution.objective_kwh_day,
            bound_kwh_day=solution.bound_kwh_day,
            gap=solution.gap if plain else None,
            headroom_kw=self._headroom_kw(),
            limits=use if self.limits else None,
            limits_at_most=there if self.limits else None,
            required_sites=self.required_sites,
            forbidden_sites=self.forbidden_sites,
        )
        more = pd.DataFrame(found.checks, columns=["check", "found", "limit"])
        return plan.with_checks(pd.concat([checks, more], ignore_index=True))

    def _offers_as_drawn(self, plan: Plan, found: Decision) -> pd.DataFrame:
        """Return the offers with the subsidy each draws, where the program decides on it."""
        if found.subsidies is None:
            return self.offers
        drawn = plan.sites.set_index("offer_id")["subsidy_pkr"]
        own = self.offers["offer_id"].map(drawn)
        return self.offers.assign(subsidy_pkr=own.fillna(self.offers["subsidy_pkr"]))

    def _with_business(self, plan: Plan, found: Decision) -> Plan:
        """Return the plan with what each new station earns, and the tables of the variant."""
        chosen = self._offers_as_drawn(plan, found)
        chosen = chosen[chosen["offer_id"].isin(list(found.solution.offers))]
        sold = plan.sites.set_index("site_id")["served_kwh_day"]
        case = economics.business_case(chosen, sold, self.business_rules)
        by_site = case.set_index("site_id")
        shown = {
            "npv_pkr": "npv_subsidised_pkr",
            "payback_years": "payback_subsidised_years",
            "viability_gap_pkr": "viability_gap_pkr",
        }
        table = plan.sites
        for name, column in shown.items():
            value = table["site_id"].map(by_site[column]).astype(float)
            table.insert(table.shape[1] - 1, name, value)
        if "built" in found.tables:
            built = found.tables["built"].drop_duplicates("site_id", keep="last")
            year = table["site_id"].map(built.set_index("site_id")["built_year"])
            table.insert(table.shape[1] - 1, "built_year", year.astype("Int64"))
        tables = {"business": case, **found.tables}
        return plan.with_variant(
            goal=found.goal, proof=found.proof, lines=tuple(found.lines), tables=tables
        )

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
