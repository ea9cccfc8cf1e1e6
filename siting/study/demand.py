"""The stages from people to energy, each computed once and open to look at as a table."""

from __future__ import annotations

from functools import cached_property

import geopandas as gpd
import pandas as pd

from siting import demand as people_to_energy
from siting import reference
from siting.errors import Fault, InputError
from siting.study.base import RoadStudy
from siting.study.people import People, outline, read_people
from siting.study.sources import read_destinations
from siting.study.stages import stage


class DemandStudy(RoadStudy):
    """A configuration, its roads and its demand; `siting.Study` goes on to sites and a plan."""

    # --- where -----------------------------------------------------------------------------------

    @stage(
        "people",
        lambda p: f"{p.rows['people'].sum():,.0f} people in {len(p.rows):,} rows",
    )
    def _people(self) -> People:
        return read_people(self.config, self.network)

    @property
    def people(self) -> gpd.GeoDataFrame:
        """Where people live, lon/lat; with ``zone_id`` where they are counted by zone."""
        return self._people.rows

    @property
    def people_notes(self) -> tuple[str, ...]:
        """What a reader must know of how people were placed, in plain words."""
        return self._people.notes

    @property
    def people_outside(self) -> gpd.GeoDataFrame:
        """People of the layer that the study leaves out as outside its area, lon/lat."""
        return self._people.outside

    @property
    def zones(self) -> gpd.GeoDataFrame | None:
        """The zones people are counted by, lon/lat; none where they are counted otherwise."""
        return self._people.zones

    @stage("places", lambda p: "none" if p is None else f"{len(p):,} places that draw vehicles")
    def places(self) -> gpd.GeoDataFrame | None:
        """Markets, offices, hospitals … with their OSM keys; none where no surface needs them."""
        return read_destinations(self.config, self.network)

    @cached_property
    def poi_weights(self) -> pd.DataFrame:
        """How many vehicles a place draws, by OSM tag."""
        surfaces = self.config.demand.surfaces
        return reference.table("poi_weights", surfaces.poi_weights_csv if surfaces else None)

    @cached_property
    def road_weights(self) -> pd.DataFrame:
        """How readily traffic stops to charge, by class of road."""
        surfaces = self.config.demand.surfaces
        return reference.table("road_weights", surfaces.road_weights_csv if surfaces else None)

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
        source = self.config.demand.people
        also = self._unpeopled()
        if cells.shape == "h3":
            return people_to_energy.make_cells(
                self.people,
                self.network,
                shape="h3",
                h3_resolution=cells.resolution,
                max_snap_m=far_m,
                also=also,
            )
        if source.kind == "raster":
            return people_to_energy.raster_to_cells(
                source.path,
                self.network,
                cells.size_m,
                far_m,
                outline(self.network, far_m),
                density=source.density,
                nodata=source.nodata,
                also=also,
            )
        return people_to_energy.make_cells(
            self.people, self.network, cells.size_m, max_snap_m=far_m, also=also
        )

    def _unpeopled(self) -> gpd.GeoDataFrame | None:
        """Return places and main roads, which want energy though nobody lives there."""
        if self.config.demand.surfaces is None:
            return None
        layers = [people_to_energy.road_points(self.network)]
        if self.places is not None:
            found = people_to_energy.poi_points(self.places, self.poi_weights)
            layers.append(found.to_crs(self.network.crs))
        points = pd.concat([layer[["geometry"]] for layer in layers], ignore_index=True)
        return gpd.GeoDataFrame(points, crs=self.network.crs)

    @cached_property
    def zone_table(self) -> pd.DataFrame | None:
        """People of each zone in the cells, with what is known of its housing; none without zones.

        Columns ``zone_id``, ``name``, ``people`` and, where known, ``renting_share`` and
        ``high_rise_share``.
        """
        if self.zones is None:
            return None
        people = self.cells.groupby("zone_id", sort=False)["people"].sum()
        known = ["zone_id", "name", "renting_share", "high_rise_share"]
        table = pd.DataFrame(self.zones[[c for c in known if c in self.zones.columns]])
        table = table[table["zone_id"].isin(people.index)]
        table.insert(2, "people", people.loc[table["zone_id"]].to_numpy())
        return table.reset_index(drop=True)

    # --- how much --------------------------------------------------------------------------------

    @cached_property
    def city_people(self) -> float:
        """People of the whole city, for the share of it in the study area."""
        return self.config.demand.city_people or float(self.city["people_2023"])

    @cached_property
    def area_share(self) -> float:
        """The share of the city's people who live in the study area, 0 to 1."""
        share = float(self.cells["people"].sum()) / self.city_people
        # A layer that stands for the whole city may differ from the table by rounding.
        return min(share, 1.0) if share < 1.0 + 1e-6 else share

    @cached_property
    def fleet(self) -> pd.DataFrame:
        """The country's electric vehicles of the target year, by class."""
        demand = self.config.demand
        fleet = people_to_energy.national_fleet(
            self.config.year,
            demand.scenario,
            demand.fleet_csv,
            {name: dict(figures) for name, figures in demand.fleet_figures.items()},
            scenarios_path=demand.scenarios_csv,
            sales_path=demand.sales_csv,
        )
        classes = list(demand.vehicle_classes)
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
        demand = self.config.demand
        shares = people_to_energy.city_share(
            reference.table("cities"),
            demand.city,
            list(demand.vehicle_classes),
            demand.registrations_csv,
        )
        own = demand.fleet_share or {}
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
    def housing(self) -> dict[str, float]:
        """The configuration's own effects of housing on charging at home."""
        given = self.config.demand.housing.model_dump()
        return {name: value for name, value in given.items() if value is not None}

    @cached_property
    def energy(self) -> pd.DataFrame:
        """The area's public charging energy by class, with every factor, its source and mark.

        Central figures, before the housing of zones is looked at.
        """
        return people_to_energy.city_energy(
            self.fleet, self.vehicles, self.fleet_share, self.area_share
        )

    @cached_property
    def zone_energy(self) -> pd.DataFrame:
        """Public charging energy by zone and class in the configuration's case (kWh/day)."""
        parts = (self.fleet, self.vehicles, self.fleet_share, self.zone_table, self.area_share)
        case = self.config.demand.case
        if case == "central":
            return people_to_energy.zone_energy(*parts, self.housing)
        runs = people_to_energy.energy_scenarios(*parts, self.housing)
        return runs[runs["scenario"] == case].drop(columns="scenario").reset_index(drop=True)

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """The mean public session and hours of charging by vehicle class."""
        return people_to_energy.session_figures(self.config.demand.profiles_csv)

    @cached_property
    def surface_weights(self) -> pd.DataFrame:
        """How each vehicle class divides its energy among home, destination and en route."""
        surfaces = self.config.demand.surfaces
        own = surfaces.weights if surfaces else {}
        weights = people_to_energy.surface_weights({k: v.model_dump() for k, v in own.items()})
        known = weights["vehicle_class"].isin(list(self.config.demand.vehicle_classes))
        return weights[known].reset_index(drop=True)

    @stage(
        "surfaces",
        lambda s: "energy goes where people live" if s is None else "home, destination, en route",
    )
    def surfaces(self) -> pd.DataFrame | None:
        """Each cell's share of homes, destinations and traffic; none where not asked for."""
        settings = self.config.demand.surfaces
        if settings is None:
            return None
        tables = (self.places, self.poi_weights, self.road_weights)
        trips = {"trips": settings.trips, "trip_min": settings.trip_min, "seed": settings.seed}
        return self.kept(
            "surfaces",
            (self.cells, *tables, trips),
            lambda: people_to_energy.surfaces(
                self.cells,
                self.network,
                *tables,
                trips=settings.trips,
                trip_min=settings.trip_min,
                seed=settings.seed,
            ),
        )

    @stage(
        "demand", lambda d: f"{len(d):,} rows, {d['demand_kwh_day'].sum():,.0f} kWh/day in public"
    )
    def demand(self) -> pd.DataFrame:
        """The demand (`siting.tables.DEMAND`)."""
        return self.spread(self.zone_energy)

    @cached_property
    def demand_notes(self) -> list[str]:
        """What a reader must know of the demand before using it, in plain words."""
        lines = list(self.people_notes)
        left_out = float(self.people_outside["people"].sum())
        if left_out > 0:
            lines.append(
                f"{left_out:,.0f} people of the layer live outside the outline of the roads and "
                "are not part of the study"
            )
        far = self.cells["node_id"].isna()
        if far.any():
            cells = self.cells.loc[far, "cell_id"]
            kwh = self.demand.loc[self.demand["cell_id"].isin(cells), "demand_kwh_day"].sum()
            lines.append(
                f"{self.cells.loc[far, 'people'].sum():,.0f} of {self.cells['people'].sum():,.0f} "
                f"people live further than {self.config.reach.max_snap_m:g} m from a road of the "
                f"network: their demand ({kwh:,.0f} kWh/day) counts as wanted but cannot be served"
            )
        if self.surfaces is None:
            lines.append("all energy is taken to be wanted where people live (no demand.surfaces)")
        else:
            lines += self.surfaces.attrs["notes"]
        lines += self.demand.attrs["notes"]
        if self.config.demand.case != "central":
            lines.append(
                f"case {self.config.demand.case}: every figure of the demand stands at the end of "
                "its range at once, a bound and no likely outcome"
            )
        return lines

    def spread(self, energy: pd.DataFrame, weights: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return energy by zone and class spread over the cells of this study (kWh/day).

        Parameters
        ----------
        energy
            ``zone_id``, ``vehicle_class``, ``demand_kwh_day``.
        weights
            As `surface_weights`, which are used where none are given.
        """
        if self.surfaces is None:
            return people_to_energy.spread_demand(self.cells, energy)
        return people_to_energy.spread_demand(
            self.cells, energy, self.surfaces, self.surface_weights if weights is None else weights
        )
