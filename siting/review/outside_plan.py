"""Read, place, price and check an outside plan under the rules of a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting import roads
from siting.config import with_keys
from siting.errors import SHOWN_IDS, Fault, naming, refuse
from siting.files import extent, read_layer, row_labels, rows_fault, texts_of
from siting.program.limits import Limit
from siting.review.added_places import match_places, study_of_sites, study_with_sites
from siting.sites.chargers_text import charger_counts
from siting.sites.configurations import EXISTING, EXTENDED, UPGRADED
from siting.study.pipeline import Study
from siting.study.read_sources import configurations_of, on_the_grid
from siting.study.stages import Layer, Table
from siting.study.to_limits import bare_names

ID_COLUMNS = ("site_id", "id")
TYPE_COLUMNS = ("charger_id", "charger", "charger_type", "type")
COUNT_COLUMNS = ("count", "number", "chargers")
YES, NO = ("true", "yes", "1", "1.0", "y"), ("false", "no", "0", "0.0", "n", "", "nan", "none")


@dataclass(frozen=True)
class Catalogue:
    """The study's configurations and charger types, and a layer's names for them."""

    configurations: Mapping[str, Mapping[str, int]]  # the number of chargers of each type
    chargers: Collection[str]
    names: Mapping[str, str]  # the study's name for each name in the layer
    # The rows in which each unknown name occurs; filled as rows are read.
    unknown: dict[str, list[str]] = field(default_factory=dict)

    @property
    def known(self) -> list[str]:
        """The study's names of configurations and charger types."""
        return [*self.configurations, *sorted(self.chargers)]

    def of(self, name: str, number: int) -> dict[str, int] | None:
        """Return `number` times the chargers of a configuration or type; None if it is unknown."""
        bare = name.removeprefix(EXTENDED).removesuffix(UPGRADED)
        ours = self.names.get(name, self.names.get(bare, bare))
        if ours in self.configurations:
            return {c: n * number for c, n in self.configurations[ours].items()}
        return {ours: number} if ours in self.chargers else None


def read_their_layer(path: Path, catalogue: Catalogue) -> Layer:
    """Return the stations of a layer (lon/lat), with their chargers by type in ``counts``.

    `path` is a layer of points, or a CSV with ``lon`` and ``lat``. The chargers are read from the
    first of these columns that the layer has: ``chargers`` as text (``2 x dc_60 + 4 x lev_3``);
    ``configuration``, the name of a configuration; one column of numbers per charger type
    (``dc_60``, ``lev_3``); or ``charger`` with ``count``. Ids are in ``site_id`` or ``id``, names
    in ``name``, and ``existing`` is true for an existing station. ``counts`` leaves out unknown
    chargers. An `InputError` lists every error: geometries other than points, repeated or missing
    ids, missing chargers, and numbers that are not whole.
    """
    layer = read_layer(path)
    faults: list[Fault] = []
    id_column = next((c for c in ID_COLUMNS if c in layer.columns), None)
    ids = _row_ids(layer, path, id_column, faults)
    faults += _shape_faults(layer, path, ids)
    existing = _existing(layer, path, ids, faults)
    have, names = f"known names: {', '.join(catalogue.known)}", catalogue.names.items()
    wrong = [f"{name}={ours}" for name, ours in names if ours not in catalogue.known]
    faults += naming("map-config", "no such configuration", wrong, have)
    counts = counts_of(layer, path, ids, existing, catalogue, faults)
    refuse(faults)
    called = layer["name"] if "name" in layer.columns else pd.Series(None, index=layer.index)
    return gpd.GeoDataFrame(
        {
            "their_id": ids,
            "name": called.astype("str").where(called.notna()).to_numpy(),
            "existing": existing,
            "counts": pd.Series(counts, dtype=object),
        },
        geometry=layer.geometry.to_numpy(),
        crs=4326,
    )


def _row_ids(layer: Layer, path: Path, column: str | None, faults: list[Fault]) -> list[str]:
    if column is None:
        return list(row_labels(path, range(len(layer))))
    where, ids = f"{path}, column {column}", layer[column].astype("str").str.strip()
    lost = layer[column].isna() | (ids == "")
    faults += rows_fault(where, lost, path, "blank", "give each row an id")
    fix = "give each station one row, with all its chargers"
    twice = ids.duplicated(keep=False) & ~lost
    faults += rows_fault(where, twice, ids, "the same id in several rows", fix)
    return [str(i) for i in ids]


