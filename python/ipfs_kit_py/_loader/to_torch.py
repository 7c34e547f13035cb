"""Batches and samples for torch."""

from collections.abc import Iterator, Mapping
from pickle import PicklingError
from typing import TYPE_CHECKING, Any

try:
    from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info
except ImportError as missing:
    raise ImportError(
        "datasets of torch need it: pip install ipfs-kit-py[ml]", name="torch"
    ) from missing

from ipfs_kit_py._loader.leaving import leaving, not_picklable, plain
from ipfs_kit_py._loader.stream import ANOTHER_BEGUN
from ipfs_kit_py.errors import InvalidParameterError

if TYPE_CHECKING:
    from ipfs_kit_py._loader.loader import IPFSDataLoader
    from ipfs_kit_py._loader.progress import Progress

# What the loader itself decides.
_OWN = ("batch_size", "shuffle", "sampler", "batch_sampler", "drop_last", "collate_fn")


class BatchDataset(IterableDataset[Any]):
    """The batches of a loader. Workers of a `DataLoader` take them by turns.

    Give `batch_size=None` to the `DataLoader`: these are batches already. It has
    `state_dict` and `load_state_dict`, as torchdata's `StatefulDataLoader` asks of it.
    Workers are copies: what is done to the loader later they do not hear of, so call
    `set_epoch` before each epoch, as with torch's `DistributedSampler`.
    """

    def __init__(
        self, loader: "IPFSDataLoader", *, is_counted_outside: bool = False
    ) -> None:
        """Keep it."""
        self._loader = loader
        self._is_counted_outside = is_counted_outside

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the batches of this worker."""
        info = get_worker_info()
        if info is None:
            return iter(self._loader)
        self._loader._tells_of_nothing = self._is_counted_outside
        return leaving(self._loader._pass_of_worker(info.id, info.num_workers))

    def __len__(self) -> int:
        """Count the batches of this rank."""
        return len(self._loader)

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be an epoch of this number."""
        self._loader.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Give where this worker stands."""
        return self._loader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._loader._load_state_of_worker(dict(state), get_worker_info())


class SampleDataset(Dataset[Any]):
    """The samples of a loader by number, decoded: for samplers and trainers of others.

    What is not decoded is given as `bytes`, which torch collates and sends to processes.
    """

    def __init__(self, loader: "IPFSDataLoader") -> None:
        """Keep it."""
        self._loader = loader

    def __len__(self) -> int:
        """Count the samples."""
        return self._loader.total_samples

    def __getitem__(self, sample: int) -> Any:  # noqa: ANN401 - as decoded
        """Give a sample."""
        return plain(self._loader[sample])

    def __getitems__(self, samples: list[int]) -> list[Any]:
        """Give several, read together."""
        return [plain(sample) for sample in self._loader._listed(samples)]


class TorchLoader(DataLoader[Any]):
    """A `DataLoader` over batches that also knows where it stands.

    Its state does not depend on the number of workers. Workers that stay serve one pass
    at a time: an older one is told so when another begins.
    """

    _iterator: Any
    """Of torch: what has the workers that stay."""

    def __init__(self, loader: "IPFSDataLoader", **options: Any) -> None:  # noqa: ANN401
        """Refuse what the loader itself decides."""
        wrong = [name for name in _OWN if name in options]
        if wrong:
            raise InvalidParameterError(
                f"{wrong[0]} belongs to the loader: give it to IPFSDataLoader"
            )
        if not options.get("in_order", True):
            raise InvalidParameterError(
                "in_order=False would give batches that no state can tell of"
            )
        if loader._finish.pin_memory:
            # A worker must not: it would begin to use the device in each process.
            options.setdefault("pin_memory", True)
        self._loader = loader
        self._told: tuple[object, ...] | None = None
        self._passes = 0
        dataset = BatchDataset(loader, is_counted_outside=True)
        super().__init__(dataset, batch_size=None, **options)

    def __iter__(self) -> Any:  # noqa: ANN401 - torch's
        """Iterate over the batches of an epoch, or the rest of one."""
        if self.num_workers == 0:
            return super().__iter__()
        return self._loader._counted_here(self._by_workers)

    def _by_workers(self, progress: "Progress", is_resumed: bool) -> Iterator[Any]:
        """Let workers begin with an epoch, those that are still there if they know how.

        Of themselves they go on with the next epoch of what they were made for.
        """
        workers = getattr(self._iterator, "_workers", ())
        is_whole = all(worker.is_alive() for worker in workers)
        if is_resumed or not is_whole or self._told != self._now(progress.epoch):
            self._iterator = None
        self._told = self._now(progress.epoch + 1)
        try:
            found: Iterator[Any] = super().__iter__()
        except (TypeError, AttributeError, PicklingError) as error:
            self._iterator = None
            reason = not_picklable(self._loader)
            if reason is None:
                raise
            raise InvalidParameterError(
                f"{reason}, and workers that are not forked get it so: {error}"
            ) from error
        self._passes += 1
        return self._one_pass(found, self._passes)

    def _one_pass(self, batches: Iterator[Any], number: int) -> Iterator[Any]:
        """Iterate over what workers make in a pass, until another takes them over."""
        while True:
            if self.persistent_workers and self._passes != number:
                raise InvalidParameterError(ANOTHER_BEGUN)
            try:
                batch = next(batches)
            except StopIteration:
                return
            except BaseException:
                # A worker was killed, or a Ctrl-C is still on its way to all of them.
                self._iterator = None
                raise
            yield batch

    def _now(self, epoch: int) -> tuple[object, ...]:
        loader = self._loader
        return epoch, loader._opening, loader._ordering, loader._seat()

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be an epoch of this number."""
        self._loader.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Give where this process stands: what was given is not repeated."""
        return self._loader.state_dict()

    def load_state_dict(self, state: Any) -> None:  # noqa: ANN401 - one or several
        """Go on from there, as `IPFSDataLoader.load_state_dict` does."""
        self._loader.load_state_dict(state)
