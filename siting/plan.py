"""A plan: tables for planners, made from the outcome of a program."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from siting.engine.proof import far_in_words, gap_figures
from siting.errors import InputError
from siting.export import geojson_of, layers_of, noted, plot_plan, save_plan_pictures, with_units
from siting.export.dictionary import is_own
from siting.export.exchange import write_exchange
from siting.outcome import Outcome
from siting.shown import SITE, Block, Column, Display, Shown, block_of, sentences
from siting.sites.chargers_text import BUILD, told_as
from siting.tables import capacity_columns, may_be_built

# Labels of the simulated day's figures, which come before the program's figures.
OF_ALL_DRIVERS = ("Drivers served", "Basis of the subsidies", "Ports in use")

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class PlanTables:
    """The tables of a study that are part of its plan."""

    cells: gpd.GeoDataFrame
    demand: pd.DataFrame
    candidates: gpd.GeoDataFrame
    dropped: gpd.GeoDataFrame
    offers: pd.DataFrame
    edges: gpd.GeoDataFrame


# The columns of the vehicle classes and of the new stations.
CLASSES = (
    Column("Vehicle class", "vehicle_class", "_"),
    Column("Demand, kWh/day", "demand_kwh_day", ",.0f"),
    Column("Served, kWh/day", "served_kwh_day", ",.0f"),
    Column("Share", "served_share", ".1%", blank="–"),
)
STATIONS = (
    *SITE,
    BUILD,
    Column("PKR m", "subsidy_pkr", ",.2f", per=1e6, min_width=6),
    Column("kWh/day", "served_kwh_day", ",.0f", min_width=7),
    Column("Use", "use_share", ".0%", min_width=4),
)


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Shown, PlanTables):
    """A plan and the tables from which it was made.

    Parameters
    ----------
    title, note
        The title, and the caveat that every output repeats.
    sites
        One row per station, existing or new: ``site_id``, ``name``, ``whereabouts`` (nearby streets
        and landmarks), ``kind``, ``existing``, ``offer_id``, ``configuration``, ``chargers``,
        ``power_kw``, ``cost_pkr``, ``subsidy_pkr``, ``capacity_kwh_day``, ``served_kwh_day``,
        ``served_<class>_kwh_day``, ``use_share`` (energy served divided by capacity),
        ``mean_travel_min``, ``cells_served``, ``geometry`` (UTM metres).
    classes
        One row per vehicle class: ``demand_kwh_day``, ``served_kwh_day``, ``served_share``.
    demand
        `siting.tables.DEMAND` with ``served_kwh_day``.
    service
        `siting.tables.SERVICE`: the energy that each site serves of each demand row.
    cells, candidates, dropped, offers
        The input tables. `dropped` lists the places that could not become candidates, with reasons.
    edges
        The roads, for maps.
    outcome
        The decisions and their proofs: status, bound, gap, run times.
    checks
        The result of the independent recount (`siting.verify.recount`).
    tables
        Further tables by name: business case, zones, years, scenarios, alternatives.
    money
        The figures in ``run.json`` that show how much public money the new stations need.
    study
        The `siting.Study` that made the plan, or None.
    facts_of
        Function that computes `facts` from the plan; None if no run made the plan.
    """

    title: str
    note: str
    sites: gpd.GeoDataFrame
    classes: pd.DataFrame
    service: pd.DataFrame
    outcome: Outcome
    checks: pd.DataFrame
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    money: dict[str, Any] = field(default_factory=dict)
    study: Any = field(default=None, repr=False, compare=False)
    facts_of: Callable[[Plan], dict[str, Any]] | None = field(default=None, compare=False)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The content of ``run.json``, computed on first use; empty if no run made the plan.

        The content includes the simulated day, break-even values, the loss without each station,
        and the results under other demand. The computation takes a quarter of a run's time.
        """
        return {} if self.facts_of is None else self.facts_of(self)

    @property
    def new_sites(self) -> gpd.GeoDataFrame:
        """The new stations only."""
        return self.sites[~self.sites["existing"]]

    @property
    def served_share(self) -> float:
        """Share of the public charging demand that is served, 0 to 1."""
        wanted = self.classes["demand_kwh_day"].sum()
        return float(self.classes["served_kwh_day"].sum() / wanted) if wanted else 0.0

    @property
    def served_kwh_day(self) -> float:
        """Energy served in the target year, kWh/day."""
        return self.outcome.served_kwh_day

    @property
    def subsidy_pkr(self) -> float:
        """Public money that the plan pays, PKR."""
        return self.outcome.subsidy_pkr

    @property
    def budget_pkr(self) -> float:
        """Public money available, PKR."""
        return self.outcome.budget_pkr

    @property
    def cost_pkr(self) -> float:
        """Total cost including subsidy, PKR."""
        return self.outcome.cost_pkr

    @property
    def gap(self) -> float:
        """Proven gap to the best plan for the first aim, 0 to 1."""
        return self.outcome.gap

    @property
    def layers(self) -> dict[str, pd.DataFrame]:
        """The plan's layers (UTM metres) and tables, by file name.

        Each table's ``attrs["units"]`` maps its columns to their units.
        """
        study, shown = self.study, {}
        if study is not None:
            shown = {"zone_of_cells": study.cell_zones, "isochrones": study.isochrones,
                     "offers": study.shown_offers}  # fmt: skip
        return {name: with_units(one, name) for name, one in layers_of(self, **shown).items()}

    def to_geojson(self, layer: str = "sites") -> dict[str, Any]:
        """Return one of the `layers` with geometry as a GeoJSON feature collection, in lon/lat."""
        drawn = {n: one for n, one in self.layers.items() if isinstance(one, gpd.GeoDataFrame)}
        if layer not in drawn:
            fix = f"known names: {', '.join(drawn)}"
            raise InputError("layer", f"{layer!r} is not a layer with geometry", fix)
        return geojson_of(drawn[layer], name=layer, note=noted(self))

    def export(self, path: Path | str, layers: Sequence[str] = ()) -> Path:
        """Write layers as a file for other programs, and return the path.

        The extension determines the format: see `siting.export.write_exchange`.
        """
        return write_exchange(self.layers, Path(path), layers, title=self.title, note=noted(self))

    def headline(self) -> list[tuple[str, str]]:
        """Return the plan's main figures as (label, value) pairs, worded for planners."""
        s, new = self.outcome, self.new_sites
        wanted = self.classes["demand_kwh_day"].sum()
        mean, most = s.drives_min
        drives = f"{mean:.1f} min on average, {most:.1f} min or less for 90% of the energy"
        drives = "" if math.isnan(mean) else drives
        limit = str(s.proof)
        if s.bound_kwh_day is not None:
            limit = f"no plan for this money serves more than {s.bound_kwh_day:,.0f} kWh/day"
        energy = f"{s.served_kwh_day:,.0f} of {wanted:,.0f} kWh/day ({self.served_share:.1%})"
        subsidy = f"PKR {s.subsidy_pkr / 1e6:,.2f} m"
        if math.isfinite(s.budget_pkr):
            subsidy += f" of {s.budget_pkr / 1e6:,.2f} m budget"
        told = {one.label: one.text for one in s.lines}
        told |= {one["label"]: one["text"] for one in self.facts.get("headline", {}).values()}
        # The simulated day comes first, because in it all drivers choose freely.
        first = [(label, told.pop(label)) for label in OF_ALL_DRIVERS if label in told]
        lines = [
            ("Status", status_text(s)),
            ("Aim", s.aim),
            *first,
            ("Energy served", energy),
            ("Drives", drives),
            ("Proven limit", limit),
            ("Built", self._why_nothing() if new.empty else ""),
            ("New stations", f"{len(new):,} ({new['power_kw'].sum():,.0f} kW)"),
            ("Existing stations kept", f"{int(self.sites['existing'].sum()):,}"),
            ("Subsidy", subsidy),
            ("Total cost", f"PKR {s.cost_pkr / 1e6:,.2f} m, subsidy included"),
        ]
        return [line for line in lines if line[1]] + self._money_lines() + list(told.items())

    def _why_nothing(self) -> str:
        cheapest = self.offers.loc[may_be_built(self.offers), "subsidy_pkr"].min()
        if cheapest > self.budget_pkr:
            return f"nothing: the cheapest offer needs PKR {cheapest / 1e6:,.2f} m of subsidy"
        if self.outcome.status != "optimal":
            return "nothing: no better plan was found, but one may exist"
        return "nothing: no offer serves more than the existing stations"

    def plot(self, what: str = "map") -> Figure:
        """Return a picture of the plan as a Matplotlib figure, for display in a notebook.

        `what` is ``map``, ``classes`` (kWh/day by vehicle class), ``cost`` (PKR by cost component
        and payer), ``use`` (kWh/day by station), ``years`` or ``frontier``. Raises `InputError` if
        there is no such picture or the plan lacks its table, and `MissingExtraError` if Matplotlib
        is missing (extra ``siting[map]``).

        Examples
        --------
        >>> plan.plot("classes").savefig("classes.pdf")  # doctest: +SKIP
        """
        return plot_plan(self, what)

    def save_pictures(
        self, folder: Path | str, formats: Sequence[str] = ("png", "svg")
    ) -> list[Path]:
        """Write the map and every chart whose table the plan has, and return the files.

        `folder` is created if missing. `formats` are ``png``, ``svg`` or ``pdf``. The same plan
        gives the same files, byte for byte. Raises `InputError` if a format is unknown or a file
        exists already, and `MissingExtraError` if Matplotlib is missing (extra ``siting[map]``).
        """
        return save_plan_pictures(self, folder, formats)

    # --- questions: each calls the function of the package with the same name --------------------

    def explain(
        self, site: str | None = None, *, alternatives: int = 5, time_limit_s: float | None = None
    ) -> Any:
        """Return the reasons for the decision at a site or, without `site`, for the whole plan.

        For a `site` (id or name), see `siting.explain_site`. For the whole plan, see
        `siting.explain_plan`. `alternatives` is the number of near-optimal plans to compare for a
        site. `time_limit_s` limits each solve, by default to 30 s for a site and 20 s for the plan.
        """
        limit = {} if time_limit_s is None else {"time_limit_s": time_limit_s}
        if site is None:
            return ask("explain_plan", self, **limit)
        return ask("explain_site", self, site, alternatives=alternatives, **limit)

    def summary(self) -> pd.Series:
        """Return the plan's main figures by name, as a row of `siting.side_by_side`.

        Examples
        --------
        >>> plan.summary()["served_kwh_day"]  # doctest: +SKIP
        """
        figures: pd.Series = ask("side_by_side", {"plan": self}).iloc[0]
        return figures

    def explore(self, height_px: int = 720) -> Any:
        """Return the report's interactive map, `height_px` high: see `siting.explore`.

        The map works offline. To write it to a file, call ``.save("map.html")``.
        """
        return ask("explore", self, height_px)

    def replan(
        self,
        *,
        drop: Sequence[str] = (),
        require: Sequence[str] = (),
        budget_pkr: float | None = None,
        add: Path | str | None = None,
        answers: Path | str | None = None,
        out: Path | str | None = None,
        progress: Callable[[Any], None] | None = None,
    ) -> Any:
        """Return a plan for changed requirements, and the changes: see `siting.replan`.

        Examples
        --------
        >>> plan.replan(drop=["s0008"], budget_pkr=7e7).changes  # doctest: +SKIP
        """
        return ask(
            "replan", self, drop=drop, require=require, budget_pkr=budget_pkr, add=add,
            answers=answers, out=out, progress=progress,
        )  # fmt: skip

    def what_if(self, height_px: int = 560) -> Any:
        """Return a widget to drop or require stations and set the budget: see `siting.what_if`."""
        return ask("what_if", self, height_px)

    def compare(self, other: Any) -> Any:
        """Return a comparison with another plan or a run folder: see `siting.compare`."""
        return ask("compare", {"this": self, "other": other})

    def evaluate(
        self, sites: Any, *, names: Mapping[str, str] | None = None, same_stations: bool = False
    ) -> Any:
        """Return the score of a plan made elsewhere (a layer or a file): see `siting.evaluate`."""
        return ask("evaluate", self, sites, names=names, same_stations=same_stations)

    def simulate(self, rules: Any = None) -> Any:
        """Return a simulated day of the plan, driver by driver: see `siting.simulate`."""
        return ask("simulate", self, rules)

    def frontier(self, budgets_pkr: Sequence[float]) -> pd.DataFrame:
        """Return the figures of the best plan for each budget: see `siting.frontier`."""
        table: pd.DataFrame = ask("frontier", self, budgets_pkr)
        return table

    def save(self, folder: Path | str) -> Path:
        """Write the plan as a run folder and return the path: see `siting.run`."""
        ask("run", self, out=folder)
        return Path(folder)

    def _money_lines(self) -> list[tuple[str, str]]:
        m = self.money
        if not m.get("new_stations"):
            return []
        free = (
            f"{m['stations_without_need']:,} of {m['new_stations']:,} new stations; NPV of all new "
            f"stations without subsidy: PKR {m['npv_without_subsidy_pkr'] / 1e6:,.2f} m "
            f"(PKR {m['pkr_per_usd']:g} to the US dollar)"
        )
        lines = [("Need no public money", free)]
        each = [
            f"PKR {m[key]:,.0f} per {what}"
            for key, what in (
                ("subsidy_pkr_per_kwh_day", "kWh/day sold at new stations"),
                ("subsidy_pkr_per_car", "car served"),
            )
            if m[key] is not None
        ]
        if m["subsidy_pkr"] > 0 and each:
            lines.append(("Subsidy per unit", "; ".join(each)))
        if m["subsidy_beyond_need_pkr"] > 0.005 * m["subsidy_pkr"]:
            beyond = f"PKR {m['subsidy_beyond_need_pkr'] / 1e6:,.2f} m beyond the viability gap"
            lines.append(("Not additional", beyond))
        return lines

    def _shown(self) -> Display:
        told = self.headline()
        blocks = [Block((), told, most=len(told)), block_of(self.classes, CLASSES, "classes")]
        new = self.new_sites.sort_values(["served_kwh_day", "site_id"], ascending=[False, True])
        if len(new):
            below = "PKR m: subsidy. Use: energy served divided by capacity."
            blocks.append(block_of(new, STATIONS, "new_sites", "sites.csv", below=below))
        built = new.drop_duplicates("configuration").sort_values("configuration")
        named = [
            f"  {row.configuration}: {row.chargers}"
            for row in built.itertuples(index=False)
            if told_as(str(row.configuration), str(row.chargers)) == row.configuration
        ]
        if named:
            blocks.append(sentences(named, all_in="new_sites"))
        notes, far = self.facts.get("warnings", []), far_in_words(self.outcome.gap)
        return Display(self.title, self.note, blocks, notes=notes, warning=far)


