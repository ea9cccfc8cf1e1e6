"""Downloads over real HTTP from a server on this machine that fails as scripted."""

import json
import logging
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import osmnx as ox
import pytest
from conftest import later, often
from osmnx import _http, _overpass
from overpass_server import AREA, DRIVE_WAYS, Server, running
from shapely import Point, Polygon, box

from siting.errors import DownloadError, InputError
from siting.reference import table
from siting.roads import (
    Download,
    build_network,
    download_features,
    download_streets,
    geocode,
    server_answers,
)
from siting.roads.drive import NOT_DRIVABLE, WAY_TAGS

TOWN = "Small Town, Pakistan"
# Where streets meet or the bus lane ends; 3 and 7 are mere corners.
JUNCTIONS = {1, 4, 6, 9}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as server:
        yield server


def settings(server: Server, cache_dir: Path, **changes: float) -> Download:
    values = {"timeout_s": 5, "retries": 2, "pause_s": 0.01} | changes
    return Download(
        cache_dir=cache_dir,
        overpass_url=f"{server.url}/api",
        nominatim_url=f"{server.url}/",
        **values,
    )


def kept(folder: Path) -> list[Path]:
    """Every file in the folder, each of which must be whole JSON."""
    files = sorted(folder.iterdir()) if folder.exists() else []
    for file in files:
        assert file.suffix == ".json"
        json.loads(file.read_text())
    return files


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)


