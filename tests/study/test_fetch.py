"""Data is fetched once from a server; plans are then made without a network."""

import socket

import pytest
from overpass_server import running
from town import write_place

import siting
from siting.errors import DownloadError


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as server:
        yield server


@pytest.fixture
def config(tmp_path, server):
    return write_place(tmp_path, server.url)


@pytest.mark.slow
def test_fetch_then_run_without_a_network(config, server, monkeypatch):
    lines = siting.fetch(config)
    assert "nodes" in lines[0]
    assert "1 candidate sites" in lines[1]

    def refuse(*args, **kwargs):
        pytest.fail("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    plan = siting.run(config)
    assert plan.new_sites["name"].tolist() == ["Pump"]
    assert plan.served_share > 0


@pytest.mark.slow
def test_without_a_network_and_nothing_fetched_the_error_says_what_to_do(config, server):
    config.write_text(config.read_text().replace(server.url, "http://127.0.0.1:9"))
    with pytest.raises(DownloadError) as caught:
        siting.fetch(config)
    assert "127.0.0.1:9" in str(caught.value)
