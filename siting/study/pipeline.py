"""A study: its stages in order, each computed once, timed, and open to look at as a table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from siting import demand as people_to_energy
from siting import reference, roads, sites
from siting.config import Config, load
from siting.errors import Fault, InfeasibleError, InputError
from siting.models import Instance
from siting.plan import Plan, make_plan
from siting.roads import Network
from siting.solve import Progress, Solution, assign, solve
from siting.study.sources import candidate_layers, read_people, read_roads, roads_key
from siting.study.stages import Event, Report, stage
from siting.verify import verify


def outside_area(dropped: pd.DataFrame) -> pd.Series[bool]:
    """Return which of the places left out lie outside the area of the roads altogether."""
    return dropped["reason"].astype(str).str.startswith(sites.OUTSIDE)


class Study:
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

    def __init__(
        self,
        config: Config | Path | str,
        overrides: Sequence[str] = (),
        *,
        progress: Report | None = None,
        today: date | None = None,
    ) -> None:
        if not isinstance(config, Config):
            config = load(Path(config), overrides, today)
        self.config = config
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._inner: list[float] = []

    def __repr__(self) -> str:
        """Return the study's name and what has been computed so far."""
        done = ", ".join(self.seconds) or "nothing yet"
        return f"Study {self.config.name!r} ({self.config.title}); computed: {done}"

    @contextmanager
    def _timing(self, name: str) -> Iterator[Callable[[str], None]]:
        # Stages ask for earlier stages while they run; only a stage's own seconds are its own.
        said: list[str] = []
        start = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield said.append
        finally:
            elapsed = time.perf_counter() - start
            own = elapsed - self._inner.pop()
            if self._inner:
                self._inner[-1] += elapsed
        self.seconds[name] = round(own, 3)
        self._say(name, said[0], own, done=True)

    def _say(self, stage: str, text: str, seconds: float, *, done: bool) -> None:
        if self._progress is not None:
            self._progress(Event(stage, text, seconds, done))

    # --- roads -----------------------------------------------------------------------------------

    @cached_property
    def city(self) -> pd.Series[Any]:
        """The row of the city table: people, DISCO, availability, speed group."""
        return people_to_energy.city_figures(self.config.demand.city)

    @stage("roads", lambda n: f"{len(n.nodes):,} nodes, {len(n.edges):,} directed edges")
    def network(self) -> Network:
        """The road network, directed and strongly connected, in UTM metres."""
        config = self.config
        group = config.roads.speeds or str(self.city["speed_group"])
        speeds = reference.table("speeds", config.roads.speeds_csv)
        key = roads_key(config) | {
            "speed_group": group,
            "peak": config.roads.peak,
            "speeds": speeds.to_csv(index=False),
        }

        def build() -> Network:
            graph, source = read_roads(config)
            return roads.build_network(graph, speeds, group, peak=config.roads.peak, source=source)

        return roads.cached_network(config.output.cache_dir / "roads", key, build)

    # --- demand ----------------------------------------------------------------------------------

    @stage("people", lambda p: f"{p['people'].sum():,.0f} people in {len(p):,} rows")
    def people(self) -> gpd.GeoDataFrame:
        """Where people live, lon/lat."""
        return read_people(self.config, self.network)

    @stage(
        "cells",
        lambda c: (
            f"{len(c):,} cells with {c['people'].sum():,.0f} people, "
            f"{c['node_id'].notna().sum():,} near a road"
        ),
    )
    def cells(self) -> gpd.GeoDataFrame:
        """The demand cells (`siting.tables.CELLS`)."""
        cells, far_m = self.config.demand.cells, self.config.reach.max_snap_m
        if cells.shape == "h3":
            return people_to_energy.make_cells(
                self.people,
                self.network,
                shape="h3",
                h3_resolution=cells.resolution,
                max_snap_m=far_m,
            )
        return people_to_energy.make_cells(
            self.people, self.network, cells.size_m, max_snap_m=far_m
        )

    @cached_property
    def area_share(self) -> float:
        """The share of the city's people who live in the study area, 0 to 1."""
        whole = self.config.demand.city_people or float(self.city["people_2023"])
        share = float(self.cells["people"].sum()) / whole
        # A layer that stands for the whole city may differ from the table by rounding.
        return min(share, 1.0) if share < 1.0 + 1e-6 else share

    @cached_property
    def fleet(self) -> pd.DataFrame:
        """The country's electric vehicles of the target year, by class."""
        fleet = people_to_energy.national_fleet(
            self.config.year, self.config.demand.scenario, self.config.demand.fleet_csv
        )
        classes = list(self.config.demand.vehicle_classes)
        missing = tuple(c for c in classes if c not in set(fleet["vehicle_class"]))
        if missing:
            raise InputError(
                Fault(
                    "demand.vehicle_classes",
                    "not in the fleet table",
                    "it has: " + ", ".join(fleet["vehicle_class"]),
                    missing,
                )
            )
        return fleet.set_index("vehicle_class").loc[classes].reset_index()

    @cached_property
    def vehicles(self) -> pd.DataFrame:
        """Use and energy by vehicle class, with the configuration's overrides."""
        overrides = {
            name: {k: v for k, v in figures.model_dump().items() if v is not None}
            for name, figures in self.config.demand.figures.items()
        }
        return people_to_energy.vehicle_figures(self.config.demand.vehicles_csv, overrides)

    @cached_property
    def fleet_share(self) -> pd.DataFrame:
        """The city's share of the country's electric vehicles, by class."""
        classes = list(self.config.demand.vehicle_classes)
        shares = people_to_energy.city_share(
            reference.table("cities"), self.config.demand.city, classes
        )
        own = self.config.demand.fleet_share or {}
        given = shares["vehicle_class"].isin(list(own))
        share = shares["vehicle_class"].map(dict(own)).where(given, shares["city_share"])
        return shares.assign(
            city_share=share.astype(float),
            low=shares["low"].where(~given, share.astype(float)),
            high=shares["high"].where(~given, share.astype(float)),
            source=shares["source"].where(~given, "set in the configuration"),
            confidence=shares["confidence"].where(~given, "ASSUMPTION"),
        )

    @cached_property
    def energy(self) -> pd.DataFrame:
        """The area's public charging energy by class, with every factor, its source and mark."""
        return people_to_energy.city_energy(
            self.fleet, self.vehicles, self.fleet_share, self.area_share
        )

    @stage(
        "demand", lambda d: f"{len(d):,} rows, {d['demand_kwh_day'].sum():,.0f} kWh/day in public"
    )
    def demand(self) -> pd.DataFrame:
        """The demand (`siting.tables.DEMAND`)."""
        return people_to_energy.spread_demand(self.cells, self.energy)

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
        return sites.merge_candidates(
            candidate_layers(self.config, self.network),
            self.network,
            merge_within_m=config.merge_within_m,
            max_snap_m=config.max_snap_m,
        )

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
        )

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
