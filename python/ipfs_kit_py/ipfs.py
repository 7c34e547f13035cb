"""`ipfs_py`: content, pins, names and mutable files, as result dictionaries.

    from ipfs_kit_py.ipfs import ipfs_py

    ipfs = ipfs_py()
    result = ipfs.add("photo.jpg")
    if result["success"]:
        print(result["cid"])

Every method returns a `Result`: a dictionary that says whether it worked, and why not.
Both spellings of a key are there where two exist: `cid` and `Hash`, `content` and `data`,
`Keys` and `pins`.
"""

from ipfs_kit_py._ipfs.dags import Dags
from ipfs_kit_py._ipfs.files import Files
from ipfs_kit_py._ipfs.names import Names
from ipfs_kit_py._ipfs.paths import Paths
from ipfs_kit_py._ipfs.pinning import Pinning
from ipfs_kit_py._ipfs.reading import Reading
from ipfs_kit_py._ipfs.swarm import Swarm
from ipfs_kit_py._ipfs.transfer import Transfer
from ipfs_kit_py._results import Result

__all__ = ["Result", "ipfs_py"]


class IpfsPy(Paths, Dags, Files, Names, Pinning, Reading, Swarm, Transfer):
    """See above.

    Args:
        resources: Limits, such as `{"max_storage": "10GB"}`.
        metadata: Settings, over those of the environment and the configuration file.

    Raises:
        ConfigurationError: A setting is unknown or of the wrong type.
        RepositoryError: The repository cannot be opened.
    """

    def is_valid_cid(self, cid: object) -> bool:
        """Tell whether something is exactly one CID."""
        from ipfs_kit_py.ipfs_multiformats import is_valid_cid

        return is_valid_cid(cid)


ipfs_py = IpfsPy
