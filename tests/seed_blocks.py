"""The code blocks of the documents that this project keeps to, and what holds of each.

One table, `ROWS`, in the order of the documents. `test_seeds.py` runs every block as its
rows say, and `seed_status.py` makes `docs/seed-status.md` of them. A block may have more
rows than one: the same text where something else is given, such as another role.

A block runs as it stands. What a row may change is listed in its `substitutions`: CIDs,
paths and names, nothing else. In them, and in what is printed, `{word}` stands for a
fact about the files of the workplace, which `test_seeds.py` computes without the kit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ipfs_kit_py.errors import ComponentUnavailableError

SEEDS = Path(__file__).parent / "seeds"
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

KIT, ACCELERATE = "core-concepts.md", "accelerate.md"
SHA256 = {
    KIT: "85112d7bc2e2d7ed2722d6b39e06b1762a0a09bb92a6e88b9c06fd9821ebe342",
    ACCELERATE: "ea5a8ccced19601bfabfa575e0e6fd975a1ed04a348b198402c83a145c6f117f",
}
"""What the documents hash to: they stay as they came, trailing spaces too."""

CONTENT = "QmZ4tDuvesekSs4qM5ZBKpXiZGun7S2CYtEZRB3DYXkjGx"
FOLDER = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"

CLUSTER = "ipfs-cluster"
CACHE = "the tiered cache"
DEMO = "{python} -m ipfs_accelerate_py.demo"


class Block(NamedTuple):
    """A fenced block as it stands in a document."""

    document: str
    heading: str
    language: str
    text: str

    @property
    def first(self) -> str:
        """Its first line."""
        return self.text.partition("\n")[0]

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.document, self.heading, self.first


def blocks(document: str) -> list[Block]:
    """Take a document apart."""
    text = (SEEDS / document).read_text(encoding="utf-8")
    fenced = list(_FENCED.finditer(text))
    # A comment in a block begins as a heading does.
    outside = _FENCED.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    headings = [(found.start(), found[1]) for found in _HEADING.finditer(outside)]
    return [
        Block(
            document,
            next(title for at, title in reversed(headings) if at < found.start()),
            found[1],
            found[2],
        )
        for found in fenced
    ]


@dataclass(frozen=True)
class Wait:
    """A statement that needs a part which is not built, and how it fails until then.

    Attributes:
        part: The part.
        at: The line that fails, or what to ask for where the block itself asks first
            whether the part is there (`probe`).
        error: The exact class of what it raises.
        names: What the message names.
        probe: Whether `at` is an expression to be evaluated after the block.
        stops: Whether nothing after the statement can run.
    """

    part: str
    at: str
    error: type[Exception] = ComponentUnavailableError
    names: str = ""
    probe: bool = False
    stops: bool = False

    @property
    def named(self) -> str:
        """What the message names."""
        return self.names or self.part


@dataclass(frozen=True, kw_only=True)
class Row:
    """What holds of a block.

    Attributes:
        document: Its document.
        heading: The heading above it.
        first: Its first line.
        case: What is special about this row, if the block has more than one.
        prelude: Python that is run before: what the text takes for granted.
        substitutions: What stands for what in its text.
        prints: The lines that it prints; in them also names of the prelude. A `#` is any
            digit, a `…` anything.
        holds: Expressions that are true of its names afterwards.
        waits: What does not work yet.
        skips: First lines of statements that are left out, since they need what waits.
        needs: Libraries that it cannot run without.
        containers: Whether it is given a real container engine, with Kubo's image.
        cannot: Why it cannot run at all.
        note: What else a reader of the status should know.
    """

    document: str = KIT
    heading: str
    first: str
    case: str = ""
    prelude: str = ""
    substitutions: Mapping[str, str] = field(default_factory=dict)
    prints: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    waits: tuple[Wait, ...] = ()
    skips: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    containers: bool = False
    cannot: str = ""
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Which block it is."""
        return self.document, self.heading, self.first


