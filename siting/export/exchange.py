"""Export a plan to GeoPackage, Shapefile, GeoParquet, KML, workbooks and other formats."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from siting.errors import Fault, InputError, listed, naming, refuse
from siting.export.dictionary import data_dictionary_of, fields_of, short_names
from siting.export.geojson import write_geojson
from siting.export.geopackage import storable, write_geopackage
from siting.export.lonlat import to_lonlat
from siting.export.styles import styles_of
from siting.export.values import rounded, write_csv
from siting.texts import kml_text
from siting.writing import require_free, write_whole

logger = logging.getLogger(__name__)

# Default layers of formats that contain a single layer, and of formats that contain several.
ONE, DRAWN = ("sites",), ("sites", "demand")
ENDINGS = (".gpkg", ".shp", ".parquet", ".fgb", ".geojson", ".kml", ".xlsx")
BESIDE_SHP = (".shx", ".dbf", ".prj", ".cpg", ".fields.csv")
# Maximum length of a text in a Shapefile, in bytes of UTF-8; an Urdu letter takes two bytes.
TEXT_BYTES = 254
# Maximum number of rows of a sheet, header included.
SHEET_ROWS = 1_048_576


def require_ending(path: Path) -> None:
    """Raise `InputError` unless a file's extension is one of `ENDINGS`."""
    suffix = path.suffix.lower()
    if suffix not in ENDINGS:
        fix = f"use one of {', '.join(ENDINGS)}"
        raise InputError(str(path), f"unknown file extension {suffix or '(none)'}", fix)


def write_exchange(
    layers: Mapping[str, pd.DataFrame], path: Path, names: Sequence[str] = (), *, title: str = "",
    note: str = "",
) -> Path:  # fmt: skip
    """Write layers to a file for other programs, in lon/lat (EPSG:4326); return the file.

    The extension of `path`, a new file, determines the format. ``.parquet`` (GeoParquet), ``.fgb``
    (FlatGeobuf), ``.geojson`` and ``.shp`` (Shapefile) contain one layer; ``.kml`` and ``.gpkg``
    (GeoPackage) can contain several. Field names in a Shapefile have at most ten letters;
    ``NAME.fields.csv`` explains them. A workbook (``.xlsx``) has a sheet for each layer or
    table, and a sheet with the meaning of each column. In a workbook, the columns ``lon`` and
    ``lat`` give a point inside each shape.

    `layers` are as in `siting.Plan.layers`. `names` lists the layers to write. The default is
    ``sites``; for KML and GeoPackage, ``sites`` and ``demand``; for a workbook, all layers except
    ``roads``. `title` and `note` come from the study. Raises `InputError` if the extension or a
    layer is unknown, or a layer does not fit the format.
    """
    suffix = path.suffix.lower()
    all_but_roads = [name for name in layers if name != "roads"]
    usual = {".kml": DRAWN, ".gpkg": DRAWN, ".xlsx": all_but_roads}.get(suffix, ONE)
    require_ending(path)
    for one in (path, *map(path.with_suffix, BESIDE_SHP if suffix == ".shp" else ())):
        require_free(one)
    wanted = listed("layers", names) or list(usual)
    unknown, known = [name for name in wanted if name not in layers], ", ".join(layers)
    faults = naming("layer", "is not a layer of the plan", unknown, f"known names: {known}")
    if len(wanted) > 1 and usual == ONE:
        faults.append(Fault(str(path), "can contain only one layer", "write a file for each layer"))
    bare = [name for name in wanted if not isinstance(layers.get(name), gpd.GeoDataFrame)]
    if suffix != ".xlsx" and not unknown:
        faults += naming(str(path), "cannot contain tables without geometry", bare, "use .xlsx")
    refuse(faults)
    chosen = {name: layers[name] for name in wanted}

    def write(part: Path) -> None:
        name, layer = next(iter(chosen.items()))  # the only layer of a one-layer format
        match suffix:
            case ".parquet":
                _ready(name, layer).to_parquet(part, index=False, compression="zstd")
            case ".fgb":
                pyogrio.write_dataframe(_ready(name, layer), part, driver="FlatGeobuf", layer=name)
            case ".geojson":
                write_geojson(gpd.GeoDataFrame(layer), part, name=name, note=note)
            case ".shp":
                _shapefile(name, layer, part, path, note)
            case ".kml":
                _kml(chosen, part)
            case ".gpkg":
                about = dict.fromkeys(chosen, ". ".join(filter(None, (title, note))))
                styles = {name: styles_of(name, layer) for name, layer in chosen.items()}
                write_geopackage(part, chosen, descriptions=about, styles=styles)
            case ".xlsx":
                _workbook(chosen, part, title, note)

    write_whole(path, write)
    return path


