"""Every nation of this room asks its cities in this process, and writes no pages of cities."""

import pytest
from batch_driver import Inline

from siting.nation import city
from siting.report.leaflet import NEEDED


@pytest.fixture(scope="module", autouse=True)
def here():
    city._kept.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("siting.batch.pools.Workers._begin", lambda _: Inline())
        patch.setattr("siting.study.runs.why_no_report", lambda: NEEDED)  # pages take seconds
        yield
