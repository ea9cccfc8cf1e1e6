"""Trials: one spoilt input each, handed to the reader that a run would hand it to.

``python tests/hostile/trials.py 20000`` counts what gets through as anything but a `SitingError`.
"""

from __future__ import annotations

import bz2
import gzip
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import shapely
from hostile import mutators as spoil
from town import CONFIG, street, write_town

from siting import demand, reference, roads, sites
from siting.config import load
from siting.errors import SitingError
from siting.files import read_layer
from siting.roads.lines import lines_of_layer
from siting.study.read_sources import outline, read_area
from siting.writing import whole_folder, write_whole

EMBEDDED = Path(__file__).parents[2] / "configs" / "islamabad.yaml"


@dataclass(frozen=True)
class Escape:
    """What came out of a trial that is no plain error."""

    kind: str
    seed: int
    error: str
    at: str


# --- the good files that are spoilt ---------------------------------------------------------------

POINTS = {
    "type": "FeatureCollection",
    "name": "layer",
    "features": [
        {
            "type": "Feature",
            "id": i,
            "properties": {"id": f"p{i}", "name": f"Place {i}", "people": 10 + i, "power_kw": 60,
                           "headroom_kw": 200, "feeder_id": f"f{i}", "amenity": "fuel", "ports": 2},
            "geometry": {"type": "Point", "coordinates": [73.0 + i / 100, 33.6]},
        }
        for i in range(4)
    ],
}  # fmt: skip
SHAPES: dict[str, Any] = {
    "Polygon": [[[73.0, 33.6], [73.01, 33.6], [73.01, 33.61], [73.0, 33.6]]],
    "MultiPolygon": [[[[73.1, 33.6], [73.11, 33.6], [73.11, 33.61], [73.1, 33.6]]]],
    "LineString": [[73.0, 33.6], [73.01, 33.6]],
}
CSV = "lon,lat,people,name,power_kw,id\n73.0,33.6,8,West,60,a\n73.05,33.6,4,East,,b\n"
H3 = "h3,people\n8a2a1072b59ffff,12\n8a2a1072b597fff,4\n"


def features(rng: random.Random) -> dict[str, Any]:
    """Return a feature collection of points or of another shape."""
    kind = rng.choice(("Point", "Point", *SHAPES))
    if kind == "Point":
        return POINTS
    tree = json.loads(json.dumps(POINTS))
    for i, one in enumerate(tree["features"]):
        moved = json.loads(json.dumps(SHAPES[kind]).replace("33.6", f"3{3 + i}.6"))
        one["geometry"] = {"type": kind, "coordinates": moved}
    return tree


@cache
def layer_bytes(suffix: str) -> bytes:
    """Return a good layer of a binary form."""
    frame = gpd.GeoDataFrame.from_features(POINTS["features"], crs=4326)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"good{suffix}")
        if suffix == ".parquet":
            frame.to_parquet(path)
        else:
            frame.to_file(path, engine="pyogrio")
        return path.read_bytes()


@cache
def raster_bytes() -> bytes:
    """Return a good raster of people."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "good.tif")
        _write_raster(path, np.full((6, 6), 4.0, np.float32))
        return path.read_bytes()


def _write_raster(path: Path, values: np.ndarray, **changed: Any) -> None:
    import rasterio

    profile: dict[str, Any] = {
        "driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1,
        "dtype": values.dtype, "crs": "EPSG:4326",
        "transform": rasterio.Affine(0.01, 0, 73.0, 0, -0.01, 33.65),
    }  # fmt: skip
    with rasterio.open(path, "w", **(profile | changed)) as made:
        for band in range(1, made.count + 1):
            made.write(values, band)


@cache
def graphml_bytes() -> bytes:
    """Return a good GraphML of the town's street."""
    import osmnx

    with tempfile.TemporaryDirectory() as folder:
        osm = Path(folder, "roads.osm")
        osm.write_text(street(), encoding="utf-8")
        path = Path(folder, "roads.graphml")
        osmnx.save_graphml(roads.read_file(osm), path)
        return path.read_bytes()


@cache
def pbf_bytes() -> bytes:
    """Return a good PBF of the town's street."""
    import osmium

    with tempfile.TemporaryDirectory() as folder:
        osm, path = Path(folder, "roads.osm"), Path(folder, "roads.osm.pbf")
        osm.write_text(street(), encoding="utf-8")
        with osmium.SimpleWriter(str(path)) as writer:
            for thing in osmium.FileProcessor(str(osm)):
                writer.add(thing)
        return path.read_bytes()


