"""`s3_kit`: objects and folders in S3-compatible stores, and blocks that are kept there.

    from ipfs_kit_py.s3_kit import s3_kit

    s3 = s3_kit(metadata={"s3cfg": {"endpoint": "http://127.0.0.1:7070", "bucket": "b"}})
    s3.s3_ul_dir("photos", "2024")
    s3("ls_dir", dir="2024")

Needs obstore: `pip install ipfs-kit-py[s3]`.
"""

from ipfs_kit_py._s3.kit import S3Kit
from ipfs_kit_py._s3.source import S3Source

__all__ = ["S3Source", "s3_kit"]

s3_kit = S3Kit
