"""Loading data: every byte of every sample, shuffled, beside other loaders of data.

What each table isolates:
    first: an epoch of a loader that was just opened. Ours verifies every block then, as
        it does once in a process; the others trust what they read.
    later: the epochs after that.
    processes: an epoch in a process of its own, imports and all, with the most memory
        that it had. Pages of files that are mapped count as memory, though the system
        takes them back when it needs them.
    resume: from opening to the first batch after 90 % of an epoch.
    gateway: the first epoch where nothing is on this machine yet: of a folder of files,
        and of tar shards.

All is warm but for the last. The samples are files of random bytes; each loader has them
in its own form. Every sample must come once, with its own bytes: whose checksum over an
epoch differs, or over what came before a state and after it, ends the run. How well they
shuffle differs: ours, files and datasets mix all with all, LitData within chunks of
64 MB, MosaicML within some shards, WebDataset among 1000. Peers that take long are given
a tenth of the samples.
"""

import gc
import importlib
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import inputs
import peers
from feeds import FEEDS, OURS, STATEFUL, Feed, Seen, look, tars
from gateways import Bench
from harness import Lineup, MissingPeerError, Table, Work, compare
from ipfs_kit_py import Repository
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py.ai_ml_integration import IPFSDataLoader
from shelves import Shelf, content, shelf

# Samples, bytes of each, samples of a batch, and how many slow peers are given.
SIZES = ((20_000, 100 << 10, 64, 2000), (200_000, 4096, 256, 20_000))
FARTHEST = 10
THREADS = 8
# Those that are tried in processes of their own: to import some takes ten seconds.
ALONE = (
    OURS,
    "ipfs-kit, views",
    "ipfs-kit, tensors",
    "DataLoader over files",
    "LitData",
    "WebDataset",
    "datasets",
)


