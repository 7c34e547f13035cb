"""What "soon" is to a test whose work would else have no end, or far more of it.

It tells stopped from not stopped, on a machine that does other things beside. How soon is
a matter of the benchmarks.
"""

SOON_SECONDS = 10.0