@cache
def town_network() -> roads.Network:
    """Return the network of the town."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "roads.osm")
        path.write_text(street(), encoding="utf-8")
        return roads.network_from_file(path, reference.table("speeds"), "other")


# --- trials ---------------------------------------------------------------------------------------


def layer(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Spoil a layer of any form; read it as one of those who read layers would."""
    suffix = rng.choice((".geojson", ".geojson", ".csv", ".csv", ".gpkg", ".parquet", ".fgb"))
    path = folder / f"layer{suffix}"
    if suffix == ".geojson":
        path.write_bytes(_spoilt_geojson(rng))
    elif suffix == ".csv":
        text, data = rng.choice((CSV, CSV, H3)), b""
        data = spoil.csv_of(text, rng)
        path.write_bytes(data)
    elif suffix == ".gpkg":
        _spoilt_geopackage(path, rng)
    elif suffix == ".parquet":
        _spoilt_parquet(path, rng)
    else:
        path.write_bytes(spoil.bytes_of(layer_bytes(suffix), rng))
    name = rng.choice(list(READERS))
    return lambda: READERS[name](path)


READERS: dict[str, Callable[[Path], object]] = {
    "people": demand.read_people,
    "people of a raster": lambda path: demand.read_people(path, raster_deg=0.01),
    "cells": lambda path: demand.make_cells(demand.read_people(path), town_network()),
    "zones": lambda path: demand.read_zones(path, people_column="people"),
    "existing": sites.existing_stations,
    "sites": lambda path: sites.candidates_from_layer(path, name_column="name"),
    "merged": lambda path: sites.merge_candidates(
        [sites.candidates_from_layer(path)], town_network()
    ),
    "tags": lambda path: sites.candidates_from_pois(path, {"amenity": ["fuel"]}),
    "area": read_area,
    "lines": lambda path: lines_of_layer(path, "name", 32643, "key"),
    "feeders": lambda path: sites.assign_feeders(_candidates(), read_layer(path)),
    "grid": lambda path: sites.nearest_line_km(_candidates(), read_layer(path), 1.3),
}


@cache
def _candidates() -> gpd.GeoDataFrame:
    points = gpd.points_from_xy([73.01, 73.04], [33.6, 33.6], crs=4326)
    return gpd.GeoDataFrame({"site_id": ["a", "b"]}, geometry=points).to_crs(32643)


def _spoilt_geojson(rng: random.Random) -> bytes:
    tree = features(rng)
    if rng.random() < 0.1:
        name = rng.choice(("EPSG:0", "urn:ogc:def:crs:EPSG::999999", "IAU:30100", "", "x" * 999))
        tree = {**tree, "crs": {"type": "name", "properties": {"name": name}}}
    data = spoil.json_of(spoil.tree_of(tree, rng))
    return spoil.bytes_of(data, rng) if rng.random() < 0.2 else data


def _spoilt_geopackage(path: Path, rng: random.Random) -> None:
    data = layer_bytes(".gpkg")
    if rng.random() < 0.4:
        path.write_bytes(spoil.bytes_of(data, rng))
        return
    path.write_bytes(data)
    number = rng.choice((0, -1, 99999, 4326, 3857, 2**31, "x"))
    shape = rng.choice((b"GP\x00\x01\xe6\x10\x00\x00" + spoil.wkb_of(rng), b"", b"GP", None, "x"))
    statement, values = rng.choice((
        ("DELETE FROM gpkg_contents", ()),
        ("DELETE FROM gpkg_geometry_columns", ()),
        ("DELETE FROM gpkg_spatial_ref_sys", ()),
        ("UPDATE gpkg_spatial_ref_sys SET definition = ?", (spoil.one_word(rng),)),
        ("UPDATE gpkg_contents SET srs_id = ?", (number,)),
        ("UPDATE gpkg_geometry_columns SET srs_id = ?", (number,)),
        ("UPDATE gpkg_contents SET data_type = ?", (spoil.one_word(rng),)),
        ("UPDATE gpkg_geometry_columns SET geometry_type_name = ?", (spoil.one_word(rng),)),
        ("UPDATE good SET geom = ?", (shape,)), ("UPDATE good SET geom = ?", (shape,)),
        ("UPDATE good SET people = ?", (spoil.one_word(rng),)),
        ("UPDATE good SET name = ?", (spoil.one_word(rng),)),
        ("DROP TABLE good", ()), ("DELETE FROM good", ()),
        ("ALTER TABLE good DROP COLUMN people", ()),
        ("UPDATE good SET fid = fid + ?", (2**40,)),
    ))  # fmt: skip
    base = sqlite3.connect(path)
    try:
        for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            base.execute(f'DROP TRIGGER "{trigger}"')
        base.execute(statement, values)
        base.commit()
    except (sqlite3.Error, UnicodeEncodeError, OverflowError):
        path.write_bytes(spoil.bytes_of(data, rng))
    finally:
        base.close()


