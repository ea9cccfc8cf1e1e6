"""The simulated day against queues that are solved: Erlang, Pollaczek-Khinchine, Little."""

import heapq
from math import factorial

import numpy as np
import pandas as pd
import pytest
from queue_town import KWH, batch_mean, port_table, steady_log, steady_queue, steady_sessions

from siting.simulation import (
    Queues,
    Rules,
    Sessions,
    choices_of,
    class_table,
    count_day,
    draw_drivers,
    hour_table,
    peak_late,
    sessions_per_day,
    simulate,
    simulate_days,
    station_table,
    use_table,
)
from siting.simulation.count import _mean, _ratio
from siting.simulation.day import CHARGED, OUT_OF_REACH, TURNED_AWAY, TURNED_ROUND
from siting.sites import erlang_c


def waits(log):
    return (log["start_min"] - log["arrive_min"]).to_numpy()


@pytest.mark.slow
@pytest.mark.parametrize(("n", "rate", "service"), [(1, 1.0, 20.0), (4, 4.0, 45.0), (12, 8.0, 60)])
def test_exponential_sessions_wait_as_erlang_c_says(n, rate, service):
    wait = waits(steady_log(n, rate, service, spread=1.0, days=300, seed=n))
    load = rate * service / 60
    waiting = float(erlang_c(n, load))
    for limit in (0.0, 5.0, 20.0):
        share, error = batch_mean(wait > limit + 1e-9)
        assert abs(share - waiting * np.exp(-(n - load) * limit / service)) < 4 * error
    mean, error = batch_mean(wait)
    assert abs(mean - waiting * service / (n - load)) < 4 * error


def test_equal_sessions_wait_as_pollaczek_and_khinchine_say():
    wait = waits(steady_log(1, 2.0, 20.0, spread=0.0, days=300, seed=1))
    mean, error = batch_mean(wait)
    rho = 2.0 * 20.0 / 60.0
    assert abs(mean - rho * 20.0 / (2 * (1 - rho))) < 4 * error


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n", [1, 3])
def test_every_single_wait_is_that_of_the_recursion(n, spread):
    # Kiefer and Wolfowitz: the next driver takes the port that is free first.
    log = steady_log(n, n * 2.0, 25.0, spread=spread, days=20, seed=3)
    free = [0.0] * n
    expected = []
    for come, kwh in zip(log["arrive_min"], log["kwh"], strict=True):
        start = max(come, heapq.heappop(free))
        heapq.heappush(free, start + kwh / KWH * 25.0)
        expected.append(start - come)
    assert waits(log) == pytest.approx(expected, abs=1e-6)


def test_equal_sessions_at_several_ports_wait_as_crommelin_says():
    # M/D/2 at a load of 1.6: P(no wait) from the stationary equations of the numbers present.
    load, most = 1.6, 400
    come = np.exp(-load) * np.array([load**k / factorial(k) for k in range(24)])
    p = np.zeros(most)
    p[0] = 1.0
    for _ in range(600):  # numbers present, one session later: who is served leaves, others come
        left = np.concatenate([[p[:3].sum()], p[3:], [0.0, 0.0]])[:most]
        p = np.convolve(left, come)[:most]
        p /= p.sum()
    free = p[:2].sum()
    log = steady_log(2, load * 3, 20.0, spread=0.0, days=300, seed=5)
    share, error = batch_mean(waits(log) < 1e-9)
    assert abs(share - free) < 4 * error


def test_drivers_turn_away_as_often_as_the_queue_with_a_limit_says():
    # Who would wait longer than 30 min goes: with 3 ports of 45 min up to 2 wait, M/M/3/5.
    n, load = 3, 4.0
    log = steady_log(n, load * 60 / 45, 45.0, spread=1.0, days=300, seed=2, patience_min=30.0)
    weight = [load**k / factorial(k) if k < n else load**k / factorial(n) / n ** (k - n)
              for k in range(n + 3)]  # fmt: skip
    share, error = batch_mean(log["outcome"] == TURNED_AWAY)
    assert abs(share - weight[-1] / sum(weight)) < 4 * error
    assert not (log["outcome"] == TURNED_ROUND).any()  # nobody drives


