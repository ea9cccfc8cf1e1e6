"""The capacity of a group of chargers at a waiting-time standard, by Erlang C.

Formulation
-----------
Drivers arrive as a Poisson process with rate r an hour at a station with n ports. Each driver stays
for an exponential time with mean s hours: the M/M/n queue. With the offered load a = r s erlangs,

    B(0) = 1,  B(k) = a B(k-1) / (k + a B(k-1))     Erlang B by recursion, without factorials
    C(n, a) = n B(n) / (n - a (1 - B(n)))           Erlang C: the share of drivers who wait
    P(wait > t) = C(n, a) exp(-(n - a) t / s)       first come, first served

P is 1 if a >= n, because the queue then grows without end. P rises with r, so the largest rate that
keeps P(wait > t) <= alpha is found by bisection between 0 and n / s, rounded down.

Sources: A. K. Erlang (1917); R. B. Cooper, Introduction to Queueing Theory, 2nd ed. (1981), section
3.5; the recursion as in L. Kleinrock, Queueing Systems, vol. 1 (1975), section 3.6.

Real charging times vary less than exponential ones, and a peak hour ends before its queue reaches
the steady state. The formulas therefore overstate waits and understate capacity.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.ArrayLike
Floats = npt.NDArray[np.float64]

MINUTES = 60.0
HOURS_A_DAY = 24.0
BISECTIONS = 60  # the last bracket is 2^-60 of n / s, below rounding error


def erlang_c(servers: Numbers, offered_load: Numbers) -> Floats:
    """Return the share of arrivals that must wait, 0 to 1; 1 if the load is at least `servers`.

    `servers` are numbers of ports, at least 1. `offered_load` is the number of arrivals an hour
    times the mean service time in hours (erlangs). The arguments are broadcast to a common shape.

    >>> float(erlang_c(1, 0.5))  # one server: the load itself
    0.5
    >>> [round(float(p), 4) for p in erlang_c([2, 10], [1.0, 8.0])]
    [0.3333, 0.4092]
    """
    n, load = _broadcast(servers, offered_load)
    blocked = np.ones(n.shape)
    at_end = np.ones(n.shape)
    for k in range(1, int(n.max(initial=0)) + 1):
        blocked = load * blocked / (k + load * blocked)
        at_end = np.where(n == k, blocked, at_end)
    full = load >= n
    spare = np.where(full, 1.0, n - load * (1.0 - at_end))
    return np.where(full, 1.0, n * at_end / spare)


def largest_arrivals_per_h(
    servers: Numbers, session_min: Numbers, wait_min: Numbers, alpha: Numbers
) -> Floats:
    """Return the largest arrival rate (drivers/h) at which P(wait > `wait_min`) is at most `alpha`.

    `servers` is the number of ports, at least 1. `session_min` is the mean time at the port
    (minutes), above 0. `alpha` is the share of drivers who may wait longer, between 0 and 1. The
    arguments are broadcast to a common shape.

    >>> round(float(largest_arrivals_per_h(1, 30.0, 0.0, 0.1)), 6)  # M/M/1: C = rho = 0.1
    0.2
    """
    n, service, wait, share = _broadcast(servers, session_min, wait_min, alpha)
    low, high = np.zeros(n.shape), n.astype(float)
    for _ in range(BISECTIONS):
        load = (low + high) / 2
        holds = erlang_c(n, load) * np.exp(-(n - load) * (wait / service)) <= share
        low, high = np.where(holds, load, low), np.where(holds, high, load)
    return low * MINUTES / service


def _broadcast(*numbers: Numbers) -> tuple[Floats, ...]:
    return np.broadcast_arrays(*(np.asarray(one, dtype=float) for one in numbers))
