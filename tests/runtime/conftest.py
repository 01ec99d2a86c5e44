import logging

import pytest

from netflux_nb import Runtime


@pytest.fixture
def make_runtime():
    made = []

    def make(*specs, **options):
        runtime = Runtime(list(specs), **options)
        made.append(runtime)
        return runtime

    yield make
    for runtime in made:
        runtime.close()


@pytest.fixture(autouse=True)
def quiet_log():
    """Errors of Nodes are logged; tests that fail Nodes on purpose need not show them."""
    logger = logging.getLogger("netflux_nb.runtime")
    before = logger.propagate
    yield logger
    logger.propagate = before
