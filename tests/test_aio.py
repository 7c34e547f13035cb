"""`ipfs_kit_py.aio`: the same names, arguments and values as without it."""

import asyncio
import inspect
import os
import pickle
import threading
from collections.abc import AsyncGenerator, Coroutine
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, assert_type

import pytest
from tests.processes import run_python
from tests.soon import wait_until

import ipfs_kit_py
from ipfs_kit_py import (
    Pin,
    Repository,
    ai_ml_integration,
    aio,
    high_level_api,
    ipfs,
    ipfs_kit,
    ipget,
    s3_kit,
    storacha_kit,
)
from ipfs_kit_py._aio import stub
from ipfs_kit_py._aio.twin import public_members
from ipfs_kit_py._results import Result
from ipfs_kit_py.errors import (
    BlockNotFoundError,
    PathNotADirectoryError,
    RepositoryClosedError,
    RepositoryNotFoundError,
)

T = TypeVar("T")

PAIRS: list[tuple[Any, Any]] = [
    (Repository, aio.Repository),
    (ipfs.ipfs_py, aio.ipfs_py),
    (ipfs_kit.ipfs_kit, aio.ipfs_kit),
    (ipget.Ipget, aio.Ipget),
    (ai_ml_integration.DatasetManager, aio.DatasetManager),
    (ai_ml_integration.ModelRegistry, aio.ModelRegistry),
    (s3_kit.s3_kit, aio.s3_kit),
    (storacha_kit.storacha_kit, aio.storacha_kit),
    (high_level_api.IPFSSimpleAPI, aio.IPFSSimpleAPI),
]
TWINS = pytest.mark.parametrize(("plain", "twin"), PAIRS, ids=lambda kind: kind.__name__)


