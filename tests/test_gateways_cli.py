"""Programs that read through gateways: ended early, killed, offline, many at once."""

import asyncio
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests import gateway_server as bad
from tests.gateway_server import GatewayServer, Request
from tests.processes import run_python
from tests.soon import SOON_SECONDS

from ipfs_kit_py import CID, Repository, aio
from ipfs_kit_py.ipfs_kit import ipfs_kit

MIB = 1 << 20
PROGRAM = Path(sys.executable).parent / "ipfs-kit"


Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def run(env: dict[str, str]) -> Run:
    def call(
        *arguments: object, code: int = 0, **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            env=env | more,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        return done

    return call


def test_commands_read_with_nothing_local(
    run: Run, far: Repository, server: GatewayServer, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "a.txt").write_bytes(b"one\n")
    (tree / "sub" / "big").write_bytes(os.urandom(3 * MIB))
    root = str(far.add(tree).cid)
    out = tmp_path / "out"
    run("get", root, "-o", out)
    assert (out / "sub" / "big").read_bytes() == (tree / "sub" / "big").read_bytes()
    asked = len(server.asked)
    assert run("cat", f"{root}/a.txt").stdout == b"one\n"
    assert b"a.txt" in run("ls", root).stdout
    run("block", "get", root)
    run("block", "stat", root)
    run("dag", "get", root)
    run("dag", "resolve", f"{root}/sub")
    assert len(run("refs", "-r", root).stdout.splitlines()) >= 4
    whole = far.dag_stat(root)
    counted = json.loads(run("dag", "stat", "--json", root).stdout)
    assert counted["unique_blocks"] == whole.blocks
    run("dag", "export", root, "-o", tmp_path / "x.car")
    # What `get` fetched lies in the cache, whatever its size.
    assert len(server.asked) == asked
    assert run("--offline", "cat", f"{root}/a.txt").stdout == b"one\n"
    assert not (tmp_path / "home" / "data").exists()


def test_what_is_not_there_is_said(run: Run, server: GatewayServer) -> None:
    nowhere = "bafkreiey5jxe6ilpf62lnh77tm5ejbbmhbugzjuf6p2v3remlu73ced34q"
    assert nowhere.encode() in run("cat", nowhere, code=1).stderr
    server.behave = bad.lie_with_another_block
    assert b"do not have the hash" in run("cat", nowhere, code=1).stderr
    assert b"no repository" in run("cat", nowhere, code=1, IPFS_GATEWAY="").stderr.lower()
    assert b"no repository" in run("refs", "local", code=1).stderr.lower()


def begin(env: dict[str, str], cid: CID, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [PROGRAM, "get", str(cid), "-o", out],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def wait_for(server: GatewayServer, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until so many blocks were sent, or the process is gone."""
    while len(server.sent) < count and process.poll() is None:
        time.sleep(0.002)


def test_ctrl_c_ends_it_and_the_next_run_goes_on(
    env: dict[str, str], run: Run, far: Repository, server: GatewayServer, tmp_path: Path
) -> None:
    data = os.urandom(40 * MIB)
    cid = far.add(data).cid
    server.behave = bad.slow(0.05)
    with begin(env, cid, tmp_path / "out") as process:
        wait_for(server, 20, process)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr is not None
        assert process.stderr.read().strip() == b"Interrupted."
        assert time.monotonic() - start < SOON_SECONDS
    before = {*server.sent}
    server.forget()
    run("get", cid, "-o", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data
    assert len(before & {*server.sent}) <= 16


def test_progress_shows_on_a_terminal(
    env: dict[str, str], far: Repository, server: GatewayServer, tmp_path: Path
) -> None:
    cid = far.add(os.urandom(20 * MIB)).cid
    server.behave = bad.slow(0.1)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "get", str(cid), "-o", tmp_path / "out"],
        env=env | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):
            while piece := os.read(ours, 65536):
                shown += piece
        assert process.wait() == 0
    os.close(ours)
    assert b"writing" in shown
    assert b"/21.0 MB" in shown


@pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no unshare")
def test_offline_needs_no_interface_and_asks_nobody(
    run: Run, env: dict[str, str], far: Repository, server: GatewayServer, tmp_path: Path
) -> None:
    cid = far.add(os.urandom(3 * MIB)).cid
    run("get", cid, "-o", tmp_path / "out")
    asked = len(server.asked)
    alone = ["unshare", "-rn", "--"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system permits no network namespaces")
    program = """
        import socket, sys
        from ipfs_kit_py.ipfs_kit import ipfs_kit

        names = [name for _, name in socket.if_nameindex()]
        assert names == ["lo"], names
        made = []
        class Guarded(socket.socket):
            def __init__(self, *args, **kwargs):
                made.append(args)
                super().__init__(*args, **kwargs)
        socket.socket = Guarded
        kit = ipfs_kit(metadata={"offline": True})
        assert [it.name for it in kit.reader.sources] == ["memory", "disk", "local"]
        # The root is smaller than what goes to the disk unless a command fetches it.
        assert kit.reader.stat(sys.argv[1]).size == 3 << 20
        assert len(kit.reader.cat(sys.argv[1])) == 3 << 20
        assert not kit.ipfs.cat("bafkqaaa").get("error")
        nowhere = "bafkreiey5jxe6ilpf62lnh77tm5ejbbmhbugzjuf6p2v3remlu73ced34q"
        assert kit.ipfs.cat(nowhere)["not_found"]
        assert made == []
        assert not {"httpx2", "httpcore2", "ssl"} & sys.modules.keys()
    """
    script = tmp_path / "offline.py"
    script.write_text("if True:\n" + program)
    done = subprocess.run(
        [*alone, sys.executable, str(script), str(cid)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    fetched = subprocess.run(
        [*alone, PROGRAM, "--offline", "cat", str(cid)],
        env=env,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (fetched.returncode, len(fetched.stdout)) == (0, 3 * MIB)
    # Asked in the same namespace without that setting, it says that nobody answers.
    lost = far.block_put(b"not fetched yet")
    gone = subprocess.run(
        [*alone, PROGRAM, "cat", str(lost)],
        env=env,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert gone.returncode == 1
    assert b"cannot be reached" in gone.stderr
    assert len(server.asked) == asked


def test_making_a_kit_loads_no_http_and_opens_no_socket(env: dict[str, str]) -> None:
    program = """
        import socket, sys
        def refuse(*args, **kwargs):
            raise AssertionError("a socket")
        socket.socket.connect = refuse
        from ipfs_kit_py.ipfs_kit import ipfs_kit
        kit = ipfs_kit()
        print([it.name for it in kit.reader.sources][-1])
        assert not {"httpx2", "httpcore2", "h11", "ssl"} & sys.modules.keys()
    """
    assert run_python(program, env=env) == "gateway\n"


@pytest.fixture
def slow_kit_settings(tmp_path: Path, server: GatewayServer) -> dict[str, object]:
    server.behave = bad.slow(1.0)
    cache = {"disk_cache_path": str(tmp_path / "cache")}
    repo = str(tmp_path / "repo")
    return {"ipfs_path": repo, "gateway_urls": [server.url], "cache_config": cache}


@pytest.mark.timeout(120)
def test_a_thousand_threads_make_one_request(
    far: Repository, server: GatewayServer, slow_kit_settings: dict[str, object]
) -> None:
    data = os.urandom(MIB // 2)
    cid = far.add(data).cid
    results: list[bytes] = []
    with ipfs_kit(metadata=slow_kit_settings) as kit:
        threads = [
            threading.Thread(target=lambda: results.append(kit.reader.cat(cid)))
            for _ in range(1000)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == 1000
    assert set(results) == {data}
    assert len(server.asked) == 1


@pytest.mark.timeout(120)
def test_a_thousand_coroutines_make_one_request(
    far: Repository, server: GatewayServer, slow_kit_settings: dict[str, object]
) -> None:
    data = os.urandom(MIB // 2)
    cid = far.add(data).cid

    async def work() -> None:
        async with aio.ipfs_kit(metadata=slow_kit_settings) as kit:
            results = await asyncio.gather(*(kit.ipfs.cat(cid) for _ in range(1000)))
            assert {result["content"] for result in results} == {data}

    asyncio.run(work())
    assert len(server.asked) == 1


def test_a_cut_in_the_middle_of_a_folder_is_gone_on_from(
    run: Run, far: Repository, server: GatewayServer, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(50):
        (tree / str(number)).write_bytes(os.urandom(10_000))
    root = far.add(tree).cid

    def die(request: Request) -> bool:
        return (
            bad.cut_car(request)
            if "car" in request.query.values()
            else (bad.hang_up(request))
        )

    server.behave = die
    done = run("get", root, "-o", tmp_path / "out", code=1)
    assert b"broke off" in done.stderr
    assert not (tmp_path / "out").exists()
    server.asked.clear()
    server.behave = None
    run("get", root, "-o", tmp_path / "out")
    # Half of it came before the cut, and only what is missing is asked for.
    assert 15 <= len(server.asked) <= 35
    assert all(path.endswith("?format=raw") for path in server.asked)
