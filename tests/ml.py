"""Tests that need torch, accelerate or transformers: marked so, and run where these are.

They import them inside the test, so that to collect it takes no time.
"""

import os
from importlib.util import find_spec

import pytest

_missing = [it for it in ("torch", "accelerate", "transformers") if not find_spec(it)]

needs_ml = pytest.mark.skipif(
    bool(_missing) and os.environ.get("IPFS_KIT_REQUIRE_REAL") != "1",
    reason="needs the extra ml: make test ML=1",
)

# Two workers that each take every core get in each other's way. It is read when torch
# is imported, by the programs that tests start as well.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What is loaded is here: nobody is asked.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ARRAYS = ["numpy", pytest.param("torch", marks=needs_ml)]
"""What loaders make arrays of."""
