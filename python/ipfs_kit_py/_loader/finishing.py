"""Making batches of what was read: decoding, columns, arrays."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import prod
from typing import Any, Literal, NamedTuple, TypeAlias

from ipfs_kit_py._loader.epoch import yes_or_no
from ipfs_kit_py._loader.files import Files, views
from ipfs_kit_py._loader.mixed import Mixed
from ipfs_kit_py._loader.source import Packed, Part, Source
from ipfs_kit_py._loader.tables import Tables, plain_column
from ipfs_kit_py._native import Block
from ipfs_kit_py.errors import InvalidParameterError, MalformedDataError

Output: TypeAlias = Literal["list", "numpy", "torch"]
OUTPUTS = ("list", "numpy", "torch")
# Kinds of types, as numpy calls them, that are numbers.
_NUMBERS = "biufc"


class Finish(NamedTuple):
    """What becomes of samples."""

    decode: Callable[[Any], Any] | None = None
    """Makes one sample of what was read of it."""
    collate: Callable[[list[Any]], Any] | None = None
    """Makes a batch of samples."""
    columns: tuple[str, ...] | None = None
    """What of each sample is wanted: batches are dictionaries by column."""
    output: Output = "list"
    dtype: str | None = None
    """Samples are arrays of this type, as they lie."""
    shape: tuple[int, ...] | None = None
    """And of this shape; one-dimensional if not said."""
    pin_memory: bool = False
    channels_last: bool = False
    is_apart: bool = False
    """Columns are left as they were read: each sample of them is given by itself."""
    with_arrays: bool = False
    """Lists of numbers in tables are arrays of their types."""

    def is_packed(self, source: Source) -> bool:
        """Whether samples are arrays as they lie: best read into one piece of memory."""
        is_plain = not self._is_made and self.columns is None
        return is_plain and self.output != "list" and self._array(source) is not None

    def checked(self) -> "Finish":
        """Refuse what does not go together."""
        if self.output not in OUTPUTS:
            raise InvalidParameterError(
                f"output {self.output!r} is none of {', '.join(OUTPUTS)}"
            )
        for name, made in (("decode", self.decode), ("collate", self.collate)):
            if made is not None and not callable(made):
                raise InvalidParameterError(f"{name} {made!r} is no function")
        if self.shape is not None and self.dtype is None:
            raise InvalidParameterError("shape goes with dtype")
        if any(side < 1 for side in self.shape or ()):
            raise InvalidParameterError(
                f"shape {self.shape} has a side less than 1: samples have bytes; () is "
                "the shape of one number"
            )
        if self.output != "torch" and (self.pin_memory or self.channels_last):
            raise InvalidParameterError(
                'pin_memory and channels_last are for output="torch"'
            )
        if self.collate is not None and self.output != "list":
            raise InvalidParameterError("collate makes the batch: leave output out")
        if self.dtype is not None:
            self._check_dtype(self.dtype)
        return self._replace(
            pin_memory=yes_or_no("pin_memory", self.pin_memory) and _can_pin(),
            channels_last=yes_or_no("channels_last", self.channels_last),
        )

    def _check_dtype(self, dtype: str) -> None:
        if self.output == "list":
            raise InvalidParameterError('dtype goes with output="numpy" or "torch"')
        if self.decode is not None or self.columns is not None:
            raise InvalidParameterError(
                "dtype is of samples as they lie: it goes with neither decode nor columns"
            )
        if self.output == "torch" and _torch_only(dtype) is not None:
            return
        try:
            kind = _numpy().dtype(dtype)
        except TypeError:
            raise InvalidParameterError(
                f"{dtype!r} is no type of {self.output}"
            ) from None
        if kind.kind not in _NUMBERS:
            raise InvalidParameterError(f"{dtype!r} is no type of numbers")

    def of_one(self, source: Source) -> "Finish":
        """Give what samples are made with that are given one by one."""
        if self.is_packed(source):
            return self
        return self._replace(
            collate=None,
            output="list",
            is_apart=True,
            with_arrays=self._makes_arrays,
        )

    def one(self, source: Source, sample: Any) -> Any:  # noqa: ANN401 - as asked for
        """Make of a sample what it would be in a batch; what was decoded stays so."""
        if self._is_made or self.is_packed(source):
            return sample
        return _of_python(sample) if self.output == "list" else self._one(sample)

    @property
    def _is_made(self) -> bool:
        """Whether what is given is what somebody else made of samples."""
        return self.decode is not None or self.collate is not None

    @property
    def _makes_arrays(self) -> bool:
        """Whether arrays are made here of what was read."""
        return self.output != "list" and not self._is_made

    def _one(self, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return {name: self._one(inner) for name, inner in value.items()}
        value = _with_arrays(_numpy().asarray(value) if _is_number(value) else value)
        if not hasattr(value, "dtype"):
            return value
        return self._tensor(value) if self.output == "torch" else value[()]

    def batch(self, source: Source, samples: "memoryview[int]", part: Part) -> Any:  # noqa: ANN401 - as asked for
        """Make a batch of samples without those in trouble.

        Raises:
            MalformedDataError: A sample is not what it was said to be.
            ImportError: numpy or torch is wanted, and not there.
        """
        if part.trouble:
            samples, part = _without(samples, part)
        if self.columns is not None:
            named = {name: source.column(name, samples, part) for name in self.columns}
            named = {name: self._plain(values) for name, values in named.items()}
            if self.decode is not None:
                rows = [
                    dict(zip(named, row, strict=True))
                    for row in zip(*named.values(), strict=True)
                ]
                return self._finished([self.decode(row) for row in rows])
            return {name: self._column(name, values) for name, values in named.items()}
        array = self._array(source)
        if array is not None and self.output != "list" and self.decode is None:
            return self._tensor(self._together(part, *array), array[0])
        if isinstance(source, Tables):
            return self._rows(source, part)
        values = (
            source.made(samples, part) if isinstance(source, Files) else list(views(part))
        )
        is_plain = self._is_made or (self.output == "list" and not self.is_apart)
        if isinstance(source, Mixed) and is_plain:
            values = [_of_python(value) for value in values]
        if self.decode is not None:
            values = [self.decode(value) for value in values]
        elif self.collate is None and self.output != "list":
            values = [*map(_with_arrays, values)]
        return self._finished(values)

    def _rows(self, source: Tables, part: Part) -> Any:  # noqa: ANN401
        table: Any = part.values
        if self.decode is None and self.collate is None:
            names = source.wanted or source.columns
            return {name: self._column(name, self._plain(table[name])) for name in names}
        rows = table.to_pylist()
        return self._finished([self.decode(row) if self.decode else row for row in rows])

    def _plain(self, column: Any) -> Sequence[Any]:  # noqa: ANN401
        with_arrays = self.with_arrays or self._makes_arrays
        return plain_column(column, with_arrays=with_arrays)

    def _array(self, source: Source) -> "tuple[str, tuple[int, ...] | None] | None":
        if self.dtype is not None:
            return self.dtype, self.shape
        found: tuple[str, tuple[int, ...]] | None = getattr(source, "array", None)
        return found

    def _together(self, part: Part, dtype: str, shape: tuple[int, ...] | None) -> Any:  # noqa: ANN401 - an array
        """Give samples of one length as an array: no copy if they lie together."""
        np = _numpy()
        kind = _stored_as(dtype)
        lengths = set(_lengths(part))
        if len(lengths) > 1:
            raise MalformedDataError(
                f"samples of {min(lengths)} and of {max(lengths)} bytes make no array: "
                "give decode= or collate="
            )
        # Of no samples nobody knows how many numbers each would have had.
        own_bytes = 0 if shape is None else prod(shape) * kind.itemsize
        length = lengths.pop() if lengths else own_bytes
        if shape is not None and own_bytes != length:
            raise MalformedDataError(
                f"a sample has {length} bytes, and {dtype} of shape {shape} has "
                f"{own_bytes}"
            )
        if length % kind.itemsize:
            raise MalformedDataError(
                f"a sample of {length} bytes holds no whole number of {dtype}"
            )
        own = (length // kind.itemsize,) if shape is None else shape
        if isinstance(part.values, Packed):
            flat = np.frombuffer(part.values.data, kind)
            return flat.reshape(len(part.values.ends), *own)
        arrays = [np.frombuffer(view, kind).reshape(own) for view in views(part)]
        return np.stack(arrays) if arrays else np.empty((0, *own), kind)

    def _finished(self, values: list[Any]) -> Any:  # noqa: ANN401
        # All were left out, and no function of others can make a batch of nothing.
        if not values:
            return []
        if self.collate is not None:
            return self.collate(values)
        if self.output == "list":
            return values
        if self.output == "torch":
            return self._moved(_collated(values))
        return _stacked(values)

    def _column(self, name: str, values: Sequence[Any]) -> Any:  # noqa: ANN401
        if self.is_apart:
            return values
        if self.output == "list":
            if hasattr(values, "tolist"):
                return values.tolist()
            return [_of_python(value) for value in values]
        if hasattr(values, "dtype"):
            return self._tensor(values)
        return self._finished([*map(_with_arrays, _without_nulls(name, list(values)))])

    def _tensor(self, array: Any, dtype: str | None = None) -> Any:  # noqa: ANN401
        if self.output != "torch" or array.dtype.kind not in _NUMBERS:
            return array
        torch = _torch()
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        # torch takes no memory that must not be written to, but as its own copy.
        elif not array.flags.writeable:
            array = array.copy()
        found = torch.from_numpy(array)
        own = None if dtype is None else _torch_only(dtype)
        return self._moved(found if own is None else found.view(own))

    def _moved(self, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return {name: self._moved(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self._moved, value))
        torch = _torch()
        if not isinstance(value, torch.Tensor):
            return value
        if self.channels_last and value.ndim == 4:
            value = value.contiguous(memory_format=torch.channels_last)
        # A worker must not begin to use the device: `to_pytorch` pins what it gives.
        is_worker = torch.utils.data.get_worker_info() is not None
        return value.pin_memory() if self.pin_memory and not is_worker else value


def _without(samples: "memoryview[int]", part: Part) -> "tuple[memoryview[int], Part]":
    """Leave out samples in trouble."""
    from array import array

    wrong = {at for at, _ in part.trouble}
    rest = array("Q", (sample for at, sample in enumerate(samples) if at not in wrong))
    table: Any = part.values
    if hasattr(table, "filter"):
        import pyarrow as pa

        kept = pa.array([at not in wrong for at in range(len(samples))])
        return memoryview(rest), Part(table.filter(kept), [])
    values = [view for at, view in enumerate(views(part)) if at not in wrong]
    return memoryview(rest), Part(values, [])


def _lengths(part: Part) -> list[int]:
    if not isinstance(part.values, Packed):
        return [memoryview(view).nbytes for view in views(part)]
    ends = part.values.ends
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _stacked(values: list[Any]) -> Any:  # noqa: ANN401
    """Stack what can be; dictionaries and tuples part by part."""
    first = values[0]
    if isinstance(first, dict):
        return {name: _stacked(_of_key(name, values)) for name in first}
    if isinstance(first, tuple):
        return tuple(_stacked(list(parts)) for parts in zip(*values, strict=True))
    np = _numpy()
    is_array = isinstance(first, np.ndarray | np.generic)
    if is_array or all(map(_is_number, values)):
        try:
            return np.stack([np.asarray(value) for value in values])
        except ValueError as error:
            raise MalformedDataError(
                f"samples of different shapes make no array: {error}; give collate="
            ) from error
    return values


def _collated(values: list[Any]) -> Any:  # noqa: ANN401
    """Collate as torch does; what it has no way to is left as a list."""
    first = values[0]
    if isinstance(first, dict):
        return {name: _collated(_of_key(name, values)) for name in first}
    if type(first) is tuple:
        return tuple(_collated(list(parts)) for parts in zip(*values, strict=True))
    if isinstance(first, Block | memoryview | str | bytes | None):
        return values
    np = _numpy()
    if isinstance(first, np.ndarray) and first.dtype.kind in _NUMBERS:
        # In one copy, which unlike what was read may be written to.
        stacked = _stacked(values)
        return _torch().from_numpy(
            stacked.astype(stacked.dtype.newbyteorder("="), copy=False)
        )
    try:
        return _torch().utils.data.default_collate(values)
    except RuntimeError as error:
        raise MalformedDataError(
            f"samples of different shapes make no tensor: {error}; give collate="
        ) from error
    except TypeError:
        return values


def _of_key(name: str, rows: list[Any]) -> list[Any]:
    try:
        return _without_nulls(name, [row[name] for row in rows])
    except (KeyError, TypeError):
        raise MalformedDataError(
            f"some samples have {name!r} and some have not: give columns=, or collate="
        ) from None


def _without_nulls(name: str, values: list[Any]) -> list[Any]:
    """Refuse numbers among which some are missing: batches would differ in type."""
    if any(value is None for value in values) and any(map(_is_number, values)):
        raise MalformedDataError(
            f"column {name!r} has numbers and nulls, which make no array: leave it out "
            'by columns=, or give decode=, collate= or output="list"'
        )
    return values


def _is_number(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, int | float):
        return True
    np = _numpy()
    return isinstance(value, np.generic) and value.dtype.kind in _NUMBERS


def _is_vector(value: Any) -> bool:  # noqa: ANN401
    """Whether a value is a list of numbers, or of such lists."""
    if not isinstance(value, list) or not value:
        return False
    return all(map(_is_number, value)) or all(map(_is_vector, value))


def _with_arrays(value: Any) -> Any:  # noqa: ANN401
    """Take lists of numbers that were read as arrays.

    Those that a `decode` makes are put together as torch does, part by part.
    """
    if isinstance(value, dict):
        return {name: _with_arrays(inner) for name, inner in value.items()}
    if not _is_vector(value):
        return value
    try:
        return _numpy().asarray(value)
    except ValueError as error:
        raise MalformedDataError(
            f"lists of different lengths make no array: {error}; give decode="
        ) from error


def _of_python(value: Any) -> Any:  # noqa: ANN401
    """Give numbers of numpy in a row as Python's."""
    if isinstance(value, dict):
        return {name: _of_python(inner) for name, inner in value.items()}
    return value.item() if hasattr(value, "dtype") and _is_number(value) else value


