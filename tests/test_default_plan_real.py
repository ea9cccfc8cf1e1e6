"""The default question on real roads: short drives beside an independent program."""

import math

import numpy as np
import pytest
from conftest import ROOT

from siting.engine import solve
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.relax import solve_native
from siting.program.aims import MostWorth, ShortestDrives
from siting.program.matrix import Reached
from siting.study import Study

pytestmark = pytest.mark.slow
CITIES = ("real-karachi-landhi", "real-karachi-saddar")
# Seconds the whole program has in HiGHS, beginning with our plan, to find shorter drives.
PEER_S, SHORTER = 40.0, 0.05


@pytest.fixture(scope="module", params=CITIES)
def solved(request, shared_data):
    if shared_data != ROOT.parent / "shared":
        pytest.skip("the configurations of real roads read the folder beside the project")
    study = Study(ROOT / "configs" / f"{request.param}.yaml", ["solver.time_limit_s=60"])
    return study, solve(study.program, time_limit_s=60)


def test_the_whole_program_in_highs_finds_hardly_shorter_drives(solved):
    study, answer = solved
    energy, drives = (one.proof.objective for one in answer.proofs)
    worth = Reached(MostWorth(), energy * (1 - 1e-6))
    frame = Frame(study.program, ShortestDrives(), [worth], by_cell=True)
    found = solve_native(frame, Clock(PEER_S), np.sort(answer.choice), gap=1e-4, threads=2, seed=1)
    shorter = -frame.signed(found.objective) if found.found else math.inf
    assert shorter >= drives * (1 - SHORTER)