def tables(scale: float) -> Iterator[Table]:
    """Yield the tables, with a share of the samples."""
    for count, size, batch, few in SIZES:
        with tempfile.TemporaryDirectory(
            prefix="ipfs-kit-bench-", dir=inputs.cache()
        ) as at:
            many = max(4 * batch, round(count * scale))
            samples = Samples(shelf(Path(at), many, size, batch, few))
            title = f"{many:,} samples of {size >> 10} KiB"
            yield epochs(samples, f"the first epoch of {title}", is_first=True)
            yield epochs(samples, f"later epochs of {title}", is_first=False)
            yield processes(samples, f"an epoch of {title} in a new process")
            yield resumes(samples, f"resume at 90 % of {title}")
        yield gateway(max(4 * batch, many // FARTHEST), size, batch)


class Samples:
    """The samples in all forms that were asked for.

    Attributes:
        shelf: Where they lie.
    """

    def __init__(self, shelf: Shelf) -> None:
        with Repository(shelf.at("store")) as repository:
            cid = str(repository.add(shelf.tree).cid)
        self.shelf = replace(shelf, cid=cid)
        paths = shelf.paths()
        few = look([[content(path)] for path in paths[: shelf.few]])
        rest = look([content(path)] for path in paths[shelf.few :])
        self._seen = {True: few, False: few + rest}
        self._forms: set[str] = set()

    def env(self, feed: Feed) -> dict[str, str]:
        """Find a peer, and have its form of the samples made."""
        env = {}
        if "streaming" in feed.needs:
            apart = str(peers.installed() / "streaming")
            if apart not in sys.path:
                sys.path.append(apart)
            env["PYTHONPATH"] = apart
        for module in feed.needs:
            importlib.import_module(module)
        if feed.form and feed.form not in self._forms:
            self.shelf.program("shelves.py", feed.form, **env)()
            self._forms.add(feed.form)
        return env

    def expected(self, feed: Feed) -> Seen:
        """Tell what an epoch of a peer is."""
        return self._seen[feed.is_few]

    def check(self, name: str, feed: Feed, seen: Seen) -> None:
        """Fail where a peer gave other samples."""
        if seen != self.expected(feed):
            raise RuntimeError(f"{name} gave {seen}, and not {self.expected(feed)}")


def epochs(samples: Samples, title: str, *, is_first: bool) -> Table:
    """Compare epochs in this process."""
    lineup = Lineup()
    with ExitStack() as opened:

        def find(name: str, feed: Feed) -> Callable[[], Work]:
            def found() -> Work:
                samples.env(feed)
                own = opened.enter_context(ExitStack())
                loaders: list[Any] = []

                def anew() -> None:
                    loaders.clear()
                    own.close()
                    # torch's workers end with what refers to itself.
                    gc.collect()
                    loaders.append(own.enter_context(feed.open(samples.shelf)))

                def run() -> None:
                    samples.check(name, feed, look(loaders[0]))

                if not is_first:
                    anew()
                units = samples.expected(feed).samples
                return Work(run, units, anew if is_first else None)

            return found

        for name, feed in FEEDS.items():
            lineup.enter(name, find(name, feed), ours=name == OURS)
        return compare(title, "samples", lineup)


def processes(samples: Samples, title: str) -> Table:
    """Compare processes."""
    lineup = Lineup()

    def find(name: str, feed: Feed) -> Callable[[], Work]:
        def found() -> Work:
            env = samples.env(feed)
            program = samples.shelf.program("feeds.py", name, **env)
            return Work(program, samples.expected(feed).samples)

        return found

    for name in ALONE:
        lineup.enter(name, find(name, FEEDS[name]), ours=name == OURS)
    return compare(title, "samples", lineup)


def resumes(samples: Samples, title: str) -> Table:
    """Compare going on near the end of an epoch."""
    lineup = Lineup()
    shelf = samples.shelf

    def find(name: str, feed: Feed) -> Callable[[], Work]:
        def found() -> Work:
            samples.env(feed)
            batches = samples.expected(feed).samples * 9 // 10 // shelf.batch
            with feed.open(shelf) as loader:
                before = look(islice(loader, batches))
                state = loader.state_dict()

            def run(most: int | None = 1) -> Seen:
                with feed.open(shelf) as loader:
                    loader.load_state_dict(state)
                    return look(islice(loader, most))

            samples.check(name, feed, before + run(None))

            def once() -> None:
                run()

            return Work(once, 1)

        return found

    for name, feed in STATEFUL.items():
        lineup.enter(name, find(name, feed), ours=name == OURS)
    lineup.skipped["WebDataset"] = "it has no state"
    lineup.skipped["datasets"] = "a state of theirs forgets what lay in the buffer"
    return compare(title, "resumes", lineup)


def gateway(count: int, size: int, batch: int) -> Table:
    """Compare the first epoch from afar."""
    title = f"the first epoch of {count:,} samples of {size >> 10} KiB from a gateway"
    try:
        program = peers.program("ipfs")
    except MissingPeerError as missing:
        return Table(title, "samples", [], {"all": str(missing)})
    with (
        tempfile.TemporaryDirectory(prefix="ipfs-kit-bench-", dir=inputs.cache()) as at,
        Daemon(Path(at) / "node", program=program, online=False),
    ):
        place = Bench(Path(at), program)
        samples = Samples(shelf(Path(at), count, size, batch, count))
        cid = place.add(Path(samples.shelf.tree))
        lineup = Lineup()
        enter = lineup.enter

        def work(read: Callable[[], Any]) -> Work:
            def run() -> None:
                seen = look(read())
                samples.check("a gateway's", FEEDS[OURS], seen)

            return place.work(run, count)

        def ours(root: str, **options: Any) -> Any:  # noqa: ANN401 - as ours
            loader = IPFSDataLoader(place.kit, batch_size=batch, **options)
            loader.load_dataset(root)
            return loader

        def files() -> Work:
            return work(lambda: ours(cid, output="numpy", dtype="uint8"))

        enter("ipfs-kit, every block verified", files, ours=True)
        tree = Path(samples.shelf.tree)
        names = [str(Path(it).relative_to(tree)) for it in samples.shelf.paths()]
        for threads in (1, THREADS):
            reader = over_http(f"{place.url}/ipfs/{cid}", names, threads)
            name = f"httpx2, {threads} at a time"
            enter(name, lambda reader=reader: work(reader))  # type: ignore[misc]

        @cache
        def shards() -> tuple[str, list[str]]:
            samples.env(FEEDS["WebDataset"])
            folder = Path(samples.shelf.at("tars"))
            return place.add(folder), sorted(file.name for file in folder.iterdir())

        def ours_of_shards() -> Work:
            root, _ = shards()
            return work(lambda: (it["bin"] for it in ours(root, columns=("bin",))))

        def webdataset() -> Work:
            root, names = shards()
            urls = [f"{place.url}/ipfs/{root}/{name}" for name in names]

            def read() -> Iterator[Any]:
                with tars(samples.shelf, 0, urls) as loader:
                    yield from loader

            return work(read)

        enter("ipfs-kit, tar shards, every block verified", ours_of_shards)
        enter("WebDataset, the same shards", webdataset)
        try:
            return compare(title, "samples", lineup)
        finally:
            place.renew()
            place.close()


def over_http(url: str, names: list[str], threads: int) -> Callable[[], Iterator[Any]]:
    """Ask for each file by its path."""

    def read() -> Iterator[Any]:
        httpx2: Any = importlib.import_module("httpx2")
        random.shuffle(names)
        with (
            httpx2.Client(trust_env=False) as client,
            ThreadPoolExecutor(threads) as pool,
        ):
            for reply in pool.map(lambda name: client.get(f"{url}/{name}"), names):
                yield [reply.raise_for_status().content]

    return read
