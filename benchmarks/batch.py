"""Measure the seconds that cached stages save in a sweep, and the speed-up of two Dask workers.

Run the module from the repository root, in a virtual environment with the extra ``dask``::

    python -m benchmarks.batch configs/islamabad.yaml --set solver.method=greedy

First the stages up to the program are computed, without and with cached stages. Then the budgets
are swept on local Dask clusters with one and with two worker processes, in turn. Each worker has
one solver thread, a new folder, and all imports done. The load of the machine before each sweep is
printed, because a second worker needs a free core.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.dask_cluster import cluster
from benchmarks.measure import same_offers
from siting import Study
from siting.batch import dask_pool, list_studies, run_batch

# Capacities and offers as in the first measurements, independent of the current defaults.
SAME_QUESTION = ("offers.service.rule=rated_share", same_offers())
SHARED = ("roads", "surfaces", "reach")


def kept(config, cache):
    print(f"{'stages, s':<14}" + "".join(f"{name:>12}" for name in (*SHARED, "others")))
    for words in ("computed", "kept", "kept"):
        study = Study(config, [*SAME_QUESTION, f"output.cache_dir={cache}"])
        _ = study.instance
        others = sum(s for name, s in study.seconds.items() if name not in SHARED)
        row = [study.seconds[name] for name in SHARED] + [others]
        print(f"{words:<14}" + "".join(f"{seconds:>12.2f}" for seconds in row))


def swept(studies, executor, out):
    """Return the seconds that a batch takes in a new folder."""
    start = time.perf_counter()
    result = run_batch(studies, executor, out=out, threads=1)
    if result.failed:
        sys.exit(str(result.table["error"].to_list()))
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--budgets", type=float, nargs="+", default=[2e7, 3e7, 4e7, 5e7])
    parser.add_argument("--set", dest="overrides", nargs="+", default=[])
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept(asked.config, folder / "cache")
        studies = list_studies(
            [asked.config],
            [
                f"output.cache_dir={folder / 'cache'}",
                "solver.time_limit_s=60",
                *SAME_QUESTION,
                *asked.overrides,
            ],
            {"program.budget_pkr": asked.budgets},
        )
        with (
            cluster(1, folder) as one_at, cluster(2, folder) as two_at,
            dask_pool(one_at) as (one, _), dask_pool(two_at) as (two, _),
        ):  # fmt: skip
            ratios = []
            # The two clusters alternate, because the load of the machine changes.
            for i in range(asked.repeats):
                alone, both = (
                    swept(studies, executor, folder / f"out-{i}-{n}")
                    for n, executor in ((1, one), (2, two))
                )
                ratios.append(alone / both)
                print(
                    f"{len(studies)} studies: {alone:.1f} s on one worker, {both:.1f} s on two, "
                    f"{ratios[-1]:.2f} times as fast",
                    flush=True,
                )
        print(f"median: {statistics.median(ratios):.2f} times as fast")


if __name__ == "__main__":
    main()
