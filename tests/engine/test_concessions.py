"""Stations of one concession are one case, whichever part of the engine answers."""

import pytest
from program.test_pairs import PAIRS, check

from siting import settings

TOGETHER = [pair for pair in PAIRS if "concessions" in pair]


@pytest.fixture
def large(monkeypatch):
    """Treat every town as large: cuts, construction and windows come before the whole program."""
    monkeypatch.setattr(settings, "WHOLE_FIRST", 0)


@pytest.mark.slow
def test_cuts_and_plans_of_large_programs_hold_for_concessions(large):
    check([("concessions",), *TOGETHER[::4]], 2, methods=("exact",))


@pytest.mark.slow
def test_more_pairs(large):
    check(TOGETHER, 3, methods=("exact",))