def _ready(name: str, layer: pd.DataFrame) -> gpd.GeoDataFrame:
    drawn = to_lonlat(gpd.GeoDataFrame(layer), name)
    table = storable(rounded(pd.DataFrame(drawn.drop(columns="geometry"))))
    return gpd.GeoDataFrame(table, geometry=drawn.geometry.to_numpy(), crs=4326)


def _shapefile(name: str, layer: pd.DataFrame, part: Path, path: Path, note: str) -> None:
    """Write a layer's Shapefile to `part`, and its accompanying files next to `path`."""
    ready = _ready(name, layer)
    columns = [str(c) for c in ready.columns if c != "geometry"]
    short = short_names(columns)
    meant = data_dictionary_of({name: columns})
    meant.insert(0, "short", meant["field"].map(short))
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}", dir=path.parent) as folder:
        made = Path(folder, path.name)
        named = _with_short_texts(name, ready).rename(columns=short)
        pyogrio.write_dataframe(named, made, driver="ESRI Shapefile", encoding="UTF-8")
        write_csv(meant, made.with_suffix(".fields.csv"), note=note)
        for beside in sorted(Path(folder).iterdir()):
            beside.replace(part if beside == made else path.parent / beside.name)


def _with_short_texts(name: str, table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the table with its texts cut to fit a Shapefile; log the number of cut texts."""
    cut = 0
    for column in table.select_dtypes(["object", "str"]).columns:
        long = [isinstance(v, str) and len(v.encode()) > TEXT_BYTES for v in table[column]]
        cut += sum(long)
        table.loc[long, column] = [
            text.encode()[:TEXT_BYTES].decode(errors="ignore") for text in table.loc[long, column]
        ]
    if cut:
        what = "%s: %s text values were cut to the %s bytes that a Shapefile allows"
        logger.warning(what + "; write a .gpkg to keep whole texts", name, f"{cut:,}", TEXT_BYTES)
    return table


def _kml(layers: dict[str, pd.DataFrame], part: Path) -> None:
    for n, (name, layer) in enumerate(layers.items()):
        ready = _ready(name, layer)
        for column in ready.select_dtypes(["object", "str"]).columns:
            ready[column] = ready[column].map(kml_text, na_action="ignore")
        # GDAL reads every flag in a KML file as false, and writes long integers as text.
        small = [c for c in ready.columns if _fits_int32(ready[c])]
        ready = ready.astype(dict.fromkeys(small, "int32"))
        ready = ready.rename(columns={"name": "Name"})  # KML's label of a placemark
        pyogrio.write_dataframe(ready, part, driver="LIBKML", layer=name, append=n > 0)


def _fits_int32(column: pd.Series) -> bool:
    """Return whether a column has only flags or 32-bit integers, and no missing value."""
    if not pd.api.types.is_integer_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return False
    return not column.hasnans and bool((column.astype("int64").abs() < 2**31).all())


def _workbook(layers: dict[str, pd.DataFrame], part: Path, title: str, note: str) -> None:
    readme = [("title", title), ("note", note), ("coordinates", "lon, lat: degrees, WGS 84")]
    readme += [(f"sheet {name}", f"{len(table):,} rows") for name, table in layers.items()]
    readme.append(("sheet dictionary", "meaning and unit of each column"))
    long = [name for name, table in layers.items() if len(table) >= SHEET_ROWS]
    what = f"has more than the {SHEET_ROWS:,} rows that a sheet can contain"
    refuse(naming("layer", what, long, "write a .parquet"))
    sheets = {"readme": pd.DataFrame(readme, columns=["what", "is"])}
    sheets |= {name: _sheet(name, table) for name, table in layers.items()}
    points = [name for name, table in layers.items() if isinstance(table, gpd.GeoDataFrame)]
    beside = dict.fromkeys(points, ("lon", "lat"))
    sheets["dictionary"] = data_dictionary_of(fields_of(layers, beside))
    for n, (name, table) in enumerate(sheets.items()):
        pyogrio.write_dataframe(storable(table), part, driver="XLSX", layer=name[:31], append=n > 0)


def _sheet(name: str, table: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(table, gpd.GeoDataFrame):
        return rounded(table)
    ready = _ready(name, table)
    points = ready.geometry.representative_point()
    flat = pd.DataFrame(ready.drop(columns="geometry"))
    return flat.assign(lon=points.x.round(7), lat=points.y.round(7))
