"""Linear and integer programs that are passed to HiGHS as arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.highs import new_model, run_native
from siting.errors import Fault, SolveError
from siting.program.instance import Flags, Floats, Ints

# Tolerances of HiGHS for exact solutions.
STRICT: dict[str, Any] = dict.fromkeys(
    ("mip_feasibility_tolerance", "primal_feasibility_tolerance"), settings.EXACT
)
_Status = highspy.HighsModelStatus
_INFEASIBLE = (_Status.kInfeasible, _Status.kUnboundedOrInfeasible)


@dataclass(frozen=True, eq=False)
class Answered:
    """The result of HiGHS for a program that is maximised."""

    found: bool  # whether there is a solution
    optimal: bool  # whether the solution is proven optimal
    infeasible: bool  # whether the program is proven infeasible
    point: Floats  # values of the columns
    price: Floats  # dual price of each row; empty for integer programs
    reduced: Floats  # reduced cost of each column; empty for integer programs
    objective: float  # value of the solution
    bound: float  # bound on any solution's value
    nodes: int = 0  # branch-and-bound nodes


def model_of(
    a: sparse.csc_array, cost: Floats, lower: Floats, upper: Floats, row_lower: Floats,
    row_upper: Floats, *, whole: Flags | None = None, start: Floats | None = None, **options: Any,
) -> highspy.Highs:  # fmt: skip
    """Return a HiGHS model that maximises the objective `cost` within column and row limits.

    `whole`: whether each column is an integer; `start`: values of the first columns in a starting
    plan.
    """
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = a.shape
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, lower, upper
    lp.row_lower_, lp.row_upper_ = row_lower, row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = a.indptr.astype(np.int32)
    lp.a_matrix_.index_ = a.indices.astype(np.int32)
    lp.a_matrix_.value_ = a.data
    if whole is not None:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(w)] for w in whole.tolist()]
    model = new_model(**options)
    model.passModel(lp)
    if start is not None:
        model.setSolution(len(start), np.arange(len(start), dtype=np.int32), start)
    return model


def rows_of(rows: Sequence[tuple[Ints, Floats]], columns: int) -> sparse.csr_array:
    """Return constraint rows as a matrix; each is given by its columns and their coefficients."""
    index = np.concatenate([np.zeros(0, dtype=np.int64), *(index for index, _ in rows)])
    value = np.concatenate([np.zeros(0), *(value for _, value in rows)])
    start = np.cumsum([0, *(len(index) for index, _ in rows)])
    return sparse.csr_array((value, index, start), shape=(len(rows), columns))


def run_model(
    model: highspy.Highs, clock: Clock, *, whole: bool = False, tolerance: float = 0.0
) -> Answered:
    """Run a HiGHS model until it is done or time is up, and return the result.

    `tolerance`: relative gap at which the interior point method may stop; if it is above 0, the
    solution has no proven bound.
    """
    if tolerance > 0:
        model.setOptionValue("ipm_optimality_tolerance", tolerance)
        for side in ("primal", "dual"):
            model.setOptionValue(f"{side}_feasibility_tolerance", max(tolerance / 100, 1e-7))
    run_native([model], clock)
    return answered(model, whole=whole, rough=tolerance > 0)


def answered(model: highspy.Highs, *, whole: bool = False, rough: bool = False) -> Answered:
    """Return the result of a HiGHS model that has already been run."""
    status = model.getModelStatus()
    info = model.getInfo()
    if rough and status == _Status.kUnknown and int(info.primal_solution_status) == 2:
        status = _Status.kOptimal  # only the duals miss the usual tolerances of HiGHS
    empty = status == _Status.kModelEmpty
    if empty:  # HiGHS ignores the rows of a program without columns
        lp = model.getLp()
        holds = (np.array(lp.row_lower_) <= 0).all() and (np.array(lp.row_upper_) >= 0).all()
        status = _Status.kOptimal if holds else _Status.kInfeasible
    has_point = int(info.primal_solution_status) == 2 or (empty and status == _Status.kOptimal)
    solution = model.getSolution()
    duals = has_point and not whole and status == _Status.kOptimal
    none = np.zeros(0)
    objective = float(info.objective_function_value) if has_point else -math.inf
    bound = float(info.mip_dual_bound) if whole else math.inf
    if status == _Status.kOptimal and (empty or not (whole or rough)):
        bound = objective
    if status in _INFEASIBLE:
        bound = -math.inf
    elif status == _Status.kSolveError:
        raise SolveError(Fault("HiGHS", "failed on a program", "try another seed"))
    return Answered(
        found=has_point,
        optimal=status == _Status.kOptimal,
        infeasible=status in _INFEASIBLE,
        point=np.asarray(solution.col_value) if has_point else none,
        price=np.asarray(solution.row_dual) if duals else none,
        reduced=np.asarray(solution.col_dual) if duals else none,
        objective=objective,
        bound=bound if not math.isnan(bound) else math.inf,
        nodes=max(int(info.mip_node_count), 0) if whole else 0,
    )
