"""An aim states all that other packages need, and no other package tests an aim's class."""

import ast
from dataclasses import dataclass

import numpy as np
import pytest
from brute_force import COMPATIBILITY, town
from conftest import ROOT, seeds

from siting.engine.solve import solve
from siting.program.aims import AIMS, Aim
from siting.program.instance import Instance
from siting.program.limits import number
from siting.program.program import Program


def classes_asked_for(tree):
    """Yield the names of the classes that `isinstance`, `issubclass` and `case` test for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {
            "isinstance",
            "issubclass",
        }:
            yield from ast.walk(node.args[1])
        elif isinstance(node, ast.MatchClass):
            yield from ast.walk(node.cls)


@pytest.mark.slow
def test_no_room_asks_for_the_class_of_an_aim():
    aims = {aim.__name__ for aim in AIMS}
    offenders = {
        str(path.relative_to(ROOT)): aims & asked
        for path in sorted((ROOT / "siting").rglob("*.py"))
        if aims
        & (
            asked := {
                getattr(node, "id", getattr(node, "attr", ""))
                for node in classes_asked_for(ast.parse(path.read_text(encoding="utf-8")))
            }
        )
    }
    assert offenders == {}


def test_every_aim_is_listed_and_says_what_it_is():
    assert set(Aim.__subclasses__()) - {FewestStations} == set(AIMS)
    for aim in AIMS:
        assert len({aim.name, aim.kind, aim.words, aim.formula}) == 4
    for names in zip(*((a.name, a.kind) for a in AIMS), strict=True):
        assert len(set(names)) == len(AIMS)


@dataclass(frozen=True)
class FewestStations(Aim):
    """An aim that the package does not define."""

    name = "fewest stations"
    kind = "fewest_stations"
    formula = r"\min \sum_n y_n"
    words = "the fewest stations"
    own_unit = "stations"
    less_is_better = True

    def terms(self, layout, rows, prefix):
        return np.arange(len(layout.options)), np.ones(len(layout.options))

    def value(self, answer):
        return answer.yearly(np.ones(len(answer.instance.offer_ids)))


@pytest.mark.parametrize("method", ["exact", "milp"])
@pytest.mark.parametrize("seed", seeds(0, 1, 4))
def test_a_new_aim_needs_no_change_elsewhere(seed, method):
    demand, offers, reach = town(seed, existing=False)
    program = Program(Instance.from_tables(demand, offers, reach, COMPATIBILITY, budget_pkr=15.0))
    most = solve(program, gap=0.0, threads=1)
    kwh = 0.6 * most.served_kwh_day
    asked = program.floor(kwh / most.demand_kwh_day).aim(FewestStations())
    assert "the fewest stations, stations" in asked._repr_latex_()
    answer = solve(asked.most_worth(), gap=0.0, threads=1, method=method)
    first, then = answer.proofs
    assert first.proof.status == then.proof.status == "optimal"
    assert (first.aim, first.proof.objective) == ("fewest stations", len(answer.offers))
    assert answer.served_kwh_day >= kwh * (1 - 1e-6)
    # With one station fewer, even the plan that serves the most energy serves less than `kwh`.
    fewer = program.limit(number(offers, len(answer.offers) - 1))
    assert solve(fewer, gap=0.0, threads=1).served_kwh_day < kwh


def test_aims_in_a_notebook_have_no_bare_per_cent_sign():
    demand, offers, reach = town(0, existing=False)
    program = Program(Instance.from_tables(demand, offers, reach, COMPATIBILITY, budget_pkr=15.0))
    said = program.scenarios({"low": 0.5, "high": 0.5}).tail(0.9).least_money("cost_pkr")
    said = said._repr_latex_()
    assert r"the best average of the worst 10\% of outcomes, kWh/day" in said
    assert "the least total cost, PKR" in said


def test_the_key_of_a_later_aim_stands_in_three_files():
    """Only the files of the aim, the method and the key have its name, besides `others`."""
    files = {
        str(path.relative_to(ROOT / "siting"))
        for path in (ROOT / "siting").rglob("*.py")
        if "shortest_drives" in path.read_text(encoding="utf-8")
    }
    others = {"config/sections.py", "verify/account.py", "verify/aim_values.py"}
    assert files - others == {"program/aims.py", "program/program.py", "config/program.py"}