def ask(name: str, *given: Any, **how: Any) -> Any:
    """Call a function of the package, given its name, and return its result."""
    # Imported only here, because a run needs none of these functions.
    import siting

    return getattr(siting, name)(*given, **how)


def status_text(outcome: Outcome) -> str:
    """Return the status in words that claim no more than is proven."""
    gap = "unknown"
    if math.isfinite(outcome.gap):
        gap, _ = gap_figures(outcome.gap, outcome.proof.gap_asked)
    if outcome.status == "optimal":
        return f"optimal within a proven gap of {gap}"
    return f"feasible, not proven optimal: gap {gap} ({outcome.stopped})"


def make_plan(outcome: Outcome, tables: PlanTables, *, title: str, note: str) -> Plan:
    """Return the plan for an outcome, with figures for each site and class; it is not yet verified.

    Parameters
    ----------
    outcome
        The chosen offers, the energy they serve, their subsidies, and the proofs.
    tables
        The input tables.
    title, note
        The title, and the caveat that every output repeats.
    """
    service = outcome.service
    served = service.groupby("demand_id")["served_kwh_day"].sum()
    demand = tables.demand
    demand = demand.assign(served_kwh_day=demand["demand_id"].map(served).astype(float).fillna(0.0))
    energy = ["demand_kwh_day", "served_kwh_day"]
    classes = demand.groupby("vehicle_class", sort=False)[energy].sum()
    wanted = classes["demand_kwh_day"].where(classes["demand_kwh_day"] > 0)
    classes = classes.assign(served_share=classes["served_kwh_day"] / wanted).reset_index()
    chosen = tables.offers[tables.offers["offer_id"].isin(list(outcome.offers))]
    sites = _site_table(tables.candidates, chosen, service, list(classes["vehicle_class"]))
    paid = sites["site_id"].map(outcome.subsidies).astype(float)
    sites["subsidy_pkr"] = paid.fillna(sites["subsidy_pkr"])
    return Plan(
        **{**vars(tables), "demand": demand},
        title=title,
        note=note,
        sites=sites,
        classes=classes,
        service=service,
        outcome=outcome,
        checks=pd.DataFrame(columns=["check", "found", "limit"]),
        tables=dict(outcome.tables),
    )


