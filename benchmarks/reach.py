"""Time the travel times to all sites within ten minutes: package, networkx, scipy, numba.

Each method runs in a separate process on the synthetic city. networkx uses a MultiDiGraph with
attributes, like OSMnx, and only the first sites; its time is multiplied to cover all sites. All
methods must find the same pairs for these first sites, with equal minutes up to rounding.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from benchmarks import made_city
from benchmarks.asked import Asked
from benchmarks.measure import median_watch, watch
from benchmarks.record import Finding, ratio

MINUTES = 10.0


def measure(asked: Asked) -> Finding:
    """Measure row 1."""
    side, sites, first = asked.size((made_city.SIDE, 2000, 200), (60, 100, 20))
    finding = Finding("reach", f"travel times to {sites:,} sites within {MINUTES:g} minutes")
    given = {"side": side, "sites": sites, "first": first}
    ours = finding.add("siting", asked.call("benchmarks.reach:by_siting", 300, **given))
    multi = finding.add(
        f"networkx, MultiDiGraph (first {first} sites, scaled)",
        asked.call("benchmarks.reach:by_networkx", 600, multi=True, **given),
    )
    plain = finding.add(
        f"networkx, DiGraph of numbers (first {first} sites, scaled)",
        asked.call("benchmarks.reach:by_networkx", 600, multi=False, **given),
    )
    scipy = finding.add(
        "scipy, batches of 32 on the whole city",
        asked.call("benchmarks.reach:by_scipy", 300, **given),
    )
    kernel = finding.add(
        "compiled kernel (numba, one thread)",
        asked.call("benchmarks.peer_numba:by_kernel", 300, needs=("numba", "scipy"), **given),
    )
    if ours is None:
        return finding
    finding.title += f": {ours['corners']:,} corners, {ours['pairs']:,} pairs"
    for way, found in (
        ("networkx", multi),
        ("DiGraph", plain),
        ("scipy", scipy),
        ("numba", kernel),
    ):
        if found is None:
            continue
        finding.expect(f"{way}, pairs of the first {first} sites", ours["head"], found["head"])
        finding.expect(f"{way}, their minutes", ours["head_min"], found["head_min"], 1e-9)
        if "pairs" in found:
            finding.expect(f"{way}, pairs of all sites", ours["pairs"], found["pairs"])
    finding.figures = {
        "reach_over_networkx": ratio(multi and multi["cpu_s"], ours["cpu_s"]),
        "reach_over_numba": ratio(ours["cpu_s"], kernel["cpu_s"]) if kernel else None,
    }
    return finding


def targets_of(city: made_city.City, sites: int) -> np.ndarray:
    """Return the corners of the sites, without repetition."""
    return np.random.default_rng(2).choice(len(city.x), sites, replace=False)


def minutes_matrix(city: made_city.City) -> Any:
    """Return minutes from corner to corner on reversed streets, as in the package's network."""
    from scipy import sparse

    back = ~city.oneway
    u = np.concatenate([city.start, city.end[back]])
    v = np.concatenate([city.end, city.start[back]])
    length, kmh = (np.concatenate([a, a[back]]) for a in (city.length_m, city.speed_kmh))
    shape = (len(city.x), len(city.x))
    matrix = sparse.csr_array((length / 1000 / kmh * 60, (v, u)), shape=shape)
    matrix.sort_indices()
    return matrix


def digest(target: np.ndarray, node: np.ndarray) -> str:
    """Return a hash of pairs that does not depend on their order."""
    pairs = np.sort(target.astype(np.int64) * 2**31 + node.astype(np.int64))
    return f"{len(pairs)} pairs, {hashlib.sha256(pairs.tobytes()).hexdigest()[:12]}"


def by_siting(side: int, sites: int, first: int) -> dict[str, Any]:
    """Time `siting.roads.travel_times`."""
    from siting.roads import travel_times

    city = made_city.make_city(side)
    network, targets = made_city.network(city), targets_of(city, sites)
    seen, times = median_watch(lambda: travel_times(network, targets, MINUTES))
    head = times[times["target_node_id"].isin(targets[:first])]
    return seen.facts(
        corners=len(city.x),
        pairs=len(times),
        head=digest(head["target_node_id"].to_numpy(), head["node_id"].to_numpy()),
        head_min=float(head["travel_min"].sum()),
    )


def by_scipy(side: int, sites: int, first: int) -> dict[str, Any]:
    """Time scipy's Dijkstra with a limit on the distance, without changes."""
    from scipy.sparse.csgraph import dijkstra

    city = made_city.make_city(side)
    matrix, targets = minutes_matrix(city), targets_of(city, sites)

    def work() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        found = []
        for begin in range(0, len(targets), 32):
            part = targets[begin : begin + 32]
            block = dijkstra(matrix, indices=part, limit=MINUTES)
            row, node = np.nonzero(np.isfinite(block))
            found.append((part[row], node, block[row, node]))
        return found

    seen, found = median_watch(work)
    target, node, minutes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return head_facts(seen, targets[:first], target, node, minutes)


def head_facts(
    seen: Any, head: np.ndarray, target: np.ndarray, node: np.ndarray, minutes: np.ndarray
) -> dict[str, Any]:
    """Return the measurements, with a hash of the pairs of the first sites."""
    at = np.isin(target, head)
    return seen.facts(
        pairs=len(target),
        head=digest(target[at], node[at]),
        head_min=float(minutes[at].sum()),
    )


def by_networkx(side: int, sites: int, first: int, multi: bool) -> dict[str, Any]:
    """Time networkx on the first sites, and multiply the time to cover all sites."""
    import networkx as nx

    city = made_city.make_city(side)
    targets = targets_of(city, sites)[:first].tolist()
    matrix = minutes_matrix(city).tocoo()
    ends = zip(matrix.row.tolist(), matrix.col.tolist(), matrix.data.tolist(), strict=True)
    graph = nx.MultiDiGraph() if multi else nx.DiGraph()
    if multi:
        graph.add_edges_from(
            (u, v, {"osmid": 1, "highway": "residential", "length": w, "travel_min": w})
            for u, v, w in ends
        )
    else:
        graph.add_weighted_edges_from(ends, weight="travel_min")
    with watch() as seen:
        found = [
            nx.single_source_dijkstra_path_length(graph, target, MINUTES, "travel_min")
            for target in targets
        ]
    target = np.repeat(targets, [len(near) for near in found])
    node = np.array([n for near in found for n in near])
    seen.cpu_s, seen.wall_s = (s * sites / first for s in (seen.cpu_s, seen.wall_s))
    return seen.facts(
        head=digest(target, node),
        head_min=float(sum(sum(near.values()) for near in found)),
    )
