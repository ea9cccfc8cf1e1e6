"""Selection of drivable streets by their OpenStreetMap tags."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx


# Tag values that OSMnx 2.1 excludes from its "drive" network. Overpass and `is_drivable` find these
# words anywhere in a tag's value. A test compares this list with OSMnx's.
NOT_DRIVABLE = {
    "highway": (
        "abandoned|bridleway|bus_guideway|construction|corridor|cycleway|elevator|escalator|"
        "footway|no|path|pedestrian|planned|platform|proposed|raceway|razed|rest_area|service|"
        "services|steps|track"
    ),
    "area": "yes",
    "access": "private",
    "motor_vehicle": "no",
    "motorcar": "no",
    "service": "alley|driveway|emergency_access|parking|parking_aisle|private",
}
_NOT_DRIVABLE = {tag: re.compile(words) for tag, words in NOT_DRIVABLE.items()}

# The tags that OSMnx is told to keep. The English name and the last five tags, which identify bus
# streets, are not in OSMnx's default list.
WAY_TAGS = [
    *("access", "area", "bridge", "highway", "junction", "lanes", "maxspeed"),
    *("name", "name:en", "oneway", "ref", "service", "tunnel"),
    *("bus", "motor_vehicle", "motorcar", "psv", "vehicle"),
]

_ALLOWED = frozenset({"yes", "designated", "official", "permissive", "destination"})
_CARS = ("motor_vehicle", "motorcar")


def is_drivable(tags: Mapping[str, Any]) -> bool:
    """Return whether OSMnx's "drive" network would include a way with these tags.

    A tag of merged streets may be a list. One excluded value excludes the whole street.

    >>> is_drivable({"highway": "residential"}), is_drivable({"highway": "footway"})
    (True, False)
    >>> is_drivable({"highway": ["residential", "steps"]})
    False
    """
    excluded = (
        words.search(value)
        for tag, words in _NOT_DRIVABLE.items()
        if tag in tags
        for value in _values(tags[tag])
    )
    return "highway" in tags and not any(excluded)


def is_bus_only(tags: Mapping[str, Any]) -> bool:
    """Return whether a way is a busway, or a street closed to all vehicles but buses.

    OSMnx's "drive" network includes such ways, but cars may not use them.

    >>> is_bus_only({"highway": "busway"})
    True
    >>> is_bus_only({"highway": "secondary", "access": "no", "psv": "yes"})
    True
    >>> is_bus_only({"highway": "secondary", "bus": "yes"})
    False
    """
    if _has(tags, ("highway",), {"busway", "bus_guideway"}):
        return True
    if not _has(tags, ("bus", "psv"), _ALLOWED):
        return False
    if _has(tags, _CARS, {"no"}):
        return True
    return _has(tags, ("access", "vehicle"), {"no"}) and not _has(tags, _CARS, _ALLOWED)


def bus_only_streets(graph: nx.MultiDiGraph[Any]) -> tuple[list[tuple[Any, ...]], int]:
    """Return the bus-only streets of a graph (u, v, key), and the number of their OSM ways."""
    found = [edge for edge in graph.edges(keys=True, data=True) if is_bus_only(edge[-1])]
    ways = {way for u, v, _, tags in found for way in _values(tags.get("osmid", f"{u}-{v}"))}
    return [edge[:3] for edge in found], len(ways)


def only_drivable(graph: nx.MultiDiGraph[Any]) -> nx.MultiDiGraph[Any]:
    """Return a copy of the graph without streets closed to cars, and without isolated nodes.

    Bus-only streets are kept, so that `bus_only_streets` can count them.
    """
    edges = graph.edges(keys=True, data=True)
    gone = [edge[:3] for edge in edges if not (is_drivable(edge[-1]) or is_bus_only(edge[-1]))]
    if not gone:
        return graph
    rest = graph.copy()
    rest.remove_edges_from(gone)
    ends = {node for u, v, _ in gone for node in (u, v)}
    rest.remove_nodes_from([node for node in ends if rest.degree(node) == 0])
    return rest


def _has(tags: Mapping[str, Any], names: Iterable[str], wanted: Collection[str]) -> bool:
    return any(value in wanted for name in names for value in _values(tags.get(name, ())))


def _values(value: Any) -> Iterator[str]:
    """Return the values of a tag: one, or several if streets were merged."""
    return map(str, value if isinstance(value, list | tuple | set) else (value,))