def is_ours(thread: threading.Thread) -> bool:
    return thread.name.startswith("ipfs-kit-aio")


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test; no thread of ours outlives it."""
    asyncio.run(work)
    wait_until(lambda: not any(map(is_ours, threading.enumerate())))


async def listed(source: AsyncGenerator[T]) -> list[T]:
    return [item async for item in source]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return {"ipfs_path": str(tmp_path / "kit"), "engine": "embedded"}


@TWINS
def test_names_and_signatures_are_those_of_the_synchronous_class(
    plain: Any, twin: Any
) -> None:
    members = public_members(plain)
    assert members
    for name, member in members.items():
        found = inspect.getattr_static(twin, name)
        if member is None or isinstance(member, property | cached_property):
            assert isinstance(found, property), name
            continue
        assert isinstance(found, staticmethod) == isinstance(member, staticmethod), name
        ours, theirs = getattr(twin, name), getattr(plain, name)
        assert ours.__name__ == name
        if name != "close":
            assert inspect.signature(ours) == inspect.signature(theirs), name
            assert ours.__doc__ == theirs.__doc__, name
    assert inspect.signature(twin) == inspect.signature(plain)
    public = {name for name in dir(twin) if not name.startswith("_")}
    assert public - {"around"} == set(members)


def test_the_stub_is_up_to_date() -> None:
    package = Path(ipfs_kit_py.__file__).parent
    assert (package / "aio.pyi").read_text(encoding="utf-8") == stub.written(), (
        "run `python -m ipfs_kit_py._aio.stub > python/ipfs_kit_py/aio.pyi`"
    )


def test_type_checkers_see_what_each_form_gives(settings: dict[str, Any]) -> None:
    async def work() -> None:
        async with aio.IPFSSimpleAPI(**settings) as api:
            added = assert_type(await api.kit.ipfs.add(b"hello"), Result)
            async with api.open(added["cid"], "r") as text:
                assert_type(await text.read(), str)
            async with api.kit.engine.open(added["cid"]) as file:
                assert_type(await file.read(), bytes)
        async with aio.Repository(settings["ipfs_path"], read_only=True) as repository:
            assert_type(await repository.cat(added["cid"]), bytes)
            assert_type(await listed(repository.pin_ls()), list[Pin])
            assert_type(repository.open(added["cid"], buffer_bytes=9), aio.Opening[bytes])

    run(work())


def test_importing_the_package_loads_no_asyncio_and_aio_starts_no_thread() -> None:
    program = """
        import sys, threading
        import ipfs_kit_py
        assert "asyncio" not in sys.modules
        from ipfs_kit_py import aio
        repository = aio.Repository("/nowhere")
        print(threading.active_count())
    """
    assert run_python(program) == "1\n"


def test_a_repository_gives_the_same_values(tmp_path: Path, tree: Path) -> None:
    data = os.urandom(3_000_000)

    async def work() -> None:
        async with aio.Repository(tmp_path / "repository", threads=2) as twin:
            added = await twin.add(tree)
            file = (await twin.add(data, name="file")).cid
            await twin.files_write("/a", b"hello", create=True)
            with Repository(tmp_path / "repository") as plain:
                for path in (added.cid, file):
                    assert await twin.stat(path) == plain.stat(path)
                    assert await listed(twin.refs(path)) == list(plain.refs(path))
                assert await listed(twin.ls(added.cid)) == list(plain.ls(added.cid))
                assert await listed(twin.pin_ls()) == list(plain.pin_ls())
                assert await listed(twin.pin_verify()) == list(plain.pin_verify())
                found = await listed(twin.blocks())
                assert sorted(found) == sorted(plain.blocks())
                views = await listed(twin.block_get_many(found))
                assert views == [plain.block_view(cid) for cid in found]
                assert await twin.cat(file, 1000, 5000) == data[1000:6000]
                assert b"".join(await listed(twin.iter_file(file))) == data
                assert bytes(await twin.cat_view(file, 10, 20)) == data[10:30]
                assert await twin.files_read("/a") == b"hello"
                assert await twin.repo_stat() == plain.repo_stat()
                assert await twin.peer_id == plain.peer_id
                assert await twin.key_ls() == plain.key_ls()
                assert (await twin.verify()).bad == []
                assert await twin.dag_get(await twin.dag_put({"a": [1]})) == {"a": [1]}
                buffer = bytearray(100)
                assert await twin.readinto(file, buffer, 50) == 100
                assert buffer == data[50:150]
            done = await twin.dag_export(file, tmp_path / "a.car")
            async with aio.Repository(tmp_path / "other") as other:
                assert (await other.dag_import(tmp_path / "a.car")).roots == [file]
                assert (await other.dag_stat(file)).blocks == done.blocks
        assert (await aio.Repository.rebuild(tmp_path / "other")).blocks == done.blocks

    run(work())


def test_errors_are_those_of_the_synchronous_calls(tmp_path: Path) -> None:
    async def work() -> None:
        async with aio.Repository(tmp_path / "repository") as repository:
            file = (await repository.add(b"hello")).cid
            missing = ipfs_kit_py.cid_of(b"missing")
            with pytest.raises(BlockNotFoundError):
                await repository.cat(missing)
            with pytest.raises(BlockNotFoundError):
                async with repository.open(missing):
                    pass
            with pytest.raises(PathNotADirectoryError):
                await listed(repository.ls(file))
            with pytest.raises(TypeError):
                await repository.cat()  # type: ignore[call-arg]
        with pytest.raises(RepositoryClosedError):
            await repository.cat(file)
        with pytest.raises(RepositoryNotFoundError):
            await aio.Repository(tmp_path / "none", create=False)
        with pytest.raises(TypeError):
            aio.Repository(tmp_path, no_such_option=1)  # type: ignore[call-arg]

    run(work())


def test_items_found_before_an_error_are_given_out_before_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with aio.Repository(tmp_path / "repository") as repository:
            whole = await repository.dag_put("whole")
            missing = await repository.dag_put("missing")
            root = await repository.dag_put([whole, missing])
            await repository.block_rm(missing)
            found: list[ipfs_kit_py.CID] = []

            async def gather() -> None:
                async for link in repository.refs(root, recursive=True):
                    found.append(link.target)  # noqa: PERF401 - kept when it fails

            with pytest.raises(BlockNotFoundError):
                await gather()
            assert found == [whole, missing]

    run(work())


def test_what_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    kept: list[object] = []

    async def work() -> None:
        repository = aio.Repository(tmp_path / "none", create=False)
        kept.append(repository)
        with pytest.raises(RepositoryNotFoundError):
            await repository
        with pytest.raises(RepositoryNotFoundError):
            async with repository:
                pass
        Repository(tmp_path / "none").close()
        async with repository:
            assert await listed(repository.blocks()) == []

    run(work())


def test_opening_and_closing(tmp_path: Path) -> None:
    async def work() -> None:
        repository = aio.Repository(tmp_path / "repository")
        assert repository.closed is False
        with pytest.raises(RepositoryClosedError, match="async with"):
            _ = repository.path
        cid = (await repository.add(b"opened at its first use")).cid
        assert repository.path == str(tmp_path / "repository")
        file = await repository.open(cid)
        pieces = repository.iter_file(cid)
        assert repr(repository).startswith("aio.Repository(")
        await repository.close()
        await repository.close()
        assert bool(repository.closed)
        # As with synchronous ones.
        assert await file.read() == b"opened at its first use"
        with pytest.raises(RepositoryClosedError):
            await listed(pieces)

        opened = await aio.Repository(tmp_path / "repository", read_only=True)
        assert opened.read_only
        again = pickle.loads(pickle.dumps(opened))  # noqa: S301 - our own
        assert await again.cat(cid) == b"opened at its first use"
        await opened.close()
        await again.close()

        never = aio.Repository(tmp_path / "never")
        await never.close()
        with pytest.raises(RepositoryClosedError):
            await never.cat(cid)
        assert not (tmp_path / "never").exists()
        await never.close()

    run(work())


def test_a_class_can_be_made_from_a_twin(tmp_path: Path) -> None:
    class Counting(aio.Repository):
        calls = 0

        async def has(self, cid: "ipfs_kit_py.CID | str") -> bool:
            self.calls += 1
            return await super().has(cid)

    async def work() -> None:
        async with Counting(tmp_path / "repository") as repository:
            cid = (await repository.add(b"hello")).cid
            assert await repository.has(cid)
            assert repository.calls == 1

    run(work())


def test_files_are_read_as_others_are(tmp_path: Path) -> None:
    lines = [b"line %d\n" % number for number in range(3000)] + [b"the end"]
    data = b"".join(lines)

    async def work() -> None:
        async with aio.Repository(tmp_path / "repository") as repository:
            cid = (await repository.add(data)).cid
            for buffer_bytes in (None, 4096):
                opening = (
                    repository.open(cid)
                    if buffer_bytes is None
                    else repository.open(cid, buffer_bytes=buffer_bytes)
                )
                async with opening as file:
                    assert file.size == len(data)
                    assert file.cid == cid
                    assert file.name == str(cid)
                    assert await file.readable()
                    assert await file.seekable()
                    assert await file.read(5) == b"line "
                    assert await file.seek(0) == 0
                    first = [line async for line, _ in _some(file, 5)]
                    assert first == lines[:5]
                    # What was read ahead is not skipped.
                    assert await file.tell() == sum(map(len, first))
                    assert await file.readline() == lines[5]
                    assert [line async for line in file] == lines[6:]
                    buffer = bytearray(4)
                    await file.seek(-3, os.SEEK_END)
                    assert await file.readinto(buffer) == 3
                    assert buffer[:3] == b"end"
                    await file.seek(0)
                    assert await file.readall() == data
                assert file.closed
                with pytest.raises(ValueError, match="closed"):
                    await file.read()

    run(work())


async def _some(file: "aio.File[Any]", count: int) -> AsyncGenerator[tuple[Any, int]]:
    for number in range(count):
        yield await anext(file), number


def test_the_kit_gives_the_same_results(settings: dict[str, Any]) -> None:
    unlike = ("timestamp", "chunks")

    def told(result: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in result.items() if key not in unlike}

    async def work() -> None:
        plain = ipfs_kit.ipfs_kit(metadata=settings)
        async with aio.ipfs_kit(metadata=settings) as kit:
            assert kit.role == plain.role
            assert kit.config == plain.config
            assert kit.metadata == plain.metadata
            assert kit.ipfs is kit.ipfs
            cid = (await kit.ipfs.add(b"hello"))["cid"]
            assert told(await kit.ipfs.add(b"hello")) == told(plain.ipfs.add(b"hello"))
            assert told(await kit("ipfs_cat", cid=cid)) == told(
                plain("ipfs_cat", cid=cid)
            )
            assert told(await kit.ipfs_cat(cid)) == told(plain.ipfs_cat(cid))
            stream = await kit.ipfs.cat_stream(cid)
            assert b"".join(await listed(stream["chunks"])) == b"hello"
            failed = await kit.ipfs.cat(ipfs_kit_py.cid_of(b"missing"))
            assert failed["error_code"] == "block-not-found"
            assert await kit.engine.cat(cid) == b"hello"
            assert kit.engine.kind == "embedded"
            assert dir(kit) == sorted({*dir(kit)})
            assert "ipfs_cat" in dir(kit)
            assert not hasattr(kit, "no_such_method")
            assert hasattr(kit, "cluster_manager") == hasattr(plain, "cluster_manager")
            with pytest.raises(ValueError, match="Unknown method"):
                await kit("no_such_method")
        plain.close()

    run(work())


def test_the_simple_api_gives_the_same_values(settings: dict[str, Any]) -> None:
    async def work() -> None:
        plain = high_level_api.IPFSSimpleAPI(**settings)
        async with aio.IPFSSimpleAPI(**settings) as api:
            cid = await api.add_str("hello\nworld\n")
            assert cid == plain.add_str("hello\nworld\n")
            assert await api.get(cid) == plain.get(cid)
            assert await api("cat", cid) == b"hello\nworld\n"
            async with api.open(cid, "r") as text:
                assert [line async for line in text] == ["hello\n", "world\n"]
                await text.seek(0)
                assert await anext(text) == "hello\n"
                assert await text.read() == "world\n"
                assert str(text.cid) == cid
            await api.register_extension("twice", lambda number: number * 2)
            assert await api("twice", 4) == 8
            assert [*api.extensions] == ["twice"]
            assert (await api.kit.ipfs.cat(cid))["size"] == 12
        plain.close()

    run(work())


def test_an_object_serves_two_loops_in_two_threads(tmp_path: Path) -> None:
    shared = aio.Repository(tmp_path / "repository")
    done: list[int] = []

    async def work(name: int) -> None:
        async def one(number: int) -> None:
            data = b"%d of %d" % (number, name) * 1000
            assert await shared.cat((await shared.add(data)).cid) == data

        await asyncio.gather(*(one(number) for number in range(20)))
        done.append(name)

    threads = [
        threading.Thread(target=lambda name=name: asyncio.run(work(name)))
        for name in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1]
    run(shared.close())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_makes_threads_of_its_own(tmp_path: Path) -> None:
    program = """
        import asyncio, os, sys, warnings
        from ipfs_kit_py import aio
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        repository = aio.Repository(sys.argv[1])

        async def work():
            return (await repository.add(b"hello")).cid

        cid = asyncio.run(work())
        child = os.fork()
        assert asyncio.run(repository.cat(cid)) == b"hello"
        asyncio.run(repository.close())
        if child:
            assert os.waitpid(child, 0)[1] == 0
            print("done")
    """
    assert run_python(program, tmp_path / "repository") == "done\n"
