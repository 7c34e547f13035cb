"""Where `ipfs-kit` begins: Ctrl-C counts from here on, while the rest still loads."""

import sys


def main() -> int:
    """Load the command line and run it; the result is the exit code."""
    try:
        from ipfs_kit_py.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130
