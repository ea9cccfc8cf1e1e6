"""A small town, and a server on this machine that speaks enough Overpass and Nominatim to sell it.

What the server does with each request is scripted, so that a test can have it fail first.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import quoteattr

from shapely import Polygon, box

# Two streets east-west, two north-south (about 470 m apart), a bus lane across, a footway, a
# driveway, a fuel station and a parking:
#
#     7---8---9
#     |   |   |        4-5-6 is one-way eastwards, 1-9 a bus lane, 2-8 a footway that meets 4-5-6
#     4-->5-->6        in 5; 3-10 a driveway.
#     |   |   |
#     1---2---3--10
NODES = {
    row * 3 + column + 1: (73.050 + 0.005 * column, 33.700 + 0.004 * row)
    for row in range(3)
    for column in range(3)
} | {10: (73.0605, 33.700), 21: (73.0512, 33.7012), 22: (73.0514, 33.7012), 23: (73.0514, 33.7014)}
WAYS: dict[int, tuple[list[int], dict[str, str]]] = {
    101: ([1, 2, 3], {"highway": "residential", "name": "South Street"}),
    102: ([4, 5, 6], {"highway": "secondary", "oneway": "yes", "maxspeed": "60"}),
    103: ([7, 8, 9], {"highway": "residential", "name": "North Street"}),
    104: ([1, 4, 7], {"highway": "tertiary", "name": "West Road"}),
    105: ([3, 6, 9], {"highway": "tertiary", "name": "East Road"}),
    106: ([1, 9], {"highway": "busway", "access": "no", "bus": "designated"}),
    107: ([2, 5, 8], {"highway": "footway"}),
    108: ([3, 10], {"highway": "service", "service": "driveway"}),
    109: ([21, 22, 23, 21], {"amenity": "parking", "name": "P"}),
}
POINTS = {20: (73.0525, 33.7020, {"amenity": "fuel", "name": "Pump"})}

AREA = box(73.045, 33.695, 73.066, 33.713)
# Overpass filters by the drive filter, which lets busways through.
DRIVE_WAYS = (101, 102, 103, 104, 105, 106)


def overpass_answer(query: str) -> dict[str, Any]:
    """Return what Overpass would answer to OSMnx's query for streets or for points of interest."""
    if "amenity" in query:
        ways = [109]
        points = [_node(n, lon, lat, tags) for n, (lon, lat, tags) in POINTS.items()]
    else:
        ways, points = list(DRIVE_WAYS), []
    refs = {ref for way in ways for ref in WAYS[way][0]}
    nodes = [_node(n, *NODES[n]) for n in sorted(refs)]
    streets = [{"type": "way", "id": w, "nodes": WAYS[w][0], "tags": WAYS[w][1]} for w in ways]
    return {"version": 0.6, "elements": [*points, *nodes, *streets]}


def _node(node_id: int, lon: float, lat: float, tags: dict[str, str] | None = None) -> Any:
    node = {"type": "node", "id": node_id, "lat": lat, "lon": lon}
    return node | ({"tags": tags} if tags else {})


def nominatim_answer(query: str) -> list[dict[str, Any]]:
    """Return what Nominatim would answer: an area, a point, or nothing."""
    if "Atlantis" in query:
        return []
    area: Polygon = AREA
    west, south, east, north = map(str, area.bounds)
    if "Pump" in query:
        geojson: Any = {"type": "Point", "coordinates": [73.0525, 33.702]}
    else:
        geojson = {"type": "Polygon", "coordinates": [list(map(list, area.exterior.coords))]}
    place = {"lat": "33.7", "lon": "73.05", "importance": 0.5, "display_name": query}
    return [place | {"boundingbox": [south, north, west, east], "geojson": geojson}]


def osm_xml(nodes: dict[int, tuple[float, float]] = NODES, ways: Any = WAYS) -> str:
    """Return the town as OSM XML with ways of all kinds."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6">']
    lines += [f'<node id="{n}" lat="{lat}" lon="{lon}"/>' for n, (lon, lat) in nodes.items()]
    for way_id, (refs, tags) in ways.items():
        inner = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        inner += "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in tags.items())
        lines.append(f'<way id="{way_id}">{inner}</way>')
    return "\n".join([*lines, "</osm>"])


class Server(ThreadingHTTPServer):
    """Takes one word of the script a request, then answers well.

    Words: ``ok``, a status as a number, ``hang``, ``stall`` (half an answer, then silence),
    ``drip`` (a byte now and then),
    ``truncated`` (half an answer, whole by its header), ``cut`` (fewer bytes than promised),
    ``empty``, ``html``, ``blank``, ``remark``, ``strange``, ``elsewhere`` (the same
    address under another host's name).
    """

    daemon_threads = False
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[str | int] = []
        self.asked: list[str] = []
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if split.path == "/api/status":
            self._send(200, b"Connected as: 1\n\n\nRate limit: 2\n2 slots available now.\n")
        elif split.path == "/search":
            self._answer(nominatim_answer(parse_qs(split.query)["q"][0]), [])
        else:
            self._send(404, b"no such thing")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = parse_qs(body)["data"][0]
        self._answer(overpass_answer(query), {"elements": []})

    def _answer(self, good: Any, empty: Any) -> None:
        server = self.server
        server.asked.append(self.path.split("?")[0])
        word = server.script.pop(0) if server.script else "ok"
        body = json.dumps(good).encode()
        half = body[: len(body) // 2]
        if isinstance(word, int):
            self._send(word, b"<html>sorry</html>", kind="text/html")
        elif word == "elsewhere":
            self.send_response(302)
            self.send_header("Location", server.url.replace("127.0.0.1", "localhost") + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif word == "hang":
            server.release.wait(5)
        elif word == "stall":
            self._send(200, half, promised=len(body))
            self.wfile.flush()
            server.release.wait(5)
        elif word == "drip":
            self._send(200, b"", promised=len(body))
            for n in range(len(body)):
                self.wfile.write(body[n : n + 1])
                self.wfile.flush()
                if server.release.wait(0.05):
                    break
        elif word == "cut":
            self._send(200, half, promised=len(body))
        else:
            bodies = {
                "ok": body,
                "truncated": half,
                "empty": json.dumps(empty).encode(),
                "html": b"<html><body>Dispatcher is busy</body></html>",
                "blank": b"",
                "remark": json.dumps({"elements": [], "remark": "Query timed out"}).encode(),
                "strange": b'{"elements": [{"type": "node", "id": 1}]}',
            }
            self._send(200, bodies[word])

    def _send(
        self, status: int, body: bytes, promised: int | None = None, kind: str = "application/json"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


@contextmanager
def running() -> Iterator[Server]:
    """Run a server for the length of a ``with`` block; every thread of it has ended after that."""
    with Server() as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            server.shutdown()
            thread.join(10)
