"""Adding rows as shards, under the names that Hugging Face's datasets gives them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from ipfs_kit_py._datasets.counting import Columns, columns_of
from ipfs_kit_py._datasets.formats import chunker_of
from ipfs_kit_py._datasets.manifest import Shard, Split
from ipfs_kit_py._datasets.splits import check_split, split_of
from ipfs_kit_py._datasets.tables import Table, source_of, table_of
from ipfs_kit_py._datasets.tree import Content
from ipfs_kit_py._datasets.writing import Writer, writer_of
from ipfs_kit_py._native import CID, cid_of, ipld_encode
from ipfs_kit_py._pieces import PieceReader
from ipfs_kit_py.errors import InvalidParameterError, LimitExceededError

if TYPE_CHECKING:
    from ipfs_kit_py._hashing import ProgressCallback, Readable
    from ipfs_kit_py._ml.client import Client

SHARD_BYTES: Final = 256 << 20
# Where names of splits that nobody else has are known for such.
_BELOW: Final = "data/"
# The UnixFS data of a directory, and most that a node of one may be without shards.
_DIRECTORY: Final = b"\x08\x01"
_MOST_DIRECTORY_BYTES: Final = 256 << 10


class _File(NamedTuple):
    """A shard that was added, before it has a name."""

    cid: CID
    tsize: int
    rows: int
    size: int


class ShardAdding:
    """The splits of one dataset.

    Args:
        client: What to add them to.
        format_name: What to write; by the kind of the rows if not given.
        max_shard_bytes: About how large a shard is.
        params: How shards are imported.
        progress: Called with bytes and shards done so far.
    """

    def __init__(
        self,
        client: "Client",
        format_name: str | None,
        max_shard_bytes: object,
        params: Mapping[str, Any],
        progress: "ProgressCallback | None",
    ) -> None:
        if not isinstance(max_shard_bytes, int) or max_shard_bytes < 1:
            raise InvalidParameterError(
                f"max_shard_bytes is a number of 1 or more, not {max_shard_bytes!r}"
            )
        self._client = client
        self._format = format_name
        self._max_bytes = max_shard_bytes
        self._params = dict(params)
        self._progress = progress
        self._new = self._shared = self._bytes = self._files = 0

    def run(self, splits: Mapping[str, object]) -> Content:
        """Add them, and the folder that they are in."""
        done: dict[str, Split] = {}
        entries: dict[str, _File] = {}
        schema: Columns = None
        for name, given in splits.items():
            source = source_of(given)
            if (
                not isinstance(source, Table)
                and not source.are_bytes
                and (self._format != "jsonl")
            ):
                source = table_of(source)
            if isinstance(source, Table):
                schema = schema or columns_of(source.schema)
            written, writer = writer_of(source, self._format)
            # Splits of one dataset are of one format.
            self._format = written
            files = list(self._added(writer))
            shards = _named(name, files, written)
            entries |= {it.path: file for it, file in zip(shards, files, strict=True)}
            done[name] = split_of(shards)
        return Content(
            data=self._folders(entries),
            format=self._format or "",
            splits=done,
            schema=schema,
            size_bytes=self._bytes,
            num_files=self._files,
            new_bytes=self._new,
            shared_bytes=self._shared,
        )

    def _added(self, writer: Writer) -> Iterator[_File]:
        params = {"chunker": chunker_of(self._format or "")} | self._params
        while writer.has_more:
            stream = PieceReader(writer.shard(self._max_bytes))
            done = self._client.engine.add(
                cast("Readable", stream), pin=False, progress=self._counted, **params
            )
            self._new += done.new_bytes
            self._shared += done.known_bytes
            self._bytes += done.bytes
            self._files += 1
            yield _File(done.cid, done.size, writer.rows, done.bytes)

    def _counted(self, done_bytes: int, done_files: int) -> None:
        del done_files
        if self._progress:
            self._progress(self._bytes + done_bytes, self._files)

    def _folders(self, files: Mapping[str, _File]) -> CID:
        """Make the folder, with all files in the folder `data` in it."""
        inside = {name.removeprefix(_BELOW): it for name, it in files.items()}
        links = {name: (it.cid, it.tsize) for name, it in inside.items()}
        return self._folder({_BELOW[:-1]: self._folder(links)})[0]

    def _folder(self, links: Mapping[str, tuple[CID, int]]) -> tuple[CID, int]:
        entries = [
            {"Hash": cid, "Name": name, "Tsize": tsize}
            for name, (cid, tsize) in sorted(
                links.items(), key=lambda pair: pair[0].encode()
            )
        ]
        node = ipld_encode({"Data": _DIRECTORY, "Links": entries}, "dag-pb")
        if len(node) > _MOST_DIRECTORY_BYTES:
            raise LimitExceededError(
                f"a folder of {len(entries):,} shards is too large: raise max_shard_bytes"
            )
        engine = self._client.engine
        if engine.has(cid_of(node, codec="dag-pb")):
            self._shared += len(node)
        else:
            self._new += len(node)
        cid = engine.block_put(node, codec="dag-pb")
        return cid, len(node) + sum(tsize for _, tsize in links.values())


def _named(split: str, files: list[_File], format_name: str) -> list[Shard]:
    check_split(split)
    return [
        Shard(
            f"{_BELOW}{split}-{at:05}-of-{len(files):05}.{format_name}",
            it.cid,
            it.rows,
            it.size,
        )
        for at, it in enumerate(files)
    ]
