"""The road network: nodes and directed streets in UTM metres, with driving minutes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio.errors
import pyproj

from siting.errors import Fault, InputError, naming, refuse, require_kind
from siting.files import not_numbers
from siting.writing import write_whole

if TYPE_CHECKING:
    import networkx as nx

EDGE_COLUMNS = (
    *("name", "highway", "length_m"),
    *("speed_kmh", "speed_source", "travel_min", "geometry"),
)
AT = ("u_x_m", "u_y_m")  # position of a street's first node, in the table's coordinate system
_REPORT = "report"
Parts = tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, dict[str, Any]]  # nodes, edges, report


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """Nodes and directed streets of one city, with driving minutes.

    In a network that `siting.build_network` makes, every node is reachable from every other.

    Parameters
    ----------
    nodes
        Index ``node_id`` (OSM node, int64), ``geometry`` (Point, UTM metres).
    edges
        Index ``u``, ``v``, ``key`` (from node, to node, and a number for parallel streets);
        ``name``, ``highway``, ``length_m``, ``speed_kmh`` (in free traffic), ``speed_source``
        (``maxspeed``, ``class``, or ``graph`` for a graph made elsewhere), ``travel_min`` (minutes,
        by default at the peak hour), ``geometry`` (LineString, UTM metres).
    report
        Counts of the streets read and dropped; see `siting.roads.build_network`.
    """

    nodes: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    report: dict[str, Any]

    @property
    def crs(self) -> pyproj.CRS:
        """Return the coordinate reference system, a UTM zone in metres."""
        return cast(pyproj.CRS, self.nodes.crs)

    def __repr__(self) -> str:
        """Return a one-line summary of the network's size."""
        kilometres = self.report.get("street_km")
        streets = f", {kilometres:,.0f} km of streets" if isinstance(kilometres, float) else ""
        return (
            f"<Network: {len(self.nodes):,} nodes, {len(self.edges):,} directed edges{streets}, "
            f"{self.crs.to_string()}>"
        )

    @property
    def cut_off(self) -> str:
        """A warning if over 2 % of the street length was left out; otherwise an empty string."""
        share = self.report.get("share_lost") or 0.0
        what = f"{share:.1%} of the street length was cut off from the rest and left out"
        return what if share > 0.02 else ""

    def to_graph(self) -> nx.MultiDiGraph[Any]:
        """Return the OSMnx graph: projected, ``length`` in metres, ``travel_time`` in seconds.

        Nodes have ``x`` and ``y`` (metres); edges have ``length`` (m), ``speed_kph``,
        ``travel_time`` (s), ``name``, ``highway``, ``speed_source`` and ``geometry``; the report is
        under ``graph["report"]``. OSMnx's routing, distances and plots accept the graph. Ids of OSM
        ways (``osmid``) are not kept. `from_graph` is the inverse.
        """
        import osmnx as ox

        nodes = self.nodes.rename_axis("osmid")
        nodes = nodes.assign(x=nodes.geometry.x, y=nodes.geometry.y)
        edges = self.edges.rename(columns={"length_m": "length", "speed_kmh": "speed_kph"})
        edges = edges.assign(travel_time=edges["travel_min"] * 60).drop(columns="travel_min")
        attributes = {"crs": self.crs.to_string(), "simplified": True, "report": dict(self.report)}
        return ox.graph_from_gdfs(nodes, edges, graph_attrs=attributes)

    @classmethod
    def from_graph(cls, graph: nx.MultiDiGraph[Any]) -> Self:
        """Return the network of an OSMnx graph with travel times (seconds).

        Unlike `siting.build_network`, this method drops no street and changes no speed. Nodes may
        therefore be unreachable; a study rejects a network with a node that no street leaves.

        `graph` has ``length`` (m) and ``travel_time`` (s) on every edge, as returned by `to_graph`
        or ``osmnx.add_edge_travel_times``. A graph in lon/lat is projected to UTM. Raises
        `InputError` if the graph is not a directed multigraph or has no edges, or if an edge lacks
        ``length`` or ``travel_time``.
        """
        nodes, edges = graph_tables(graph)
        length_m, travel_s = tag_numbers(edges, "length"), tag_numbers(edges, "travel_time")
        faults = []
        for column, values, unit in (("length", length_m, "m"), ("travel_time", travel_s, "s")):
            bad = ~(np.isfinite(values) & (values >= 0))
            what = f"edges without a value of at least 0 {unit}"
            fix = "use build_network, or osmnx.add_edge_speeds and add_edge_travel_times"
            faults += edge_faults(f"graph, edge attribute {column}", edges.index, bad, what, fix)
        refuse(faults)
        travel_min = travel_s / 60
        speed_kmh = tag_numbers(edges, "speed_kph")
        moving = np.isnan(speed_kmh) & (travel_min > 0)
        speed_kmh[moving] = length_m[moving] / 1000 / (travel_min[moving] / 60)
        source = ["graph" if of is None else str(of) for of in tag_values(edges, "speed_source")]
        frame = gpd.GeoDataFrame(
            {
                "name": street_names(edges),
                "highway": joined_names(tag_values(edges, "highway")),
                "length_m": length_m,
                "speed_kmh": speed_kmh,
                "speed_source": pd.array(source, dtype="str"),
                "travel_min": travel_min,
            },
            geometry=edges.geometry.to_numpy(),
            index=edges.index,
            crs=edges.crs,
        )
        report = graph.graph.get("report")
        return cls(nodes, frame, dict(report) if isinstance(report, dict) else {})

    def to_parquet(self, path: Path | str) -> None:
        """Write the network as a GeoParquet table for the ``roads`` key of a study."""
        at = self.nodes.geometry.loc[self.edges.index.get_level_values("u")]
        table = self.edges.assign(u_x_m=at.x.to_numpy(), u_y_m=at.y.to_numpy())
        table.attrs = {_REPORT: self.report}
        write_whole(Path(path), lambda part: table.to_parquet(part, compression="zstd"))

    @classmethod
    def from_parquet(cls, path: Path | str) -> Self:
        """Return the network that `to_parquet` wrote, exact to the last bit.

        Raises `InputError` if the file was not written by `to_parquet`.
        """
        return cls(*read_edge_table(Path(path), {}))


