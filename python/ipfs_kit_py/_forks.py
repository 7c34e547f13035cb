"""What objects do in a process that was forked, before anything else runs there.

A lock that another thread held at that moment would stay locked for ever, and work that
another thread did will not be done.
"""

import os
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Something that must begin anew in a forked process."""

    def after_fork(self) -> None:
        """Make new locks, and forget what other threads were doing."""


_KNOWN: WeakSet[Forked] = WeakSet()


def remember(owner: Forked) -> None:
    """Have `after_fork` of an object called in every process that is forked."""
    _KNOWN.add(owner)


def _tell_all() -> None:
    for owner in list(_KNOWN):
        owner.after_fork()


# Windows has no forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tell_all)