def _spoilt_parquet(path: Path, rng: random.Random) -> None:
    data = layer_bytes(".parquet")
    path.write_bytes(data)
    turn = rng.randrange(4)
    if turn == 0:
        path.write_bytes(spoil.bytes_of(data, rng))
        return
    table = pq.read_table(path)
    said = dict(table.schema.metadata or {})
    if turn == 1:
        about = spoil.tree_of(json.loads(said[b"geo"]), rng)
        said[b"geo"] = json.dumps(about).encode("utf-8", "replace")
        table = table.replace_schema_metadata(said)
    else:
        frame = table.to_pandas()
        column = rng.choice(list(frame.columns))
        values: list[Any] = list(frame[column])
        if column == "geometry" or turn == 2:
            frame["geometry"] = [spoil.wkb_of(rng) for _ in values]
        else:
            frame[column] = rng.choice(([None] * 4, [float("nan")] * 4, [-1] * 4, ["x"] * 4))
        import pyarrow as pa

        table = pa.Table.from_pandas(frame).replace_schema_metadata(said)
    if rng.random() < 0.1:
        said.pop(b"geo", None)
        table = table.replace_schema_metadata(said)
    pq.write_table(table, path)


def hexagons(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Spoil a table of people by hexagon."""
    if rng.random() < 0.5:
        path = folder / "h3.csv"
        path.write_bytes(spoil.csv_of(H3, rng))
    else:
        path = folder / "h3.parquet"
        names: list[Any] = rng.choice(
            ([-1, 2], [0, 2**63 - 1], [1.5, float("nan")], [None, None], ["", "8a"],
             [622236750694711295, 622236750694711295], [True, False], [b"8a", b"x"])
        )  # fmt: skip
        people: list[Any] = rng.choice(([1, 2], [-1, 2], ["x", "y"], [None, 1.0], [1e308, 1e308]))
        pd.DataFrame({"h3": names, "people": people}).to_parquet(path)
    return lambda: demand.read_people(path)


def raster(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Spoil a raster of people."""
    import rasterio

    path = folder / "people.tif"
    if rng.random() < 0.4:
        path.write_bytes(spoil.bytes_of(raster_bytes(), rng))
    else:
        odd = (0.0, 0.01, -0.01, 1e-300, 1e300, float("nan"), float("inf"), 1.0, 400.0)
        changed: dict[str, Any] = {}
        if rng.random() < 0.7:
            numbers = [0.01, 0.0, 73.0, 0.0, -0.01, 33.65]
            for _ in range(rng.choice((1, 2))):
                numbers[rng.randrange(6)] = rng.choice(odd)
            changed["transform"] = rasterio.Affine(*numbers)
        if rng.random() < 0.3:
            changed["crs"] = rng.choice((None, "EPSG:32643", "EPSG:3857", "EPSG:4978", "EPSG:5773"))
        if rng.random() < 0.2:
            changed["count"] = rng.choice((2, 3))
        if rng.random() < 0.2:
            changed["nodata"] = rng.choice((0, -9999, float("nan"), 4.0))
        kind = rng.choice((np.float32, np.float64, np.int16, np.uint8, np.complex64))
        values = np.full(rng.choice(((6, 6), (1, 1), (1, 9))), 4, dtype=kind)
        if kind in (np.float32, np.float64):
            values.flat[0] = rng.choice((np.nan, np.inf, -1.0, 1e38, 0.0))
        try:
            _write_raster(path, values, **changed)
        except (rasterio.errors.RasterioError, ValueError, OverflowError):
            path.write_bytes(spoil.bytes_of(raster_bytes(), rng))
    bounds = rng.choice((None, (73.0, 33.6, 73.02, 33.62), (60.0, 23.0, 78.0, 38.0)))
    area = None if bounds is None else shapely.box(*bounds)
    if rng.random() < 0.5:
        density = rng.random() < 0.3
        return lambda: demand.read_raster(path, area, density=density)
    around = outline(town_network(), 1000.0)
    return lambda: demand.raster_to_cells(path, town_network(), area=around)


def road_file(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Spoil a road file of any form."""
    suffix = rng.choice((".osm", ".osm", ".osm.gz", ".osm.bz2", ".osm.pbf", ".graphml",
                         ".graphml.gz"))  # fmt: skip
    path = folder / f"roads{suffix}"
    path.write_bytes(_spoilt_roads(suffix, rng))
    if suffix.startswith(".osm") and not suffix.endswith(".pbf") and rng.random() < 0.4:
        return lambda: sites.candidates_from_pois(path, {"highway": ["residential"]})
    return lambda: roads.network_from_file(path, reference.table("speeds"), "other")


def _spoilt_roads(suffix: str, rng: random.Random) -> bytes:
    if suffix == ".osm.pbf":
        return spoil.bytes_of(pbf_bytes(), rng)
    good = graphml_bytes() if "graphml" in suffix else street().encode()
    data = _spoilt_xml(good.decode(), rng).encode("utf-8", "surrogatepass")
    if suffix.endswith("gz"):
        data = gzip.compress(data)
    elif suffix.endswith("bz2"):
        data = bz2.compress(data)
    return spoil.bytes_of(data, rng) if rng.random() < 0.4 else data


def _spoilt_xml(text: str, rng: random.Random) -> str:
    """Return XML with attributes lost or odd, elements lost, or texts replaced."""
    for _ in range(rng.choice((1, 2, 4))):
        mark = rng.choice(('"', '"', "<", ">"))
        places = [i for i, sign in enumerate(text) if sign == mark]
        if len(places) < 3:
            return text
        i = rng.randrange(len(places) - 1)
        a, b = places[i], places[i + 1]
        word = spoil.one_word(rng)
        if rng.random() < 0.7:
            word = word.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
            word = "".join(sign for sign in word if sign >= " ")
        number = str(rng.choice(spoil.DEGREES))
        new = rng.choice((word, number, number, "", "999999999999999999999999"))
        text = text[: a + 1] + new + text[b:]
        if rng.random() < 0.15:
            text = text.replace(
                rng.choice((' lat="', ' id="', ' ref="', ' k="', " lon=")), " zz=", 1
            )
    return text


def table(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Spoil a table of figures given in place of the package's own."""
    name = rng.choice(list(TABLES))
    path = folder / f"{name}.csv"
    good = (Path(reference.__file__).parent / f"{name}.csv").read_text(encoding="utf-8")
    lines = good.splitlines()
    path.write_bytes(spoil.csv_of("\n".join(lines[: rng.choice((2, 5, len(lines)))]), rng))
    return lambda: TABLES[name](path)


TABLES: dict[str, Callable[[Path], object]] = {
    "chargers": sites.charger_catalogue,
    "grid": sites.grid_figures,
    "vehicles": demand.vehicle_figures,
    "profiles": demand.session_figures,
    "speeds": lambda path: reference.table("speeds", path),
    "cities": lambda path: reference.table("cities", path),
    "fleet": lambda path: demand.scenario_names(path),
}


def yaml_text(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Spoil the text of a configuration."""
    path = folder / "study.yaml"
    good = rng.choice((CONFIG, EMBEDDED.read_text(encoding="utf-8")))
    data = spoil.text_of(good, rng).encode("utf-8", "surrogatepass")
    path.write_bytes(spoil.bytes_of(data, rng) if rng.random() < 0.2 else data)
    return lambda: load(path, check_files=False)


@cache
def _keys() -> list[str]:
    from siting.config import schema

    whole = schema()
    found: list[str] = []

    def walk(part: dict[str, Any], name: str, depth: int) -> None:
        if "$ref" in part:
            part = whole["$defs"][part["$ref"].rpartition("/")[2]]
        for inner in (*part.get("anyOf", ()), *part.get("oneOf", ())):
            walk(inner, name, depth)
        for key, below in part.get("properties", {}).items():
            found.append(f"{name}{key}")
            if depth < 6:
                walk(below, f"{name}{key}.", depth + 1)

    walk(whole, "", 0)
    return sorted(set(found))


def setting(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Give a key of the configuration a hostile value, as ``--set`` does."""
    path = folder / "town.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    texts = []
    for _ in range(rng.choice((1, 1, 2))):
        key, value = rng.choice(_keys()), rng.choice([*spoil.VALUES, *spoil.NAMES])
        text = value if isinstance(value, str) else _json(value)
        texts.append(f"{key}={text}" if rng.random() < 0.95 else text)
    return lambda: load(path, texts, check_files=rng.random() < 0.5)


def _json(value: Any) -> str:
    return "1" + "0" * 400 if value == 10**400 else json.dumps(value)


def place_out(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Name a place where nothing can be written."""
    (folder / "file").write_text("kept", encoding="utf-8")
    (folder / "full").mkdir()
    (folder / "full" / "x").write_text("kept", encoding="utf-8")
    (folder / "link").symlink_to(folder / "full")
    (folder / "nowhere").symlink_to(folder / "not there")
    (folder / "round").symlink_to(folder / "round")
    names = ["file", "file/below", "full", "link", "nowhere", "nowhere/below", "round",
             "round/below", "x" * 256, "x" * 250, "y/" * 2100, "a\x00b", "\ud800", "file/..",
             "full/x", "full/x/y", ".", "..", ""]  # fmt: skip
    # A device by link only: who is root and wrong would lose the machine's own.
    (folder / "null").symlink_to("/dev/null")
    os.mkfifo(folder / "pipe")
    absolute = ["/dev/null/x", "/proc/x", "/proc/1/x", "/sys/x"]
    names += ["null", "null/x", "pipe", "pipe/x"]
    name = rng.choice([*names, *absolute, *(n for n in spoil.NAMES if "/" not in n)])
    out = Path(name) if name in absolute else folder / name
    if rng.random() < 0.5:
        return lambda: write_whole(out, lambda part: part.write_text("x", encoding="utf-8"))

    def fill() -> None:
        with whole_folder(out) as part:
            (part / "x").write_text("x", encoding="utf-8")

    return fill


Kinds = Mapping[str, tuple[Callable[[random.Random, Path], Callable[[], object]], int]]
KINDS: Kinds = {
    "layer": (layer, 8), "hexagons": (hexagons, 1), "raster": (raster, 2), "roads": (road_file, 3),
    "table": (table, 2), "text": (yaml_text, 3), "setting": (setting, 3), "out": (place_out, 2),
}  # fmt: skip


def kind_of(seed: int, kinds: Kinds = KINDS) -> str:
    """Return the kind of the trial of a seed."""
    turns = [name for name, (_, share) in kinds.items() for _ in range(share)]
    return turns[seed % len(turns)]


def trial(seed: int, folder: Path, kinds: Kinds = KINDS) -> Escape | None:
    """Make one trial; return what escaped, if anything did."""
    kind = kind_of(seed, kinds)
    attempt = kinds[kind][0](random.Random(seed), folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning is shown to a user, and stops nothing
            attempt()
    except SitingError as err:
        try:
            str(err).encode("utf-8", "surrogatepass")
        except Exception as other:
            return _escape(kind, seed, other)
    except Exception as err:
        return _escape(kind, seed, err)
    return None


def _escape(kind: str, seed: int, err: BaseException) -> Escape:
    ours = [f for f in traceback.extract_tb(err.__traceback__) if "siting" in f.filename
            and "hostile" not in f.filename.rpartition("/")[2]]  # fmt: skip
    ours = [f for f in ours if "/siting/" in f.filename]
    at = f"{ours[-1].filename.rpartition('/siting/')[2]}:{ours[-1].lineno}" if ours else "trial"
    first = (str(err).strip() or type(err).__name__).splitlines()[0]
    return Escape(kind, seed, f"{type(err).__name__}: {first[:120]}", at)


def escapes(seeds: Iterable[int], folder: Path, kinds: Kinds = KINDS) -> Iterator[Escape]:
    """Make many trials, each in a folder of its own; yield what escaped."""
    for seed in seeds:
        own = folder / str(seed)
        own.mkdir()
        found = trial(seed, own, kinds)
        shutil.rmtree(own, ignore_errors=True)
        if found is not None:
            yield found


@contextmanager
def town_folder() -> Iterator[Path]:
    """Hold the town's files in a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        write_town(Path(folder))
        yield Path(folder)


def main(kinds: Kinds = KINDS) -> None:
    """Count what escapes of as many trials as asked for."""
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = list(escapes(range(first, first + count), Path(folder), kinds))
    seconds = time.perf_counter() - begun
    tried = Counter(kind_of(seed, kinds) for seed in range(first, first + count))
    print(f"{count:,} inputs in {seconds:,.0f} s; {len(found):,} escaped")
    for kind, number in tried.items():
        print(f"  {kind}: {number:,} tried, {sum(e.kind == kind for e in found):,} escaped")
    groups: dict[tuple[str, str], list[Escape]] = {}
    for one in found:
        groups.setdefault((one.at, one.error.partition(":")[0]), []).append(one)
    for (at, error), ones in sorted(groups.items(), key=lambda g: -len(g[1])):
        seeds = ", ".join(str(e.seed) for e in ones[:4])
        print(f"{len(ones):5} {error} at {at}  seeds {seeds}  {ones[0].kind}: {ones[0].error}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