def _shape_faults(layer: Layer, path: Path, ids: list[str]) -> list[Fault]:
    lost = (layer.geometry.isna() | layer.geometry.is_empty).to_numpy()
    other = ~lost & (layer.geom_type != "Point").to_numpy()
    kinds, where = ", ".join(sorted(set(layer.geom_type[other]))), f"{path}, geometry"
    return [
        *rows_fault(where, lost, ids, "missing", "leave these rows out"),
        *rows_fault(where, other, ids, f"{kinds}, not points", "give points"),
    ]


def _existing(layer: Layer, path: Path, ids: list[str], faults: list[Fault]) -> np.ndarray:
    if "existing" not in layer.columns:
        return (texts_of(layer, "configuration") == EXISTING).to_numpy()
    text = texts_of(layer, "existing").str.casefold()
    odd = ~text.isin((*YES, *NO))
    faults += rows_fault(f"{path}, column existing", odd, ids, "neither true nor false")
    return text.isin(YES).to_numpy()


def counts_of(
    layer: Layer,
    path: Path,
    ids: list[str],
    existing: np.ndarray,
    catalogue: Catalogue,
    faults: list[Fault],
) -> list[dict[str, int]]:
    """Return the new chargers of each row, by type; an existing station has none."""
    asked = _asked(layer, path, catalogue)
    if asked is None:
        if not existing.all():
            have = ", ".join(str(c) for c in layer.columns if c != layer.active_geometry_name)
            fix = (
                "give a `chargers` column (2 x dc_60 + 4 x lev_3), a `configuration` column "
                f"({_some(catalogue.configurations)}), one column for each charger type, or "
                f"`charger` and `count`; the layer has: {have}"
            )
            faults.append(Fault(str(path), "has no column for chargers", fix))
        return [{} for _ in ids]
    where, rows = asked
    out: list[dict[str, int]] = []
    blank, odd = [], []
    for label, stands, row in zip(ids, existing, rows, strict=True):
        counts = Counter[str]()
        if isinstance(row, str):
            odd.append(f"{label}: {row}")
        elif not row and not stands:
            blank.append(label)
        for name, number in row.items() if isinstance(row, dict) and not stands else ():
            part = catalogue.of(name, number)
            if part is None:
                catalogue.unknown.setdefault(name, []).append(label)
            counts.update(part or {})
        out.append(dict(counts))
    fix = "write whole numbers and types: 2 x dc_60 + 4 x lev_3"
    faults += naming(where, "cannot be read as chargers", odd, fix)
    faults += naming(where, "no chargers", blank, "enter the chargers, or leave the row out")
    return out


def _asked(
    layer: Layer, path: Path, catalogue: Catalogue
) -> tuple[str, Sequence[dict[str, int] | str]] | None:
    """Return the columns that give the chargers, and each row's chargers or error; None if none."""
    columns = set(map(str, layer.columns))
    if "chargers" in columns and pd.to_numeric(layer["chargers"], errors="coerce").isna().all():
        return f"{path}, column chargers", [_in_words(text) for text in texts_of(layer, "chargers")]
    if "configuration" in columns:
        names = texts_of(layer, "configuration")
        return f"{path}, column configuration", [{name: 1} if name else {} for name in names]
    types = catalogue.chargers
    wide = [c for c in map(str, layer.columns) if c in types or catalogue.names.get(c) in types]
    if wide:
        rows = [_one_row(row, least=0) for row in layer[wide].to_dict("records")]
        return f"{path}, columns {', '.join(wide)}", rows
    kind = next((c for c in TYPE_COLUMNS if c in columns), None)
    count = next((c for c in COUNT_COLUMNS if c in columns), None)
    if kind is None or count is None:
        return None
    rows = [
        _one_row({name: number}, least=1) if name else {}
        for name, number in zip(texts_of(layer, kind), layer[count], strict=True)
    ]
    return f"{path}, columns {kind} and {count}", rows


def _in_words(text: str) -> dict[str, int] | str:
    try:
        return charger_counts(text)[0] if text else {}
    except ValueError as err:
        return str(err)


def _one_row(numbers: Mapping[Any, Any], *, least: int) -> dict[str, int] | str:
    """Return the number of chargers by type, or the error; `least`: the smallest valid number."""
    counts = {}
    for name, value in numbers.items():
        if pd.isna(value) or not str(value).strip():
            if least:
                return f"{name}: no number"
            continue
        number = pd.to_numeric(str(value), errors="coerce")
        if pd.isna(number) or number != round(number) or number < least:
            return f"{name}: {value}"
        if number:
            counts[str(name)] = int(number)
    return counts


