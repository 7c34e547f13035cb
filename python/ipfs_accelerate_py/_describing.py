"""What a CID names: its size, layout and kind, and how much of it is here."""

from typing import TYPE_CHECKING, Any, Final

from ipfs_kit_py.errors import MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._kit.kit import IpfsKit
    from ipfs_kit_py._native import CID
    from ipfs_kit_py._repository import IPFSPath

_HEAD_BYTES = 512
# First bytes of what models and data come in.
_SIGNATURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"%PDF-": "application/pdf",
    b"PK\x03\x04": "application/zip",
    b"\x1f\x8b": "application/gzip",
    b"\x28\xb5\x2f\xfd": "application/zstd",
    b"PAR1": "application/vnd.apache.parquet",
    b"ARROW1": "application/vnd.apache.arrow.file",
    b"GGUF": "application/vnd.gguf",
}


_TEXT = "text/plain"
_BYTES = "application/octet-stream"
# How a UnixFS block says that it is a part of a HAMT (field 1, kind 5).
_HAMT = b"\x08\x05"


def described(kit: "IpfsKit", path: "IPFSPath") -> dict[str, Any]:
    """Describe what a path names; see `Content.get_cid_metadata`."""
    root = kit.reader.resolve(path)
    size, layout = _laid_out(kit, root)
    mime = None
    if layout in ("raw", "file"):
        mime = _mime(str(path), kit.reader.cat(root, 0, _HEAD_BYTES))
    links = kit.reader.refs(root, recursive=True, unique=True)
    below = {link.target for link in links}
    pin = kit.engine.pin_find(root)
    return {
        "cid": str(root),
        "size": size,
        "blocks": len(below | {root}),
        "codec": root.codec,
        "layout": layout,
        "mime": mime,
        "local": all(map(kit.engine.has, below | {root})),
        "pinned": pin is not None,
    }


def _laid_out(kit: "IpfsKit", root: "CID") -> tuple[int, str]:
    if root.codec not in ("raw", "dag-pb"):
        return len(kit.reader.block_view(root)), "data"
    try:
        found = kit.reader.stat(root)
    except MalformedDataError:
        # DAG-PB that is no UnixFS.
        return len(kit.reader.block_view(root)), "data"
    if root.codec == "raw":
        return found.size, "raw"
    if found.kind != "directory":
        return found.size, found.kind
    is_hamt = bytes(kit.reader.dag_get(root)["Data"]).startswith(_HAMT)
    return found.cumulative_size, "hamt-sharded-directory" if is_hamt else "directory"


def _mime(path: str, head: bytes) -> str:
    import codecs
    import mimetypes

    named, _ = mimetypes.guess_type(path.rstrip("/").rpartition("/")[2])
    if named is not None:
        return named
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    try:
        # A letter may be cut at the end.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return _BYTES
    return _BYTES if "\0" in text else _TEXT
