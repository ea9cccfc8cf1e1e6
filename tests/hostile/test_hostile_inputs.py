"""Spoilt inputs, each answered by a result or a plain error; many more if asked."""

import os

import pytest
from hostile import said, trials

# As many more as asked for, of both kinds: SITING_TRIALS=20000.
MORE = int(os.environ.get("SITING_TRIALS", "0"))


def of(seeds, folder, kinds=trials.KINDS):
    found = trials.escapes(seeds, folder, kinds)
    return "\n".join(f"{e.kind} {e.seed}: {e.error} at {e.at}" for e in found)


@pytest.mark.slow
def test_some_inputs(tmp_path):
    assert of(range(120), tmp_path) == ""


@pytest.mark.slow
@pytest.mark.parametrize("kind", said.KINDS)
def test_what_is_said_of_some(tmp_path, kind):
    count = {"text": 40, "python": 10, "command": 2}[kind]
    seeds = [n for n in range(1_000) if trials.kind_of(n, said.KINDS) == kind][:count]
    assert of(seeds, tmp_path, said.KINDS) == ""


@pytest.mark.slow
@pytest.mark.parametrize("kind", said.KINDS)
def test_what_is_said_of_more(tmp_path, kind):
    first, last = {"text": (40, 160), "python": (10, 80), "command": (2, 40)}[kind]
    seeds = [n for n in range(1_000) if trials.kind_of(n, said.KINDS) == kind][first:last]
    assert of(seeds, tmp_path, said.KINDS) == ""


@pytest.mark.skipif(not MORE, reason="say how many in SITING_TRIALS")
@pytest.mark.parametrize("kinds", [trials.KINDS, said.KINDS], ids=["read", "said"])
def test_as_many_as_asked_for(tmp_path, kinds):
    assert of(range(20_000, 20_000 + MORE), tmp_path, kinds) == ""


@pytest.mark.slow
@pytest.mark.parametrize("first", [1_000, 3_000])
def test_a_thousand_more_things_said(tmp_path, first):
    assert of(range(first, first + 500), tmp_path, said.KINDS) == ""


@pytest.mark.slow
@pytest.mark.parametrize("part", [(120, 2_500), (2_500, 5_000)])
def test_five_thousand_less_a_few(part, tmp_path):
    assert of(range(*part), tmp_path) == ""
