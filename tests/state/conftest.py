"""A session and a record of its own for each test."""

import pytest

from netflux_nb.session import here


@pytest.fixture(autouse=True)
def session(tmp_path):
    with here.fresh() as fresh:
        fresh.configure(store=str(tmp_path / "store"))
        yield fresh
