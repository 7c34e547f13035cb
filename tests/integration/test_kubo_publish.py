"""What a node publishes is told as it is, and is to the bit what we would sign."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ipfs_kit_py import Repository, _native
from ipfs_kit_py._engine.kubo import KuboEngine
from ipfs_kit_py._kubo.daemon import Daemon
from ipfs_kit_py._repository.names import KeyFormat, nanoseconds
from ipfs_kit_py.errors import (
    InvalidKeyError,
    InvalidParameterError,
    InvalidRecordError,
    KeyExistsError,
    NameNotFoundError,
    OfflineError,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the kit starts none on Windows")

NOTHING = "/ipfs/bafkqaaa"
PEM: KeyFormat = "pem-pkcs8-cleartext"


@pytest.fixture(scope="module", params=[False, True], ids=["offline", "online"])
def node(
    request: pytest.FixtureRequest,
    require_real: Callable[[str, str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[KuboEngine]:
    program = require_real("ipfs", "`make tools` builds it where Go is installed")
    folder = tmp_path_factory.mktemp("node")
    with (
        Daemon(folder, program=program, online=request.param),
        KuboEngine(folder) as engine,
    ):
        yield engine


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with Repository(tmp_path / "embedded") as made:
        yield made


def own_key(node: KuboEngine) -> bytes:
    config = json.loads((Path(node.path) / "config").read_text())
    return base64.b64decode(config["Identity"]["PrivKey"])


def resigned(record: bytes, key: bytes) -> bytes:
    """What our core signs with the same content."""
    says = Repository.name_inspect(record)
    assert says.ttl_ns is not None
    return _native.ipns_sign(
        key,
        says.value,
        says.sequence,
        says.validity,
        says.ttl_ns,
        v1compat=says.signature_type == "V1+V2",
    )


@pytest.mark.parametrize("which", ["self", "named"])
def test_a_node_publishes_to_the_bit_what_we_would_sign(
    which: str, node: KuboEngine, repository: Repository, tmp_path: Path
) -> None:
    if which == "self":
        name, key = "self", own_key(node)
    else:
        name = tmp_path.name
        made = repository.key_gen(name)
        key = repository.key_export(name)
        assert node.key_import(name, key) == made
    root = node.add(b"what is published").cid
    calls: tuple[dict[str, Any], ...] = (
        {"lifetime": "1h"},
        {"lifetime": 90, "ttl": "30s"},
        {"lifetime": timedelta(days=400), "v1compat": False},
        {"lifetime": "48h", "sequence": 77},
    )
    for number, how in enumerate(calls):
        before = datetime.now(UTC)
        done = node.name_publish(f"/ipfs/{root}/{number}", key=name, resolve=False, **how)
        record = node.name_get(name)
        assert resigned(record, key) == record
        says = node.name_inspect(record, verify=done.name)
        assert says.error is None
        assert done == (done.name, says.value, says.sequence, says.valid_until)
        assert done.value == f"/ipfs/{root}/{number}"
        assert done.sequence == how.get("sequence", number)
        lasting = nanoseconds("lifetime", how["lifetime"]) / 1e9
        assert before < done.valid_until - timedelta(seconds=lasting) < datetime.now(UTC)
        assert node.name_resolve(name, recursive=False) == done.value
        # The embedded engine takes it for what it is.
        assert repository.name_put(done.name, record) == done


def test_numbers_grow_on_a_node_as_they_do_here(
    node: KuboEngine, repository: Repository, tmp_path: Path
) -> None:
    name = tmp_path.name
    repository.key_gen(name)
    node.key_import(name, repository.key_export(name, PEM), PEM)
    told = []
    for engine in (repository, node):
        numbers = []
        for path, lifetime in (
            (NOTHING, "1h"),
            (NOTHING, "2h"),
            # It would be over sooner than the one before.
            (NOTHING, "1h"),
            (f"{NOTHING}/a", "1h"),
            (f"{NOTHING}/a", "3h"),
        ):
            done = engine.name_publish(path, key=name, lifetime=lifetime, resolve=False)
            numbers.append(done.sequence)
        with pytest.raises(InvalidParameterError):
            engine.name_publish(NOTHING, key=name, sequence=numbers[-1])
        for wrong in ({"lifetime": 0}, {"lifetime": "1m", "ttl": "2m"}):
            with pytest.raises(InvalidParameterError):
                engine.name_publish(NOTHING, key=name, **wrong)
        told.append(numbers)
    assert told[0] == told[1]


def test_a_record_goes_from_here_to_a_node_and_it_goes_on_from_there(
    node: KuboEngine, repository: Repository, tmp_path: Path
) -> None:
    name = tmp_path.name
    made = repository.key_gen(name)
    with pytest.raises(NameNotFoundError):
        node.name_get(made.id)
    first = repository.name_publish(NOTHING, key=name, sequence=41)
    record = repository.name_get(name)
    assert node.name_put(made.id, record) == first
    assert node.name_put(f"/ipns/{made.id}", record) == first
    assert node.name_get(f"ipns://{made.id}") == record
    # What the node signs with the same key follows on it, though it signed nothing yet.
    node.key_import(name, repository.key_export(name))
    node.name_publish(NOTHING, key=name)
    assert node.name_publish(f"{NOTHING}/a", key=name, resolve=False).sequence == 42
    with pytest.raises(InvalidRecordError):
        node.name_put(made.id, record)
    other = repository.key_gen(f"{name} other").id
    with pytest.raises(InvalidRecordError):
        node.name_put(other, record)
    # One that the node signed, and then one from here that is newer.
    repository.name_put(made.id, node.name_get(name))
    last = repository.name_publish(NOTHING, key=name, sequence=99)
    assert node.name_put(made.id, repository.name_get(name)) == last
    assert node.name_publish(f"{NOTHING}/b", key=name, resolve=False).sequence == 100


def test_keys_are_taken_once_and_if_they_are_keys(
    node: KuboEngine, repository: Repository, tmp_path: Path
) -> None:
    repository.key_gen("mine")
    key = repository.key_export("mine")
    made = node.key_import(tmp_path.name, key)
    assert made in node.key_ls()
    with pytest.raises(KeyExistsError):
        node.key_import(tmp_path.name, key)
    for name, data in (("self", key), ("other", b"no key"), ("third", key[:-9])):
        with pytest.raises(InvalidKeyError):
            node.key_import(name, data)


def test_the_gateway_is_found_however_the_node_was(
    require_real: Callable[[str, str], Path], tmp_path: Path
) -> None:
    program = require_real("ipfs", "`make tools` builds it where Go is installed")
    one, two = tmp_path / "one", tmp_path / "two"
    with (
        Daemon(one, program=program, online=False),
        Daemon(two, program=program, online=False),
        KuboEngine(one) as there,
        KuboEngine(two) as other,
    ):
        path = f"{NOTHING}/x"
        other.name_publish(f"{NOTHING}/other", resolve=False)
        there.name_publish(path, resolve=False)
        url = (one / "api").read_text().strip()
        with KuboEngine(one, api_url=url) as same:
            assert same.name_get() == there.name_get()
        # Its folder is another's, and its configuration names no port.
        with KuboEngine(two, api_url=url) as unknown:
            with pytest.raises(OfflineError, match="gateway"):
                unknown.name_get()
            done = unknown.name_publish(path, resolve=False)
            assert (done.value, done.sequence) == (path, -1)
