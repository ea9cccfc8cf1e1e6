"""A thousand spoilt inputs, each answered by a result or a plain error; many more if asked."""

import pytest
from hostile.trials import escapes


def of(seeds, folder):
    return "\n".join(f"{e.kind} {e.seed}: {e.error} at {e.at}" for e in escapes(seeds, folder))


def test_a_thousand_inputs(tmp_path):
    assert of(range(1_000), tmp_path) == ""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1_000, 20_000, 4_750))
def test_nineteen_thousand_more(first, tmp_path):
    assert of(range(first, first + 4_750), tmp_path) == ""
