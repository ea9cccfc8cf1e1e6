"""The simulated day of a plan, driver by driver: arrivals, waits, and drivers turned away."""

from siting.simulation.count import (
    Days,
    Rules,
    class_table,
    count_day,
    hour_table,
    peak_late,
    simulate_days,
    station_table,
    use_table,
)
from siting.simulation.day import Queues, choices_of, draw_drivers, sessions_per_day, simulate
from siting.simulation.erlang import expected_waits, split_load, standard_kwh_day
from siting.simulation.ports import Sessions, station_ports

__all__ = ["Days", "Queues", "Rules", "Sessions", "choices_of", "class_table", "count_day",
           "draw_drivers", "expected_waits", "hour_table", "peak_late", "sessions_per_day",
           "simulate", "simulate_days", "split_load", "standard_kwh_day", "station_ports",
           "station_table", "use_table"]  # fmt: skip
