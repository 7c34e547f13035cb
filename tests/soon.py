"""How long things take on a machine that does other things beside.

How soon they are done is a matter of the benchmarks.
"""

SOON_SECONDS = 10.0
"""What "soon" is to a test whose work would else have no end, or far more of it: it tells
stopped from not stopped."""

PATIENT_SECONDS = 20.0
"""How long to wait for a server that is not meant to be silent: no pause is this long."""
