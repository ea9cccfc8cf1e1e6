"""Measure time and memory from a raster to demand cells in a large synthetic city.

Run the module from the repository root, in a virtual environment with the extra ``raster``::

    python benchmarks/raster_cells.py

The raster has 1,000 x 1,000 pixels of 3 arc-seconds, like WorldPop. The city is a grid of 388 x 388
corners 200 m apart. Both are made up, with the size of a real city. ``numpy.bincount`` alone, on
pixels whose cells are known, gives a lower limit for the time: no faster count is known.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.transform import from_origin

from siting.demand import raster_to_cells, surfaces
from siting.roads import Network

PIXELS = 1000
CORNERS = 388
STEP_M = 200.0
SIZE_M = 500.0
WEST, NORTH, PIXEL_DEG = 73.9, 31.97, 1 / 1200
X0, Y0 = 405_000.0, 3_452_000.0


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def write_raster(path: Path) -> float:
    rng = np.random.default_rng(1)
    people = rng.gamma(0.5, 40.0, (PIXELS, PIXELS)).astype("float32")
    people[rng.random(people.shape) < 0.1] = -99999.0
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=PIXELS,
        height=PIXELS,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=from_origin(WEST, NORTH, PIXEL_DEG, PIXEL_DEG),
        nodata=-99999.0,
    ) as file:
        file.write(people, 1)
    return float(people[people > 0].sum(dtype=float))


def grid_city() -> Network:
    size = CORNERS
    node = np.arange(size * size)
    x, y = X0 + STEP_M * (node % size), Y0 + STEP_M * (node // size)
    nodes = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(x, y), crs=32643, index=pd.Index(node + 1, name="node_id")
    )
    east, north = node[node % size < size - 1], node[node < size * (size - 1)]
    u, v = np.concatenate([east, north]), np.concatenate([east + 1, north + size])
    u, v = np.concatenate([u, v]), np.concatenate([v, u])
    lines = shapely.linestrings(np.stack([np.c_[x[u], y[u]], np.c_[x[v], y[v]]], axis=1))
    main = (u % size % 10 == 0) & (v % size % 10 == 0)
    index = pd.MultiIndex.from_arrays(
        [u + 1, v + 1, np.zeros(len(u), int)], names=["u", "v", "key"]
    )
    edges = gpd.GeoDataFrame(
        {
            "name": "Street",
            "highway": np.where(main, "primary", "residential"),
            "length_m": STEP_M,
            "speed_kmh": np.where(main, 45.0, 22.0),
            "speed_source": "class",
        },
        geometry=lines,
        index=index,
        crs=32643,
    )
    edges["travel_min"] = edges["length_m"] / 1000 / edges["speed_kmh"] * 60
    return Network(nodes, edges, {})


def main() -> None:
    network = grid_city()
    print(f"city: {len(network.nodes):,} nodes, {len(network.edges):,} directed edges (made up)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.tif"
        total = write_raster(path)
        west, south = WEST, NORTH - PIXELS * PIXEL_DEG
        before = peak_mb()
        start = time.perf_counter()
        area = shapely.box(west, south, WEST + PIXELS * PIXEL_DEG, NORTH)
        cells = raster_to_cells(path, network, SIZE_M, area=area)
        seconds = time.perf_counter() - start
        after = peak_mb()
    rng = np.random.default_rng(2)
    key = rng.integers(0, len(cells), PIXELS * PIXELS)
    weight = rng.random(PIXELS * PIXELS)
    start = time.perf_counter()
    np.bincount(key, weights=weight, minlength=len(cells))
    floor = time.perf_counter() - start
    lost = abs(cells["people"].sum() - total) / total
    print(f"raster: {PIXELS:,} x {PIXELS:,} pixels, {total:,.0f} people")
    print(f"cells: {len(cells):,} squares of {SIZE_M:g} m, people off by {lost:.1e}")
    print(f"{'raster_to_cells':<24}{seconds:8.2f} s   (aim: under 10 s)")
    print(f"{'numpy.bincount alone':<24}{floor:8.3f} s   (floor)")
    print(f"{'peak memory':<24}{after:8.0f} MB  (aim: under 1,000 MB; {before:,.0f} MB city alone)")
    start = time.perf_counter()
    surfaces(cells, network)
    print(f"{'surfaces, 256 trips':<24}{time.perf_counter() - start:8.2f} s   (30 minutes each)")
    print(f"{'peak memory':<24}{peak_mb():8.0f} MB")


if __name__ == "__main__":
    main()