def graph_tables(graph: nx.MultiDiGraph[Any]) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the nodes and edges of an OSMnx graph in UTM metres, sorted by their ids.

    The graph may be in lon/lat or projected. An edge without geometry becomes a straight line. The
    nodes' index is ``node_id``; the edges' index is ``u``, ``v``, ``key``. Raises `InputError` if
    there is no edge or coordinate reference system, or a node lacks a position or an integer id.
    """
    import networkx as nx

    # In an undirected graph, each street would have only one direction.
    fix = "pass a directed OSMnx graph, as osmnx.graph_from_place returns it"
    require_kind("graph", graph, nx.MultiDiGraph, fix)
    if "crs" not in graph.graph:
        raise InputError("graph", "has no coordinate reference system", 'set graph.graph["crs"]')
    if not graph.number_of_edges():
        raise InputError("graph", "contains no street", "use an extract that contains roads")
    odd = (node for node in graph.nodes if not isinstance(node, int | np.integer))
    refuse(naming("graph, nodes", "have ids that are not whole numbers", odd))
    lost = (node for node, at in graph.nodes(data=True) if "x" not in at or "y" not in at)
    refuse(naming("graph, nodes", "have no x and y", lost))
    import osmnx as ox

    nodes, edges = ox.graph_to_gdfs(graph)
    zone = utm_epsg(nodes.to_crs(4326).total_bounds)
    nodes = nodes[["geometry"]].to_crs(zone)
    nodes.index = pd.Index(nodes.index, dtype="int64", name="node_id")
    return nodes.sort_index(), edges.to_crs(zone).sort_index()


def edge_faults(
    where: str, index: pd.MultiIndex, bad: np.ndarray, what: str, fix: str = ""
) -> list[Fault]:
    """Return a list with an error on the invalid streets, or an empty list if there are none."""
    return naming(where, what, ("-".join(map(str, uvk)) for uvk in index[bad]), fix, count=True)


def utm_epsg(bounds: Iterable[float]) -> int:
    """Return the EPSG code of the UTM zone (metres) that contains the centre of a box in degrees.

    `bounds` are west, south, east and north. The latitude determines only the hemisphere.

    >>> utm_epsg((72.9, 33.5, 73.2, 33.8))
    32643
    """
    west, south, east, north = bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    zone = int((lon + 180) // 6) % 60 + 1
    return (32600 if lat >= 0 else 32700) + zone


def tag_values(edges: pd.DataFrame, column: str) -> list[Any]:
    """Return a column's values, with ``None`` for missing values and for a missing column."""
    if column not in edges.columns:
        return [None] * len(edges)
    return [None if isinstance(v, float) and v != v else v for v in edges[column].tolist()]


