"""Waiting in a way that cancel tokens and Ctrl-C end."""

import time

from ipfs_kit_py import _native

SLICE_SECONDS = 0.05
"""How often one who waits looks at its cancel tokens."""

# The core looks at the tokens of its caller when it hashes 2 KiB or more.
_SOMETHING = bytes(2048)


def check() -> None:
    """Go on, unless the calling thread is inside a token that was cancelled.

    Raises:
        CancelledError: It is.
    """
    _native.cid_of(_SOMETHING)


def sleep(seconds: float) -> None:
    """Sleep, unless cancelled."""
    end = time.monotonic() + seconds
    check()
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, SLICE_SECONDS))
        check()