def their_plan(
    study: Study, layer: Layer, catalogue: Catalogue, where: str
) -> tuple[Study, tuple[str, ...], list[str], list[str]]:
    """Return a layer's stations as offers at sites of a study, priced under the study's rules.

    The results are the study with the layer's sites and offers (an offer's `reason` is the rule
    that excludes it), the plan's offers (existing stations included), the rules that the plan
    breaks, in words, and further notes for readers.

    Points are matched to candidates as in `siting.review.added_places.match_places`, within
    ``candidates.merge_within_m``. Any other point becomes a new site on the nearest road. `where`
    names the file in messages. An `InputError` lists every point outside the road network or far
    from a road, and every existing station that the study does not have.
    """
    settings, ours = study.config.candidates, study.candidates
    theirs = layer.to_crs(study.network.crs)
    known, ids = ours["site_id"].astype(str).tolist(), theirs["their_id"].astype(str).tolist()
    here, there = (table.get_coordinates().to_numpy() for table in (theirs, ours))
    match = match_places(here, ids, there, known, settings.merge_within_m)
    lone, stands = theirs[match < 0], theirs["existing"].to_numpy(dtype=bool)
    stray = stands & ~((match >= 0) & ours["existing"].to_numpy(dtype=bool)[match])
    what = "marked as existing, but the study has no station there"
    fix = "add it to candidates.existing, or set existing to false"
    faults = rows_fault(f"{where}, column existing", stray, ids, what, fix)
    snapped, off_road = on_roads(study, lone, where)
    refuse(faults + off_road)
    new = theirs[["their_id", "counts"]].assign(site_id=np.array(known, dtype=object)[match])
    new.loc[match < 0, "site_id"] = _ids(lone["their_id"].astype(str), set(known))
    added = own_sites(lone, new.loc[match < 0, "site_id"], snapped)
    empty = (new["counts"].map(len) == 0) & ~stands
    new = new[~stands & ~empty].reset_index(drop=True)
    added = added[added["site_id"].isin(new["site_id"])].reset_index(drop=True)
    if len(added):
        added = on_the_grid(study.config, added, study.site_costs.line_detour)
    priced, ruled_out = _priced(study, pd.concat([ours, added]), new)
    more = priced[~priced["offer_id"].isin(study.offers["offer_id"])].drop_duplicates("offer_id")
    kept = study.offers[study.offers["existing"].to_numpy(bool)]
    kept = kept[~kept["site_id"].isin(new["site_id"])]
    chosen = (*kept["offer_id"].astype(str), *priced["offer_id"].astype(str))
    have = ", ".join(catalogue.known)
    broken = [
        f"{name}: no such charger or configuration in the study; scored without it "
        f"({_some(rows)}); known names: {have}; map {name} to one of these"
        for name, rows in catalogue.unknown.items()
    ]
    built = {*kept["site_id"], *new["site_id"]}
    lacking = [site for site in study.required_sites if site not in built]
    barred = [site for site in study.forbidden_sites if site in built]
    said = {"required sites without a station": lacking, "forbidden sites with a station": barred}
    broken += [*ruled_out, *(f"{what}: {_some(names)}" for what, names in said.items() if names)]
    notes = []
    if empty.any():
        left = _some(theirs["their_id"][empty])
        notes.append(f"stations without any known charger are left out: {left}")
    if study.config.offers.existing_policy == "ignore" and stands.any():
        notes.append("the layer's existing stations are left out, as configured")
    return study_with_sites(study, added, more), tuple(sorted(chosen)), broken, notes


def on_roads(study: Study, lone: Layer, where: str) -> tuple[Table, list[Fault]]:
    """Return points snapped to roads, and errors for points outside the network or far from it."""
    network, most_m = study.network, study.config.candidates.max_snap_m
    snapped = roads.snap(lone, network, most_m)
    far = snapped["node_id"].isna().to_numpy()
    if not far.any():
        return snapped, []
    area = shapely.box(*(network.nodes.total_bounds + most_m * np.array([-1, -1, 1, 1])))
    outside = ~lone.geometry[far].intersects(area).to_numpy()
    names = lone["their_id"].astype(str)[far]
    labels = [f"{n}: {m:,.0f} m" for n, m in zip(names, snapped["road_m"][far], strict=True)]
    where, out = f"{where}, geometry", f"outside the study area ({extent(network.nodes)})"
    what = f"more than {most_m:g} m from the nearest road"
    fix = "move them to a road, or raise candidates.max_snap_m"
    faults = rows_fault(where, outside, names, out, "leave them out")
    return snapped, faults + rows_fault(where, ~outside, labels, what, fix)