def _site_table(
    candidates: gpd.GeoDataFrame, built: pd.DataFrame, service: pd.DataFrame, classes: list[str]
) -> gpd.GeoDataFrame:
    able = built[capacity_columns(built)].sum(axis=1)
    # `existing` comes from the offers: a plan may build another offer at an existing station.
    columns = ["site_id", "offer_id", "existing", "configuration", "chargers", "power_kw"]
    built = built[[*columns, "cost_pkr", "subsidy_pkr"]].assign(capacity_kwh_day=able)
    told = [c for c in ("site_id", "name", "whereabouts", "kind") if c in candidates.columns]
    own = ["user_id"] if "user_id" in candidates.columns else []
    own += [str(c) for c in candidates.columns if c != "geometry" and is_own(str(c))]
    places = candidates[[*told, *own, "geometry"]]
    sites = places.merge(built, on="site_id", how="inner", validate="one_to_one")
    sites.insert(len(told), "existing", sites.pop("existing").astype(bool))
    by_site = service.groupby("site_id")
    total = by_site["served_kwh_day"].sum()
    sites["served_kwh_day"] = sites["site_id"].map(total).astype(float).fillna(0.0)
    for name in classes:
        part = service[service["vehicle_class"] == name].groupby("site_id")["served_kwh_day"].sum()
        sites[f"served_{name}_kwh_day"] = sites["site_id"].map(part).astype(float).fillna(0.0)
    most = sites["capacity_kwh_day"]
    sites["use_share"] = sites["served_kwh_day"] / most.where(most > 0)
    minutes = (service["served_kwh_day"] * service["travel_min"]).groupby(service["site_id"]).sum()
    sites["mean_travel_min"] = sites["site_id"].map(minutes / total).astype(float)
    sites["cells_served"] = sites["site_id"].map(by_site["cell_id"].nunique()).fillna(0).astype(int)
    last = [c for c in sites.columns if c not in (*own, "geometry")] + [*own, "geometry"]
    return sites[last].sort_values("site_id", ignore_index=True)