def _can_pin() -> bool:
    """Whether memory can be pinned: as torch does, it is warned of and left if not."""
    if _torch().accelerator.is_available():
        return True
    warnings.warn(
        "pin_memory does nothing here: torch finds no accelerator",
        UserWarning,
        stacklevel=4,
    )
    return False


def _torch_only(dtype: str) -> Any:  # noqa: ANN401 - torch's
    """Give the type of torch that has this name, if numpy has none."""
    # Libraries teach numpy the names of such types, but not what they are.
    with suppress(TypeError):
        if _numpy().dtype(dtype).kind in _NUMBERS:
            return None
    torch = _torch()
    found = getattr(torch, dtype, None)
    return found if isinstance(found, torch.dtype) else None


def _stored_as(dtype: str) -> Any:  # noqa: ANN401 - numpy's
    """Give numpy's type; for those that torch alone has, numbers as wide."""
    only = _torch_only(dtype)
    return _numpy().dtype(dtype if only is None else f"u{only.itemsize}")


def _numpy() -> Any:  # noqa: ANN401 - a module
    try:
        import numpy as np
    except ImportError as error:
        raise ImportError(
            "arrays need numpy: pip install ipfs-kit-py[ml]", name="numpy"
        ) from error
    return np


def _torch() -> Any:  # noqa: ANN401 - a module
    try:
        import torch.utils.data
    except ImportError as error:
        raise ImportError(
            "tensors need torch: pip install ipfs-kit-py[ml]", name="torch"
        ) from error
    return torch
