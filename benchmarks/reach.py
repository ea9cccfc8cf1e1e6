"""Seconds and memory of who reaches what, on a made-up city, against networkx and plain scipy.

Run from the repository root, in the virtual environment::

    python benchmarks/reach.py [--corners 388] [--sites 1500] [--cells 20000] [--minutes 10]

The city is a grid of 388 x 388 corners (150,544 nodes) some 95 m apart, a tenth of the streets
deleted, avenues quicker than the rest, one street in twelve one-way. Four ways, each in a process
of its own so that peak memory, counted above that of the city, is its own:

- ``siting``: `siting.roads.travel_times` and `siting.roads.reach` as they are;
- ``scipy``: scipy's bounded Dijkstra in batches of 32 on the whole matrix, as siting did it before;
- ``networkx`` on a DiGraph of numbers, and ``multigraph``: on a MultiDiGraph with the attributes
  OSMnx gives, both by ``single_source_dijkstra_path_length(cutoff)`` on the first sites only, which
  is long enough, and scaled up by the number of sites.

All must find the same pairs and, but for rounding, the same minutes, or the run fails; ``siting``
and ``scipy`` must agree to the last bit.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse.csgraph import connected_components, dijkstra

from siting.roads import Network, reach, travel_times
from siting.roads.travel import _reversed_matrix

STEP_M = 95.0
WAYS = ("siting", "scipy", "networkx", "multigraph")


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def grid_city(corners: int, seed: int = 1) -> Network:
    rng = np.random.default_rng(seed)
    node = np.arange(corners * corners)
    x = 405_000 + STEP_M * (node % corners) + rng.uniform(-20, 20, len(node))
    y = 3_452_000 + STEP_M * (node // corners) + rng.uniform(-20, 20, len(node))
    a = np.concatenate([node[node % corners < corners - 1], node[node < corners * (corners - 1)]])
    b = np.concatenate([node[node % corners > 0], node[node >= corners]])
    row = np.where(b - a == 1, a // corners, a % corners)
    avenue = row % 10 == 0
    there = avenue | (rng.random(len(a)) > 0.1)
    a, b, avenue = a[there], b[there], avenue[there]
    back = rng.random(len(a)) > 1 / 12
    u, v = np.concatenate([a, b[back]]), np.concatenate([b, a[back]])
    avenue = np.concatenate([avenue, avenue[back]])
    links = shapely.linestrings(np.stack([np.c_[x[u], y[u]], np.c_[x[v], y[v]]], axis=1))
    length_m = shapely.length(links)
    speed_kmh = np.where(avenue, 45 / 1.7, 22 / 1.3)
    index = pd.MultiIndex.from_arrays([u, v, np.zeros(len(u), int)], names=["u", "v", "key"])
    edges = gpd.GeoDataFrame(
        {"length_m": length_m, "travel_min": length_m / 1000 / speed_kmh * 60},
        geometry=links,
        index=index,
        crs=32643,
    ).sort_index()
    nodes = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(x, y), index=pd.Index(node, name="node_id"), crs=32643
    )
    matrix = _reversed_matrix(Network(nodes, edges, {}))
    _, part = connected_components(matrix, connection="strong")
    kept = nodes.index[part == np.bincount(part).argmax()]
    inside = edges.index.isin(kept, level="u") & edges.index.isin(kept, level="v")
    return Network(nodes.loc[kept], edges[inside], {})


def places(network: Network, key: str, count: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            key: [f"{key[0]}{i:06d}" for i in range(count)],
            "node_id": rng.choice(network.nodes.index.to_numpy(), count),
            "snap_m": rng.uniform(0, 60, count),
        }
    )


def by_networkx(way: str, network: Network, targets: np.ndarray, minutes: float) -> pd.DataFrame:
    import networkx as nx

    ends = [network.edges.index.get_level_values(level).tolist() for level in ("v", "u")]
    weights = network.edges["travel_min"].tolist()
    graph = nx.DiGraph() if way == "networkx" else nx.MultiDiGraph()
    if way == "networkx":
        graph.add_weighted_edges_from(zip(*ends, weights, strict=True), weight="travel_min")
    else:
        graph.add_edges_from(
            (v, u, {"osmid": 1, "highway": "residential", "travel_min": w})
            for v, u, w in zip(*ends, weights, strict=True)
        )
    start = time.process_time()
    rows = []
    for target in targets.tolist():
        reached = nx.single_source_dijkstra_path_length(graph, target, minutes, "travel_min")
        rows += [(node, target, w) for node, w in sorted(reached.items())]
    seconds = time.process_time() - start
    times = pd.DataFrame(rows, columns=["node_id", "target_node_id", "travel_min"])
    times.attrs["seconds"] = seconds
    return times


def by_scipy(network: Network, targets: np.ndarray, minutes: float) -> pd.DataFrame:
    at = network.nodes.index.get_indexer(targets)
    matrix = _reversed_matrix(network)
    rows, columns, found = [], [], []
    for first in range(0, len(at), 32):
        block = dijkstra(matrix, indices=at[first : first + 32], limit=minutes)
        row, column = np.nonzero(np.isfinite(block))
        rows.append(row + first)
        columns.append(column)
        found.append(block[row, column])
    return pd.DataFrame(
        {
            "node_id": network.nodes.index.to_numpy()[np.concatenate(columns)],
            "target_node_id": targets[np.concatenate(rows)],
            "travel_min": np.concatenate(found),
        }
    )


def run(way: str, asked: argparse.Namespace) -> dict[str, float | str]:
    network = grid_city(asked.corners)
    rng = np.random.default_rng(2)
    targets = rng.choice(network.nodes.index.to_numpy(), asked.sites, replace=False)
    if way in ("networkx", "multigraph"):
        targets = targets[: asked.first]
    before, start = peak_mb(), time.process_time()
    if way == "siting":
        times = travel_times(network, targets, asked.minutes)
    elif way == "scipy":
        times = by_scipy(network, targets, asked.minutes)
    else:
        times = by_networkx(way, network, targets, asked.minutes)
    seconds = times.attrs.get("seconds", time.process_time() - start)
    peak = peak_mb() - before
    head = times[times["target_node_id"].isin(targets[: asked.first])]
    out = {
        "seconds": seconds * asked.sites / len(targets),
        "peak_mb": peak,
        "nodes": len(network.nodes),
        "pairs": len(times),
        "head_pairs": len(head),
        "head_min": float(head["travel_min"].sum()),
        "digest": hashlib.sha256(
            pd.util.hash_pandas_object(times, index=False).to_numpy().tobytes()
        ).hexdigest(),
    }
    if way == "siting":
        cells = places(network, "cell_id", asked.cells, 3)
        sites = places(network, "site_id", asked.sites, 4)
        start = time.process_time()
        table = reach(network, cells, sites, asked.minutes, access_kmh=15)
        out |= {"reach_s": time.process_time() - start, "reach_pairs": len(table)}
        out["reach_peak_mb"] = peak_mb() - before
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--corners", type=int, default=388)
    parser.add_argument("--sites", type=int, default=1500)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--first", type=int, default=50, help="sites that networkx is given")
    parser.add_argument("--way", choices=WAYS)
    asked = parser.parse_args()
    if asked.way:
        print(json.dumps(run(asked.way, asked)))
        return
    found = {}
    for way in WAYS:
        command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[way] = json.loads(done.stdout)
    ours = found["siting"]
    if ours["digest"] != found["scipy"]["digest"]:
        raise SystemExit("siting and scipy differ")
    for way, row in found.items():
        off = abs(row["head_min"] - ours["head_min"]) / ours["head_min"]
        if row["head_pairs"] != ours["head_pairs"] or off > 1e-9:
            raise SystemExit(f"{way} finds other minutes than siting")
    print(
        f"{ours['nodes']:,} nodes, {asked.sites:,} sites, {asked.minutes:g} minutes: "
        f"{ours['pairs']:,} pairs of node and site, the same in all ways"
    )
    print(f"{'':<12}{'CPU s':>9}{'times siting':>14}{'peak MB':>9}")
    for way, row in found.items():
        ratio = row["seconds"] / ours["seconds"]
        print(f"{way:<12}{row['seconds']:9.2f}{ratio:14.1f}{row['peak_mb']:9.0f}")
    print(
        f"reach, {asked.cells:,} cells: {ours['reach_s']:.2f} s, {ours['reach_pairs']:,} pairs, "
        f"peak {ours['reach_peak_mb']:,.0f} MB"
    )


if __name__ == "__main__":
    main()
