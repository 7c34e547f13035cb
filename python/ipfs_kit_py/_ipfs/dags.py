"""Values and single blocks."""

from typing import TYPE_CHECKING, Any

from ipfs_kit_py._ipfs.node import Node, both, text_of
from ipfs_kit_py._repository import IPFSPath
from ipfs_kit_py._results import operation

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Dags(Node):
    """What puts and gets values (IPLD) and blocks."""

    @operation("dag_put")
    def dag_put(
        self,
        value: Any,  # noqa: ANN401 - whatever the codec can hold
        *,
        codec: str = "dag-cbor",
        pin: bool = False,
    ) -> dict[str, Any]:
        """Put a value: `None`, bool, int, float, str, bytes, list, dict, CID."""
        return both(self._engine.dag_put(value, codec, pin=pin))

    @operation("dag_get")
    def dag_get(self, cid: IPFSPath) -> dict[str, Any]:
        """Read what a path names as a value, be it a block or something inside one.

        Returns:
            `value` and `data`: the value.
        """
        value = self._reader.dag_get(cid)
        return {"cid": text_of(cid), "value": value, "data": value}

    @operation("block_put")
    def block_put(
        self, data: "Buffer", *, codec: str = "raw", pin: bool = False
    ) -> dict[str, Any]:
        """Put a block."""
        size = memoryview(data).nbytes
        return both(self._engine.block_put(data, codec, pin=pin), size=size)

    @operation("block_get")
    def block_get(self, cid: IPFSPath) -> dict[str, Any]:
        """Read a block: `data` and `content`."""
        data = self._reader.block_get(cid)
        return {"cid": text_of(cid), "data": data, "content": data, "size": len(data)}

    @operation("block_stat")
    def block_stat(self, cid: IPFSPath) -> dict[str, Any]:
        """Say how many bytes a block has."""
        size = self._reader.block_stat(cid)
        return {"cid": text_of(cid), "size": size, "Size": size}
