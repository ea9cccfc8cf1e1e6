"""Wrong arguments of public functions: each gives one `InputError` in the caller's words."""

import copy
import pickle

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from town import write_town

import siting
from siting import reference, sites
from siting.errors import InputError


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    study = siting.Study(write_town(tmp_path_factory.mktemp("arguments")))
    study.plan  # noqa: B018
    return study


def graph_of(town):
    return siting.read_roads(town.config.roads.source.path)


def program_of(town):
    return siting.Program(town.instance)


def places(town):
    return town.candidates[["name", "kind", "source", "geometry"]]


def squares(town):
    return places(town).assign(geometry=town.candidates.buffer(20))


def nowhere(layer):
    shapes = [shapely.Point(), *layer.geometry.iloc[1:]]
    return layer.set_geometry(gpd.GeoSeries(shapes, index=layer.index, crs=layer.crs))


TABLES = ("demand", "offers", "reach", "compatibility")


def instance_of(town, **changed):
    tables = {name: getattr(town, name) for name in TABLES}
    return siting.Instance.from_tables(**{**tables, "budget_pkr": 5_000, **changed})


WRONG = {
    # Words that were taken for others, without an error.
    "when": (lambda t: program_of(t).floor(0.5, when="all"), "when: is 'all'; use last, every"),
    "worst when": (lambda t: program_of(t).worst_share("class", when="all"), "use last, every"),
    "money": (lambda t: program_of(t).least_money("cost"), "use subsidy_pkr, cost_pkr"),
    "net": (lambda t: program_of(t).net_worth(1e-5, of="cost"), "use subsidy_pkr, cost_pkr"),
    "tail": (lambda t: program_of(t).tail(0.9, of="drives"), "use unserved, served"),
    # Half of the streets, or some of the people, were lost.
    "undirected": (
        lambda t: siting.Network.from_graph(nx.MultiGraph(t.network.to_graph())),
        "graph: a value of type MultiGraph; pass a directed OSMnx graph",
    ),
    "no place": (
        lambda t: siting.make_cells(nowhere(t.people), t.network),
        "people, geometry: 1 of 2 rows have no location",
    ),
    # One name in place of a list was read letter by letter.
    "required": (lambda t: instance_of(t, required="s0001"), "required sites: 's0001' is not a li"),
    "require": (lambda t: program_of(t).require("s0001"), "'s0001' is not a list; put it in brac"),
    "assign": (lambda t: siting.assign(t.instance, "s0001:hub"), "offers: 's0001:hub' is not a li"),
    "overrides": (lambda t: siting.Study("a.yaml", "year=2031"), "overrides: 'year=2031' is not"),
    "configs": (lambda t: siting.list_studies("a.yaml"), "configs: 'a.yaml' is not a list"),
    "runs": (lambda t: siting.compare("runs/a"), "runs: 'runs/a' is not a list"),
    "layers": (lambda t: t.plan.export("a.gpkg", "sites"), "layers: 'sites' is not a list"),
    "sweep": (
        lambda t: siting.list_studies(["a.yaml"], sweep={"year": 2031}),
        "sweep, year: a value of type int is not a list",
    ),
    "layer": (
        lambda t: siting.merge_candidates(places(t), t.network),
        "layers: a value of type GeoDataFrame is not a list",
    ),
    # Objects of another kind.
    "study solved": (lambda t: siting.solve(t), "program: a value of type Study; give a siting.Pr"),
    "why not": (lambda t: siting.why_not(t.instance), "program: a value of type Instance"),
    "program": (lambda t: siting.Program(t), "instance: a value of type Study"),
    "limits": (lambda t: program_of(t).limit([]), "limit: a value of type list; give each siting"),
    "aim": (lambda t: program_of(t).aim("most_worth"), "aim: a value of type str"),
    "decay": (lambda t: program_of(t).decay(5, 5), "decay: a value of type int"),
    "rule": (lambda t: program_of(t).viability_gap(0.5), "rule: a value of type float"),
    "zones": (lambda t: program_of(t).floor(0.5, of={"d1": "a"}), "of: a value of type dict"),
    "scenarios": (lambda t: program_of(t).scenarios(["slow"]), "probabilities: a value of type"),
    "years": (lambda t: program_of(t).years([5e7]), "budgets_pkr: a value of type list"),
    "share": (lambda t: program_of(t).floor("half"), "floors, city: is 'half'"),
    "demand": (lambda t: instance_of(t, demand=None), "demand: a value of type NoneType"),
    "budget": (lambda t: instance_of(t, budget_pkr="5e6"), "budget_pkr: is '5e6'; enter an amount"),
    "options": (
        lambda t: siting.solve(program_of(t), gap="a", time_limit_s=None),
        "- gap: is 'a'; give a number\n- time_limit_s: is None; give a number",
    ),
    "slice": (lambda t: siting.solve(program_of(t)).service("2031"), "slice_name: there is no"),
    "keys": (lambda t: siting.Study({"name": "a"}), "config: a value of type dict; pass the path"),
    "run": (lambda t: siting.simulate(5), "run: a value of type int; pass a run folder, a study"),
    "rules": (lambda t: t.plan.simulate(5), "rules: a value of type int"),
    "answers": (lambda t: siting.side_by_side([t.plan]), "answers: a value of type list"),
    "study beside": (lambda t: siting.side_by_side({"a": t}), "answers, a: a value of type Study"),
    "height": (lambda t: t.plan.explore("served"), "height_px: a value of type str"),
    "no budgets": (lambda t: t.plan.frontier([]), "budgets_pkr: is empty"),
    "budgets": (lambda t: t.plan.frontier([1, np.nan, "a"]), r"an amount of money \(nan, a\)"),
    "classic": (lambda t: siting.solve_classic(t.instance, "p_median", p=1), "siting.PlainInst"),
    # Tables and graphs.
    "stages": (lambda t: t.with_stages({"demands": t.demand}), "no such stages .demands.; did you"),
    "tables": (lambda t: t.with_stages([t.demand]), "given: a value of type list"),
    "no rows": (
        lambda t: t.with_(reach=t.reach[:0]),
        "given in Python.: has no rows",
    ),
    "bids": (
        lambda t: t.award(pd.DataFrame({"bid": ["a"]})),
        r"^bids \(given in Python\): columns are missing",
    ),
    "path": (lambda t: siting.make_cells("people.csv", t.network), "people: a value of type str"),
    "frame": (
        lambda t: siting.make_cells(pd.DataFrame({"people": [1]}), t.network),
        "people: a value of type DataFrame; give a GeoDataFrame",
    ),
    "no geometry": (
        lambda t: siting.make_cells(gpd.GeoDataFrame({"people": [1]}), t.network),
        "people: has no geometry",
    ),
    "graph": (lambda t: siting.make_cells(t.people, graph_of(t)), "network: a value of type Multi"),
    "digraph": (
        lambda t: siting.build_network(nx.DiGraph(graph_of(t)), reference.table("speeds"), "other"),
        "graph: a value of type DiGraph",
    ),
    "clip": (
        lambda t: siting.read_roads(t.config.roads.source.path, clip=t.cells),
        "clip: a value of type GeoDataFrame; pass one polygon",
    ),
    "table read": (lambda t: siting.read_people(t.people), "path: a value of type GeoDataFrame"),
    "polygons": (
        lambda t: siting.merge_candidates([squares(t)], t.network),
        r"candidate layer 1, geometry: not a point \(0, 1\)",
    ),
    "excluded": (
        lambda t: siting.merge_candidates([places(t)], t.network, excluded=t.cells[["geometry"]]),
        "excluded, column name: missing",
    ),
    "figures": (
        lambda t: siting.make_offers(t.candidates, {"a": {"dc_60": 1}}, grids=1),
        r"unknown figures \(grids\).*\n.*missing figures \(chargers, grid, fees, compatibility\)",
    ),
    "no energy": (lambda t: siting.spread_demand(t.cells, t.energy[:0]), "energy: has no rows"),
    "classes": (
        lambda t: siting.spread_demand(t.cells, t.energy.drop(columns="vehicle_class")),
        "energy, column vehicle_class: missing",
    ),
    "fleet": (
        lambda t: siting.city_energy(
            pd.DataFrame({"vehicle_class": ["car"]}), t.class_figures, t.fleet_share
        ),
        "fleet, column vehicles: missing",
    ),
    "sales": (
        lambda t: siting.business_case(t.offers, {"s0001": 5.0}, t.business_rules),
        "served_kwh_day: a value of type dict",
    ),
    "validated": (lambda t: siting.validate(t.demand, "demand"), "table: a value of type str"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_gives_one_error_in_words(town, case):
    call, words = WRONG[case]
    with pytest.raises(siting.SitingError, match=words):
        call(town)


def test_numbers_and_lists_of_numpy_and_pandas_are_keys_like_any_other(town):
    changed = town.with_(budget_pkr=np.int64(2_000), year=np.arange(2030, 2032)[1])
    assert (changed.budget_pkr, changed.config.year) == (2_000.0, 2031)
    both = town.with_(required_sites=town.candidates["site_id"], spacing_kinds=np.array(["fuel"]))
    assert both.config.program.limits.spacing_kinds == ("fuel",)
    assert both.config.program.limits.required_sites == ("s0001", "s0002")
    with pytest.raises(InputError, match="cannot read a GeoSeries"):
        town.with_(people=town.people.geometry)


def test_a_table_of_offers_replaces_the_offers(town):
    assert len(town.with_(offers=town.offers.iloc[:1]).offers) == 1


def test_a_sweep_of_an_array_is_a_sweep_of_its_numbers(tmp_path):
    config = write_town(tmp_path)
    budgets = np.arange(1_000, 3_000, 1_000)
    of_array = siting.list_studies([config], sweep={"program.budget_pkr": budgets})
    of_list = siting.list_studies([config], sweep={"program.budget_pkr": [1_000, 2_000]})
    assert [one.key for one in of_array] == [one.key for one in of_list]
    assert all(one.key for one in of_array)


def test_the_number_of_sites_may_be_a_number_of_numpy(town):
    plain = siting.PlainInstance.from_siting_tables(town.demand, town.candidates, town.reach)
    answers = [siting.solve_classic(plain, "mclp", p=p, radius=5) for p in (1, np.int64(1))]
    assert answers[0].sites == answers[1].sites


def test_a_plan_is_equal_to_itself_only_and_may_be_copied(town):
    plan, again = town.plan, pickle.loads(pickle.dumps(town.plan))
    assert plan in [again, plan]
    assert plan != again
    assert {plan: "a"}[plan] == "a"
    assert again.served_kwh_day == copy.deepcopy(plan).served_kwh_day == plan.served_kwh_day


def test_paths_may_be_strings(town):
    by_text = siting.read_people(str(town.config.demand.people.path))
    assert by_text["people"].to_list() == [8, 4]
    with pytest.raises(InputError, match=r"a\.pdf: does not end in \.docx"):
        siting.write_paper("runs/none", "pc1", "a.pdf")


def test_a_study_says_at_once_that_most_streets_are_not_connected(town):
    graph = graph_of(town)
    west = {node: at["x"] for node, at in graph.nodes(data=True)}
    graph.remove_edges_from([uvk for uvk in graph.edges(keys=True) if west[uvk[0]] > west[uvk[1]]])
    heard = []
    siting.Study(town.config, progress=heard.append).with_(roads=graph).network  # noqa: B018
    said = [one.text for one in heard if one.done]
    assert said == ["2 nodes, 2 directed edges; 97.9% of the street length was cut off from the "
                    "rest and left out"]  # fmt: skip


def test_a_program_solved_elsewhere_gives_the_plan_and_the_value_that_it_documents(town):
    pulp = pytest.importorskip("pulp")
    program = program_of(town).most_worth()
    problem, matrix = program.to_pulp(), program.matrix()
    problem.solve(pulp.HiGHS(msg=False))
    values = problem.variablesDict()
    options = [n for n in range(len(program.options)) if values[f"y_{n}"].value() > 0.5]
    chosen = program.instance.offer_ids[program.options.last[options]]
    assert tuple(chosen) == siting.solve(program).offers
    value = matrix.size * pulp.value(problem.objective)
    assert value == pytest.approx(siting.assign(town.instance, chosen)["served_kwh_day"].sum())


def test_the_figures_that_offers_need_are_those_that_the_message_names(town):
    figures = {
        "chargers": sites.charger_catalogue(),
        "grid": sites.grid_figures(),
        "fees": sites.fee_figures(),
        "compatibility": sites.compatibility(),
    }
    assert len(siting.make_offers(town.candidates, {"a": {"dc_60": 1}}, **figures)) == 2
