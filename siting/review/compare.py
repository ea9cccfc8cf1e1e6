"""Compare stored runs: their figures, and the settings and stations that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting import __version__, export
from siting.errors import Fault, InputError, listed, refuse
from siting.export import maps
from siting.files import extent
from siting.interrupts import seen_through
from siting.report import why_no_report
from siting.report.differences import figures_in_words, render_differences, setting_text
from siting.report.run_record import RunRecord
from siting.review.added_places import match_places
from siting.roads.network import utm_epsg
from siting.shown import Column, Display, Shown, block_of, labelled, sentences
from siting.study.depends import leaves
from siting.study.report_page import record_of
from siting.study.stored_run import Source
from siting.writing import claimed_folder, write_text

MOST_RUNS = 12
# Settings that are not compared: keys with these prefixes only affect presentation, and keys with
# these suffixes are file paths.
NOT_ASKED = ("output.", "download.", "report.", "title", "name", "note")
PATHS = (".path", ".clip", "_csv")


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Shown):
    """Several runs side by side: figures, settings that differ, and stations.

    `runs` has the name of each run, `titles` the title of each, `notes` the notes of all runs
    without duplicates, `credits` the owners of their data, and `roads` the roads of the first run.

    `figures` has the columns ``figure``, ``unit`` and one per run. `settings` has the configuration
    keys and input files that differ: ``key`` and one column per run. `sites` has one row per place
    with a station in any run: ``site_id``, ``name``, ``existing``, ``status``, ``in_runs``,
    ``not_in_runs``; ``id_n``, ``chargers_n`` and ``served_n_kwh_day`` for run number n;
    ``geometry`` (lon/lat). The status is ``some`` if a run lacks the station, ``changed`` if its
    chargers differ between runs, and otherwise ``all``.
    """

    runs: list[str]
    titles: list[str]
    notes: list[str]
    credits: list[str]
    figures: pd.DataFrame
    settings: pd.DataFrame
    sites: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame

    @property
    def counts(self) -> dict[str, int]:
        """The number of new stations that are in all runs, changed, or only in some runs."""
        new = self.sites[~self.sites["existing"]]
        out = {status: int((new["status"] == status).sum()) for status in ("all", "changed")}
        some = new.loc[new["status"] == "some", "in_runs"].value_counts().to_dict()
        # Stations in only one run come first, in the order of the runs.
        order = {name: n for n, name in enumerate(self.runs)}
        for name in sorted(some, key=lambda text: (text.count("; "), order.get(text, 0), text)):
            out[f"only in {name}"] = int(some[name])
        return out

    def _shown(self) -> Display:
        figures = labelled(["", *self.runs], figures_in_words(self), "figures", overflow="fold")
        settings = sentences(["The configurations and inputs are the same."])
        if len(self.settings):
            keys = [Column("Key", "key"), *map(_setting, self.runs)]
            settings = block_of(
                self.settings, keys, "settings", "settings.csv", title="Settings that differ"
            )
        counts = self.counts
        line = (
            f"New stations: {counts.pop('all'):,} the same in all runs, {counts.pop('changed'):,} "
            "with different chargers" + "".join(f", {n:,} {where}" for where, n in counts.items())
        )
        title = f"{self.titles[0]}: {len(self.runs)} runs"
        return Display(title, " ".join(self.notes), [figures, settings, sentences([line])])

    @property
    def facts(self) -> dict[str, Any]:
        """Content of ``compare.json``."""
        return {
            **{name: getattr(self, name) for name in ("runs", "titles", "notes", "credits")},
            "figures": self.figures.to_dict("records"),
            "settings": self.settings.to_dict("records"),
            "stations": self.counts,
            "sites": self.sites.drop(columns="geometry").to_dict("records"),
        }


def _setting(run: str) -> Column:
    return Column(run, lambda row: setting_text(row[run]), ">", overflow="fold")


def compare(runs: Sequence[Path | str] | Mapping[str, Source]) -> Comparison:
    """Return a comparison of two or more runs of one city.

    Stations within 25 m of each other are one place. Stations with the same id are matched first.

    Parameters
    ----------
    runs
        Two or more run folders, or a mapping from names to run folders, studies or plans.

    Raises
    ------
    InputError
        If a run cannot be read or was edited, or if the cities differ. All errors are listed.

    Examples
    --------
    >>> compare(["runs/60m", "runs/90m"]).counts  # doctest: +SKIP
    {'all': 61, 'changed': 4, 'only in 60m': 2, 'only in 90m': 21}
    """
    if isinstance(runs, Mapping):
        named: dict[str, Source] = dict(runs)
    else:
        paths = [Path(folder) for folder in listed("runs", runs)]
        named = dict(zip(_names(paths), paths, strict=True))
    if not 2 <= len(named) <= MOST_RUNS:
        raise InputError("compare", f"{len(named)} runs", f"name 2 to {MOST_RUNS} runs")
    faults: list[Fault] = []
    records: list[RunRecord] = []
    for source in named.values():
        try:
            records.append(record_of(source))
        except InputError as err:
            faults += err.faults
    refuse(faults)
    return _compared(list(named), records)


def _compared(names: list[str], runs: list[RunRecord]) -> Comparison:
    _require_one_city(names, runs)
    return Comparison(
        names,
        [str(run.facts["title"]) for run in runs],
        list(dict.fromkeys(str(run.facts["note"]) for run in runs if run.facts["note"])),
        export.owners_of(row for run in runs for row in run.facts["inputs"]),
        _figures(names, runs),
        _settings(names, runs),
        _sites(names, runs),
        runs[0].roads,
    )


def _names(paths: Sequence[Path]) -> list[str]:
    short = [path.resolve().name for path in paths]
    if len({path.resolve() for path in paths}) < len(paths):
        twice = tuple(sorted({str(p) for p in paths if short.count(p.resolve().name) > 1}))
        raise InputError("compare", "the same run is named twice", "name each once", twice)
    return [
        name if short.count(name) == 1 else f"{path.resolve().parent.name}/{name}"
        for path, name in zip(paths, short, strict=True)
    ]


def _require_one_city(names: list[str], runs: list[RunRecord]) -> None:
    faults = []
    cities = [run.settings["demand"]["city"] for run in runs]
    first = runs[0].roads.total_bounds
    for name, run, city in zip(names[1:], runs[1:], cities[1:], strict=True):
        west, south, east, north = run.roads.total_bounds
        apart = west > first[2] or east < first[0] or south > first[3] or north < first[1]
        if city != cities[0] or apart:
            other = f"{names[0]} is a run of {cities[0]}, {extent(runs[0].roads)}"
            what = f"is a run of {city}, {extent(run.roads)}, but {other}"
            faults.append(Fault(f"run {name}", what, "compare runs of one city"))
    refuse(faults)


def _figures(names: list[str], runs: list[RunRecord]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []

    def add(figure: str, unit: str, values: list[Any]) -> None:
        rows.append({"figure": figure, "unit": unit, **dict(zip(names, values, strict=True))})

    facts = [run.facts for run in runs]
    for key in ("year", "model", "budget_pkr", "subsidy_pkr", "cost_pkr"):
        add(key, "PKR" if key.endswith("_pkr") else "", [f.get(key, "") for f in facts])
    wanted = [sum(float(row["demand_kwh_day"]) for row in f["classes"]) for f in facts]
    add("wanted_kwh_day", "kWh/day", wanted)
    add("served_kwh_day", "kWh/day", [float(f["objective_kwh_day"]) for f in facts])
    add("served_share", "share", [float(f["served_share"]) for f in facts])
    shares = [{row["vehicle_class"]: row["served_share"] for row in f["classes"]} for f in facts]
    for name in dict.fromkeys(c for by_class in shares for c in by_class):
        add(f"served_{name}_share", "share", [by_class.get(name) for by_class in shares])
    told = [{r["key"]: r["money"] for r in f["what_if"] if r.get("money")} for f in facts]
    for case in dict.fromkeys(key for one in told for key in one if key.startswith("scenario")):
        name = case.removeprefix("scenario ")
        for figure, key, unit in (
            (f"below_npv_0_{name}_stations", "below_npv_0", "stations"),
            (f"at_risk_{name}_pkr", "subsidy_below_npv_0_pkr", "PKR"),
            (f"loss_a_year_{name}_pkr", "loss_pkr_year", "PKR a year"),
        ):
            add(figure, unit, [one.get(case, {}).get(key) for one in told])
    for key in ("new_stations", "existing_stations"):
        add(key, "stations", [f[key] for f in facts])
    add("new_power_kw", "kW", [float(run.new_sites["power_kw"].sum()) for run in runs])
    add("mean_travel_min", "min", [f["mean_travel_min"] for f in facts])
    for key, unit in (("status", ""), ("gap", "share"), ("bound_kwh_day", "kWh/day")):
        add(key, unit, [f[key] for f in facts])
    return pd.DataFrame(rows)


def _settings(names: list[str], runs: list[RunRecord]) -> pd.DataFrame:
    flat = [dict(leaves(run.settings)) for run in runs]
    for run_settings, run in zip(flat, runs, strict=True):
        # Files are compared by content, because paths differ between machines.
        run_settings |= {f"input {row['key']}": row.get("sha256", row.get("query", row["kind"]))
                for row in run.facts["inputs"]}  # fmt: skip
        run_settings["siting version"] = run.facts["siting"]
    rows = []
    for key in dict.fromkeys(k for run_settings in flat for k in run_settings):
        values = [run_settings.get(key) for run_settings in flat]
        if key.startswith(NOT_ASKED) or key.endswith(PATHS) or all(v == values[0] for v in values):
            continue
        shown = [f"sha256 {str(v)[:12]}" if key.startswith("input ") and len(str(v)) == 64 else v
                 for v in values]  # fmt: skip
        rows.append({"key": key, **dict(zip(names, shown, strict=True))})
    return pd.DataFrame(rows, columns=["key", *names])


def _sites(names: list[str], runs: list[RunRecord]) -> gpd.GeoDataFrame:
    """Return one row per place: the places of the first run, then those only in later runs."""
    crs = utm_epsg(runs[0].roads.total_bounds)
    xy, ids = np.empty((0, 2)), list[str]()
    parts = []
    for name, run in zip(names, runs, strict=True):
        here = run.sites.geometry.to_crs(crs).get_coordinates().to_numpy()
        own = run.sites["site_id"].astype(str)
        place = match_places(here, own.tolist(), xy, ids)
        new = place < 0
        place[new] = len(ids) + np.arange(new.sum())
        xy, ids = np.vstack([xy, here[new]]), [*ids, *own[new]]
        chargers = run.sites["chargers"].astype(str)
        parts.append(run.sites.assign(site_id=own, chargers=chargers, run=name).set_index(place))
    stations = pd.concat(parts)
    first, by_place = stations[~stations.index.duplicated()], stations.groupby(level=0)
    inside = by_place["run"].agg(list)
    alike = by_place["chargers"].agg(lambda kinds: "changed" if len(set(kinds)) > 1 else "all")
    table = first[["site_id", "name"]].assign(
        existing=by_place["existing"].all(),
        status=np.where(by_place.size() < len(runs), "some", alike),
        in_runs=inside.map("; ".join),
        not_in_runs=["; ".join(n for n in names if n not in there) for there in inside],
    )
    for n, part in enumerate(parts, start=1):
        table[f"id_{n}"], table[f"chargers_{n}"] = part["site_id"], part["chargers"]
        table[f"served_{n}_kwh_day"] = part["served_kwh_day"].astype(float)
    return gpd.GeoDataFrame(table, geometry=first.geometry, crs=4326)


def compare_to_folder(
    folders: Sequence[Path], *, out: Path | None, now: datetime
) -> tuple[Comparison, Path]:
    """Write a comparison to a folder; return the comparison and the folder.

    The files are ``figures.csv``, ``settings.csv``, ``sites.csv``, ``differences.geojson`` and
    ``compare.json``; with Matplotlib also ``differences.png``, and with the extra ``report`` also
    ``compare.html``. `folders`: the runs, as in `compare`; `out`: the new or empty folder to write,
    by default ``compare-TIME`` next to the first run.
    """
    usual = Path(folders[0]).resolve().parent / f"compare-{now:%Y%m%d-%H%M%S}"
    with seen_through() as wish, claimed_folder(out, usual) as (folder, place):
        comparison = compare(folders)
        wish.at_stake = True
        owners = "; ".join(comparison.credits)
        note = " ".join([*comparison.notes, *([f"Data: {owners}."] if owners else [])])
        export.write_csv(comparison.figures, folder / "figures.csv", note=note)
        export.write_csv(comparison.settings, folder / "settings.csv")
        export.write_csv(comparison.sites, folder / "sites.csv", note=note)
        export.write_geojson(comparison.sites, folder / "differences.geojson", note=note)
        facts = {"siting": __version__, "written": now.isoformat(timespec="seconds")}
        export.write_json({**facts, **comparison.facts}, folder / "compare.json")
        if find_spec("matplotlib") is not None:
            crs = utm_epsg(comparison.roads.total_bounds)
            title = f"{comparison.titles[0]}: where {len(comparison.runs)} plans differ"
            maps.draw_differences(
                folder / "differences.png", edges=comparison.roads.to_crs(crs),
                sites=comparison.sites, title=title, note=note,
            )  # fmt: skip
        if not why_no_report():
            write_text(folder / "compare.html", render_differences(comparison))
    return comparison, place
