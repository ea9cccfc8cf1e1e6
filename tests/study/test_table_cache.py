"""Stages kept between studies: only equal stages are reused, and never partial or damaged files."""

import logging
import threading

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from shapely import Point
from town import write_town

from siting import Study
from siting.study import table_cache
from siting.study.table_cache import content_sha256, kept_table
from siting.writing import LOCK, PART


def frame(**changes):
    table = pd.DataFrame(
        {"id": ["a", "b"], "x": [1.0, np.nan], "n": pd.array([1, None], dtype="Int64")},
        index=[5, 6],
    )
    table = gpd.GeoDataFrame(table, geometry=[Point(0, 0), None], crs=32643)
    table.attrs["notes"] = ["one"]
    for name, change in changes.items():
        table = change(table) if name == "with_" else table.assign(**{name: change})
    return table


CHANGES = {
    "value": lambda t: t.assign(x=[1.0, 2.0]),
    "last bit": lambda t: t.assign(x=[np.nextafter(1.0, 2), np.nan]),
    "minus zero": lambda t: t.assign(x=[-1.0, np.nan]),
    "text": lambda t: t.assign(id=["a", "c"]),
    "missing text": lambda t: t.assign(id=["a", None]),
    "whole number": lambda t: t.assign(n=pd.array([1, 0], dtype="Int64")),
    "type": lambda t: t.assign(x=t["x"].astype("float32")),
    "name": lambda t: t.rename(columns={"x": "y"}),
    "order of rows": lambda t: t.iloc[::-1],
    "order of columns": lambda t: t[["x", "id", "n", "geometry"]],
    "index": lambda t: t.set_axis([5, 7]),
    "place": lambda t: t.set_geometry([Point(0, 1e-9), None], crs=32643),
    "crs": lambda t: t.set_crs(32642, allow_override=True),
    "fewer rows": lambda t: t.iloc[:1],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_changes_the_key(change):
    assert content_sha256(frame()) == content_sha256(frame().copy())
    changed = change(frame())
    changed.attrs.update(frame().attrs)
    assert content_sha256(changed) != content_sha256(frame())


def test_notes_and_plain_values_count_too():
    noted = frame()
    noted.attrs["notes"] = ["two"]
    assert content_sha256(noted) != content_sha256(frame())
    keys = [
        content_sha256(*parts)
        for parts in ((1,), (1.0,), ("1",), (1, 2), (12,), ([1, 2],), (None,))
    ]
    assert len(set(keys)) == len(keys)


class Builder:
    def __init__(self, table):
        self.table, self.times = table, 0

    def __call__(self):
        self.times += 1
        return self.table


@pytest.fixture
def keep_all(monkeypatch):
    monkeypatch.setattr(table_cache, "LEAST_S", 0.0)


def plain_frame():
    table = pd.DataFrame({"cell_id": ["a", "b"], "home": [0.1, 0.9]})
    table.attrs["notes"] = ["nothing is known"]
    return table


@pytest.mark.usefixtures("keep_all")
def test_built_once_then_read_with_its_notes(tmp_path):
    build = Builder(plain_frame())
    for _ in range(3):
        got = kept_table(tmp_path, "surfaces", (frame(), 5), build)
        assert_frame_equal(got, plain_frame())
        assert got.attrs == {"notes": ["nothing is known"]}
    assert build.times == 1
    kept_table(tmp_path, "surfaces", (frame(), 6), build)
    kept_table(tmp_path, "reach", (frame(), 5), build)
    assert build.times == 3
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.usefixtures("keep_all")
@pytest.mark.parametrize("harm", ["cut", "other", "no about", "no table"])
def test_a_damaged_entry_is_built_again(tmp_path, caplog, harm):
    build = Builder(plain_frame())
    kept_table(tmp_path, "reach", (1,), build)
    (entry,) = tmp_path.iterdir()
    table, about = entry / "table.parquet", entry / "about.json"
    if harm == "cut":
        table.write_bytes(table.read_bytes()[:-1])
    elif harm == "other":
        pd.DataFrame({"cell_id": ["z"]}).to_parquet(table)
    else:
        (about if harm == "no about" else table).unlink()
    with caplog.at_level(logging.WARNING):
        assert_frame_equal(kept_table(tmp_path, "reach", (1,), build), plain_frame())
    assert build.times == 2
    assert "is damaged" in caplog.text
    assert_frame_equal(kept_table(tmp_path, "reach", (1,), build), plain_frame())
    assert build.times == 2
    assert list(tmp_path.iterdir()) == [entry]


@pytest.mark.usefixtures("keep_all")
def test_what_a_killed_writer_left_is_cleared_away(tmp_path):
    build = Builder(plain_frame())
    kept_table(tmp_path, "reach", (1,), build)
    (entry,) = tmp_path.iterdir()
    part = entry.rename(tmp_path / f".{entry.name}{PART}")
    part.with_name(part.name + LOCK).touch()
    kept_table(tmp_path, "reach", (1,), build)
    assert list(tmp_path.iterdir()) == [entry]


@pytest.mark.usefixtures("keep_all")
def test_many_at_once_build_one(tmp_path):
    build, got = Builder(plain_frame()), []
    start = threading.Barrier(4)

    def ask():
        start.wait(10)
        got.append(kept_table(tmp_path, "reach", (1,), build))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(got) == 4
    assert build.times == 1


def test_what_is_quick_or_would_not_come_back_the_same_is_not_kept(tmp_path, monkeypatch):
    kept_table(tmp_path, "reach", (1,), Builder(plain_frame()))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(table_cache, "LEAST_S", 0.0)
    odd = pd.DataFrame({"a": [1, 2]})
    odd.attrs["notes"] = ("a tuple comes back as a list",)
    assert kept_table(tmp_path, "reach", (1,), Builder(odd)) is odd
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path):
    (tmp_path / "file").write_text("in the way")
    got = kept_table(tmp_path / "file" / "x", "reach", (1,), Builder(plain_frame()))
    assert_frame_equal(got, plain_frame())


@pytest.mark.slow
@pytest.mark.usefixtures("keep_all")
def test_studies_share_reach_and_surfaces(tmp_path, monkeypatch):
    """Another budget takes both stages from the cache; another cutoff computes its own reach."""
    town = write_town(tmp_path / "town")
    surfaces = ["demand.surfaces.trips=4"]
    fresh = Study(town, surfaces)
    reach, shares = fresh.reach, fresh.surfaces
    folder = town.parent / "cache" / "stages"
    assert sorted(p.name.split("-")[0] for p in folder.iterdir()) == ["reach", "surfaces"]

    def never(*args, **options):
        raise AssertionError("worked out again")

    with monkeypatch.context() as patch:
        patch.setattr("siting.roads.reach", never)
        patch.setattr("siting.demand.surfaces", never)
        other = Study(town, [*surfaces, "program.budget_pkr=1"])
        assert_frame_equal(other.reach, reach)
        assert_frame_equal(other.surfaces, shares)
        assert other.surfaces.attrs == shares.attrs
        assert other.plan.outcome.served_kwh_day == 0
        with pytest.raises(AssertionError, match="worked out again"):
            _ = Study(town, [*surfaces, "reach.cutoff_min=4"]).reach
    assert len(Study(town, [*surfaces, "reach.cutoff_min=60"]).reach) > len(reach)
