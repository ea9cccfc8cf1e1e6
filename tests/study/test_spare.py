"""The time for further results of a plan: time is counted, and missing results are reported."""

import json
import time
from types import SimpleNamespace

import pytest
from town import write_town

import siting
from siting.review import verify_run
from siting.study import Study, write_report
from siting.study.alternatives_text import Cards, Replanned
from siting.study.spare import Spare


def test_a_clock_has_a_share_of_what_others_left():
    spare = Spare(1000.0)
    with spare.clock("one", 0.5) as clock:
        assert clock.limit_s == pytest.approx(20)  # half of 4 % of the limit
        assert clock.more()
        spare.taken_s += 30  # as if this step had taken 30 s
    with spare.clock("two", 1.0) as clock:
        assert clock.limit_s == pytest.approx(10, abs=1)
    spare.taken_s = 1e9
    with spare.clock("three", 1.0) as clock:
        assert not clock.more()
    assert spare.done == {"one": 1, "two": 0, "three": 0}


def test_a_short_limit_leaves_seconds_all_the_same():
    with Spare(1.0).clock("one", 1.0) as clock:
        assert clock.limit_s == pytest.approx(8)


def test_what_was_done_once_is_done_again_whatever_it_takes():
    spare = Spare(1.0, taken_s=1e9, known={"one": 2})
    with spare.clock("one", 1.0) as clock:
        assert [clock.more() for _ in range(4)] == [True, True, False, False]
    with Spare(1e9, known={"one": 0}).clock("one", 1.0) as clock:
        assert not clock.more()


@pytest.fixture
def hurried(tmp_path, monkeypatch):
    """Return a run without time for further results of its plan."""
    monkeypatch.setattr("siting.study.spare.LEAST_S", 0.0)
    monkeypatch.setattr("siting.study.spare.SHARE", 0.0)
    heard = []
    config = write_town(tmp_path / "town")
    plan = siting.run(config, out=tmp_path / "run", progress=heard.append)
    return plan, tmp_path / "run", heard


@pytest.mark.slow
def test_what_had_no_time_is_blank_and_said_to_be(hurried):
    plan, folder, heard = hurried
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    new = plan.new_sites["site_id"].tolist()
    nothing = {"as_it_stands_kwh_day": None, "replanned_kwh_day": None}
    assert new
    assert facts["lost_without"] == dict.fromkeys(new, nothing)
    for site in new:
        text = f"was not computed in time; siting explain RUN {site} computes it."
        assert text in facts["alternatives"][site]
        assert "Nearest other station" in facts["alternatives"][site]  # needs no spare time
    late = "not computed in time"
    stations = f"{len(new)} new station{'s' * (len(new) > 1)}"
    blank = f"{late}: the loss for {stations.replace('new ', '')}"
    untold = f"some results on the new stations were {blank}"
    explain = "siting explain RUN SITE computes both results for one station"
    assert f"{untold}; {explain}" in facts["warnings"]
    own, *others = facts["what_if"]
    assert own["served_kwh_day"] == pytest.approx(plan.outcome.served_kwh_day)
    assert len(others) == 3
    assert {row["why_not"] for row in others} == {"not computed in time"}
    told = {event.stage: event.text for event in heard if event.done}
    assert told["cards"] == f"{stations}; {blank}"
    assert told["what if"] == f"3 other capacities and demands, 3 of them {late}"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert f"siting explain RUN {new[0]} computes it." in page
    assert page.count("not computed in time") >= len(new) + len(others)


@pytest.mark.slow
def test_a_run_with_time_tells_all_of_it(tmp_path):
    plan = siting.run(write_town(tmp_path / "town"))
    assert len(plan.facts["lost_without"]) == len(plan.new_sites)
    assert all(
        one["as_it_stands_kwh_day"] is not None for one in plan.facts["lost_without"].values()
    )
    assert not [line for line in plan.facts["warnings"] if "computed in time" in line]
    assert "computed in time" not in json.dumps([plan.facts["alternatives"], plan.facts["what_if"]])


@pytest.mark.slow
def test_the_seconds_of_a_run_are_all_counted(tmp_path):
    config = write_town(tmp_path / "town")
    heard = []
    begun = time.perf_counter()
    plan = siting.run(config, out=tmp_path / "run", progress=heard.append)
    wall_s = time.perf_counter() - begun
    facts = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert facts["seconds"] == plan.facts["seconds"]
    assert sum(facts["seconds"].values()) == pytest.approx(wall_s, rel=0.1)
    after = ["cards", "what if", "certificate", "isochrones", "facts", "files", "report"]
    assert set(after) <= set(facts["seconds"])
    assert {event.stage for event in heard if event.done} == set(facts["seconds"])


def test_a_phase_has_its_own_seconds_and_who_asks_has_the_rest(tmp_path, monkeypatch):
    study = Study(write_town(tmp_path / "town"))
    now = [0.0]
    monkeypatch.setattr("siting.study.pipeline.time", SimpleNamespace(perf_counter=lambda: now[0]))
    with study.timed("outer") as heard:
        now[0] += 1
        with study.timed("inner") as said:
            now[0] += 2
            said.append("done")
        with study.timed("unheard"):
            now[0] += 4
            with study.timed("inner") as said:
                now[0] += 8
                said.append("done again")
        heard.append("all")
    assert study.seconds == {"inner": 10, "outer": 5}


@pytest.mark.slow
def test_a_run_that_had_no_time_is_verified_with_its_blanks(hurried, monkeypatch):
    _, folder, _ = hurried
    before = (folder / "report.html").read_bytes()
    monkeypatch.undo()  # now there is time
    assert verify_run(folder).faults == []
    assert write_report(folder).read_bytes() == before


def test_a_card_says_which_part_of_it_is_missing():
    lost = {"s1": 4.0, "s2": 0.0, "s3": 2.0}
    told = Cards(("s1", "s2", "s3", "s4"), lost, {"s1": Replanned(1.0, "s9:hub")}, {})
    assert told.in_words() == (
        "4 new stations; not computed in time: the loss for 1 station, the re-plan for 1 station"
    )
    assert told.facts()["s4"] == {"as_it_stands_kwh_day": None, "replanned_kwh_day": None}
    assert told.facts()["s1"] == {"as_it_stands_kwh_day": 4.0, "replanned_kwh_day": 1.0}
    assert Cards(("s2",), {"s2": 0.0}, {}, {}).in_words() == "1 new station"
