"""Run many studies and sweeps on any executor, with a table and a page of the results."""

from siting.batch.pools import dask_pool
from siting.batch.run_studies import BatchEvent, BatchResult, run_batch
from siting.batch.studies import BatchStudy, list_studies, sweep_words
from siting.batch.table import results_table

__all__ = [
    "BatchEvent", "BatchResult", "BatchStudy", "dask_pool", "list_studies", "results_table",
    "run_batch", "sweep_words",
]  # fmt: skip
