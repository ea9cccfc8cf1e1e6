"""Networks kept on disk: whole or not at all, and never half read."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from geopandas.testing import assert_geodataframe_equal

from siting.errors import InputError
from siting.reference import table
from siting.roads import Network, build_network, cached_network, read_file

KEY = {"source": "ab12", "city": "other", "peak": True}


def small() -> Network:
    graph = nx.MultiDiGraph(crs="EPSG:4326")
    graph.add_node(1, x=73.05, y=33.70)
    graph.add_node(2, x=73.06, y=33.70)
    graph.add_edges_from([(1, 2), (2, 1)], highway="residential", length=900.0)
    return build_network(graph, table("speeds"), "other", source={"name": "Gali №1"})


class Builder:
    """Builds a network and counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Network:
        self.times += 1
        return small()


def never() -> Network:
    raise AssertionError("built although it was kept")


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def same(one: Network, other: Network) -> None:
    assert_geodataframe_equal(one.nodes, other.nodes)
    assert_geodataframe_equal(one.edges, other.edges)
    assert one.report == other.report


def test_built_once_then_read(tmp_path: Path) -> None:
    built = cached_network(tmp_path / "networks", KEY, small)
    read = cached_network(tmp_path / "networks", dict(reversed(KEY.items())), never)
    same(built, read)
    assert read.crs.to_epsg() == 32643
    assert len(entries(tmp_path / "networks")) == 1


def test_every_part_of_the_key_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Builder()
    for key in (KEY, KEY | {"peak": False}, KEY | {"city": "x"}, {**KEY, "more": None}):
        cached_network(tmp_path, key, build)
    assert build.times == 4
    monkeypatch.setattr("siting.roads.cache.FORMAT", 999)
    cached_network(tmp_path, KEY, build)
    assert build.times == 5
    monkeypatch.setattr("siting.roads.cache.version", lambda package: "9.9")
    cached_network(tmp_path, KEY, build)
    assert build.times == 6


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def take_another_networks(path: Path) -> None:
    """A sound table, but not the one that was written: only its hash tells."""
    network = small()
    path.unlink()
    replace(network, edges=network.edges.assign(travel_min=1.0)).to_parquet(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("network.parquet", cut),
        ("network.parquet", flip),
        ("network.parquet", take_another_networks),
        ("network.parquet", Path.unlink),
        ("network.parquet", lambda path: path.write_bytes(b"")),
        ("network.sha256", Path.unlink),
        ("network.sha256", cut),
        ("network.sha256", lambda path: path.write_text("[]")),
    ],
)
def test_a_damaged_entry_is_built_again(
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    built = cached_network(tmp_path, KEY, small)
    (entry,) = entries(tmp_path)
    damage(entry / name)
    build = Builder()
    with caplog.at_level(logging.WARNING):
        same(cached_network(tmp_path, KEY, build), built)
    assert build.times == 1
    assert "is damaged" in caplog.text
    same(cached_network(tmp_path, KEY, never), built)
    assert entries(tmp_path) == [entry]


def test_an_empty_folder_in_its_place_is_filled(tmp_path: Path) -> None:
    cached_network(tmp_path, KEY, small)
    (entry,) = entries(tmp_path)
    for file in entry.iterdir():
        file.unlink()
    cached_network(tmp_path, KEY, small)
    cached_network(tmp_path, KEY, never)


def test_a_failing_build_keeps_nothing(tmp_path: Path) -> None:
    def fails() -> Network:
        raise InputError("no roads")

    with pytest.raises(InputError, match="no roads"):
        cached_network(tmp_path / "networks", KEY, fails)
    assert entries(tmp_path / "networks") == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    same(cached_network(tmp_path / "file" / "x", KEY, small), small())
    assert "could not be kept" in caplog.text


def test_many_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All ask at the same moment; one builds, the others wait for it, none complains."""
    start = threading.Barrier(4)
    build = Builder()

    def ask() -> None:
        start.wait(10)
        got.append(cached_network(tmp_path, KEY, build))

    got: list[Network] = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    with caplog.at_level(logging.WARNING):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert len(got) == 4
    assert build.times == 1
    for network in got:
        same(network, got[0])
    assert caplog.messages == []
    assert len(entries(tmp_path)) == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_while_writing(tmp_path: Path) -> None:
    """A run killed between the table and its hash leaves no entry to be read."""
    code = f"""
import pickle, time
from pathlib import Path
import geopandas as gpd
from siting.roads import cached_network
write = gpd.GeoDataFrame.to_parquet
def slow(frame, path, **options):
    write(frame, path, **options)
    print("written", flush=True)
    time.sleep(30)
gpd.GeoDataFrame.to_parquet = slow
network = pickle.loads({pickle.dumps(small())!r})
cached_network(Path({str(tmp_path)!r}), {KEY!r}, lambda: network)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"written\n"
        run.send_signal(signal.SIGKILL)
        run.wait(10)
    build = Builder()
    cached_network(tmp_path, KEY, build)
    assert build.times == 1
    assert len(entries(tmp_path)) == 1  # what the killed one left is cleared away
    cached_network(tmp_path, KEY, never)


@pytest.mark.slow
def test_a_real_city_loads_at_once(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "data" / "karachi" / "karachi_saddar_town_drive_20241231.graphml.gz"
    built = cached_network(
        tmp_path,
        KEY,
        lambda: build_network(read_file(path), table("speeds"), "karachi_lahore"),
    )
    quickest = min(_seconds(lambda: cached_network(tmp_path, KEY, never)) for _ in range(3))
    assert quickest < 3.0  # a tenth of a second on an idle machine; building takes many
    same(cached_network(tmp_path, KEY, never), built)


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
