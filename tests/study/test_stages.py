"""The graph of stages: each stage reads the keys that it declares, and staleness follows."""

import re
from dataclasses import replace
from types import ModuleType

import geopandas as gpd
import pytest
import yaml
from config.test_load import FULL
from conftest import ROOT
from town import write_town

import siting.study
from siting.config import load
from siting.engine.clock import Progress
from siting.errors import InputError
from siting.study import Study, stages
from siting.study.depends import STAGES, STORED, changed_keys, feeds, gone, stale, upto
from siting.study.outcome_figures import decide
from siting.study.stages import AT_HAND, EVERY_KEY, INERT, PHASES, Stage, solve_in_words
from siting.study.stored_run import FORMS
from siting.study.to_program import program_of


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path / "town")


# --- declarations --------------------------------------------------------------------------------


def test_each_stage_reads_earlier_stages_only():
    names = list(STAGES)
    for i, (name, made) in enumerate(STAGES.items()):
        assert made.name == name
        assert set(made.reads) <= set(names[:i]), name


def test_every_stage_is_an_attribute_of_a_study():
    rooms = [room for room in vars(siting.study).values() if isinstance(room, ModuleType)]
    written = {id(one) for room in rooms for one in vars(room).values() if isinstance(one, Stage)}
    assert written == {id(made) for made in STAGES.values()}
    assert all(getattr(Study, name) is made and made.__doc__ for name, made in STAGES.items())


def test_what_a_stage_sees_without_declaring_it_is_declared_by_one_it_rests_on():
    for name, made in STAGES.items():
        for key in made.seen:
            assert any(STAGES[read].reads_key(key) for read in upto(name)[:-1]), name


def test_only_stages_that_are_stored_have_a_form():
    assert {STAGES[name].stored for name in FORMS} <= set(STORED)


def leaves(section, at=""):
    for name in type(section).model_fields:
        value = getattr(section, name, None)
        inner = getattr(type(value), "model_fields", None)
        yield from leaves(value, f"{at}{name}.") if inner else [f"{at}{name}"]


def test_every_key_is_declared_by_some_stage_or_is_known_to_change_nothing(town):
    """A change of an undeclared key would make every stage stale."""
    config = load(town)
    undeclared = {
        key
        for key in leaves(config)
        if key.split(".")[0] not in INERT
        and not any(s.reads_key(key) for s in STAGES.values() if s.keys != EVERY_KEY)
    }
    assert undeclared == set()


def test_a_stage_that_reads_a_key_it_does_not_declare_is_told(town):
    made = stages.stage("reach.cutoff_min")(lambda config: config.reach.access_kmh)
    seen = made.part_of(load(town))
    assert seen.reach.cutoff_min == 5
    assert seen.output.cache_dir.name == "cache"
    with pytest.raises(AttributeError, match=r"does not declare that it reads reach\.access_kmh"):
        _ = seen.reach.access_kmh
    with pytest.raises(AttributeError, match="does not declare that it reads year"):
        _ = seen.year


@pytest.fixture
def read_keys(monkeypatch):
    """Record which keys each stage reads of the configuration."""
    record = {}
    plain = stages.Part.__getattr__

    def recording(self, name):
        value = plain(self, name)
        if not isinstance(value, stages.Part):
            _, reader, _, at = self._own
            record.setdefault(reader, set()).add(f"{at}{name}")
        return value

    monkeypatch.setattr(stages.Part, "__getattr__", recording)
    return record


# Keys that only another kind of source reads.
ONLY_OF_SOME = {
    ("people_read", "demand.city"),
    ("people_read", "demand.like"),
    # Read only for a city that is in no table.
    ("city", "demand.city_people"),
    ("people_read", "reach.max_snap_m"),
    # Read only if the year is a projection.
    ("demand_notes", "demand.scenario"),
    ("demand_notes", "demand.fleet_csv"),
    ("places", "reach.max_snap_m"),
    ("people_read", "demand.wealth"),
    ("demand", "reach.max_snap_m"),
    ("demand", "demand.vehicle_classes"),
    ("sites_found", "offers.feeder_within_m"),
}


@pytest.mark.slow
def test_what_is_declared_is_what_is_read(read_keys, tmp_path):
    """A run of the embedded city with surfaces reads every declared key, and no other key."""
    surfaces = {"places": None, "weights": {}, "trips": 4}
    envelopes = {"fast": {"budget_pkr": 1_000_000, "charger_groups": ["dc"]}}
    config = ROOT / "configs" / "islamabad.yaml"
    overrides = [
        f"output.cache_dir={tmp_path}",
        f"demand.surfaces={yaml.safe_dump(surfaces)}",
        f"program.limits.envelopes={yaml.safe_dump(envelopes)}",
    ]
    study = Study(config, overrides)
    for name, made in STAGES.items():
        if "study" not in made.parameters and "outcome" not in upto(name):
            getattr(study, name)
    unread = {
        (name, key)
        for name, found in read_keys.items()
        for key in STAGES[name].keys
        if not any(read == key or read.startswith(f"{key}.") for read in found)
    }
    assert unread == ONLY_OF_SOME


