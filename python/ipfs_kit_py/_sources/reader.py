"""Reading files, blocks and DAGs out of a chain of sources."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Literal, TypeAlias

from ipfs_kit_py import _native
from ipfs_kit_py._car import Unpacked
from ipfs_kit_py._hashing import ProgressCallback, StrPath
from ipfs_kit_py._native import CID, Block, FileReader, PrivateBlock, split_path
from ipfs_kit_py._repository import IPFSPath, Repository
from ipfs_kit_py._repository.blocks import BlockReading
from ipfs_kit_py._repository.dags import DagReading, DagStat, ExportReport, Writable
from ipfs_kit_py._repository.ipfs_file import Ahead
from ipfs_kit_py._repository.reading import Entry, FileStat, Reading, Resolved
from ipfs_kit_py._sources.ahead import ReadAhead
from ipfs_kit_py._sources.chain import Chain
from ipfs_kit_py._sources.listing import Listing
from ipfs_kit_py._sources.source import Connected, Scope, Source
from ipfs_kit_py.errors import NameNotFoundError

Asking: TypeAlias = Callable[[], AbstractContextManager[None]]


class ChainReader(Reading, DagReading, BlockReading):
    """What reads as a `Repository` does, wherever the blocks are.

    The native reader asks the disk tier and the repository by itself, and the chain for
    the rest.

    Args:
        chain: The sources.
        repository: The local node's repository, if this process has it open.
        resolve: Gives the path that an IPNS name, with names behind it, leads to; asked
            only where there is no repository.
        ahead_bytes: How far ahead of a sequential reader to fetch; 0 for never.
        mapped: Whether blocks of the disk tier are shown where they lie.
        closed_with: Sources that nobody else uses.
    """

    def __init__(
        self,
        chain: Chain,
        repository: Repository | None = None,
        *,
        resolve: Callable[[str, list[str]], str] | None = None,
        ahead_bytes: int = 0,
        mapped: bool = True,
        closed_with: "Iterable[Connected]" = (),
    ) -> None:
        self._chain = chain
        self._connected = tuple(closed_with)
        self._ahead_bytes = ahead_bytes
        self._core = self._native_chain = _native.Chain(
            self._blocks,
            resolve or _no_names,
            repository=None if repository is None else repository._core,
            mapped=mapped,
        )
        self._has_disk = False

    def close(self) -> None:
        """Close connections that nobody else uses; a later read makes new ones."""
        for source in self._connected:
            source.close()

    @property
    def sources(self) -> tuple[Source, ...]:
        """Who is asked for blocks, in order."""
        return self._chain.sources

    @property
    def is_remote(self) -> bool:
        """Whether anyone beyond this machine is asked."""
        return self._chain.is_remote

    @property
    def fetched(self) -> int:
        """How many blocks were fetched so far for what the calling thread read."""
        return self._chain.fetched

    def fetch(self, cids: Iterable[CID]) -> None:
        """Have blocks fetched that will be read next, side by side."""
        self._blocks(list(cids))

    def reading_whole(self, *paths: IPFSPath) -> AbstractContextManager[None]:
        """Let sources give DAGs in one go that this thread is about to read."""
        return self._chain.reading_whole(*paths)

    @property
    def sends_whole(self) -> bool:
        """Whether a source beyond this machine sends whole DAGs: see `bring`."""
        return self._chain.sends_whole

    def bring(self, root: CID, most_bytes: int) -> None:
        """Have a source send a whole DAG, and keep what comes: see `Chain.bring`."""
        self._chain.bring(root, most_bytes)

    def are_here(self, cids: Sequence[CID]) -> int:
        """Tell how many of some blocks are on this machine."""
        return self._chain.are_here(cids)

    @contextmanager
    def sharing(self, path: IPFSPath) -> "Iterator[Asking]":
        """Let sources give a DAG in one go that several threads are about to read.

        It gives what each of them enters while it reads.
        """
        with self._chain.giving(path) as sources:
            yield partial(self._chain.asking, sources, whole=True)

    def get(
        self,
        path: IPFSPath,
        output: StrPath,
        progress: ProgressCallback | None = None,
        *,
        symlinks: Literal["inside", "any", "skip"] = "inside",
        max_bytes: int | None = None,
        max_entries: int | None = None,
    ) -> Unpacked:
        """Write a file or folder to disk, as a `Repository` does."""
        with self.reading_whole(path):
            return super().get(
                path,
                output,
                progress,
                symlinks=symlinks,
                max_bytes=max_bytes,
                max_entries=max_entries,
            )

    def cat(self, path: IPFSPath, offset: int = 0, length: int | None = None) -> bytes:
        """Read a file, or a range of it, as a `Repository` does."""
        with self._asked_at_once(path, offset, length):
            return super().cat(path, offset, length)

    def cat_view(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> Block:
        """Read a file, or a range of it, where it lies, as a `Repository` does."""
        with self._asked_at_once(path, offset, length):
            return super().cat_view(path, offset, length)

    def cat_private(
        self, path: IPFSPath, offset: int = 0, length: int | None = None
    ) -> PrivateBlock:
        """Read a file as memory that may be written to, as a `Repository` does."""
        with self._asked_at_once(path, offset, length):
            return super().cat_private(path, offset, length)

    def stat(self, path: IPFSPath) -> FileStat:
        """Look at a file, directory or link, as a `Repository` does."""
        with self._asked_on_the_way(path):
            return super().stat(path)

    def dag_resolve(self, path: IPFSPath) -> Resolved:
        """Follow a path, as a `Repository` does."""
        with self._asked_on_the_way(path):
            return super().dag_resolve(path)

    def ls(self, path: IPFSPath, *, resolve: bool = True) -> Iterator[Entry]:
        """List a directory, as a `Repository` does."""
        if not self.is_remote:
            return super().ls(path, resolve=resolve)
        stack = ExitStack()
        giving = self._chain.giving(path, scope=Scope("entity"))
        asking = partial(self._chain.asking, stack.enter_context(giving))
        try:
            with asking():
                found = super().ls(path, resolve=resolve)
        except BaseException:
            stack.close()
            raise
        return Listing(found, asking, stack)

    def _asked_at_once(
        self, path: IPFSPath, offset: int, length: int | None
    ) -> AbstractContextManager[object]:
        """Let sources give a range of a file, with all that leads to it."""
        is_whole = not offset and length is None
        is_odd = offset < 0 or (length is not None and length < 1)
        if not self.is_remote or is_odd or (is_whole and _is_short(path)):
            return nullcontext()
        scope = Scope("entity", offset, None if length is None else offset + length)
        return self._given(path, scope)

    def _asked_on_the_way(self, path: IPFSPath) -> AbstractContextManager[object]:
        """Let sources give the blocks that lead to another."""
        if not self.is_remote or _is_short(path):
            return nullcontext()
        return self._given(path, Scope("block"))

    @contextmanager
    def _given(self, path: IPFSPath, scope: Scope) -> Iterator[None]:
        chain = self._chain
        with chain.giving(path, scope=scope) as sources, chain.asking(sources):
            yield

    def dag_export(
        self,
        path: IPFSPath,
        output: StrPath | Writable,
        progress: ProgressCallback | None = None,
    ) -> ExportReport:
        """Write everything below a root into a CAR file, as a `Repository` does."""
        with self.reading_whole(path):
            return super().dag_export(path, output, progress)

    def dag_stat(
        self,
        paths: IPFSPath | Iterable[IPFSPath],
        progress: ProgressCallback | None = None,
    ) -> DagStat:
        """Count the blocks below roots, as a `Repository` does."""
        given = [paths] if isinstance(paths, str | CID) else list(paths)
        with self.reading_whole(*given):
            return super().dag_stat(given, progress)

    def _blocks(self, cids: list[CID]) -> list[Block | None]:
        found = self._chain.get_blocks(cids)
        disk = self._chain.open_disk
        if disk is not None and not self._has_disk:
            self._native_chain.set_disk(disk)
            self._has_disk = True
        return [found.get(cid) for cid in cids]

    def _ahead(self, reader: FileReader) -> Ahead | None:
        if not (self._ahead_bytes and self._chain.is_remote):
            return None
        return ReadAhead(reader, self._chain, self._ahead_bytes)


def _is_short(path: IPFSPath) -> bool:
    """Tell whether a path leads to a block without another on the way."""
    return not split_path(path)[1]


def _no_names(name: str, rest: list[str]) -> str:
    del rest
    raise NameNotFoundError(f"/ipns/{name} is a name, and nothing here resolves names")
