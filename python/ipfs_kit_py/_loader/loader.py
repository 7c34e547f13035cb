"""`IPFSDataLoader`: batches of a dataset, by its CID."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

from ipfs_kit_py._loader import media
from ipfs_kit_py._loader.bringing import brought
from ipfs_kit_py._loader.deal import Hand, Seat, Turn, is_distributed, seat_of, steps
from ipfs_kit_py._loader.epoch import Epoch, Shuffle, shares_of, whole_number, yes_or_no
from ipfs_kit_py._loader.finishing import Finish, Output
from ipfs_kit_py._loader.leaving import NOTHING
from ipfs_kit_py._loader.loaded import Embedded, OneDataset, Opening, Several
from ipfs_kit_py._loader.metrics import Metrics
from ipfs_kit_py._loader.opening import Dataset
from ipfs_kit_py._loader.ordering import Ordering, Weights
from ipfs_kit_py._loader.planning import planned
from ipfs_kit_py._loader.progress import Left, Progress, Run, State
from ipfs_kit_py._loader.stream import Made, OnError, Reading, Stream
from ipfs_kit_py._ml.client import Client, client_of
from ipfs_kit_py._native import CID
from ipfs_kit_py._results import Result, succeeded
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    import torch.utils.data

# Two keep up with any training; more only wait for each other's memory.
_MOST_THREADS = 4
# The core takes numbers of 64 bits, and the cache is told of the epoch after.
_MOST_EPOCH = (1 << 64) - 2


class IPFSDataLoader:
    """Batches of a dataset that is known by its CID.

    Every byte is verified before it is given. Reading, verifying and fetching ahead run
    in threads beside the interpreter, bounded by bytes. The order of an epoch depends on
    the dataset's CID, the seed and the epoch's number alone, so `state_dict` is small,
    and any number of ranks goes on from it.

        loader = IPFSDataLoader(kit, batch_size=64)
        loader.load_dataset(cid)
        for batch in loader:
            ...

    Args:
        ipfs_client: What reads: a kit, its `ipfs`, an `IPFSSimpleAPI`, a `Repository`.
        batch_size: Samples of a batch.
        shuffle: Shuffle them, each epoch anew; else they come as they lie.
        prefetch: Batches that are decoded and put together ahead of who takes them.
        metrics: Where to count; its own if not given.
        seed: What orders depend on beside the dataset.
        decode: Makes a sample of what was read of one: its bytes, or the row of a table.
        collate: Makes a batch of a list of samples.
        columns: What of each sample is wanted: batches are dictionaries. Files have
            `data`, `path`, `label` (which folder they lie in, counted from 0), `cid`,
            `index`; tables have their columns, tar shards the endings of their members.
        output: `list`, `numpy` or `torch`.
        dtype: Samples are arrays of this type, as they lie: batches are arrays.
        shape: And of this shape.
        pin_memory: Tensors are in pinned memory.
        channels_last: Tensors of images lie channels last.
        drop_last: Leave out what does not fill a batch of every rank.
        pad_last: Give each rank as many samples: some come twice in an epoch.
        rank: Which of `world_size` processes this is; as torch.distributed or the
            variables `RANK` and `WORLD_SIZE` say, if not given.
        world_size: How many processes share each epoch.
        shuffle_block: Samples in a row that stay near each other when shuffled, so that
            reads are in a row. Without it all samples are mixed with all, but rows of
            tables in the groups they are stored in.
        shuffle_window: Blocks or groups that are mixed.
        bucket_window: Batches whose samples are sorted by length, so that those of one
            are about as long; 0 for none.
        on_error: What to do about a sample that is missing, damaged or cannot be
            decoded: `raise`, `skip` it (and count it), or `retry` and then raise.
        retries: How often to try again, a tenth of a second later and then twice as long.
        ahead_bytes: Bytes that are read ahead, at most. If not given, a few batches where
            all is on this machine, and 64 MiB where something is far away.
        whole: Have a folder of files that is far away sent whole, in one stream beside
            the batches. If not given, this is done with small files that are not here yet
            and take no more than half of the cache's disk tier.
        threads: Threads that read.
        decode_threads: Threads that decode; by default one if there is a `decode`.

    Attributes:
        total_samples: Samples of the dataset.
        epoch: The number of the epoch that comes next, or is under way.

    Raises:
        InvalidParameterError: An argument cannot be, or does not go with another.
    """

    def __init__(
        self,
        ipfs_client: object | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        prefetch: int = 2,
        metrics: Metrics | None = None,
        *,
        seed: int = 0,
        decode: Callable[[Any], Any] | None = None,
        collate: Callable[[list[Any]], Any] | None = None,
        columns: Sequence[str] | None = None,
        output: Output = "list",
        dtype: str | None = None,
        shape: Sequence[int] | None = None,
        pin_memory: bool = False,
        channels_last: bool = False,
        drop_last: bool = False,
        pad_last: bool = False,
        rank: int | None = None,
        world_size: int | None = None,
        shuffle_block: int | None = None,
        shuffle_window: int = 16,
        bucket_window: int = 0,
        on_error: OnError = "raise",
        retries: int = 3,
        ahead_bytes: int | None = None,
        whole: bool | None = None,
        threads: int | None = None,
        decode_threads: int | None = None,
    ) -> None:
        batch_size = whole_number("batch_size", batch_size, 1)
        prefetch = whole_number("prefetch", prefetch, 0)
        drop_last = yes_or_no("drop_last", drop_last)
        pad_last = yes_or_no("pad_last", pad_last)
        if drop_last and pad_last:
            raise InvalidParameterError("drop_last and pad_last exclude each other")
        seed = whole_number("seed", seed, 0)
        self._given = ipfs_client
        self._client: Client | None = None
        self._hand = Hand(batch_size, drop_last, pad_last)
        if rank is not None:
            rank = whole_number("rank", rank)
        if world_size is not None:
            world_size = whole_number("world_size", world_size)
        self._seat_given = rank, world_size
        seat_of(rank, world_size)
        shuffling = Shuffle(shuffle, shuffle_block, shuffle_window).checked()
        bucket_window = whole_number("bucket_window", bucket_window, 0)
        self._ordering = Ordering(seed, shuffling, bucket_window, batch_size)
        if decode_threads is None:
            decode_threads = int(decode is not None and prefetch > 0)
        self._reading = Reading(
            ahead_bytes,
            min(_processors(), _MOST_THREADS) if threads is None else threads,
            prefetch,
            decode_threads,
            on_error,
            retries,
        ).checked()
        self._finish = Finish(
            decode,
            collate,
            None if columns is None else _names(columns),
            output,
            dtype,
            None if shape is None else _shape(shape),
            pin_memory,
            channels_last,
        ).checked()
        self._whole = None if whole is None else yes_or_no("whole", whole)
        if not isinstance(metrics, Metrics | None):
            raise InvalidParameterError(
                f"metrics {metrics!r:.80} are none of a loader: leave them out"
            )
        self._metrics = metrics or Metrics()
        self._dataset: Dataset | None = None
        self._opening: Opening | None = None
        self._progress: Progress | None = None
        self._is_resumed = False
        self._stream: Stream | None = None
        self._tells_of_nothing = False
        self._epoch = -1

    # What there is.

    def load_dataset(
        self,
        cid: str | CID,
        *,
        format: str | None = None,  # noqa: A002 - as in the manifest
        split: str | None = None,
        pattern: str | None = None,
    ) -> Result:
        """Open a dataset.

        Args:
            cid: Of a manifest, a folder, a file, or a document with `samples`, `data` or
                `shards`; or a path below one.
            format: What its files are, if they do not show it.
            split: Which part of a manifest.
            pattern: Which files of a folder, as `*.jpg`.

        Returns:
            `success`, `dataset_cid`, `total_samples`, `metadata` (with `format`).

        Raises:
            InvalidCIDError: It is no CID.
            MalformedDataError: It is no dataset.
            BlockNotFoundError: It is nowhere.
        """
        return self._open(OneDataset(str(cid), format, split, pattern))

    def load_embedded_dataset(self, data: Sequence[Any]) -> Result:
        """Take a list of samples that are at hand.

        Its CID is that of the list as dag-cbor; where it holds what no block can, that of
        how many they are.
        """
        return self._open(Embedded(list(data)))

    def load_mixture(
        self,
        datasets: Sequence[str | CID | Mapping[str, Any]],
        weights: Sequence[float] | None = None,
        *,
        repeats: bool = False,
    ) -> Result:
        """Open several datasets, whose samples are mixed.

        Args:
            datasets: The CID of each; or a dictionary of `cid` and other arguments of
                `load_dataset`.
            weights: How much of the mixture each is. Without them all samples of all come
                once in an epoch.
            repeats: With weights, end an epoch when the last of them was given whole, the
                others beginning anew; else when the first is over.
        """
        given = [
            OneDataset(**{**one, "cid": str(one["cid"])})
            if isinstance(one, Mapping)
            else OneDataset(str(one))
            for one in datasets
        ]
        if not given or (weights is not None and len(weights) != len(given)):
            raise InvalidParameterError("give one dataset or more, and a weight for each")
        if weights is None:
            return self._open(Several(given))
        shares = tuple(float(weight) for weight in weights)
        shares_of(shares)
        opened = self._open(Several(given))
        source = self.dataset.source
        empty = [it.cid for it, _ in source.parts() if not len(it)]  # type: ignore[attr-defined] # it is a `Mixed`
        if empty:
            self.clear()
            raise InvalidParameterError(
                f"{empty[0]} has no samples: it can be no share of a mixture"
            )
        self._ordering = self._ordering._replace(weights=Weights(shares, repeats))
        return opened

    def _open(self, opening: Opening) -> Result:
        self.clear()
        dataset = opening.open(self.client, self._finish.columns)
        self._dataset, self._opening = dataset, opening
        return succeeded(
            "load_dataset",
            dataset_cid=str(dataset.source.cid),
            total_samples=len(dataset.source),
            metadata={**dataset.metadata, "format": dataset.format},
        )

    @property
    def client(self) -> Client:
        """What reads."""
        if self._client is None:
            self._client = client_of(self._given)
        return self._client

    @property
    def dataset(self) -> Dataset:
        """The dataset.

        Raises:
            InvalidParameterError: None was loaded.
        """
        if self._dataset is None:
            if self._opening is None:
                raise InvalidParameterError(
                    "no dataset is loaded: call load_dataset first"
                )
            # It came here from another process.
            self._dataset = self._opening.open(self.client, self._finish.columns)
        return self._dataset

    @property
    def dataset_cid(self) -> str | None:
        """The CID of the dataset; `None` before one is loaded."""
        return None if self._opening is None else str(self.dataset.source.cid)

    @property
    def total_samples(self) -> int:
        """How many samples the dataset has; 0 before one is loaded."""
        return 0 if self._opening is None else len(self.dataset.source)

    @property
    def batch_size(self) -> int:
        """Samples of a batch."""
        return self._hand.batch_size

    @property
    def classes(self) -> tuple[str, ...]:
        """The folders that files lie in, which `label` counts."""
        found: tuple[str, ...] = getattr(self.dataset.source, "classes", ())
        return found

    # Iterating.

    @property
    def epoch(self) -> int:
        """The number of the epoch that is under way, or comes next."""
        if self._progress is not None:
            return self._progress.epoch
        return self._epoch + 1

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be an epoch of this number, from its beginning.

        After `load_state_dict` the epoch that was under way is gone on with if it is this
        one: training loops say its number again.
        """
        epoch = whole_number("epoch", epoch, 0, _MOST_EPOCH)
        if self._is_resumed and self.epoch == epoch:
            return
        self._epoch, self._progress, self._is_resumed = epoch - 1, None, False

    def __len__(self) -> int:
        """Count the batches of this rank in a whole epoch."""
        if self._opening is None:
            return 0
        return steps(len(self._order(self.epoch)), self._hand, self._seat())

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the batches of the next epoch, or the rest of a resumed one."""
        return self._pass()

    def __getitem__(self, sample: int) -> Any:  # noqa: ANN401 - as decoded
        """Give one sample by its number, whatever the order; from the end if negative.

        One in trouble is raised, also where passes leave it out.
        """
        return self._listed([sample], leaves_out=False)[0]

    def samples(self, numbers: Iterable[int]) -> Any:  # noqa: ANN401 - a batch
        """Give a batch of certain samples, by their numbers as `loader[number]` has them.

        Raises:
            IndexError: There is no such sample.
        """
        return self._some(numbers, self._finish, self._reading)

    def _some(self, numbers: Iterable[int], finish: Finish, reading: Reading) -> Any:  # noqa: ANN401
        from array import array

        count = self.total_samples
        wanted = memoryview(array("Q", (_place(number, count) for number in numbers)))
        reading = reading._replace(workers=0, threads=0)
        source = self.dataset.source
        stream = Stream(source, iter([wanted]), finish, reading, self._metrics)
        return next(iter(stream)).batch

    def _begun(self) -> Progress:
        """Begin the next pass, or go on with one that was resumed."""
        progress = self._progress
        if progress is None:
            progress = self._untouched(self.epoch)
        elif not self._is_resumed:
            progress = self._untouched(progress.epoch + 1)
        self._is_resumed = False
        self._progress, self._epoch = progress, progress.epoch
        return progress

    def _untouched(self, epoch: int) -> Progress:
        """Say that nothing was taken of an epoch yet."""
        return Progress(epoch, Left([(0, len(self._order(epoch)))]))

    def _pass(self) -> Iterator[Any]:
        """Iterate; the pass begins with its first batch, so one not begun is no epoch."""
        source = self.dataset.source
        self._stop()
        progress = self._begun()
        # Of several processes each needs but a part.
        is_alone = self._seat().world_size == 1 and progress.turn.workers == 1
        with brought(self.client, source, self._whole if is_alone else False) as coming:
            stream = self._stream = Stream(
                source,
                self._wanted(progress),
                self._finish,
                self._reading._replace(coming=coming),
                self._metrics,
                self._hand.batch_size,
            )
            yield from self._planned(stream, progress)

    def _planned(self, stream: Stream, progress: Progress) -> Iterator[Any]:
        """Iterate while the cache knows what comes, up to the end of the next epoch."""
        after = self._untouched(progress.epoch + 1)
        order = chain(self._wanted(progress), self._wanted(after))
        with planned(self.client, self.dataset.source, order):
            yield from self._counted(stream, progress)

    def _counted(self, batches: Iterable[Made], progress: Progress) -> Iterator[Any]:
        """Count the batches that are given: a state does not repeat them.

        A pass counts no more once another begins or a state is taken up.
        """
        turn, counted = progress.turn, progress
        for batch, samples, _ in batches:
            if turn.workers > 1:
                turn = turn._replace(own=turn.own + 1)
            else:
                turn = turn._replace(taken=turn.taken + 1)
            if self._progress is counted:
                self._progress = counted = progress._replace(turn=turn)
            if samples:
                yield batch
            elif self._tells_of_nothing:
                # Whoever counts the batches of workers must hear of all of them.
                yield NOTHING
        if batches is self._stream:
            self._stream = None
        if self._progress is counted:
            self._progress = None

    def _wanted(self, progress: Progress) -> "Iterator[memoryview[int]]":
        order = self._order(progress.epoch)
        for stretches in progress.ahead(self._hand, self._seat()):
            parts = [order.take(*stretch) for stretch in stretches]
            if len(parts) == 1:
                yield parts[0]
                continue
            from array import array

            yield memoryview(array("Q", (sample for part in parts for sample in part)))

    def _pass_of_worker(self, worker: int, workers: int) -> Iterator[Any]:
        """Iterate over the batches of one of several processes of this rank."""
        # What was under way in the process that this one was forked from stays there.
        self._stream = None
        if self._progress is None or not self._is_resumed:
            self._begun()
            self._is_resumed = True
        progress = self._progress
        if progress is not None and progress.turn.workers != workers:
            turn = Turn(progress.turn.taken, worker, workers)
            self._progress = progress._replace(turn=turn)
        yield from self._pass()

    def _counted_here(
        self, begin: Callable[[Progress, bool], Iterator[Any]]
    ) -> Iterator[Any]:
        """Iterate over batches that workers make, and count them in this process.

        Args:
            begin: Makes the workers, or wakes them: given where to begin, and whether it
                is where a state says.
        """
        self._stop()
        is_resumed = self._is_resumed
        progress = self._begun()
        # Workers that are made now begin where this process says.
        self._is_resumed = True
        try:
            batches = begin(progress, is_resumed)
        finally:
            self._is_resumed = False
        made = (Made(batch, int(batch is not NOTHING), 0) for batch in batches)
        yield from self._counted(made, progress)

    def _load_state_of_worker(self, state: State, worker: Any) -> None:  # noqa: ANN401 - torch's
        """Go on from the state of a worker, in that worker."""
        workers = 1 if worker is None else worker.num_workers
        turn = int(state.get("worker", 0)), int(state.get("workers", 1))
        if turn not in ((0, 1), (0 if worker is None else worker.id, workers)):
            raise InvalidParameterError(
                f"this is the state of worker {turn[0]} of {turn[1]}, and there are "
                f"{workers}: go on with as many"
            )
        self.load_state_dict(state)

    def _listed(self, numbers: Sequence[int], *, leaves_out: bool = True) -> list[Any]:
        """Give certain samples one by one: decoded, but not put together."""
        reading = self._reading
        if reading.on_error == "skip" and not leaves_out:
            reading = reading._replace(on_error="raise")
        source, finish = self.dataset.source, self._finish
        found = self._some(numbers, finish.of_one(source), reading)
        if isinstance(found, dict):
            rows = zip(*found.values(), strict=True)
            found = [dict(zip(found, row, strict=True)) for row in rows]
        return [finish.one(source, sample) for sample in found]

    def _seat(self) -> Seat:
        return seat_of(*self._seat_given)

    def _order(self, epoch: int) -> Epoch:
        return self._ordering.epoch(self.dataset.source, epoch)

    # Going on later.

    def state_dict(self) -> State:
        """Give where this process stands, as plain values; what was given has been.

        It holds the dataset's CID, the seed, the epoch, and what is left of it.
        """
        progress = self._progress or self._untouched(self._epoch + 1)
        return progress.state(self._run(), self._hand, self._seat())

    def _run(self) -> Run:
        opening = self._opening
        part = None if opening is None else opening.part()
        return self._ordering.run(self.dataset.source, part)

    def load_state_dict(self, state: State | Sequence[State]) -> None:
        """Go on from a state, in the next pass.

        Any number of ranks and any size of batches goes on from it: each sample that was
        not given comes once. One state is enough where all ranks had taken as many
        batches; else give the states of all of them.

        Raises:
            InvalidParameterError: It is of another dataset or seed.
            MalformedDataError: It is no state.
        """
        run = self._run()
        self._stop()
        self._progress = Progress.of_state(
            state, run, self._hand, self._seat(), lambda epoch: len(self._order(epoch))
        )
        self._epoch = self._progress.epoch - 1
        self._is_resumed = True

    # Other frameworks.

    def to_pytorch_dataset(
        self, *, style: str = "iterable"
    ) -> "torch.utils.data.Dataset[Any]":
        """Give the batches, or the samples by number, as a dataset of torch.

        Args:
            style: `iterable` for batches in the order of epochs, `map` for samples by
                number, as samplers and trainers ask for them.

        Raises:
            ImportError: There is no torch.
        """
        from ipfs_kit_py._loader.to_torch import BatchDataset, SampleDataset

        if style not in ("iterable", "map"):
            raise InvalidParameterError(f"style {style!r} is neither iterable nor map")
        return SampleDataset(self) if style == "map" else BatchDataset(self)

    def to_pytorch(self, **options: Any) -> "torch.utils.data.DataLoader[Any]":  # noqa: ANN401 - torch's
        """Give the batches as a `DataLoader` of torch.

        Args:
            **options: Of `torch.utils.data.DataLoader`, as `num_workers`: the workers
                take the batches by turns, and their order does not depend on how many
                they are.

        Raises:
            ImportError: There is no torch.
        """
        from ipfs_kit_py._loader.to_torch import TorchLoader

        return TorchLoader(self, **options)

    def to_tensorflow(self) -> Any:  # noqa: ANN401 - tensorflow's
        """Give the batches as a `tf.data.Dataset`.

        Raises:
            ImportError: There is no tensorflow.
        """
        from ipfs_kit_py._loader.to_tensorflow import dataset_of

        return dataset_of(self)

    # Samples that are not of the dataset.

    def fetch_image(self, cid: str | CID, **options: Any) -> Any:  # noqa: ANN401 - see there
        """Read an image: see `ipfs_kit_py._loader.media.image`."""
        return media.image(self.client.reader, str(cid), **options)

    def process_text(self, text: str | CID, **options: Any) -> Any:  # noqa: ANN401
        """Read a text: see `ipfs_kit_py._loader.media.text`."""
        return media.text(self.client.reader, text, **options)

    def process_audio(self, cid: str | CID, **options: Any) -> Any:  # noqa: ANN401
        """Read a sound: see `ipfs_kit_py._loader.media.audio`."""
        return media.audio(self.client.reader, str(cid), **options)

    # Ending.

    def get_performance_metrics(self) -> dict[str, Any]:
        """Give what was done so far: see `Metrics.show`."""
        return self._metrics.show()

    def _stop(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def clear(self) -> None:
        """Let go of the dataset."""
        self._stop()
        self._dataset, self._progress = None, None
        self._ordering = self._ordering._replace(weights=None)
        self._opening, self._epoch, self._is_resumed = None, -1, False

    def close(self) -> None:
        """Stop reading, and let go of the dataset; closing twice is no error."""
        self.clear()
        if self._given is None and self._client is not None:
            close = getattr(self._client, "close", None)
            self._client = None
            if close is not None:
                close()

    def __getstate__(self) -> dict[str, Any]:
        """Give what another process opens the same dataset with."""
        state = vars(self) | {"_dataset": None, "_stream": None}
        if is_distributed():
            # Workers of this rank belong to no group, and could not ask which it is.
            state["_seat_given"] = tuple(self._seat())
        return state

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def _place(number: int, count: int) -> int:
    if not -count <= number < count:
        raise IndexError(f"there is no sample {number} of {count}")
    return number % count


def _names(columns: Sequence[str]) -> tuple[str, ...]:
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        raise InvalidParameterError(f"columns is a list of names: [{columns!r}]")
    names = tuple(columns)
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidParameterError(
            f"columns {columns!r:.200} is no list of one name or more"
        )
    if len({*names}) < len(names):
        raise InvalidParameterError(f"columns {columns!r:.200} has a name twice")
    return names


def _shape(shape: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(shape, Iterable):
        raise InvalidParameterError(f"shape is a list of numbers: ({shape},)")
    return tuple(whole_number("shape", side) for side in shape)


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return (os.cpu_count() or 1) if affinity is None else len(affinity(0))
