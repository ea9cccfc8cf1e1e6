"""A thousand spoilt inputs, each answered by a result or a plain error; many more if asked."""

import pytest
from hostile.trials import escapes


def of(seeds, folder):
    return "\n".join(f"{e.kind} {e.seed}: {e.error} at {e.at}" for e in escapes(seeds, folder))


def test_a_thousand_inputs(tmp_path):
    assert of(range(1_000), tmp_path) == ""


@pytest.mark.slow
def test_five_thousand_inputs(tmp_path):
    assert of(range(1_000, 6_000), tmp_path) == ""
