"""The one wrapper: it makes an asynchronous class of a synchronous one.

Each public method becomes one of the same name and signature. What returns an iterator
gives an asynchronous one, what opens a file gives an `Opening`, and everything else is
awaited: it runs on a thread of the object's own. Properties stay properties, since they
only read memory; those that do not are named by their class, and give what is awaited.
"""

import inspect
import io
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
)
from enum import Enum
from functools import cached_property, partial
from types import FunctionType, TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar, cast, get_args, get_origin

from ipfs_kit_py._aio.files import File, Opening
from ipfs_kit_py._aio.streams import iterate
from ipfs_kit_py._aio.workers import Workers
from ipfs_kit_py._repository import IPFSFile
from ipfs_kit_py._results import Result
from ipfs_kit_py.errors import RepositoryClosedError

T = TypeVar("T")

_FILES = (IPFSFile, io.BufferedReader, io.TextIOWrapper)


class Form(Enum):
    """What becomes of a method."""

    CALL = "a coroutine"
    STREAM = "an asynchronous iterator"
    FILE = "an `Opening`"


def form_of(function: Callable[..., object]) -> Form:
    """Say what becomes of a method, from what it is said to return."""
    returned = inspect.signature(function).return_annotation
    if get_origin(returned) is Iterator:
        return Form.STREAM
    if any(kind in _FILES for kind in (returned, *get_args(returned))):
        return Form.FILE
    return Form.CALL


def public_members(of: type) -> dict[str, object]:
    """List methods, properties and annotated attributes of a class."""
    found: dict[str, object] = {}
    for kind in reversed(of.__mro__):
        found |= dict.fromkeys(inspect.get_annotations(kind))
        found |= vars(kind)
    wanted = (FunctionType, property, cached_property, staticmethod)
    return {
        name: member
        for name, member in sorted(found.items())
        if not name.startswith("_") and (member is None or isinstance(member, wanted))
    }


def is_protocol(of: type) -> bool:
    """Tell whether a class only says what others have."""
    return bool(getattr(of, "_is_protocol", False))


class Later(Generic[T]):
    """A value that takes time: `await` gives it."""

    def __init__(self, start: Callable[[], Awaitable[T]]) -> None:
        """Wait for what `start` gives, if anybody asks."""
        self._start: Callable[[], Awaitable[T]] = start

    def __await__(self) -> Generator[Any, None, T]:
        """Give the value."""
        return self._start().__await__()


