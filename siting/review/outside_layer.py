"""A plan from outside: a layer of points with chargers, every fault named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.errors import Fault, refuse
from siting.files import read_layer, row_labels
from siting.sites.chargers_text import charger_counts
from siting.sites.configurations import EXISTING, EXTENDED, UPGRADED

ID_COLUMNS = ("site_id", "id")
TYPE_COLUMNS = ("charger_id", "charger", "charger_type", "type")
COUNT_COLUMNS = ("count", "number", "chargers")
YES, NO = ("true", "yes", "1", "1.0", "y"), ("false", "no", "0", "0.0", "n", "", "nan", "none")


@dataclass(frozen=True, eq=False)
class TheirLayer:
    """A layer of stations as it was read."""

    # Their_id, name, existing, counts (chargers by type), geometry; lon/lat.
    sites: gpd.GeoDataFrame
    # Unknown chargers and configurations, left out of `counts`, each with its rows.
    unknown: dict[str, tuple[str, ...]]
    known: tuple[str, ...] = ()  # the configurations and chargers there are


def read_their_layer(
    path: Path,
    configurations: Mapping[str, Mapping[str, int]],
    chargers: pd.DataFrame,
    names: Mapping[str, str] | None = None,
) -> TheirLayer:
    """Return the stations of a layer, with their number of chargers of each type.

    The chargers are read from the first of these that the layer has: ``chargers`` in words (``2 x
    dc_60 + 4 x lev_3``); ``configuration``, a name of the configurations; a column of numbers for
    each charger type (``dc_60``, ``lev_3``); or ``charger`` with ``count``. `path` is a layer of
    points, or a CSV with ``lon`` and ``lat``. A column ``site_id`` or ``id`` names the rows,
    ``name`` is what people call them, and a true ``existing`` says that a station stands already.
    `configurations` are name, then charger type and number; `names` gives what the layer calls them
    and what the study does. An `InputError` names every fault at once: not points, ids given twice
    or missing, no chargers, numbers that are not whole.
    """
    layer = read_layer(path)
    names = dict(names or {})
    faults: list[Fault] = []
    id_column = next((c for c in ID_COLUMNS if c in layer.columns), None)
    ids = _ids(layer, path, id_column, faults)
    faults += _shape_faults(layer, path, ids)
    existing = _existing(layer, path, ids, faults)
    known = set(chargers["charger_id"].astype(str))
    there_are = (*configurations, *sorted(known))
    bad_names = tuple(
        f"{theirs}={ours}"
        for theirs, ours in names.items()
        if ours not in configurations and ours not in known
    )
    if bad_names:
        have = ", ".join(there_are)
        faults.append(Fault("map-config", "no such configuration", f"there are: {have}", bad_names))
    catalogue = Catalogue(configurations, known, names)
    counts = counts_of(layer, path, ids, existing, catalogue, faults)
    refuse(faults)
    called = layer["name"] if "name" in layer.columns else pd.Series(None, index=layer.index)
    sites = gpd.GeoDataFrame(
        {
            "their_id": ids,
            "name": called.astype("str").where(called.notna()).to_numpy(),
            "existing": existing,
            "counts": pd.Series(counts, dtype=object),
        },
        geometry=layer.geometry.to_numpy(),
        crs=4326,
    )
    unknown = {name: tuple(rows) for name, rows in catalogue.unknown.items()}
    return TheirLayer(sites, unknown, there_are)


@dataclass(frozen=True)
class Catalogue:
    """The study's configurations and types, and the layer's names for them."""

    configurations: Mapping[str, Mapping[str, int]]
    chargers: set[str]
    names: Mapping[str, str]
    # The rows with a name that is none of these, by that name; filled as rows are read.
    unknown: dict[str, list[str]] = field(default_factory=dict)

    def of(self, name: str, number: int) -> dict[str, int] | None:
        """Return the chargers of a number of configurations or types; None if unknown."""
        bare = name.removeprefix(EXTENDED).removesuffix(UPGRADED)
        ours = self.names.get(name, self.names.get(bare, bare))
        if ours in self.configurations:
            return {c: n * number for c, n in self.configurations[ours].items()}
        return {ours: number} if ours in self.chargers else None


def _ids(layer: gpd.GeoDataFrame, path: Path, column: str | None, faults: list[Fault]) -> list[str]:
    if column is None:
        return list(row_labels(path, range(len(layer))))
    lost = layer[column].isna() | (layer[column].astype("str").str.strip() == "")
    if lost.any():
        rows = row_labels(path, np.flatnonzero(lost))
        faults.append(Fault(f"{path}, column {column}", "blank", "give each row an id", rows))
    ids = layer[column].astype("str").str.strip()
    twice = ids.duplicated(keep=False) & ~lost
    if twice.any():
        again = tuple(dict.fromkeys(ids[twice]))
        fix = "one row a station: put several chargers into one row"
        faults.append(Fault(f"{path}, column {column}", "the same id in several rows", fix, again))
    return [str(i) for i in ids]


def _shape_faults(layer: gpd.GeoDataFrame, path: Path, ids: list[str]) -> list[Fault]:
    lost = (layer.geometry.isna() | layer.geometry.is_empty).to_numpy()
    other = ~lost & (layer.geom_type != "Point").to_numpy()
    kinds = ", ".join(sorted(set(layer.geom_type[other])))
    named = np.array(ids, dtype=object)
    return [
        Fault(f"{path}, geometry", what, fix, tuple(named[rows]))
        for rows, what, fix in (
            (lost, "missing", "leave these rows out"),
            (other, f"{kinds}, not points", "give points"),
        )
        if rows.any()
    ]


def _existing(
    layer: gpd.GeoDataFrame, path: Path, ids: list[str], faults: list[Fault]
) -> np.ndarray:
    stands = np.zeros(len(layer), dtype=bool)
    if "existing" in layer.columns:
        given = layer["existing"]
        text = given.astype("str").where(given.notna(), "").str.strip().str.casefold()
        stands = text.isin(YES).to_numpy()
        odd = ~(text.isin(YES) | text.isin(NO)).to_numpy()
        if odd.any():
            rows = tuple(np.array(ids, dtype=object)[odd])
            faults.append(Fault(f"{path}, column existing", "neither true nor false", "", rows))
    elif "configuration" in layer.columns:
        stands = (layer["configuration"].astype("str").str.strip() == EXISTING).to_numpy()
    return stands


def counts_of(
    layer: gpd.GeoDataFrame,
    path: Path,
    ids: list[str],
    existing: np.ndarray,
    catalogue: Catalogue,
    faults: list[Fault],
) -> list[dict[str, int]]:
    """Return the chargers of each row; an existing station has none that are new."""
    asked = _asked(layer, path, catalogue)
    if asked is None:
        if existing.all():
            return [{} for _ in ids]
        have = ", ".join(str(c) for c in layer.columns if c != layer.active_geometry_name)
        some = ", ".join(catalogue.configurations)
        faults.append(
            Fault(
                str(path),
                "says nothing of chargers",
                "give a column chargers (2 x dc_60 + 4 x lev_3), configuration "
                f"({some}), one for each charger type, or charger and count; it has: {have}",
            )
        )
        return [{} for _ in ids]
    where, rows = asked
    out: list[dict[str, int]] = []
    blank, odd = [], []
    for label, stands, row in zip(ids, existing, rows, strict=True):
        counts: dict[str, int] = {}
        if isinstance(row, str):
            odd.append(f"{label}: {row}")
        elif not row and not stands:
            blank.append(label)
        for name, number in row.items() if isinstance(row, dict) and not stands else ():
            part = catalogue.of(name, number)
            if part is None:
                catalogue.unknown.setdefault(name, []).append(label)
            for charger, some_more in (part or {}).items():
                counts[charger] = counts.get(charger, 0) + some_more
        out.append(counts)
    if odd:
        fix = "write whole numbers and types: 2 x dc_60 + 4 x lev_3"
        faults.append(Fault(where, "cannot be read as chargers", fix, tuple(odd)))
    if blank:
        faults.append(Fault(where, "no chargers", "fill it in, or leave the row out", tuple(blank)))
    return out


def _asked(
    layer: gpd.GeoDataFrame, path: Path, catalogue: Catalogue
) -> tuple[str, list[dict[str, int] | str]] | None:
    """Return the columns with chargers, and the content of each row; a text is a fault."""
    columns = set(map(str, layer.columns))
    if "chargers" in columns and pd.to_numeric(layer["chargers"], errors="coerce").isna().all():
        return f"{path}, column chargers", [_in_words(v) for v in layer["chargers"]]
    if "configuration" in columns:
        rows = [{} if _is_blank(v) else {str(v).strip(): 1} for v in layer["configuration"]]
        return f"{path}, column configuration", rows  # type: ignore[return-value]
    wide = [
        c
        for c in map(str, layer.columns)
        if c in catalogue.chargers or catalogue.names.get(c) in catalogue.chargers
    ]
    if wide:
        many = [_one_row({c: layer[c].iloc[i] for c in wide}, least=0) for i in range(len(layer))]
        return f"{path}, columns {', '.join(wide)}", many
    kind = next((c for c in TYPE_COLUMNS if c in columns), None)
    count = next((c for c in COUNT_COLUMNS if c in columns), None)
    if kind is None or count is None:
        return None
    pairs: list[dict[str, int] | str] = [
        {} if _is_blank(name) else _one_row({str(name).strip(): number}, least=1)
        for name, number in zip(layer[kind], layer[count], strict=True)
    ]
    return f"{path}, columns {kind} and {count}", pairs


def _in_words(value: Any) -> dict[str, int] | str:
    if _is_blank(value):
        return {}
    try:
        return charger_counts(str(value))[0]
    except ValueError as err:
        return str(err)


def _one_row(numbers: Mapping[str, Any], *, least: int) -> dict[str, int] | str:
    counts = {}
    for name, value in numbers.items():
        if _is_blank(value):
            if least:
                return f"{name}: no number"
            continue
        number = pd.to_numeric(str(value), errors="coerce")
        if not (number == round(number) and number >= least) if pd.notna(number) else True:
            return f"{name}: {value}"
        if number:
            counts[name] = int(number)
    return counts


def _is_blank(value: Any) -> bool:
    return bool(pd.isna(value)) or str(value).strip() == ""
