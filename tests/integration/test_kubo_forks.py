"""A process is forked while a file of a node is read ahead: both go on, none hangs."""

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.processes import run_python

from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py._kubo.daemon import Daemon

# A process that hangs says where, and fails. Each fork happens while a thread of the
# parent fetches the next run of the file; `moment` says how far it is by then.
FORKS = """
import hashlib, os, signal, sys, threading, time, warnings
from ipfs_kit_py import CID
from ipfs_kit_py._engine.kubo import KuboEngine

warnings.filterwarnings("ignore", category=DeprecationWarning)
folder, root, expected, forks = sys.argv[1], CID(sys.argv[2]), sys.argv[3], sys.argv[4]
engine = KuboEngine(folder)

def digest(chunks):
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
    return found.hexdigest()

def under_way():
    fetch = engine._fetcher._ahead._fetch
    return fetch is not None and not fetch._over.is_set()

caught = 0
for number in range(int(forks)):
    chunks = engine.iter_file(root)
    next(chunks)
    read = []
    reader = threading.Thread(target=lambda: read.append(digest([engine.cat(root)])))
    reader.start()
    # In the middle of the file, with the next bytes of it on their way.
    while reader.is_alive() and not under_way():
        time.sleep(0.0005)
    time.sleep(number % 4 * 0.003)
    caught += under_way()
    pid = os.fork()
    if pid == 0:
        # One that hangs ends by this.
        signal.alarm(30)
        results = []
        threads = [
            threading.Thread(target=lambda: results.append(digest([engine.cat(root)])))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        results.append(digest(engine.iter_file(root)))
        for thread in threads:
            thread.join()
        del chunks
        engine.close()
        os._exit(0 if results == [expected] * 3 else 1)
    reader.join()
    assert read == [expected], "the parent read something else"
    assert digest(engine.iter_file(root)) == expected
    assert sum(map(len, chunks)) > 0
    status = os.waitpid(pid, 0)[1]
    assert status == 0, f"the child: {status}"
engine.close()
print("caught", caught)
"""


@pytest.fixture(scope="module")
def node(
    require_real: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KuboEngine]:
    program = require_real("ipfs", "`make tools` builds it where Go is installed")
    folder = tmp_path_factory.mktemp("node")
    with Daemon(folder, program=program, online=False), KuboEngine(folder) as engine:
        yield engine


def test_parent_and_child_go_on_reading(node: KuboEngine) -> None:
    data = random.Random("forks").randbytes(96 << 20)
    root = node.add(data).cid
    expected = hashlib.sha256(data).hexdigest()
    done = run_python(FORKS, node.path, str(root), expected, "4", timeout=100)
    assert int(done.split()[1]) > 0


def test_a_process_that_forked_in_mid_read_ends(node: KuboEngine) -> None:
    # Neither the child that reads nothing more nor the parent waits for a thread.
    script = (
        FORKS.partition("caught = 0")[0]
        + """
chunks = engine.iter_file(root)
next(chunks)
if not (pid := os.fork()):
    signal.alarm(30)
else:
    assert os.waitpid(pid, 0)[1] == 0
"""
    )
    root = node.add(random.Random("ends").randbytes(64 << 20)).cid
    run_python(script, node.path, str(root), "", "0")
