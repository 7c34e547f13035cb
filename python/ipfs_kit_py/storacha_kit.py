"""`storacha_kit`: uploads, shards and spaces of a Storacha upload service.

    from ipfs_kit_py.storacha_kit import storacha_kit

    storacha = storacha_kit(metadata={"storacha": {"endpoint": "http://127.0.0.1:8787"}})
    storacha.upload_add("photos", "folder")
    storacha("upload_list", space="photos")

The hosted service ended: there is no default endpoint. See `docs/storacha.md`.
"""

from ipfs_kit_py._storacha.kit import StorachaKit

__all__ = ["storacha_kit"]

storacha_kit = StorachaKit
