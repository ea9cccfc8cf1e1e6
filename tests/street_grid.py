"""Streets in a grid with random minutes: small towns to hold lots to."""

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely import LineString, Point

from siting.roads import Network

BLOCK_M = 400.0


def street_grid(rng, side):
    """Return a network of `side` by `side` junctions."""
    ids = [100 + n for n in range(side * side)]
    points = [Point(320_000 + BLOCK_M * (n % side), 3_730_000 + BLOCK_M * (n // side))
              for n in range(side * side)]  # fmt: skip
    index, lines, minutes = [], [], []
    for n in range(side * side):
        for m in ([n + 1] if n % side < side - 1 else []) + (
            [n + side] if n + side in range(side * side) else []
        ):
            for u, v in ((n, m), (m, n)):
                index.append((ids[u], ids[v], 0))
                lines.append(LineString([points[u], points[v]]))
                minutes.append(float(rng.uniform(0.3, 2.0)))
    nodes = gpd.GeoDataFrame(geometry=points, index=pd.Index(ids, name="node_id"), crs=32643)
    edges = gpd.GeoDataFrame(
        {"travel_min": minutes, "highway": "primary"}, geometry=lines,
        index=pd.MultiIndex.from_tuples(index, names=["u", "v", "key"]), crs=32643,
    )  # fmt: skip
    return Network(nodes, edges, {})


def somewhere(rng, network, count):
    """Return so many junctions, each once, and where they are (m)."""
    nodes = rng.choice(network.nodes.index, count, replace=False)
    at = network.nodes.geometry.loc[nodes]
    return nodes.tolist(), np.column_stack([at.x, at.y])