def test_what_is_asked_and_decided_reads_declared_keys_only(town):
    """The declared part of the configuration suffices for a solve and for the stage `plan`."""
    study = Study(town, ["program.min_served_share=0.5", "program.class_floor=0.1"])
    part = replace(study.asked, config=STAGES["asked"].part_of(study.config))
    program = program_of(part)
    found = decide(part, program)
    assert found.served_kwh_day == pytest.approx(study.outcome.served_kwh_day)
    made = STAGES["plan"]
    at_hand = {"config": made.part_of(study.config), "asked": part, "outcome": found}
    given = {"study": study} | {name: getattr(study, name) for name in made.reads} | at_hand
    plan = made.make(**{name: given[name] for name in made.parameters})
    assert plan.outcome.served_kwh_day == pytest.approx(study.plan.outcome.served_kwh_day)


# --- what follows --------------------------------------------------------------------------------


def test_a_key_that_nobody_knows_feeds_all():
    assert feeds("a.key.of.tomorrow") == STORED
    assert stale(["offers.key_of_tomorrow"]) == STORED
    assert stale([]) == ()
    assert gone([]) == frozenset()
    assert FULL


@pytest.mark.parametrize(
    ("key", "groups"),
    [
        ("roads.source.path", STORED),
        ("reach.cutoff_min", ("reach", "outcome")),
        (
            "reach.max_snap_m",
            tuple(g for g in STORED if g not in ("network", "neighbourhoods", "candidates")),
        ),
        ("demand.surfaces.weights.car.home", ("demand", "outcome")),
        ("demand.profiles_csv", ("offers", "limits", "outcome")),
        ("demand.case", ("demand", "factors", "outcome")),
        ("offers.lines", ("candidates", "offers", "reach", "limits", "outcome")),
        ("program.zones", ("cell_zones", "outcome")),
        ("program.limits.spacing_m", ("limits", "outcome")),
        ("solver.gap", ("outcome",)),
        ("money.years", ("outcome",)),
        ("title", ()),
        ("sweep.year", ()),
        ("output.runs_dir", ()),
    ],
)
def test_what_a_change_makes_stale(key, groups):
    assert stale([key]) == groups


def test_changed_keys_are_named_by_their_whole_path(town):
    config = load(town)
    assert changed_keys(config, config.model_copy(update={"name": "other"})) == ("name",)
    assert changed_keys(config, load(town, ["reach.cutoff_min=7"])) == ("reach.cutoff_min",)


def test_another_year_shares_all_but_the_demand(town):
    shared = set(STAGES) - gone(["year", "demand.scenario", "demand.case"], once=True)
    # Limits depend on the fleet only if a power per vehicle is required.
    assert {"network", "cells", "surfaces", "candidates", "offers", "reach"} <= shared
    assert (
        not {"fleet", "energy", "demand", "asked", "program", "instance", "outcome", "plan"}
        & shared
    )
    study = Study(town)
    other = study.in_other(case="high")
    assert other.reach is study.reach
    assert other.offers is study.offers
    assert other.demand is not study.demand
    assert other.config.demand.case == "high"


@pytest.mark.slow
def test_given_tables_take_the_place_of_stages_and_undo_what_rests_on_them(town):
    study = Study(town)
    out = study.offers["site_id"] == "s0001"
    one = study.with_stages(
        {"offers": study.offers.assign(reason=out.map({True: "no", False: ""}))}
    )
    assert len(one.plan.new_sites) == 1
    assert len(study.plan.new_sites) == 2
    assert one.reach is study.reach
    with pytest.raises(AttributeError, match="with_stages"):
        study.offers = one.offers
    with pytest.raises(InputError, match=r"no such stages \(ofers\); did you mean offers\?"):
        study.with_stages({"ofers": one.offers})


def test_another_configuration_shares_what_it_leaves_true(town):
    study = Study(town)
    assert isinstance(study.cells, gpd.GeoDataFrame)
    events = []
    other = study.with_stages({}, load(town, ["reach.cutoff_min=60"]), progress=events.append)
    assert len(other.reach) > len(study.reach)
    assert other.cells is study.cells
    assert [event.stage for event in events if event.done] == ["reach"]
    again = other.with_stages({}, load(town, ["reach.cutoff_min=30"]))  # with the same listener
    assert len(again.reach)
    assert [event.stage for event in events if event.done] == ["reach", "reach"]


def test_stages_are_told_what_they_are_called_with():
    assert STAGES["reach"].reads == ("network", "network_sha256", "cells", "candidates")
    assert not set(AT_HAND) & set(STAGES)


def test_phases_of_a_solve_have_names_a_planner_knows():
    engine = ROOT / "siting" / "engine"
    calls = re.compile(r'\.phase\(\s*"([^"]*)"')
    used = {
        name for path in engine.rglob("*.py") for name in calls.findall(path.read_text("utf-8"))
    }
    assert len(used) > 15
    assert used <= set(PHASES)
    now = Progress("nearer", 17_781.0, 20_000.0, 0.1, 3.0)
    assert solve_in_words(now).startswith("shortening drives: 17,781 kWh/day")
    # No phase is open while the service is computed, but this step has a name, too.
    assert solve_in_words(replace(now, phase="")).startswith("working out who is served: 17,781")


def test_a_stage_says_that_it_has_begun(tmp_path):
    events = []
    study = Study(write_town(tmp_path), progress=events.append)
    assert len(study.offers) == 2
    begun = [event.stage for event in events if not event.done]
    done = [event.stage for event in events if event.done]
    assert set(done) <= set(begun)
    assert all(begun.index(name) < len(begun) for name in done)
    first = {name: next(n for n, e in enumerate(events) if e.stage == name) for name in done}
    assert all(not events[n].done for n in first.values())
