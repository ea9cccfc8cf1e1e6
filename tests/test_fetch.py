"""Fetch once from a server, then plan with no network at all."""

import socket

import pytest
import yaml
from overpass_server import running
from town import CONFIG

import siting
from siting.errors import DownloadError


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as server:
        yield server


@pytest.fixture
def config(tmp_path, server):
    sections = yaml.safe_load(CONFIG)
    sections["roads"] = {"source": {"kind": "place", "query": "Small Town, Pakistan"}}
    sections["download"] = {
        "overpass_url": f"{server.url}/api",
        "nominatim_url": f"{server.url}/",
        "timeout_s": 5,
        "retries": 0,
        "cache_dir": "osm",
    }
    sections["demand"] = {
        "city": "islamabad",
        "people": {"kind": "streets", "total": 3_000, "basis": "by hand"},
        "cells": {"shape": "square", "size_m": 250},
    }
    sections["candidates"] = {"sources": [{"kind": "osm_download", "tags": {"amenity": ["fuel"]}}]}
    # Few people live here: what is built has to be paid for, whether it pays or not.
    sections["offers"] = {"subsidy": {"rule": "share"}}
    sections["program"]["budget_pkr"] = 50_000_000
    path = tmp_path / "place.yaml"
    path.write_text(yaml.safe_dump(sections, sort_keys=False))
    return path


def test_fetch_then_run_without_a_network(config, server, monkeypatch, tmp_path):
    lines = siting.fetch(config)
    assert "nodes" in lines[0]
    assert "1 candidate sites" in lines[1]

    def refuse(*args, **kwargs):
        pytest.fail("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    plan = siting.run(config, out=tmp_path / "out")
    assert plan.new_sites["name"].tolist() == ["Pump"]
    assert plan.served_share > 0


def test_without_a_network_and_nothing_fetched_the_error_says_what_to_do(config, server):
    config.write_text(config.read_text().replace(server.url, "http://127.0.0.1:9"))
    with pytest.raises(DownloadError) as caught:
        siting.fetch(config)
    assert "127.0.0.1:9" in str(caught.value)