def test_littles_law():
    days = 250
    log = steady_log(2, 3.0, 30.0, spread=1.0, days=days, seed=8)
    moments = np.random.default_rng(0).uniform(0, days * 1440.0, 200_000)
    arrived = np.searchsorted(np.sort(log["arrive_min"]), moments)
    begun = np.searchsorted(np.sort(log["start_min"]), moments)
    ended = np.searchsorted(np.sort(log["end_min"]), moments)
    per_min = len(log) / (days * 1440.0)
    assert (arrived - begun).mean() == pytest.approx(per_min * waits(log).mean(), rel=0.03)
    length = (log["end_min"] - log["start_min"]).mean()
    assert (begun - ended).mean() == pytest.approx(per_min * length, rel=0.01)


# --- drivers -------------------------------------------------------------------------------------


def test_drivers_come_by_hour_class_and_place():
    hours = np.zeros((2, 24))
    hours[0, [8, 20]] = 0.25, 0.75
    hours[1, 3] = 1.0
    sessions = Sessions(("car", "bus"), ("dc",), np.array([10.0, 100.0]), hours,
                        np.ones((2, 1), bool), np.full((2, 1), np.inf))  # fmt: skip
    rows = pd.DataFrame({"vehicle_class": ["car", "bus", "car"], "kwh_day": [300.0, 500.0, 100.0]})
    drivers = draw_drivers(rows, sessions, days=500, spread=0.5, rng=np.random.default_rng(1))
    assert drivers["time_min"].is_monotonic_increasing
    hour = (drivers["time_min"] % 1440 // 60).astype(int)
    count = drivers.groupby(["of", hour]).size() / 500
    assert count[0, 8] == pytest.approx(10, rel=0.05)
    assert count[0, 20] == pytest.approx(30, rel=0.05)
    assert count[1, 3] == pytest.approx(5, rel=0.06)
    assert len(count) == 3
    share = (drivers.loc[drivers["of"] == 0, "row"] == 0).mean()
    assert share == pytest.approx(0.75, abs=0.02)
    cars = drivers.loc[drivers["of"] == 0, "kwh"]
    assert cars.mean() == pytest.approx(10, rel=0.03)
    assert cars.std() / cars.mean() == pytest.approx(0.5, rel=0.05)
    # The number of an hour is Poisson: mean and variance are the same.
    day = (drivers["time_min"] // 1440).astype(int)
    each = drivers[(drivers["of"] == 0) & (hour == 20)].groupby(day).size()
    assert each.var() == pytest.approx(each.mean(), rel=0.25)


def test_nobody_comes_where_nothing_is_wanted():
    rows = pd.DataFrame({"place": ["c1"], "vehicle_class": ["car"], "kwh_day": [0.0]})
    queues, sessions = steady_queue(1, 20.0)
    drivers = draw_drivers(rows, sessions, days=2, spread=0.5, rng=np.random.default_rng(1))
    assert drivers.empty
    found = simulate_days(rows, [[]], queues, sessions, Rules(days=2), wait_min=10.0)
    assert station_table(found)["arrivals_day"].tolist() == [0.0]
    assert class_table(found)["turned_away_share"].isna().all()


# --- choices -------------------------------------------------------------------------------------


def one_by_one(times, kwh, choices, queues, patience_min=np.inf):
    n = len(times)
    drivers = pd.DataFrame({"time_min": times, "row": [0] * n, "of": [0] * n, "kwh": kwh})
    return simulate(drivers, [choices] * 1, queues, patience_min=patience_min)


def two_stations(kw=(60.0, 60.0)):
    ports = port_table(("s1", "dc", "x", 1, kw[0], 0.0, 1.0), ("s2", "dc", "x", 1, kw[1], 0.0, 1.0))
    sessions = steady_sessions()
    queues = Queues.of(ports, sessions, np.array([1.0]))
    rows = pd.DataFrame({"place": ["c1"], "vehicle_class": ["car"]})
    reach = pd.DataFrame({"place": ["c1", "c1"], "site_id": ["s1", "s2"], "travel_min": [2.0, 7.0]})
    return queues, choices_of(rows, reach, queues, sessions)[0]


def test_a_driver_goes_where_drive_wait_and_charging_are_shortest():
    queues, choices = two_stations()
    # A session of 10 kWh takes 10 min. The first goes near; so does the second, who does not know
    # that the first is under way, and waits; the third sees the port taken and drives on.
    log = one_by_one([0.0, 1.0, 2.5], [10.0, 10.0, 10.0], choices, queues)
    assert log["queue"].tolist() == [0, 0, 1]
    assert log["arrive_min"].tolist() == [2.0, 3.0, 9.5]
    assert log["start_min"].tolist() == [2.0, 12.0, 9.5]
    assert log["end_min"].tolist() == [12.0, 22.0, 19.5]


def test_a_fast_station_is_worth_the_drive():
    queues, choices = two_stations(kw=(20.0, 120.0))
    log = one_by_one([0.0, 0.0], [10.0, 1.0], choices, queues)
    assert log["queue"].tolist() == [1, 0]  # 2 + 30 > 7 + 5, but 2 + 3 < 7 + 0.5


def test_who_would_wait_too_long_does_not_set_out_or_turns_round():
    queues, choices = two_stations()
    # Both ports taken at 0 and 1; an expected wait is 10 min for the first in line.
    log = one_by_one([0.0, 0.0, 8.0, 8.5, 9.0], [100.0, 100.0, 10.0, 10.0, 10.0], choices, queues,
                     patience_min=9.0)  # fmt: skip
    # Two go near at once, the second turns round there; the third finds the far one free.
    assert log["outcome"].tolist() == [
        CHARGED, TURNED_ROUND, CHARGED, TURNED_ROUND, TURNED_ROUND
    ]  # fmt: skip
    later = one_by_one([0.0, 0.0, 50.0], [100.0, 100.0, 10.0], choices[:1], queues, 9.0)
    assert later["outcome"].tolist()[-1] == TURNED_AWAY
    assert later["arrive_min"].tolist()[-1] == 50.0
    assert later["queue"].tolist()[-1] == 0


def test_the_fastest_free_port_is_taken_and_no_port_twice():
    ports = port_table(("s1", "dc", "slow", 1, 20.0, 0.0, 1.0), ("s1", "dc", "fast", 1, 60.0, 0, 1))
    sessions = steady_sessions()
    queues = Queues.of(ports, sessions, np.array([1.0]))
    log = one_by_one([0.0, 1.0, 2.0], [10.0] * 3, [(0.0, 0, 1.0)], queues)
    assert log["port"].tolist() == [1, 0, 1]
    assert log["end_min"].tolist() == [10.0, 31.0, 20.0]
    # Two ports that end a session in 30 and in 10 min: one every 7.5 min.
    assert queues.ends_per_min.tolist() == pytest.approx([1 / 30 + 1 / 10])


@pytest.mark.parametrize("seed", range(5))
def test_random_days_keep_the_laws(seed):
    rng = np.random.default_rng(seed)
    sessions = Sessions(
        ("bike", "car"), ("ac", "dc"), np.array([2.0, 25.0]), rng.dirichlet(np.ones(24), 2),
        np.array([[True, False], [True, True]]), np.array([[1.0, np.inf], [7.0, 43.0]]),
    )  # fmt: skip
    ports = port_table(
        *((f"s{i}", g, "x", int(rng.integers(1, 4)), kw, 0.0, 0.9)
          for i in range(3) for g, kw in (("ac", 22.0), ("dc", 60.0)) if rng.random() < 0.7),
        ("s9", "dc", "x", 2, 30.0, 0.0, 1.0),
    )  # fmt: skip
    rows = pd.DataFrame(
        [
            (f"c{i}", name, float(rng.uniform(50, 500)))
            for i in range(4)
            for name in ("bike", "car")
        ],
        columns=["place", "vehicle_class", "kwh_day"],
    )
    pairs = [(f"c{i}", f"s{j}") for i in range(4) for j in (0, 1, 2, 9) if rng.random() < 0.6]
    reach = pd.DataFrame(pairs, columns=["place", "site_id"])
    reach["travel_min"] = rng.uniform(0, 8, len(reach))
    queues = Queues.of(ports, sessions, sessions_per_day(rows, sessions))
    choices = choices_of(rows, reach, queues, sessions)
    drivers = draw_drivers(rows, sessions, days=2, spread=0.5, rng=rng)
    log = simulate(drivers, choices, queues, patience_min=20.0)
    done = log[log["outcome"] == CHARGED]
    assert ((log["outcome"] == OUT_OF_REACH) == [not choices[r] for r in log["row"]]).all()
    # No more sessions at a time than ports, first come first served, all that came are accounted.
    for q, part in done.groupby("queue"):
        moments = part["start_min"].to_numpy()
        busy = ((part["start_min"].to_numpy() <= moments[:, None])
                & (part["end_min"].to_numpy() > moments[:, None])).sum(axis=1)  # fmt: skip
        assert busy.max() <= queues.table["ports"][q]
        order = part.sort_values(["arrive_min", "start_min"])
        assert order["start_min"].is_monotonic_increasing
    power = done["kwh"] / (done["end_min"] - done["start_min"]) * 60
    most = (ports["port_kw"] * ports["availability"]).to_numpy()[done["port"]]
    assert (power <= most + 1e-9).all()
    whole = [count_day(log, queues, sessions, 10.0, first) for first in (0.0, 1440.0)]
    for day in whole:
        for table in (day.by_queue, day.by_class, day.by_hour):
            out = table["charged"] + table["turned_away"] + table["waiting_at_end"]
            assert table["arrivals"].tolist() == pytest.approx(out.tolist())
        assert day.by_queue["kwh"].sum() == pytest.approx(day.by_class["kwh"].sum())
        assert day.by_queue["kwh"].sum() == pytest.approx(day.by_hour["kwh"].sum())
        assert (day.by_queue["busy_min"] <= queues.table["ports"] * 1440 + 1e-6).all()
    after = [count_day(log, queues, sessions, 10.0, 1440.0 * k) for k in (2, 3, 4)]
    given = sum(day.by_queue["kwh"].sum() for day in [*whole, *after])
    assert given == pytest.approx(done["kwh"].sum())


# --- counts --------------------------------------------------------------------------------------


def test_a_day_counted_by_hand():
    queues, sessions = steady_queue(1, 60.0)
    log = pd.DataFrame(
        [  # of the day before, into the day; waits; turned away; waits over midnight; too late
            (1400.0, CHARGED, 1400.0, 1460.0),
            (1450.0, CHARGED, 1460.0, 1520.0),
            (1470.0, TURNED_AWAY, np.nan, np.nan),
            (2870.0, CHARGED, 2890.0, 2900.0),
            (2880.0, CHARGED, 2900.0, 2910.0),
        ],
        columns=["arrive_min", "outcome", "start_min", "end_min"],
    ).assign(queue=0, of=0, row=0, kwh=10.0)
    day = count_day(log, queues, sessions, wait_min=5.0, first_min=1440.0)
    one = day.by_queue.iloc[0]
    assert (one["arrivals"], one["charged"], one["turned_away"], one["waiting_at_end"]) == (
        3, 1, 1, 1
    )  # fmt: skip
    assert one["late"] == 3
    assert one["wait_sum_min"] == 30.0
    assert one["busy_min"] == 80.0
    assert one["kwh"] == pytest.approx(10 / 3 + 10)
    assert day.by_hour["busy_min"].tolist()[:2] == [60.0, 20.0]
    assert day.by_hour["kwh"].sum() == pytest.approx(one["kwh"])
    assert day.by_hour["arrivals"].tolist()[0] == 2


def test_confidence_intervals_by_hand():
    mean, half = _mean([pd.Series([1.0]), pd.Series([2.0]), pd.Series([3.0])])
    assert mean.tolist() == [2.0]
    assert half.tolist() == pytest.approx([4.302653 / 3**0.5])
    ratio, half = _ratio(np.array([1.0, 2.0]), np.array([10.0, 10.0]))
    assert ratio == pytest.approx(0.15)
    assert half == pytest.approx(12.7062 * 0.5**0.5 / (2**0.5 * 10), rel=1e-4)


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say():
    inside = 0
    for seed in range(24):
        queues, sessions = steady_queue(2, 30.0)
        rows = pd.DataFrame({"place": ["c1"], "vehicle_class": ["car"], "kwh_day": [3 * 24 * KWH]})
        found = simulate_days(rows, [[(0.0, 0, 3.0)]], queues, sessions,
                              Rules(days=5, seed=seed, spread=1.0, balk_min=np.inf),
                              wait_min=10.0)  # fmt: skip
        row = station_table(found).iloc[0]
        truth = float(erlang_c(2, 1.5)) * np.exp(-(2 - 1.5) * 10.0 / 30.0)
        inside += abs(row["late_share"] - truth) <= row["late_share_ci"]
    assert 19 <= inside <= 24


def test_the_same_seed_gives_the_same_days_and_another_does_not():
    queues, sessions = steady_queue(2, 30.0)
    rows = pd.DataFrame({"place": ["c1"], "vehicle_class": ["car"], "kwh_day": [500.0]})

    def tables(seed):
        found = simulate_days(rows, [[(1.0, 0, 3.0)]], queues, sessions,
                              Rules(days=3, seed=seed, balk_min=20.0), wait_min=10.0)  # fmt: skip
        assert peak_late(found)[0] >= 0
        used = use_table(found).drop(columns="site_id").to_numpy().mean()
        assert used == pytest.approx(station_table(found)["use_share"].iloc[0])
        return station_table(found), hour_table(found), class_table(found)

    for one, two in zip(tables(4), tables(4), strict=True):
        pd.testing.assert_frame_equal(one, two)
    assert not tables(4)[0].equals(tables(5)[0])


@pytest.mark.slow
def test_a_station_at_the_waiting_standard_keeps_it():
    # Cars at four ports, as many as the waiting standard lets through at alpha 0.1: in the peak
    # hour about a tenth waits over 10 min, less because the peak passes. At half as many again it
    # is more.
    from siting.demand import session_figures
    from siting.simulation import standard_kwh_day
    from siting.sites import ServiceStandard, compatibility

    sessions = Sessions.from_tables(["car"], session_figures(), compatibility())
    ports = port_table(("s1", "dc", "x", 4, 60.0, 0.0, 1.0))
    could = standard_kwh_day(ports, ServiceStandard(), session_figures(), compatibility(),
                             {"car": 1.0})["s1"]  # fmt: skip
    late = {}
    for times in (1.0, 1.5):
        rows = pd.DataFrame({"place": ["c1"], "vehicle_class": ["car"], "kwh_day": [could * times]})
        queues = Queues.of(ports, sessions, np.array([1.0]))
        reach = pd.DataFrame({"place": ["c1"], "site_id": ["s1"], "travel_min": [0.0]})
        found = simulate_days(
            rows, choices_of(rows, reach, queues, sessions), queues, sessions,
            Rules(days=80, seed=3, spread=1.0, balk_min=np.inf), wait_min=10.0,
        )  # fmt: skip
        late[times] = peak_late(found)
    share, half = late[1.0]
    assert 0.04 < share < 0.1 + half
    assert late[1.5][0] - late[1.5][1] > 0.1


@pytest.mark.parametrize("seed", range(3))
def test_the_choice_is_the_best_of_all_that_could_be_made(seed):
    # Every port free: brute force over all choices.
    rng = np.random.default_rng(seed)
    ports = port_table(*((f"s{i}", "dc", "x", 1, float(rng.uniform(5, 60)), 0.0, 1.0)
                         for i in range(12)))  # fmt: skip
    sessions = steady_sessions()
    queues = Queues.of(ports, sessions, np.array([1.0]))
    rows = pd.DataFrame({"place": ["c1"], "vehicle_class": ["car"]})
    reach = pd.DataFrame({"place": "c1", "site_id": [f"s{i}" for i in range(12)],
                          "travel_min": rng.uniform(0, 30, 12)})  # fmt: skip
    choices = choices_of(rows, reach, queues, sessions)[0]
    for kwh in (0.5, 5.0, 20.0, 80.0):
        log = one_by_one([0.0], [kwh], choices, queues)
        least = min(drive + pace * kwh for drive, _, pace in choices)
        assert log["end_min"].iloc[0] == pytest.approx(least)