def _ids(wanted: Iterable[str], known: set[str]) -> list[str]:
    """Return an id for each new site: the id in the layer, changed if it is already taken."""
    ids: list[str] = []
    for i, theirs in enumerate(wanted, start=1):
        taken = {*known, *ids}
        tries = (theirs, f"theirs {theirs}", f"theirs {i}")
        ids.append(next((name for name in tries if name not in taken), tries[-1]))
    return ids


def own_sites(
    lone: Layer,
    ids: pd.Series[Any],
    snapped: Table,
    kind: str = "theirs",
    source: str = "the layer under evaluation",
) -> Layer:
    """Turn points that match no candidate into new candidates of the study."""
    added = gpd.GeoDataFrame(
        {
            "site_id": ids.to_numpy(object),
            "name": lone["name"].to_numpy(object),
            "kind": kind,
            "existing": False,
            "existing_power_kw": 0.0,
            "source": source,
            "node_id": snapped["node_id"].to_numpy(),
            "snap_m": snapped["snap_m"].to_numpy(dtype=float),
        },
        geometry=lone.geometry.to_numpy(),
        crs=lone.crs,
    )
    added["name"] = added["name"].astype("str").where(added["name"].notna())
    added["node_id"] = added["node_id"].astype("Int64")
    return added


def _priced(study: Study, candidates: Layer, new: Table) -> tuple[Table, list[str]]:
    """Return the offer of each row in `new`, and the rules that these offers break."""
    if new.empty:
        return study.offers.iloc[:0], []
    asked = study.config.offers
    there = configurations_of(asked)
    name_of = {frozenset(counts.items()): name for name, counts in there.items()}
    names = [
        name_of.get(
            frozenset(counts.items()), " and ".join(f"{n} x {c}" for c, n in counts.items())
        )
        for counts in new["counts"]
    ]
    wanted = {name: there.get(name, own) for name, own in zip(names, new["counts"], strict=True)}
    policy = "extend" if asked.existing_policy == "keep" else asked.existing_policy
    keys = {"offers.configurations": wanted, "offers.sizes": None, "offers.existing_policy": policy}
    config = with_keys(study.config, keys)
    here = candidates[candidates["site_id"].isin(set(new["site_id"]))]
    offers = study_of_sites(study, here.reset_index(drop=True), config).offers
    offers = offers[~offers["existing"].to_numpy(bool)]
    key = pd.MultiIndex.from_arrays([offers["site_id"], bare_names(offers)])
    at = key.get_indexer(pd.MultiIndex.from_arrays([new["site_id"], names]))
    picked = offers.iloc[at].reset_index(drop=True)
    reason = texts_of(picked, "reason")
    same = (new["site_id"] == new["their_id"]).to_numpy()
    labels = new["their_id"].where(same, new["their_id"] + " (site " + new["site_id"] + ")")
    broken = [f"{label}: {why}" for label, why in zip(labels, reason, strict=True) if why]
    extends = picked["extends"].to_numpy(bool)
    if asked.existing_policy == "keep" and extends.any():
        ids = _some(labels[extends])
        broken.append(f"adds to existing stations, which the study keeps as they are: {ids}")
        said = "existing stations are kept as they are"
        picked["reason"] = reason.mask(extends & (reason == ""), said)
    return picked, broken


def _some(ids: Iterable[object]) -> str:
    names = list(map(str, ids))
    more = f" and {len(names) - SHOWN_IDS:,} more" if len(names) > SHOWN_IDS else ""
    return ", ".join(names[:SHOWN_IDS]) + more


def over_limits(
    limits: Iterable[Limit],
    offers: Table,
    drawn_pkr: Mapping[str, float],
    spacing_m: float | None,
) -> list[str]:
    """Return, in words, the limits that a plan breaks; `drawn_pkr`: payments by ``offer_id``."""
    broken, near = [], dict[str, None]()
    site = offers.set_index("offer_id")["site_id"]
    for limit in limits:
        used = limit.used(drawn_pkr)
        most = limit.at_most + 1e-6 * max(1.0, limit.at_most)
        least = limit.at_least - 1e-6 * max(1.0, limit.at_least)
        if least <= used <= most:
            continue
        if limit.kind == "spacing":
            near.update(dict.fromkeys(site[[o for o in drawn_pkr if limit.use.get(o)]]))
        else:
            there = f"{limit.at_most:,.10g} {limit.unit} available"
            if used < least:
                there = f"{limit.at_least:,.10g} {limit.unit} required"
            broken.append(f"{limit.kind} {limit.name}: {used:,.10g} {limit.unit} used, {there}")
    if near:
        broken.append(f"spacing: {len(near)} stations are closer than {spacing_m:g} m to another "
                      f"station ({_some(near)})")  # fmt: skip
    return broken
