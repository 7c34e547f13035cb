"""The one public handle."""

from ipfs_kit_py._repository.adding import Adding
from ipfs_kit_py._repository.dags import Dags
from ipfs_kit_py._repository.files import Files
from ipfs_kit_py._repository.names import Names
from ipfs_kit_py._repository.pins import Pins
from ipfs_kit_py._repository.upkeep import Upkeep


class Repository(Adding, Files, Dags, Pins, Names, Upkeep):
    """Blocks, pins, mutable files and names in a folder, with no daemon.

    Any number of handles, threads and processes may read and write one repository at
    once; forked processes may go on using the handle that they inherit. A handle can be
    pickled: it is opened anew where it is unpickled. What a method has returned is on the
    disk.

    Args:
        path: The folder; `ipfs_path` of the configuration if not given. A Kubo repository
            in it is left alone.
        create: Make the repository if there is none.
        read_only: Change nothing; there must be one.
        verify: When stored blocks are hashed as they are read: the first time in each
            process, `always` or `never`.
        max_bytes: Most bytes that all blocks may take on the disk.
        threads: How many threads hash; the CPU quota if not given.

    Raises:
        RepositoryNotFoundError: There is none, and none is to be made.
        RepositoryVersionError: A newer version of this program made it.
        IndexDamagedError: Its index is lost or damaged: see `rebuild`.
        UnsafeFileSystemError: It lies on a network file system.
    """