def tag_numbers(edges: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as floats, with NaN for values that are not numbers."""
    values = pd.Series(tag_values(edges, column), dtype=object)
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, copy=True)


def street_names(edges: pd.DataFrame) -> Any:
    """Return street names as in OSMnx, or in English if every name of a street is translated.

    >>> edges = pd.DataFrame({"name": ["شاہراہ", "Mall"], "name:en": ["Highway", None]})
    >>> street_names(edges).tolist()
    ['Highway', 'Mall']
    """

    def count(name: Any) -> int:
        return len(name) if isinstance(name, list | tuple | set) else int(name is not None)

    names, english = tag_values(edges, "name"), tag_values(edges, "name:en")
    pairs = zip(names, english, strict=True)
    return joined_names([en if en and count(en) >= count(name) else name for name, en in pairs])


def joined_names(values: list[Any]) -> Any:
    """Return values as strings, with lists sorted and joined by " / "; None remains missing."""
    lists = (list, tuple, set)
    joined = [" / ".join(sorted(set(map(str, v)))) if isinstance(v, lists) else v for v in values]
    return pd.array(joined, dtype="str")


# --- a network as one table of streets ------------------------------------------------------------


def read_edge_table(path: Path, source: dict[str, Any]) -> Parts:
    """Return the nodes, edges and report of a network that `Network.to_parquet` wrote.

    Non-blank fields of `source` replace those of the report. Raises one `InputError` that lists all
    invalid columns.
    """
    try:
        table = gpd.read_parquet(path)
    except (ValueError, OSError, pyogrio.errors.DataSourceError) as err:
        what = f"cannot be read: {str(err).splitlines()[0]}"
        raise InputError(str(path), what, "save it with Network.to_parquet") from err
    faults = [
        Fault(f"{path}, column {name}", "missing", "save it with Network.to_parquet")
        for name in (*EDGE_COLUMNS, *AT)
        if name not in table.columns
    ]
    if list(table.index.names) != ["u", "v", "key"]:
        faults.append(Fault(str(path), "its index is not u, v, key", "index it like Network.edges"))
    for name in () if faults else ("length_m", "travel_min"):
        what = "streets whose value is missing, negative or infinite"
        faults += edge_faults(f"{path}, column {name}", table.index, not_numbers(table[name]), what)
    refuse(faults)
    first = ~table.index.get_level_values("u").duplicated()
    nodes = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(*(table.loc[first, name] for name in AT)),
        index=pd.Index(table.index.get_level_values("u")[first], dtype="int64", name="node_id"),
        crs=table.crs,
    ).sort_index()
    ends = table.index.get_level_values("v")
    lost, fix = ends[~ends.isin(nodes.index)], "build the network with siting.build_network"
    refuse(naming(str(path), "has nodes that no street leaves", lost, fix))
    report = table.attrs.get(_REPORT, {})
    told = {key: value for key, value in source.items() if value}
    report |= {"source": {**report.get("source", {}), **told}}
    table.attrs = {}
    return nodes, table[list(EDGE_COLUMNS)], report
