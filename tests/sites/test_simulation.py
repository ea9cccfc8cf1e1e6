"""Capacities against a simulated station: drivers come at random and take the fastest free port."""

import heapq

import numpy as np
import pytest

from siting.sites import compatibility, erlang_c, group_mix, largest_arrivals_per_h
from siting.sites.standards import peak_kwh_per_h

BATCHES = 40


def simulated_wait(arrivals_per_h, minutes, wait_min, n, seed, stay=None):
    """Return the share of `n` drivers who wait longer, and its standard error by batch means."""
    rng = np.random.default_rng(seed)
    comes = np.cumsum(rng.exponential(60 / arrivals_per_h, n))
    stays = rng.exponential(1.0, n) if stay is None else stay(rng, n)
    free = [(mean, port) for port, mean in enumerate(sorted(minutes))]
    heapq.heapify(free)
    busy, late = [], np.zeros(n, dtype=bool)
    for k, (now, need) in enumerate(zip(comes, stays, strict=True)):
        while busy and busy[0][0] <= now:
            _, mean, port = heapq.heappop(busy)
            heapq.heappush(free, (mean, port))
        if free:
            start, (mean, port) = now, heapq.heappop(free)
        else:
            start, mean, port = heapq.heappop(busy)
        heapq.heappush(busy, (start + need * mean, mean, port))
        late[k] = start - now > wait_min
    shares = [batch.mean() for batch in np.array_split(late[n // 20 :], BATCHES)]
    return float(np.mean(shares)), float(np.std(shares, ddof=1) / BATCHES**0.5)


@pytest.mark.parametrize(
    ("n", "rate", "session", "wait"),
    [(1, 1.0, 20.0, 5.0), (4, 4.0, 45.0, 10.0), (12, 8.0, 60.0, 0)],
)
def test_equal_ports(n, rate, session, wait):
    share, error = simulated_wait(rate, [session] * n, wait, 60_000, seed=n)
    load = rate * session / 60
    expected = float(erlang_c(n, load)) * np.exp(-(n - load) * wait / session)
    assert abs(share - expected) < 4 * error


@pytest.mark.parametrize(
    ("ports", "minutes"),
    [((4, 4), (35, 50)), ((2, 2), (20, 60)), ((1, 3), (10, 120)), ((4, 2), (25, 250)),
     ((3, 3, 3), (20, 40, 90)), ((1, 8), (15, 240))],
)  # fmt: skip
@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_types_of_different_pace_keep_the_standard(ports, minutes, alpha):
    rate = peak_kwh_per_h(np.array(ports, float), np.array(minutes, float), np.ones(len(ports)),
                          10.0, alpha)  # fmt: skip
    each = [mean for number, mean in zip(ports, minutes, strict=True) for _ in range(number)]
    share, error = simulated_wait(rate, each, 10.0, 40_000, seed=sum(ports))
    assert 0 < share < alpha + 2 * error


@pytest.mark.parametrize("n", [1, 4])
def test_cars_and_buses_mixed_are_off_by_little(n):
    mix = group_mix("dc", compatibility(), energy_kwh_day={"car": 1.0, "bus": 1.0})
    mean = mix.minutes(60.0)
    part = np.array([share for share, _, _ in mix.parts])
    own = np.array([60 * kwh / min(60.0, limit) / mean for _, kwh, limit in mix.parts])
    rate = float(largest_arrivals_per_h(n, mean, 10.0, 0.1))

    def stays(spread):
        def draw(rng, k):
            return spread(rng, k) * own[rng.choice(len(part), k, p=part)]

        return draw

    wide = stays(lambda rng, k: rng.exponential(1.0, k))
    share, error = simulated_wait(rate, [mean] * n, 10.0, 60_000, seed=5, stay=wide)
    assert share < 0.11 + 3 * error
    half = stays(lambda rng, k: rng.gamma(4.0, 0.25, k))
    share, error = simulated_wait(rate, [mean] * n, 10.0, 60_000, seed=6, stay=half)
    assert 0.08 < share < 0.1 + 3 * error