def test_polygon_comes_once_and_then_from_the_cache(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = download_streets(AREA, settings(server, tmp_path))
    assert set(graph.nodes) == JUNCTIONS
    assert server.asked == ["/api/interpreter"]
    assert len(kept(tmp_path)) == 1
    no_network(monkeypatch)
    again = download_streets(AREA, settings(server, tmp_path))
    assert set(again.edges) == set(graph.edges)


def test_bus_lane_reaches_the_graph_and_goes_in_the_network(server: Server, tmp_path: Path) -> None:
    graph = download_streets(AREA, settings(server, tmp_path))
    assert graph.has_edge(1, 9)
    network = build_network(graph, table("speeds"), "other")
    assert network.report["bus_only_ways_dropped"] == 1
    assert (1, 9) not in {(u, v) for u, v, _ in network.edges.index}


SCRIPTS = [[429], [504, 504], ["truncated"], ["html"], ["remark"], ["strange"], ["cut"], [503]]


@pytest.mark.slow
@pytest.mark.parametrize("script", often(SCRIPTS, [[504, 504], ["truncated"]]))
def test_what_passes_is_asked_again(
    server: Server, tmp_path: Path, script: list[str | int], caplog: pytest.LogCaptureFixture
) -> None:
    server.script = list(script)
    with caplog.at_level(logging.WARNING):
        graph = download_streets(AREA, settings(server, tmp_path))
    assert len(graph) == len(JUNCTIONS)
    assert len(server.asked) == len(script) + 1
    assert len(caplog.messages) == len(script)
    assert len(kept(tmp_path)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "words"),
    [
        (504, "HTTP 504 Gateway Timeout"),
        *later((429, "HTTP 429 Too Many Requests")),
        ("truncated", "broken JSON: the answer breaks off after"),
        *later(("cut", "the answer broke off")),
        *later(("html", "not JSON but '<html><body>Dispatcher is busy")),
        *later(("blank", "the answer is blank")),
        *later(("remark", "the server gave up: Query timed out")),
        *later(("strange", "JSON, but not in the expected form")),
    ],
)
def test_what_does_not_pass_is_said_and_nothing_is_kept(
    server: Server, tmp_path: Path, word: str | int, words: str
) -> None:
    server.script = [word] * 3
    with pytest.raises(DownloadError) as error:
        download_streets(AREA, settings(server, tmp_path))
    text = str(error.value)
    assert words in text
    assert f"{server.url}/api/interpreter: streets of the area 73.045" in text
    assert "(3 tries)" in text
    assert "set download.overpass_url" in text
    assert "siting fetch" in text
    assert len(server.asked) == 3
    assert kept(tmp_path) == []
    assert len(download_streets(AREA, settings(server, tmp_path))) == len(JUNCTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("word", often(["hang", "stall"], {"stall"}))
def test_silence_is_given_up_in_time(server: Server, tmp_path: Path, word: str) -> None:
    server.script = [word, word]
    with pytest.raises(DownloadError, match=r"no answer within 0\.3 s \(2 tries\)"):
        download_streets(AREA, settings(server, tmp_path, timeout_s=0.3, retries=1))
    assert kept(tmp_path) == []
    assert len(download_streets(AREA, settings(server, tmp_path))) == len(JUNCTIONS)


@pytest.mark.slow
def test_an_answer_that_drips_is_given_up_in_time(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte every twentieth of a second is never silence."""
    monkeypatch.setattr(server_answers, "WHOLE_ANSWER", 2.0)
    server.script = ["drip", "drip"]
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"no whole answer within 0\.6 s \(2 tries\)"):
        download_streets(AREA, settings(server, tmp_path, timeout_s=0.3, retries=1))
    assert time.monotonic() - start < 20
    assert kept(tmp_path) == []
    assert len(download_streets(AREA, settings(server, tmp_path))) == len(JUNCTIONS)


def test_what_another_host_would_say_is_not_asked(server: Server, tmp_path: Path) -> None:
    server.script = ["elsewhere"]
    with pytest.raises(DownloadError, match=r"redirects to another server, localhost .*\(1 try\)"):
        download_streets(AREA, settings(server, tmp_path))
    assert kept(tmp_path) == []
    assert len(server.asked) == 1


def test_a_refusal_for_good_is_not_asked_again(server: Server, tmp_path: Path) -> None:
    server.script = [400]
    with pytest.raises(DownloadError, match=r"HTTP 400 Bad Request \(1 try\)"):
        download_streets(AREA, settings(server, tmp_path))
    assert len(server.asked) == 1


def test_an_empty_answer_is_said_and_not_kept(server: Server, tmp_path: Path) -> None:
    server.script = ["empty"]
    with pytest.raises(DownloadError, match=r"the answer is empty.*\(1 try\)"):
        download_streets(AREA, settings(server, tmp_path))
    assert kept(tmp_path) == []
    assert len(download_streets(AREA, settings(server, tmp_path))) == len(JUNCTIONS)


def test_no_street_inside_the_area_is_said(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no street that cars may use inside the area"):
        download_streets(box(73.0513, 33.7013, 73.0514, 33.7014), settings(server, tmp_path))


def test_an_empty_answer_in_the_cache_is_doubted(server: Server, tmp_path: Path) -> None:
    """OSMnx by itself keeps empty answers; such a cache heals."""
    download_streets(AREA, settings(server, tmp_path))
    (file,) = kept(tmp_path)
    file.write_text('{"elements": []}')
    assert len(download_streets(AREA, settings(server, tmp_path))) == len(JUNCTIONS)
    assert len(server.asked) == 2
    assert json.loads(file.read_text())["elements"]


@pytest.mark.parametrize(
    "text",
    ["", *later(['{"elements": [{"ty'], ["[1]"], ['{"elements": [], "remark": "timed out"}'])],
)
def test_a_damaged_answer_in_the_cache_is_asked_for_again(
    server: Server, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    download_streets(AREA, settings(server, tmp_path))
    (file,) = kept(tmp_path)
    file.write_text(text)
    assert len(download_streets(AREA, settings(server, tmp_path))) == len(JUNCTIONS)
    assert "requesting it again" in caplog.text
    assert json.loads(file.read_text())["elements"]


def test_an_empty_tile_of_an_area_is_kept_with_the_rest(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ox.settings, "max_query_area_size", 4_000_000)
    server.script = ["empty", 504]
    graph = download_streets(AREA, settings(server, tmp_path))
    tiles = len(kept(tmp_path))
    assert tiles > 1
    # The tile that was empty is asked for twice: it was not kept while the whole was in doubt.
    assert len(server.asked) == tiles + 2
    assert sum(not json.loads(f.read_text())["elements"] for f in kept(tmp_path)) <= 1
    no_network(monkeypatch)
    assert len(download_streets(AREA, settings(server, tmp_path))) == len(graph)


@pytest.mark.slow
def test_retries_count_for_each_answer_anew(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ox.settings, "max_query_area_size", 4_000_000)
    server.script = [504, "ok", 504, "ok", 504, "ok"]
    assert len(download_streets(AREA, settings(server, tmp_path, retries=1))) == len(JUNCTIONS)
    server.script = [504, 504]
    with pytest.raises(DownloadError, match=r"\(2 tries\)"):
        download_streets(AREA, settings(server, tmp_path / "other", retries=1))


def test_an_unusable_cache_folder_does_not_stop_a_download(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert len(download_streets(AREA, settings(server, tmp_path / "file" / "cache"))) == len(
        JUNCTIONS
    )
    assert "could not be kept" in caplog.text


def test_the_timeout_does_not_change_the_name_of_an_answer(server: Server, tmp_path: Path) -> None:
    download_streets(AREA, settings(server, tmp_path, timeout_s=5))
    download_streets(AREA, settings(server, tmp_path, timeout_s=90))
    assert len(server.asked) == 1


@pytest.mark.slow
def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as server:
        download = settings(server, tmp_path)
    with pytest.raises(DownloadError, match=r"cannot be reached \(.*refused\) \(3 tries\)"):
        download_streets(AREA, download)


@pytest.mark.parametrize("way", often(["no name", "no answer"], {"no name"}))
def test_a_machine_that_is_offline_is_told_at_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def no_way(address: object, timeout: float) -> None:
        if way == "no answer":
            time.sleep(5)
        raise OSError("Temporary failure in name resolution")

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(socket, "create_connection", no_way)
    begun = time.monotonic()
    with pytest.raises(DownloadError, match=r"offline.*\(1 try\); go online and run `siting fetch"):
        download_streets(AREA, settings(server, tmp_path, retries=3))
    assert time.monotonic() - begun < 4
    assert server.asked == []


def test_osmnx_is_left_as_it_was(server: Server, tmp_path: Path) -> None:
    def state() -> tuple[object, ...]:
        values = {k: v for k, v in vars(ox.settings).items() if not k.startswith("_")}
        functions = (_http._save_to_cache, _http._retrieve_from_cache, _http._config_dns)
        return values, functions, socket.getaddrinfo

    before = state()
    server.script = [400]
    with pytest.raises(DownloadError):
        download_streets(AREA, settings(server, tmp_path))
    download_streets(AREA, settings(server, tmp_path))
    assert state() == before
    assert ox.settings.useful_tags_way is not WAY_TAGS


@pytest.mark.slow
def test_place(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.script = [429]
    download = settings(server, tmp_path)
    graph = download_streets(TOWN, download)
    assert server.asked == ["/search", "/search", "/api/interpreter"]
    assert len(kept(tmp_path)) == 2
    no_network(monkeypatch)
    assert set(download_streets(TOWN, download).edges) == set(graph.edges)
    assert geocode(TOWN, download).equals(AREA)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "words"),
    [("Atlantis", "the answer is empty"), ("Pump, Small Town", "a point, not as an area")],
)
def test_places_that_are_none(server: Server, tmp_path: Path, query: str, words: str) -> None:
    with pytest.raises(DownloadError) as error:
        geocode(query, settings(server, tmp_path))
    assert words in str(error.value)
    assert f"{server.url}/search: the outline of {query!r}" in str(error.value)
    assert not [f for f in kept(tmp_path) if json.loads(f.read_text()) == []]


@pytest.mark.slow
def test_nominatim_failing_names_its_own_key(server: Server, tmp_path: Path) -> None:
    server.script = [504]
    with pytest.raises(DownloadError, match=r"set download\.nominatim_url"):
        geocode(TOWN, settings(server, tmp_path, retries=0))


def test_features_are_points(server: Server, tmp_path: Path) -> None:
    tags: dict[str, bool | str | list[str]] = {"amenity": ["fuel", "parking"]}
    found = download_features(AREA, tags, settings(server, tmp_path))
    assert found["osm_id"].tolist() == ["node/20", "way/109"]
    assert found["amenity"].tolist() == ["fuel", "parking"]
    assert found.crs.to_epsg() == 4326
    assert found.geometry.iloc[0] == Point(73.0525, 33.702)
    assert found.geometry.iloc[1].within(box(73.0512, 33.7012, 73.0514, 33.7014))


def test_features_that_are_not_there(server: Server, tmp_path: Path) -> None:
    server.script = ["empty"]
    with pytest.raises(DownloadError, match=r"amenity=fuel in the area .* the answer is empty"):
        download_features(AREA, {"amenity": "fuel"}, settings(server, tmp_path))
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("polygon", "words"),
    [
        (Polygon(), "not an area"),
        (Polygon([(73, 33), (74, 34), (74, 33), (73, 34)]), "crosses itself"),
        (box(300_000, 3_700_000, 301_000, 3_701_000), "not in degrees"),
    ],
)
def test_bad_polygons(tmp_path: Path, polygon: Polygon, words: str) -> None:
    with pytest.raises(InputError, match=words):
        download_streets(polygon, Download(cache_dir=tmp_path))


def test_the_drive_filter_is_osmnxs() -> None:
    """If OSMnx changes what it calls drivable, files must follow."""
    theirs = re.findall(r'\["([a-z_]+)"!~"([^"]+)"\]', _overpass._get_network_filter("drive"))
    assert dict(theirs) == NOT_DRIVABLE
    assert len(theirs) == len(NOT_DRIVABLE)
    assert 106 in DRIVE_WAYS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "nodes", "edges"),
    [("Clifton,Karachi, Pakistan", 877, 2162), ("Saddar, Karachi, Pakistan", 10_376, 27_123)],
)
def test_real_places_offline(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, query: str, nodes: int, edges: int
) -> None:
    no_network(monkeypatch)
    cache = shared_data / "data" / "osmnx_cache"
    graph = download_streets(query, Download(cache_dir=cache, timeout_s=30))
    # The data's own notes count the largest weakly connected part.
    part = ox.truncate.largest_component(graph)
    assert (len(part), part.number_of_edges()) == (nodes, edges)
    network = build_network(graph, table("speeds"), "karachi_lahore")
    assert network.crs.to_epsg() == 32642
    assert network.report["nodes_read"] == len(graph) >= nodes
    assert 0.97 * nodes < network.report["nodes"] < nodes
    assert 0.5 < network.report["maxspeed_share"] < 0.9
