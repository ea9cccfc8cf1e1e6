"""Compare time and memory of OSMnx and the package from an OSM file or a cache to a network.

The file is the synthetic city as OSM XML (some 50 MB), or a user's extract (``python -m
benchmarks.roads FILE``). OSMnx runs ``graph_from_xml``, adds speeds and travel times, and takes the
largest strongly connected part. The package turns OSMnx's simplified graph into a network. This
network must equal the one read directly, in ids, lengths, minutes and every corner. The memory of
imports is not counted.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import made_city
from benchmarks.asked import Asked
from benchmarks.measure import median_watch, watch
from benchmarks.record import Finding, ratio

CITY = "karachi_lahore"


def measure(asked: Asked) -> Finding:
    """Measure rows 2 and 3."""
    side = asked.size(made_city.SIDE, 50)
    path = asked.folder / "city.osm"
    if not path.is_file():
        asked.call("benchmarks.roads:write", 120, side=side, path=str(path))
    return compare(asked, path)


def compare(asked: Asked, path: Path) -> Finding:
    """Measure all methods on one file."""
    finding = Finding("roads", "from a road file to a network")
    graphml, cache = asked.folder / "city.graphml", asked.folder / "roads"
    given = {"path": str(path)}
    direct = finding.add(
        "siting, nothing cached",
        asked.call("benchmarks.roads:by_siting", 300, cache=str(cache), **given),
    )
    osmnx = finding.add(
        "OSMnx, from the .osm",
        asked.call("benchmarks.roads:by_osmnx", 1200, graphml=str(graphml), **given),
    )
    warm = finding.add(
        "siting, from its cache", asked.call("benchmarks.roads:from_cache", 120, cache=str(cache))
    )
    loaded = finding.add(
        "OSMnx, `load_graphml`",
        asked.call("benchmarks.roads:from_graphml", 600, graphml=str(graphml)),
    )
    if direct is None:
        return finding
    size_mb = path.stat().st_size / 1e6
    finding.title += (
        f": {size_mb:.0f} MB of XML, {direct['nodes']:,} nodes, {direct['edges']:,} directed edges"
    )
    for way, found in (("OSMnx", osmnx), ("the cache", warm)):
        if found is not None:
            finding.expect(f"network by {way}", direct["digest"], found["digest"])
    if loaded is not None and osmnx is not None:
        finding.expect("edges in the GraphML", osmnx["graph_edges"], loaded["graph_edges"])
    finding.figures = {
        "warm_over_graphml": ratio(loaded and loaded["cpu_s"], warm and warm["cpu_s"]),
        "cold_over_osmnx": ratio(osmnx and osmnx["cpu_s"], direct["cpu_s"]),
        "cold_memory_over_osmnx": ratio(osmnx and osmnx["peak_mb"], direct["peak_mb"]),
    }
    return finding


def write(side: int, path: str) -> dict[str, Any]:
    """Write the synthetic city as a file."""
    made_city.write_osm(made_city.make_city(side), Path(path))
    return {}


def network_digest(network: Any) -> str:
    """Return a hash of a network's content."""
    import pandas as pd
    import shapely

    digest = hashlib.sha256()
    for frame in (network.nodes, network.edges):
        plain = pd.DataFrame(frame.drop(columns="geometry"))
        digest.update(pd.util.hash_pandas_object(plain).to_numpy().tobytes())
        digest.update(b"".join(shapely.to_wkb(frame.geometry.to_numpy())))
    return digest.hexdigest()[:16]


def by_siting(path: str, cache: str) -> dict[str, Any]:
    """Time the package's direct reader, and store the network."""
    import siting.study  # noqa: F401  # imports are not measured
    from siting import roads
    from siting.reference import table

    speeds = table("speeds")
    with watch() as seen:
        network = roads.network_from_file(Path(path), speeds, CITY)
    roads.cached_network(Path(cache), {"file": "made-up"}, lambda: network)
    return seen.facts(
        nodes=len(network.nodes), edges=len(network.edges), digest=network_digest(network)
    )


def from_cache(cache: str) -> dict[str, Any]:
    """Time the package's load of the network from its cache."""
    from siting import roads

    def missing() -> roads.Network:
        raise LookupError("the network is not in the cache")

    seen, network = median_watch(
        lambda: roads.cached_network(Path(cache), {"file": "made-up"}, missing)
    )
    return seen.facts(digest=network_digest(network))


def by_osmnx(path: str, graphml: str) -> dict[str, Any]:
    """Time OSMnx, convert its graph into a network, and save the graph."""
    import osmnx as ox

    import siting.study  # noqa: F401
    from siting import roads
    from siting.reference import table

    with watch() as seen:
        graph = ox.graph_from_xml(path, retain_all=True)
        graph = ox.add_edge_travel_times(ox.add_edge_speeds(graph))
        part = ox.truncate.largest_component(graph, strongly=True)
    digest = network_digest(roads.build_network(graph, table("speeds"), CITY))
    ox.save_graphml(part, graphml)
    return seen.facts(digest=digest, graph_edges=part.number_of_edges())


def from_graphml(graphml: str) -> dict[str, Any]:
    """Time OSMnx's load of the saved graph."""
    import osmnx as ox

    with watch() as seen:
        graph = ox.load_graphml(graphml)
    return seen.facts(graph_edges=graph.number_of_edges())


def main() -> None:
    """Compare the methods on a user's files."""
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            asked = Asked(Path(folder), False, time.monotonic() + 3600)
            finding = compare(asked, Path(name).resolve())
            print(finding.title)
            for line in finding.lines:
                print(f"  {line.way:<28}{line.cpu_s:9.2f} CPU s{line.peak_mb:9.0f} MB")
            print(*finding.wrong, sep="\n")


if __name__ == "__main__":
    main()
