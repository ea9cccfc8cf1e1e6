"""A study: its stages in order, each computed once, timed, and open to look at as a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import geopandas as gpd
import pandas as pd

from siting import economics, roads, sites
from siting.engine.clock import Progress
from siting.outcome import Outcome
from siting.plan import Plan
from siting.program.instance import Instance
from siting.program.limits import Limit
from siting.program.program import Program
from siting.study.answered import decide
from siting.study.ask import Asked, asked_of, program_of
from siting.study.demand import DemandStudy
from siting.study.limits import limits_of, sites_named
from siting.study.recounted import recounted_plan
from siting.study.sources import candidate_layers, on_the_grid
from siting.study.stages import stage
from siting.study.zones import zone_of_cells

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
        return limits_of(self.config, self.candidates, self.offers)

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
    def asked(self) -> Asked:
        """The configuration with the tables that its program is made from."""

        def other(year: int | None, scenario: str | None, case: str | None) -> pd.DataFrame:
            return self.in_other(year=year, scenario=scenario, case=case).demand

        return asked_of(
            self.config,
            demand=self.demand,
            other_demand=other,
            offers=self.offers,
            reach=self.reach,
            compatibility=self.compatibility,
            cells=self.cells,
            cell_zones=self.cell_zones,
            sessions=self.sessions,
            limits=self.limits,
            required=self.required_sites,
            forbidden=self.forbidden_sites,
            rules=self.business_rules,
        )

    @cached_property
    def program(self) -> Program:
        """The program: what is asked, of these sites and this demand."""
        return program_of(self.asked)

    @property
    def instance(self) -> Instance:
        """The program's data."""
        return self.program.instance

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

    @stage("solve", lambda found: f"{found.proof}")
    def outcome(self) -> Outcome:
        """What the program decides: offers, service, proofs, and the tables of its blocks."""
        return decide(self.asked, self.program, progress=self.solve_progress, start=self.start)

    @property
    def solve_progress(self) -> Callable[[Progress], None] | None:
        """What a solve tells how far it is; none if nobody listens."""
        if self._progress is None:
            return None
        return lambda now: self._say("solve", str(now), now.seconds, done=False)

    @stage("plan", lambda p: f"{len(p.new_sites):,} new stations; {len(p.checks)} checks passed")
    def plan(self) -> Plan:
        """The plan, recounted."""
        return recounted_plan(
            self.asked,
            self.outcome,
            self.business_rules,
            tables={
                "cells": self.cells,
                "demand": self.demand,
                "candidates": self.candidates,
                "dropped": self.dropped,
                "offers": self.offers,
                "edges": self.network.edges,
            },
        )
