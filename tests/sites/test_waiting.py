"""Erlang C against tables, exact fractions and what must hold of any queue."""

from fractions import Fraction
from itertools import pairwise
from math import exp, factorial
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.sites import erlang_c, largest_arrivals_per_h


def late_share(n, rate, session, wait):
    """Return P(wait > t) by the formula of `siting.sites.waiting`."""
    load = rate * session / 60
    return float(erlang_c(n, load)) * exp(-max(n - load, 0.0) * wait / session)


def exact_erlang_c(n, load):
    """Return Erlang C by its definition, in fractions."""
    a = Fraction(load)
    waiting = a**n / factorial(n) * n / (n - a)
    return float(waiting / (sum(a**k / Fraction(factorial(k)) for k in range(n)) + waiting))


@pytest.mark.parametrize(
    ("n", "load", "printed"),
    # Printed in tables of the Erlang C formula to four digits.
    [(1, 0.5, 0.5), (2, 1.0, 0.3333), (3, 2.0, 0.4444), (5, 4.0, 0.5541), (10, 8.0, 0.4092),
     (20, 16.0, 0.2561)],
)  # fmt: skip
def test_erlang_c_as_in_the_tables(n, load, printed):
    assert float(erlang_c(n, load)) == pytest.approx(printed, abs=5e-5)


@pytest.mark.parametrize("n", [1, 2, 7, 30, 120])
@pytest.mark.parametrize("use", [Fraction(1, 1000), Fraction(1, 3), Fraction(9, 10)])
def test_erlang_c_in_fractions(n, use):
    load = n * use
    assert float(erlang_c(n, float(load))) == pytest.approx(exact_erlang_c(n, load), rel=1e-11)


def test_many_servers_and_full_ones():
    # Halfin and Whitt (1981): 1 / (1 + b Phi(b) / phi(b)), b = (n - a) / sqrt(a), n large.
    normal, b = NormalDist(), 100 / 4_900**0.5
    limit = 1 / (1 + b * normal.cdf(b) / normal.pdf(b))
    assert float(erlang_c(5_000, 4_900.0)) == pytest.approx(limit, rel=0.02)
    assert np.array_equal(erlang_c([1, 3, 3], [1.0, 3.0, 80.0]), [1.0, 1.0, 1.0])
    assert np.array_equal(erlang_c([1, 9], 0.0), [0.0, 0.0])


def test_the_wait_by_hand():
    # Two ports of half an hour, two drivers an hour: a = 1, C = 1/3.
    found = [late_share(2, 2.0, 30.0, wait) for wait in (0.0, 10.0, 30.0)]
    assert found == pytest.approx([1 / 3, exp(-1 / 3) / 3, exp(-1) / 3], rel=1e-12)
    assert late_share(2, 4.0, 30.0, 60.0) == 1.0


def test_the_largest_rate_by_hand():
    # One server, no wait allowed: C = rho = alpha.
    assert float(largest_arrivals_per_h(1, 30.0, 0.0, 0.1)) == pytest.approx(0.2, rel=1e-12)
    # Two servers: C = a^2 / (2 + a) = 0.2  ->  a = 0.1 + sqrt(0.41).
    a = 0.1 + 0.41**0.5
    assert float(largest_arrivals_per_h(2, 40.0, 0.0, 0.2)) == pytest.approx(a * 1.5, rel=1e-12)


counts = st.integers(1, 60)
minutes = st.floats(1.0, 600.0)
waits = st.floats(0.0, 120.0)
shares = st.floats(1e-6, 0.999)


@settings(max_examples=60, deadline=None)
@given(counts, minutes, waits, shares)
def test_the_largest_rate_holds_and_is_the_largest(n, session, wait, alpha):
    rate = float(largest_arrivals_per_h(n, session, wait, alpha))
    assert 0 < rate < 60 * n / session
    assert late_share(n, rate, session, wait) <= alpha * (1 + 1e-9)
    above = min(rate * (1 + 1e-6), 60 * n / session)
    assert late_share(n, above, session, wait) >= alpha * (1 - 1e-9)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(counts, minutes, waits, shares)
def test_more_ports_longer_waits_and_larger_shares_serve_more(n, session, wait, alpha):
    rate = float(largest_arrivals_per_h(n, session, wait, alpha))
    a_port = float(largest_arrivals_per_h(n + 1, session, wait, alpha))
    assert a_port / (n + 1) > rate / n  # economies of scale
    assert float(largest_arrivals_per_h(n, session, wait + 5.0, alpha)) >= rate
    assert float(largest_arrivals_per_h(n, session, wait, alpha / 2)) < rate
    assert float(largest_arrivals_per_h(n, session + 5.0, wait, alpha)) < rate


def test_a_share_of_nothing_serves_nothing():
    rates = [float(largest_arrivals_per_h(3, 30.0, 10.0, 10.0**-k)) for k in (1, 3, 6, 9, 12, 15)]
    assert all(a > b for a, b in pairwise(rates))
    assert rates[-1] < 1e-3 * rates[0]


def test_arrays_give_what_numbers_give():
    n, session = np.array([1, 4, 9]), np.array([[20.0], [90.0]])
    table = largest_arrivals_per_h(n, session, 10.0, 0.1)
    assert table.shape == (2, 3)
    for i, row in enumerate(session[:, 0]):
        for j, ports in enumerate(n):
            assert table[i, j] == float(largest_arrivals_per_h(int(ports), float(row), 10.0, 0.1))