MAKE_KIT = """
from ipfs_kit_py.ipfs_kit import ipfs_kit
kit = ipfs_kit()
"""
AS_MASTER = MAKE_KIT.replace("ipfs_kit()", 'ipfs_kit(metadata={"role": "master"})')
AS_WORKER = MAKE_KIT.replace("ipfs_kit()", 'ipfs_kit(metadata={"role": "worker"})')
ADD_CONTENT = """
kit.ipfs.add("content.bin", profile="unixfs-v0-2015").raise_for_error()
kit.ipfs.add("folder", profile="unixfs-v0-2015", pin=False).raise_for_error()
"""
# A peer ID is its public key in base58, behind the head of an identity multihash.
WHO_IT_IS = r"""
from ipfs_kit_py import Repository
with Repository(kit.engine.path) as same:
    same.peer_id  # makes the key
    public_key = same.key_export("self")[-32:]
letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
number, node = int.from_bytes(b"\x24\x08\x01\x12\x20" + public_key), ""
while number:
    number, at = divmod(number, 58)
    node = letters[at] + node
node = "1" + node
"""
# Components of a module, which tests before this one may have used.
ACCELERATE_ANEW = """
from pathlib import Path
import ipfs_accelerate_py
ipfs_accelerate_py.ipfs_accelerate.configure(ipfs_accelerate_py.config())
"""
WITH_CONTENT = {CONTENT: "{content_v0}"}
IMPORT_KIT = "from ipfs_kit_py.ipfs_kit import ipfs_kit"
READ_CSV_NOTE = (
    "but for `pd.read_csv(url, filesystem=fs)`: pandas has no such parameter. "
    '`pd.read_csv("ipfs://...")` does it'
)
TABLE, PARQUET = (
    "QmCSVbfpQL6BjGog5c85xwsJ8arFiBg9ACdHF6RbqXegcV",
    "QmXH6qjnYXCSfc5Wn1jZyZV8AtrNKgWbXLLGJvXVYzk4wC",
)
# What `pd.read_csv` reads by the URL alone, in the place of the line that cannot run.
ADD_TABLES = """
import pandas
import ipfs_kit_py.ipfs_fsspec
frame = pandas.DataFrame({"category": ["a", "b", "a"], "value": [1, 2, 3]})
frame.to_csv("table.csv", index=False)
frame.to_parquet("table.parquet")
csv = kit.ipfs.add("table.csv", profile="unixfs-v0-2015")["Hash"]
parquet = kit.ipfs.add("table.parquet", profile="unixfs-v0-2015")["Hash"]
df = pandas.read_csv(f"ipfs://{csv}")
assert df.equals(frame)
"""

