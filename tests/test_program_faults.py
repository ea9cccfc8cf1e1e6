"""Faults found by the contract that are the engine's to mend; each goes when it is."""

import pytest
from program_cases import case_of, program_of

from siting.engine.solve import solve


@pytest.mark.xfail(strict=True, reason="Proof knows no scale but the objective's own")
def test_a_regret_of_nothing_is_proven_beside_rounding():
    # Served 27.875 of a best 27.875 leaves 3.6e-15, which is none beside what is compared.
    case = case_of(("least regret",), 8009)
    proof = solve(program_of(case), gap=0.0, threads=1).proof
    assert proof.objective == pytest.approx(0.0, abs=1e-9)
    assert proof.status == "optimal"