class Twin:
    """Something synchronous, used by tasks.

    It is opened at its first use, or at once by `await` or `async with`. It belongs to no
    event loop, and may be used from several; a forked process may go on using it.
    """

    _of: ClassVar[type]
    _parts: ClassVar[Mapping[str, "type[Twin]"]] = {}
    _awaited: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        raise TypeError(f"{type(self).__name__} is had from a kit, not made by itself")

    def __init_subclass__(
        cls,
        *,
        of: type | None = None,
        parts: "Mapping[str, type[Twin]] | None" = None,
        awaited: tuple[str, ...] = (),
    ) -> None:
        """Give a class the methods of its synchronous twin.

        Args:
            of: The synchronous class; a class made from a twin has it already.
            parts: What its properties and attributes give that has a twin itself.
            awaited: Properties that do more than read memory.
        """
        if of is None:
            return
        cls._of = of
        cls._parts = parts or {}
        cls._awaited = awaited
        for name, member in public_members(of).items():
            if name not in vars(cls) and name != "close":
                setattr(cls, name, _member(cls, name, member))
        for name, made in (("__init__", _init()), ("__call__", _call("__call__"))):
            function = inspect.getattr_static(of, name, None)
            if isinstance(function, FunctionType) and not is_protocol(of):
                setattr(cls, name, _named(made, cls, name, function))

    @classmethod
    def around(cls, inner: object, workers: Workers) -> Self:
        """Make a twin of what is open already, which uses the threads of another."""
        twin = cls.__new__(cls)
        twin._begin(lambda: inner, workers, owns_workers=False)
        twin._inner = inner
        return twin

    def _begin(
        self, make: Callable[[], Any], workers: Workers, *, owns_workers: bool
    ) -> None:
        self._make = make
        self._workers = workers
        self._owns_workers = owns_workers
        self._inner: Any = None
        self._closed = False
        self._kept: dict[str, Twin] = {}

    def __await__(self) -> Generator[Any, None, Self]:
        """Open it."""
        return self._opened().__await__()

    async def __aenter__(self) -> Self:
        """Open it."""
        return await self._opened()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Let go of it, and wait for what is running; closing twice is no error.

        Files and iterators that are open stay usable.
        """
        self._closed = True
        if self._inner is not None or not self._workers.is_idle:
            await self._workers.run(self._close)
        if self._owns_workers:
            await self._workers.close()

    def __repr__(self) -> str:
        """Show what the synchronous twin shows."""
        if self._inner is None:
            return f"<aio.{type(self).__name__}, not open>"
        return f"aio.{self._inner!r}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle how it was opened: whoever unpickles it opens it anew."""
        if self._owns_workers and isinstance(self._make, partial):
            return _reopened, (type(self), self._make.args, self._make.keywords)
        return _rejoined, (type(self), self._inner)

    async def _opened(self) -> Self:
        try:
            await self._workers.run(self._open)
        except BaseException:
            # Nobody closes what was not opened.
            if self._owns_workers and self._inner is None:
                await self._workers.rest()
            raise
        return self

    def _open(self) -> Any:  # noqa: ANN401 - the synchronous twin
        """Give the synchronous twin; on a thread, since opening waits."""
        if self._inner is None:
            with self._workers.lock:
                if self._closed:
                    raise RepositoryClosedError(f"{self!r} was closed")
                if self._inner is None:
                    self._inner = self._make()
        return self._inner

    def _close(self) -> None:
        with self._workers.lock:
            if self._inner is not None:
                self._inner.close()

    def _do(
        self, name: str, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> Any:  # noqa: ANN401 - as the method
        return getattr(self._open(), name)(*args, **kwargs)

    async def _call(self, name: str, /, *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - as the method
        return self._shown(await self._workers.run(self._do, name, args, kwargs))

    def _shown(self, value: object) -> Any:  # noqa: ANN401 - as it was, or its twin
        """Give results that would block in a form that does not."""
        if isinstance(value, _FILES):
            return File[Any](self._workers, value)
        if isinstance(value, Iterator):
            return iterate(self._workers, lambda: value)
        if isinstance(value, Result):
            for key, held in value.items():
                if isinstance(held, Iterator):
                    value[key] = iterate(self._workers, partial(iter, held))
        return value

    def _read(self, name: str) -> Any:  # noqa: ANN401 - as the attribute
        """Read a property or attribute of the synchronous twin."""
        if name in self._awaited:
            return Later(lambda: self._workers.run(lambda: getattr(self._open(), name)))
        if self._inner is None:
            if name == "closed":
                return self._closed
            raise RepositoryClosedError(
                f"{self!r} has no {name!r} yet: open it with `await` or `async with`"
            )
        value = getattr(self._inner, name)
        if name not in self._parts:
            return value
        if name not in self._kept:
            self._kept[name] = self._parts[name].around(value, self._workers)
        return self._kept[name]


def _reopened(
    kind: type[Twin], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> Twin:
    return kind(*args, **kwargs)


def _rejoined(kind: type[Twin], inner: object) -> Twin:
    twin = kind.around(inner, Workers())
    twin._owns_workers = True
    return twin


def _member(cls: type[Twin], name: str, member: object) -> object:
    if isinstance(member, staticmethod):
        function = member.__func__
        return staticmethod(_named(_static(function), cls, name, function))
    if isinstance(member, FunctionType):
        made = {Form.CALL: _call, Form.STREAM: _stream, Form.FILE: _file}
        return _named(made[form_of(member)](name), cls, name, member)
    read = partial(_read, name)
    return property(read, doc=None if member is None else member.__doc__)


def _read(name: str, twin: Twin) -> object:
    return twin._read(name)


def _init() -> Callable[..., None]:
    def init(self: Twin, /, *args: object, **kwargs: object) -> None:
        # Wrong arguments are told here, not where it is opened.
        inspect.signature(self._of).bind(*args, **kwargs)
        self._begin(partial(self._of, *args, **kwargs), Workers(), owns_workers=True)

    return init


def _call(name: str) -> Callable[..., Any]:
    async def call(self: Twin, /, *args: object, **kwargs: object) -> object:
        return await self._call(name, *args, **kwargs)

    return call


def _stream(name: str) -> Callable[..., Any]:
    def stream(
        self: Twin, /, *args: object, **kwargs: object
    ) -> AsyncGenerator[object, None]:
        return iterate(self._workers, partial(self._do, name, args, kwargs))

    return stream


def _file(name: str) -> Callable[..., Any]:
    def file(self: Twin, /, *args: object, **kwargs: object) -> Opening[Any]:
        return Opening(partial(self._call, name, *args, **kwargs))

    return file


def _static(function: Callable[..., object]) -> Callable[..., Any]:
    async def call(*args: object, **kwargs: object) -> object:
        workers = Workers()
        try:
            return await workers.run(function, *args, **kwargs)
        finally:
            await workers.close()

    return call


def _named(
    made: Callable[..., Any], cls: type, name: str, function: Callable[..., object]
) -> Callable[..., Any]:
    """Give a method the name, signature and words of its synchronous twin."""
    copy = cast("FunctionType", made)
    copy.__name__, copy.__qualname__ = name, f"{cls.__qualname__}.{name}"
    copy.__module__, copy.__doc__ = cls.__module__, function.__doc__
    vars(copy)["__signature__"] = inspect.signature(function)
    return copy