ROWS: tuple[Row, ...] = (
    Row(
        heading="Content Identifiers (CIDs)",
        first=f"{CONTENT}  # Example CIDv0",
        prelude="from ipfs_kit_py import CID",
        holds=("[CID(line.split()[0]).version for line in lines] == [0, 1]",),
    ),
    Row(
        heading="Main Architecture",
        first="┌───────────────────────────────────────────────────────────┐",
        cannot="a drawing",
    ),
    Row(
        heading="Initialization",
        first=IMPORT_KIT,
        holds=(
            "kit.role == 'leecher'",
            "kit_worker.role == 'worker'",
            "kit_worker.config.cluster_name == 'my-cluster'",
            "kit_worker.config.ipfs_path == f'{home}/.ipfs-worker'",
            "kit_worker.config.enable_libp2p and kit_worker.config.enable_ai_ml",
            "kit_worker.config.cache_config.memory_cache_size == 1 << 29",
            "kit_worker.config.cache_config.disk_cache_path == f'{home}/.ipfs_cache'",
            "kit_worker.config.cache_config.disk_cache_size == 10 << 30",
            "kit_master.role == 'master'",
            "kit_master.config.enable_cluster_management",
            "kit_master.config.cluster_config.replication_factor == 3",
            "kit_master.config.cluster_config.consensus == 'crdt'",
            # Any number of kits on one repository; the worker has its own.
            "kit.engine.path == kit_master.engine.path != kit_worker.engine.path",
        ),
    ),
    Row(
        heading="Error Handling Pattern",
        first="# All operations return a structured result dictionary",
        case="the file is there",
        prelude=MAKE_KIT,
        prints=("Successfully added file with CID: {my_file}",),
        holds=("result['cid'] == result['Hash'] == my_file",),
    ),
    Row(
        heading="Error Handling Pattern",
        first="# All operations return a structured result dictionary",
        case="it is not",
        prelude=MAKE_KIT + "import os\nos.remove('my_file.txt')\n",
        prints=(
            "Operation failed: my_file.txt: No such file or directory "
            "(Type: PathNotFoundError)",
        ),
        holds=("result['not_found'] and result['error_code'] == 'path-not-found'",),
    ),
    Row(
        heading="1. Master Role",
        first="# Initialize as a master node",
        prelude=IMPORT_KIT,
        holds=(
            "kit_master.role == 'master'",
            "kit_master.config.cluster_config.secret == 'your-cluster-secret-key'",
            "'your-cluster' not in str(kit_master.ipfs_get_config())",
            "cid == important",
        ),
        waits=(
            Wait(
                CLUSTER,
                "pin_result = kit_master.ipfs_cluster_ctl.ipfs_cluster_ctl_add_pin(cid)",
            ),
        ),
    ),
    Row(
        heading="2. Worker Role",
        first="# Initialize as a worker node that follows a master",
        # The document leaves the transformation itself out.
        prelude=f"{IMPORT_KIT}\ntransformed_content = b'transformed'\n",
        holds=(
            "kit_worker.role == 'worker'",
            "kit_worker.config.storage_quota == 100 * 1000**3",
            "kit_worker.config.worker_resources.processing_threads == 4",
            "kit_worker.config.worker_resources.gpu_enabled",
            "process_task({'type': 'transform_image', 'input_cid': my_file})"
            "['result_cid']['Hash'] == transformed",
            "process_task({})['error'] == 'Unknown task type'",
        ),
        waits=(
            Wait(CLUSTER, "follow_status = kit_worker.ipfs_cluster_follow.get_status()"),
        ),
        skips=('if follow_status.get("success"):',),
    ),
    Row(
        heading="3. Leecher Role",
        first="# Initialize as a leecher node",
        prelude=MAKE_KIT + ADD_CONTENT,
        substitutions=WITH_CONTENT,
        prints=("Retrieved {content_size} bytes of content",),
        holds=("data.encode() == content_bytes",),
    ),
    Row(
        heading="1. Direct Method Calls",
        first="# Add a file using the ipfs component",
        prelude=MAKE_KIT + WHO_IT_IS,
        prints=("Added file with CID: {my_file}", "Node ID: {node}"),
    ),
    Row(
        heading="1. Direct Method Calls",
        first="# Add a file using the ipfs component",
        case="on a master",
        prelude=AS_MASTER + WHO_IT_IS,
        prints=("Added file with CID: {my_file}", "Node ID: {node}"),
        waits=(Wait(CLUSTER, "kit.ipfs_cluster_ctl", probe=True),),
    ),
    Row(
        heading="2. Callable Interface",
        first="# Add a file (delegates appropriately based on role)",
        prelude=MAKE_KIT,
        prints=(
            "Added file with CID: {my_file}",
            "Content pinned successfully",
            "Operation not available for role leecher: "
            "ipfs_cluster_status is for a master, and this node is a leecher",
        ),
        holds=("kit.ipfs.pin_ls('recursive')['pins'] == [my_file]",),
    ),
    Row(
        heading="2. Callable Interface",
        first="# Add a file (delegates appropriately based on role)",
        case="on a worker",
        prelude=AS_WORKER,
        prints=(
            "Added file with CID: {my_file}",
            "Content pinned successfully",
            "Operation not available for role worker: "
            "ipfs_cluster_status is for a master, and this node is a worker",
        ),
        holds=("kit.ipfs.pin_ls('recursive')['pins'] == [my_file]",),
    ),
    Row(
        heading="2. Callable Interface",
        first="# Add a file (delegates appropriately based on role)",
        case="on a master",
        prelude=AS_MASTER,
        prints=(
            "Added file with CID: {my_file}",
            "Content pinned successfully",
            "Operation not available for role master: ipfs_cluster_status "
            "belongs to ipfs-cluster, which this version does not have",
        ),
        holds=("pin_result['ipfs_cluster'] is None",),
        waits=(Wait(CLUSTER, "kit('ipfs_cluster_status')", probe=True),),
        note="until then a master pins here only, and its result says so",
    ),
    Row(
        heading="3. High-Level API",
        first="from ipfs_kit_py.high_level_api import IPFSSimpleAPI",
        holds=(
            "cid == my_file",
            "content == my_file_bytes",
            "simple_api.list_pins('recursive')['Keys'] == {cid: {'Type': 'recursive'}}",
        ),
    ),
    Row(
        heading="1. Metadata Dictionary",
        first="kit = ipfs_kit(metadata={",
        prelude=IMPORT_KIT,
        holds=(
            "kit.role == 'worker' and kit.config.enable_libp2p",
            "kit.config.ipfs_path == f'{home}/.ipfs-custom'",
            "kit.config.cache_config.memory_cache_size == 512 << 20",
            "kit.config.cache_config.disk_cache_size == 5 << 30",
        ),
    ),
    Row(
        heading="2. Environment Variables",
        first="# Set environment variables",
        holds=(
            "environ['IPFS_KIT_ROLE'] == 'master'",
            "environ['IPFS_KIT_CLUSTER_NAME'] == 'production-cluster'",
            "environ['IPFS_KIT_ENABLE_LIBP2P'] == 'true'",
            "environ['IPFS_KIT_MEMORY_CACHE_SIZE'] == '1073741824'",
        ),
    ),
    Row(
        heading="2. Environment Variables",
        first="# Environment variables will be automatically used",
        prelude=IMPORT_KIT,
        holds=(
            "kit.role == 'master' and kit.config.enable_libp2p",
            "kit.config.cluster_name == 'production-cluster'",
            "kit.config.cache_config.memory_cache_size == 1 << 30",
            # The dictionary stands above the environment.
            "ipfs_kit(metadata={'role': 'worker'}).role == 'worker'",
        ),
    ),
    Row(
        heading="3. Configuration File",
        first="# config.yaml",
        holds=("values['role'] == 'worker' and 'cache_config' in values",),
    ),
    Row(
        heading="3. Configuration File",
        first="# Load from configuration file",
        holds=(
            "api.kit.role == 'worker' and api.config.enable_libp2p",
            "api.config.cluster_name == 'production-cluster'",
            "api.config.ipfs_path == f'{home}/.ipfs-worker'",
            "api.config.cache_config.memory_cache_size == 536870912",
            "api.config.cache_config.disk_cache_size == 5368709120",
        ),
    ),
    Row(
        heading="Multi-Tiered Caching System",
        first="┌──────────────────┐",
        cannot="a drawing",
    ),
    Row(
        heading="Multi-Tiered Caching System",
        first="# Configure the caching system",
        prelude=MAKE_KIT + ADD_CONTENT,
        substitutions=WITH_CONTENT,
        holds=(
            "kit.config.cache_config.min_item_size == 4096",
            "kit.config.cache_config.max_memory_item_size == 50 << 20",
            "kit.config.cache_config.prefetch_enabled",
            "content1['content'] == content2['content'] == content_bytes",
        ),
        prints=(
            "Memory cache hit rate: 0.50",
            "Disk cache hit rate: 0.00",
            "Average access time: 0.##ms",
        ),
    ),
    Row(
        heading="Adding Content",
        first="# Add a file",
        prelude=MAKE_KIT,
        substitutions={
            "/path/to/file.txt": "{here}/path/to/file.txt",
            "/path/to/folder": "{here}/folder",
        },
        prints=(
            "Added file with CID: {file}",
            "Added directory with CID: {folder}",
            "Added bytes with CID: {hello}",
        ),
    ),
    Row(
        heading="Retrieving Content",
        first="# Retrieve file content",
        prelude=MAKE_KIT + ADD_CONTENT,
        substitutions={
            **WITH_CONTENT,
            FOLDER: "{folder_v0}",
            "/tmp/retrieved_file.txt": "{here}/retrieved_file.txt",  # noqa: S108
        },
        prints=(
            "Retrieved {content_size} bytes",
            "Retrieved file to: {here}/retrieved_file.txt",
            "a.txt ({a_v0}) - 4 bytes",
            "b.txt ({b_v0}) - 4 bytes",
        ),
        holds=("Path('retrieved_file.txt').read_bytes() == content_bytes",),
    ),
    Row(
        heading="Retrieving Content",
        first="# Retrieve file content",
        case="with the folder's own CID, which is that of an empty one",
        prelude=f"{MAKE_KIT}{ADD_CONTENT}import os\nos.mkdir('empty')\n"
        "kit.ipfs.add('empty', profile='unixfs-v0-2015')\n",
        substitutions={
            **WITH_CONTENT,
            "/tmp/retrieved_file.txt": "{here}/retrieved_file.txt",  # noqa: S108
        },
        prints=(
            "Retrieved {content_size} bytes",
            "Retrieved file to: {here}/retrieved_file.txt",
        ),
        holds=("ls_result['Objects'] == [{'Hash': '" + FOLDER + "', 'Links': []}]",),
    ),
    Row(
        heading="Pinning Content",
        first="# Pin content locally",
        prelude=MAKE_KIT + ADD_CONTENT,
        substitutions=WITH_CONTENT,
        prints=("Content pinned locally", "Locally pinned items: {content_blocks}"),
        holds=("pins[content_v0]['Type'] == 'recursive'",),
    ),
    Row(
        heading="Pinning Content",
        first="# Pin content locally",
        case="on a master",
        prelude=AS_MASTER + ADD_CONTENT,
        substitutions=WITH_CONTENT,
        prints=("Content pinned locally", "Locally pinned items: {content_blocks}"),
        waits=(Wait(CLUSTER, "kit.ipfs_cluster_ctl", probe=True),),
    ),
    Row(
        heading="FSSpec Integration",
        first="# Get the filesystem interface",
        prelude=MAKE_KIT + ADD_CONTENT + ADD_TABLES,
        substitutions={
            CONTENT: "{content_v0}",
            FOLDER: "{folder_v0}",
            f'"ipfs://{PARQUET}"': 'f"ipfs://{{parquet}}"',
        },
        prints=(
            "{{'name': '{folder_v0}/a.txt', 'size': 4, 'type': 'file', 'cid': '{a_v0}'}}",
            "{{'name': '{folder_v0}/b.txt', 'size': 4, 'type': 'file', 'cid': '{b_v0}'}}",
            "Read {content_size} bytes",
            *("  category  value", "0        a      1", "1        b      2"),
            "2        a      3",
            *("  category  value", "0        a      1", "1        b      2"),
            "2        a      3",
        ),
        holds=("content.encode() == content_bytes", "df2.equals(frame)"),
        skips=(f'df = pd.read_csv("ipfs://{TABLE}", filesystem=fs)',),
        needs=("pandas", "pyarrow"),
        note=READ_CSV_NOTE,
    ),
    Row(
        heading="Basic Content Management",
        first=IMPORT_KIT,
        prints=("Added file with CID: {example}", "Content: hello world"),
        holds=("kit.ipfs.pin_ls('recursive')['pins'] == [example]",),
    ),
    Row(
        heading="Distributed Dataset Processing",
        first="# Master node: Prepare and distribute data",
        prelude=IMPORT_KIT,
        substitutions={
            "/path/to/large_dataset": "{here}/folder",
            "/tmp/dataset": "{here}/dataset",  # noqa: S108
        },
        prints=("Dataset added with CID: {folder}",),
        holds=(
            "process_task({'task_id': 'task_3', 'dataset_cid': dataset_cid}) == "
            "{'task_id': 'task_3', 'result_cid': processed}",
            "Path('dataset/b.txt').read_text() == 'two\\n'",
        ),
        waits=(
            Wait(
                CLUSTER,
                "master.ipfs_cluster_ctl.ipfs_cluster_ctl_add_pin(dataset_cid)",
            ),
        ),
        note="the worker's half runs, on the dataset that the master added",
    ),
    Row(
        heading="Data Science Integration",
        first="import pandas as pd",
        prelude="import matplotlib\nmatplotlib.use('agg')" + MAKE_KIT + ADD_TABLES,
        prints=(
            "Analysis results stored with CID: b…",
            "Visualization stored with CID: b…",
            "Complete analysis package available at: b…",
        ),
        holds=(
            "result['value'].to_dict() == {'a': 2.0, 'b': 2.0}",
            "kit.ipfs.cat(meta_cid)['success']",
            "Path('analysis.png').read_bytes()[1:4] == b'PNG'",
        ),
        skips=(f'df = pd.read_csv("ipfs://{TABLE}", filesystem=fs)',),
        needs=("pandas", "pyarrow", "matplotlib"),
        note=READ_CSV_NOTE,
    ),
    Row(
        document=ACCELERATE,
        heading="Configuration (`config`)",
        first="# Create a config instance",
        prelude="import ipfs_accelerate_py\nfrom pathlib import Path",
        holds=(
            "debug is False",
            "'max_size_mb = 2000' in Path('custom_config.toml').read_text()",
        ),
    ),
    Row(
        document=ACCELERATE,
        heading="Backends (`backends`)",
        first="# Create a backends instance",
        prelude="import ipfs_accelerate_py",
        containers=True,
        holds=(
            "(result['status'], result['state']) == ('success', 'running')",
            "(tunnel['status'], tunnel['endpoint']) == ('connected', '127.0.0.1:5001')",
            "[(it['name'], it['image'], it['status']) for it in containers] == "
            "[('ipfs-node', 'ipfs/kubo:latest', 'running')]",
            "{it['image']: it['local'] for it in images}['ipfs/kubo:latest'] is True",
            # That it was stopped, and its tunnel with it.
            "backends.get_container_status('ipfs-node')['status'] == 'exited'",
            "backends.list_tunnels() == []",
        ),
        note="with a real engine, and an image made of the real Kubo",
    ),
    Row(
        document=ACCELERATE,
        heading="Backends (`backends`)",
        first="# Create a backends instance",
        case="without an engine",
        prelude="import ipfs_accelerate_py",
        holds=(
            "{it['status'] for it in (result, tunnel, *containers)} == {'error'}",
            "'start Docker or Podman' in result['message']",
            "{it['local'] for it in images} == {None}",
        ),
        note="without one every call says so in its result",
    ),
    Row(
        document=ACCELERATE,
        heading="IPFS Accelerate (`ipfs_accelerate`)",
        first="# Add a file to IPFS",
        prelude=ACCELERATE_ANEW,
        holds=(
            "cid == file",
            "Path('output.txt').read_bytes() == Path('path/to/file.txt').read_bytes()",
            "exists is True",
            "(metadata['size'], metadata['layout'], metadata['local']) == "
            "(19, 'raw', True)",
            "(result['status'], result['source'], result['cid']) == "
            "('success', 'cache', file)",
            "(result['format'], result['data']) == ('raw', b'a file with a path\\n')",
        ),
        note="a text file is no checkpoint: its bytes are what is loaded",
    ),
    Row(
        document=ACCELERATE,
        heading="Running the Demo",
        first="# Run the complete demo",
        substitutions={"python demo_ipfs_accelerate.py": DEMO},
        containers=True,
        note="also as the command `demo_ipfs_accelerate`",
    ),
    Row(
        document=ACCELERATE,
        heading="Basic Usage",
        first="import ipfs_accelerate_py",
        prelude=ACCELERATE_ANEW,
        containers=True,
        holds=(
            "config.get('general', 'debug') is True",
            "'debug = true' in Path('config.toml').read_text()",
            "backends.get_container_status('ipfs-node')['status'] == 'running'",
            "cid == my_file",
            "Path('retrieved_file.txt').read_bytes() == my_file_bytes",
            "(dispatch_result['status'], dispatch_result['source']) == "
            "('success', 'cache')",
            "dispatch_result['data'] == my_file_bytes",
        ),
    ),
)
