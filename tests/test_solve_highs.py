"""HiGHS through PuLP: starts, threads, limits, interruption, silence, and other solvers."""

import os
import signal
import subprocess
import sys
import threading
import time

import pulp
import pytest
from conftest import ROOT
from test_solve_run import hard_tables

from siting.engine.clock import Clock
from siting.engine.highs import new_model, run_highs, run_native
from siting.engine.stdout import quiet_stdout
from siting.errors import SolveError
from siting.models import Instance, capacitated
from siting.solve import solve
from siting.solve.search import fill
from siting.solve.valuer import Valuer


def knapsack(sense=pulp.LpMaximize):
    prob = pulp.LpProblem("knapsack", sense)
    z = [prob.add_variable(f"z_{n}", 0, 1, "Integer") for n in range(12)]
    prob.setObjective(pulp.lpSum_vars_coefs([(v, 5.0 + n % 4) for n, v in enumerate(z)]))
    row = pulp.lpSum_vars_coefs([(v, 3.0 + n % 5) for n, v in enumerate(z)])
    prob.addConstraint(row <= 20 if sense == pulp.LpMaximize else row >= 22, "room")
    return prob, z


def test_a_start_is_accepted():
    instance = Instance.from_tables(**hard_tables())
    program = capacitated(instance)
    valuer = Valuer(instance, program.demand, capacitated=True)
    clock = Clock(60)
    state = fill(valuer, valuer.at(valuer.base), clock)
    taken = set(valuer.offers_of(state.choice).tolist())
    for variable, offer in zip(program.z, program.offer.tolist(), strict=True):
        variable.varValue = float(offer in taken)
    run = run_highs(program.prob, clock, gap=0.2, start=True)
    assert run.first == pytest.approx(state.value)
    assert run.found
    assert run.objective >= state.value - 1e-6


def test_the_number_of_threads_may_change_within_a_process():
    objectives = []
    for threads in (1, 2, 1, 3):
        prob, _ = knapsack()
        objectives.append(run_highs(prob, Clock(20), threads=threads).objective)
    assert len(set(objectives)) == 1


@pytest.mark.parametrize("sense", [pulp.LpMaximize, pulp.LpMinimize])
def test_bounds_are_in_the_sense_of_the_problem(sense):
    prob, z = knapsack(sense=sense)
    whole = run_highs(prob, Clock(20))
    relaxed = run_highs(prob, Clock(20), relaxed=True)
    assert whole.status == relaxed.status == pulp.LpSolveStatus.Optimal
    assert whole.bound == pytest.approx(whole.objective)
    sign = 1 if sense == pulp.LpMaximize else -1
    assert sign * relaxed.bound > sign * whole.objective
    assert sum(v.varValue not in (0.0, 1.0) for v in z) == 1


def test_an_infeasible_problem_has_neither_solution_nor_bound():
    prob, z = knapsack()
    prob.addConstraint(pulp.lpSum_vars(z) >= 13, "more than there are")
    run = run_highs(prob, Clock(20))
    assert not run.found
    assert run.objective == float("-inf")


def test_no_time_left_is_said_as_such():
    instance = Instance.from_tables(**hard_tables())
    program = capacitated(instance)
    clock = Clock(0.0)
    run = run_highs(program.prob, clock)
    assert run.status in (pulp.LpSolveStatus.TimeLimit, pulp.LpSolveStatus.Interrupted)


def test_ctrl_c_while_highs_runs_is_heard_and_the_worker_ends():
    program = capacitated(Instance.from_tables(**hard_tables(sites=90, cells=900)))
    clock = Clock(30)
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.perf_counter()
    run = run_highs(program.prob, clock, gap=0.0)
    timer.join()
    assert clock.interrupted
    assert time.perf_counter() - began < 20  # of the 30 it may take, on a busy machine too
    assert run.status == pulp.LpSolveStatus.Interrupted
    assert run.found
    assert run.bound > run.objective > 0
    assert not [t for t in threading.enumerate() if t.name == "highs"]


def test_a_progress_function_that_fails_stops_the_solver_and_is_heard():
    program = capacitated(Instance.from_tables(**hard_tables(sites=90, cells=900)))

    def fail(_progress):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_highs(program.prob, Clock(30, fail), gap=0.0)
    assert not [t for t in threading.enumerate() if t.name == "highs"]


def run_python(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, **options)


def test_the_greeting_of_highs_stays_off_standard_output():
    code = (
        "import sys\n"
        "sys.stdout.write('{\"a\": ')\n"  # no newline and no flush: still in Python's buffer
        "from siting.engine.highs import new_model\n"
        "new_model().run(); new_model().run()\n"
        "print('1}')\n"
    )
    assert run_python(code, check=True).stdout.decode() == '{"a": 1}\n'


def test_highs_itself_does_greet_so_that_the_silence_means_something():
    assert b"HiGHS" in run_python("import highspy; highspy.Highs()", check=True).stdout


def test_a_closed_standard_output_does_no_harm():
    code = (
        "import os; os.close(1)\n"
        "from siting.engine.highs import new_model\n"
        "new_model().run()\n"
        "import sys; sys.stderr.write('fine'); os._exit(0)\n"
    )
    assert run_python(code, check=True).stderr.decode() == "fine"


def test_standard_output_comes_back_after_an_error(capfd):
    def fail():
        with quiet_stdout():
            os.write(1, b"lost")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    os.write(1, b"kept")
    assert capfd.readouterr().out == "kept"


class Twin(pulp.HiGHS):
    """A solver of another name, as far as PuLP can tell; it takes no number of threads."""

    name = "TWIN"

    def __init__(self, msg=True, timeLimit=None, gapRel=None, warmStart=False):  # noqa: N803
        super().__init__(msg=msg, timeLimit=timeLimit, gapRel=gapRel, warmStart=warmStart)


@pytest.fixture
def twin():
    pulp.apis.addSolver(Twin)
    yield "TWIN"
    pulp.apis._all_solvers.remove(Twin)


@pytest.mark.parametrize("model", ["capacitated", "coverage"])
def test_another_solver_by_name_proves_the_same(twin, model):
    instance = Instance.from_tables(**hard_tables(sites=6, cells=25, budget=12.0))
    own = solve(instance, model, gap=0.0, threads=1)
    other = solve(instance, model, gap=0.0, threads=1, solver=twin)
    assert other.solver == "TWIN"
    assert (other.status, other.tie_break) == ("optimal", "exact")
    assert other.objective_kwh_day == pytest.approx(own.objective_kwh_day)
    assert other.subsidy_pkr == pytest.approx(own.subsidy_pkr)


def test_a_solver_that_is_not_installed_is_named_with_those_that_are():
    instance = Instance.from_tables(**hard_tables(sites=4, cells=10))
    with pytest.raises(SolveError, match=r"'NoSuch' is not installed; use HiGHS"):
        solve(instance, solver="NoSuch")


def test_a_native_model_runs_to_its_end():
    model = new_model()
    model.addVar(0.0, 4.0)
    model.changeColCost(0, -1.0)
    run_native(model, Clock(10))
    assert model.getInfo().objective_function_value == -4.0
