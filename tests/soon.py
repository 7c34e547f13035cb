"""How long things take on a machine that does other things beside.

How soon they are done is a matter of the benchmarks.
"""

import time
from collections.abc import Callable

SOON_SECONDS = 10.0
"""What "soon" is to a test whose work would else have no end, or far more of it: it tells
stopped from not stopped."""

PATIENT_SECONDS = 20.0
"""How long to wait for a server that is not meant to be silent: no pause is this long."""


def wait_until(what: Callable[[], object]) -> None:
    """Wait for something that happens soon, but maybe not at once."""
    end = time.monotonic() + PATIENT_SECONDS
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
