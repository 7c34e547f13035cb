"""Plain calls on content: they return values, and raise."""

import io
from typing import TYPE_CHECKING, Any, Literal, overload

from ipfs_kit_py._hashing import ProgressCallback, Readable, StrPath
from ipfs_kit_py._ipfs.adding import added, json_bytes, source_of, text_bytes, title_of
from ipfs_kit_py._ipfs.node import content_of, pinned
from ipfs_kit_py._ipfs.reading import is_mutable
from ipfs_kit_py._repository import IPFSFile, IPFSPath, PinType
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    InvalidParameterError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

    from ipfs_kit_py._kit.kit import IpfsKit


class Content:
    """What adds, reads, pins and lists."""

    kit: "IpfsKit"

    def add(
        self,
        content: "StrPath | Buffer | Readable | Iterable[bytes]",
        *,
        pin: bool = True,
        wrap_with_directory: bool = False,
        chunker: str | None = None,
        hash: str | None = None,  # noqa: A002 - as Kubo's flag
        profile: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """Add a file or folder by its path, or bytes, a file object, an iterator.

        Text is always a path: for text itself there is `add_str`.

        Args:
            content: What to add.
            pin: Keep it from collection.
            wrap_with_directory: Put it into a directory under its name.
            chunker: How it is cut: `size-N`, `rabin-MIN-AVG-MAX`, `buzhash`.
            hash: Name of the hash function.
            profile: What decides the CID; else `cid_profile` of the configuration.
            progress: Called with bytes and files done so far.

        Returns:
            `cid` and `Hash`, `size` and `Size`, `name` and `Name`, `bytes`, `files`.

        Raises:
            PathNotFoundError: There is no such file.
        """
        done = self.kit.engine.add(
            source_of(content),
            pin=pin,
            profile=profile or self.kit.config.cid_profile,
            progress=progress,
            wrap_with_directory=wrap_with_directory or None,
            chunker=chunker,
            hash=hash,
        )
        return added(done, title_of(content))

    def add_file(
        self, path: StrPath, *, pin: bool = True, profile: str | None = None
    ) -> str:
        """Add a file or folder.

        Returns:
            Its CID, to be used as it is.
        """
        cid: str = self.add(path, pin=pin, profile=profile)["cid"]
        return cid

    def add_str(self, text: str, *, pin: bool = True) -> str:
        """Add text as a file, in UTF-8, and return its CID."""
        cid: str = self.add(text_bytes(text), pin=pin)["cid"]
        return cid

    def add_json(self, value: Any, *, pin: bool = True) -> str:  # noqa: ANN401 - whatever JSON holds
        """Add a value as a file of JSON, and return its CID."""
        cid: str = self.add(json_bytes(value), pin=pin)["cid"]
        return cid

    def cat(self, path: IPFSPath, offset: int = 0, length: int | None = None) -> bytes:
        """Read a file, or a range of it.

        Raises:
            BlockNotFoundError: It is not here.
            PathIsADirectoryError: It is a directory.
        """
        if is_mutable(path):
            return self.kit.engine.files_read(str(path), offset, length)
        return content_of(self.kit.ipfs, path, offset, length)

    @overload
    def get(self, cid: IPFSPath, output: None = None) -> bytes: ...
    @overload
    def get(self, cid: IPFSPath, output: StrPath) -> StrPath: ...
    def get(self, cid: IPFSPath, output: StrPath | None = None) -> bytes | StrPath:
        """Read a file whole, or write a file or folder to disk.

        Args:
            cid: What to get.
            output: What to make; it must not exist, and appears when it is whole.

        Returns:
            The bytes, or `output`.
        """
        if output is None:
            return self.cat(cid)
        self.kit.reader.get(self._settled(cid), output)
        return output

    def read(self, path: IPFSPath) -> bytes:
        """Read a file."""
        return self.cat(path)

    def read_text(self, path: IPFSPath, encoding: str = "utf-8") -> str:
        """Read a file as text."""
        return self.cat(path).decode(encoding)

    @overload
    def open(self, path: IPFSPath, mode: Literal["rb"] = "rb") -> IPFSFile: ...
    @overload
    def open(
        self, path: IPFSPath, mode: Literal["r", "rt"], encoding: str = "utf-8"
    ) -> io.TextIOWrapper: ...
    def open(
        self, path: IPFSPath, mode: str = "rb", encoding: str = "utf-8"
    ) -> IPFSFile | io.TextIOWrapper:
        """Open a file for reading and seeking.

        Args:
            path: The file.
            mode: `rb` for bytes, `r` for text. Content cannot be changed: what writes is
                refused.
            encoding: Of text.
        """
        if mode not in ("rb", "r", "rt"):
            raise InvalidParameterError(
                f"mode {mode!r}: content cannot be changed, open it with 'rb' or 'r'"
            )
        file = self.kit.reader.open(self._settled(path))
        return file if mode == "rb" else io.TextIOWrapper(file, encoding)

    def exists(self, path: IPFSPath) -> bool:
        """Tell whether a path leads to something that is here."""
        try:
            if is_mutable(path):
                self.kit.engine.files_stat(str(path))
            else:
                self.kit.reader.stat(path)
        except (BlockNotFoundError, PathNotFoundError):
            return False
        return True

    def ls(
        self, path: IPFSPath, *, detail: bool = True
    ) -> list[dict[str, Any]] | list[str]:
        """List a directory.

        Returns:
            For each entry a table of `name`, `cid`, `size` and `type` (`file`,
            `directory`, `symlink`), or its name alone.
        """
        kit = self.kit
        listed = kit.engine.files_ls if is_mutable(path) else kit.reader.ls
        entries = listed(str(path), resolve=detail)
        if not detail:
            return [entry.name for entry in entries]
        return [
            {
                "name": entry.name,
                "cid": str(entry.cid),
                "size": entry.size if entry.file_size is None else entry.file_size,
                "type": entry.kind or "unknown",
            }
            for entry in entries
        ]

    def pin(self, cid: IPFSPath, *, recursive: bool = True) -> dict[str, Any]:
        """Keep something from collection: `pins`, `count`."""
        done = str(pinned(self.kit.ipfs, cid, recursive=recursive))
        return {"cid": done, "pins": [done], "count": 1}

    def unpin(self, cid: IPFSPath, *, recursive: bool = True) -> dict[str, Any]:
        """Remove a pin: `pins`, `count`.

        Raises:
            NotPinnedError: It is not pinned.
        """
        unpinned = str(self.kit.engine.pin_rm(cid, recursive=recursive))
        return {"cid": unpinned, "pins": [unpinned], "count": 1}

    def list_pins(
        self,
        type: Literal["all"] | PinType = "all",  # noqa: A002 - Kubo's name
        *,
        quiet: bool = False,
    ) -> dict[str, Any]:
        """List pins: `Keys`, a table by CID, and `count`.

        Args:
            type: Which ones.
            quiet: Give the CIDs in a list (`Keys`), without how they are pinned.
        """
        pins = list(self.kit.engine.pin_ls(type))
        if quiet:
            return {"Keys": [str(pin.cid) for pin in pins], "count": len(pins)}
        keys = {str(pin.cid): {"Type": str(pin.type)} for pin in pins}
        return {"Keys": keys, "count": len(pins)}

    def publish(
        self,
        cid: IPFSPath,
        key: str = "self",
        lifetime: str | float = "24h",
        ttl: str | float = "1h",
    ) -> dict[str, Any]:
        """Sign that the name of a key stands for a CID: `ipns_name`, `value`."""
        done = self.kit.engine.name_publish(cid, key=key, lifetime=lifetime, ttl=ttl)
        return {
            "ipns_name": done.name,
            "value": done.value,
            "sequence": done.sequence,
        }

    def resolve(self, name: str, *, recursive: bool = True) -> dict[str, Any]:
        """Follow an IPNS name: `resolved_cid`, `path`."""
        path = self.kit.engine.name_resolve(name, recursive=recursive)
        return {"path": path, "resolved_cid": path.removeprefix("/ipfs/")}

    def _settled(self, path: IPFSPath) -> IPFSPath:
        """Give a path of the mutable files the CID that it has now."""
        return self.kit.engine.files_flush(str(path)) if is_mutable(path) else path
