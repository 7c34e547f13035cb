"""Configuration: which source counts, and what is said of one that is wrong."""

import copy
import json
import logging
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.config_values import (
    HOME,
    KEYS,
    TRUE,
    Assignment,
    as_mapping,
    assignments,
)

from ipfs_kit_py._config import Config, Loaded, load, reading
from ipfs_kit_py._config.fields import Section
from ipfs_kit_py._config.kinds import TABLE
from ipfs_kit_py._config.names import names, variable
from ipfs_kit_py._config.schema import BUILT_PARTS, OTHER_VARIABLES, PARTS
from ipfs_kit_py.errors import ConfigurationError

NOBODY = {"HOME": "/nonexistent"}


def merged(under: Any, above: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(above, dict)):
        return above
    both = {key: merged(under[key], above[key]) for key in under.keys() & above.keys()}
    return under | above | both


def dumped(mapping: dict[str, Any], suffix: str) -> str:
    if suffix == "json":
        return json.dumps(mapping)
    return tomlkit.dumps(mapping) if suffix == "toml" else yaml.safe_dump(mapping)


@given(st.data())
def test_each_key_has_the_value_of_the_first_source_that_says_one(
    data: st.DataObject,
) -> None:
    keys = data.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=10))
    layers = [data.draw(assignments(keys)) for _ in range(4)]
    overrides, metadata, environment, file = layers
    suffix = data.draw(st.sampled_from(["yaml", "json", "toml"]))
    environ = {"HOME": HOME, "IPFS_PATH": "~/elsewhere"}
    for spelling, example in environment.values():
        short = variable(spelling.rpartition(".")[2])
        long = variable(spelling)
        known = names().variables
        usable = known.get(short) == known[long] and data.draw(st.booleans())
        environ[short if usable else long] = example.text
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"config.{suffix}"
        path.write_text(dumped(as_mapping(file), suffix), encoding="utf-8")
        loaded = load(
            as_mapping(metadata, dotted=data.draw(st.booleans())),
            path,
            environ,
            **as_mapping(overrides),
        )
    kinds = ["metadata", "metadata", "environment", "file"]
    for key in KEYS:
        said = [
            (kind, layer[key][1].meaning)
            for kind, layer in zip(kinds, layers, strict=True)
            if key in layer
        ]
        if not said:
            expected = "environment" if key == "ipfs_path" else "default"
            assert loaded.source_of(key).kind == expected
            continue
        value = said[-1][1]
        if names().leaves[key].field.kind is TABLE:
            for _, above in reversed(said):
                value = merged(value, above)
        else:
            value = said[0][1]
        assert loaded.value_of(key) == value, key
        assert loaded.source_of(key).kind == said[0][0], key
    if not any("ipfs_path" in layer for layer in layers):
        assert loaded.config.ipfs_path == f"{HOME}/elsewhere"


@given(assignments())
def test_what_was_given_can_be_given_again(drawn: dict[str, Assignment]) -> None:
    loaded = load(as_mapping(drawn), environ=NOBODY)
    again = load(loaded.given(), environ=NOBODY)
    assert again.config == loaded.config
    assert again.given() == loaded.given()


def test_the_seed_configures_by_metadata_variables_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "role: worker\ncluster_name: production-cluster\nipfs_path: ~/.ipfs-worker\n"
        "enable_libp2p: true\ncache_config:\n  memory_cache_size: 536870912  # 512MB\n"
        "  disk_cache_size: 5368709120   # 5GB\n"
    )
    environ = {
        "HOME": HOME,
        "IPFS_KIT_ROLE": "master",
        "IPFS_KIT_CLUSTER_NAME": "other-cluster",
        "IPFS_KIT_ENABLE_LIBP2P": "false",
        "IPFS_KIT_MEMORY_CACHE_SIZE": "1073741824",
    }
    metadata = {"cluster_name": "mine", "cache_config": {"disk_cache_path": "~/c"}}
    config = load(metadata, file, environ).config
    assert (config.role, config.cluster_name) == ("master", "mine")
    assert config.ipfs_path == f"{HOME}/.ipfs-worker"
    assert config.enable_libp2p is False
    assert config.cache_config.memory_cache_size == 1 << 30
    assert config.cache_config.disk_cache_size == 5 << 30
    assert config.cache_config.disk_cache_path == f"{HOME}/c"


SEED_METADATA: list[dict[str, object]] = [
    {
        "role": "worker",
        "cluster_name": "my-cluster",
        "ipfs_path": "~/.ipfs-worker",
        "enable_libp2p": True,
        "cache_config": {
            "memory_cache_size": 512 * 1024 * 1024,
            "disk_cache_path": "~/.ipfs_cache",
            "disk_cache_size": 10 * 1024 * 1024 * 1024,
            "min_item_size": 4096,
            "max_memory_item_size": 50 * 1024 * 1024,
            "prefetch_enabled": True,
        },
        "enable_ai_ml": True,
    },
    {
        "role": "master",
        "enable_cluster_management": True,
        "cluster_config": {
            "secret": "your-cluster-secret-key",
            "replication_factor": 3,
            "consensus": "crdt",
        },
    },
    {
        "role": "worker",
        "master_multiaddress": "/ip4/192.168.1.100/tcp/9096/p2p/QmMasterPeerID",
        "enable_processing": True,
        "worker_resources": {
            "storage_quota": "100GB",
            "processing_threads": 4,
            "gpu_enabled": True,
        },
    },
    {"role": "leecher", "bootstrap_peers": ["/ip4/104.131.131.82/tcp/4001/p2p/Qm"]},
]


@pytest.mark.parametrize("metadata", SEED_METADATA)
def test_the_seeds_metadata_is_taken(metadata: dict[str, object]) -> None:
    loaded = load(metadata, environ=NOBODY)
    assert loaded.config.role == metadata["role"]
    assert "role" not in loaded.inactive()


def test_every_key_of_the_contract_is_known() -> None:
    keys = """
        role cluster_name ipfs_path enable_libp2p enable_ai_ml enable_cluster_management
        enable_processing master_multiaddress bootstrap_peers cluster_config.secret
        cluster_config.replication_factor cluster_config.consensus
        worker_resources.storage_quota worker_resources.processing_threads
        worker_resources.gpu_enabled config cluster_id node_id socket_path
        enable_metadata_index metadata_index_dir metadata_partition_size
        metadata_sync_interval metadata_auto_sync enable_knowledge_graph ai_ml_config
        enable_monitoring auto_download_binaries security testing allow_temp_paths
        s3cfg.accessKey s3cfg.secretKey s3cfg.endpoint s3cfg.aws_access_key_id
        s3cfg.aws_secret_access_key s3cfg.endpoint_url storacha_token api_url
        master_addresses quorum_size target_replication_factor max_replication_factor
        cluster_config.consensus_protocol cluster_config.state_sync_interval
        cache_config.memory_cache_size cache_config.disk_cache_path
        cache_config.disk_cache_size cache_config.min_item_size
        cache_config.max_memory_item_size cache_config.prefetch_enabled
        cache_config.local_cache_path cache_config.local_cache_size
        cache_config.max_item_size cache_config.min_access_count
        cache_config.enable_memory_mapping cache_config.promotion_threshold
        cache_config.demotion_threshold cache_config.tiers cache_config.default_tier
        cache_config.replication_policy cache_config.external_backends
        cache_config.arc.ghost_list_size cache_config.arc.frequency_weight
        cache_config.arc.recency_weight cache_config.arc.access_boost
        cache_config.arc.heat_decay_hours cache_config.arc.initial_p
        resources.max_memory resources.max_storage cache.memory_size cache.disk_size
        cache.disk_path cache.use_mmap timeouts.api timeouts.gateway
        timeouts.peer_connect logging.level logging.file plugins
        engine cid_profile offline storage_quota config_path
    """
    assert set(keys.split()) <= names().spellings.keys()
    assert {"libp2p_config", "knowledge_graph_config"} <= names().sections


def test_every_variable_of_the_contract_is_known() -> None:
    ours = """
        IPFS_KIT_ROLE IPFS_KIT_CLUSTER_NAME IPFS_KIT_ENABLE_LIBP2P IPFS_KIT_LOG_LEVEL
        IPFS_KIT_MEMORY_CACHE_SIZE IPFS_KIT_API_URL IPFS_KIT_TESTING
        IPFS_KIT_AUTO_INSTALL_BINARIES
    """
    assert set(ours.split()) <= names().variables.keys()
    others = """
        IPFS_KIT_AUTH_ENABLED IPFS_KIT_AUTH_TOKEN IPFS_KIT_CONFIG_PATH
        IPFS_KIT_CORS_ORIGINS IPFS_KIT_MAX_UPLOAD_SIZE IPFS_KIT_METRICS_ENABLED
        IPFS_KIT_RATE_LIMIT IPFS_KIT_RATE_LIMIT_ENABLED IPFS_KIT_BIN_DIR
        IPFS_KIT_SERVER_FILE IPFS_KIT_SCALE
    """
    assert set(others.split()) <= OTHER_VARIABLES.keys()


def test_no_name_means_two_things() -> None:
    known = names()
    assert not known.sections & known.spellings.keys()
    others = OTHER_VARIABLES.keys() - {"IPFS_KIT_CONFIG_PATH"}
    assert not others & (known.variables.keys() | known.section_variables.keys())
    assert not known.variables.keys() & known.section_variables.keys()
    assert len(known.spellings) == len(known.leaves) + sum(
        len(leaf.field.aliases) for leaf in known.leaves.values()
    )
    assert {leaf.part for leaf in known.leaves.values()} == PARTS.keys()
    assert PARTS.keys() >= BUILT_PARTS


@pytest.mark.parametrize("word", TRUE)
def test_variables_say_true_in_many_ways(word: str) -> None:
    assert load(environ=NOBODY | {"IPFS_KIT_OFFLINE": word}).config.offline is True


def test_an_empty_variable_says_nothing() -> None:
    loaded = load(environ=NOBODY | {"IPFS_KIT_ROLE": "", "IPFS_PATH": ""})
    assert loaded.source_of("role").kind == "default"
    assert loaded.source_of("ipfs_path").kind == "default"


def test_null_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("role: worker\ncluster_name:\ncache_config:\n")
    loaded = load({"role": None, "cache_config": None}, file, NOBODY, engine=None)
    assert (loaded.config.role, loaded.config.engine) == ("worker", "auto")


def test_a_section_may_be_a_variable() -> None:
    environ = NOBODY | {
        "IPFS_KIT_CACHE_CONFIG": '{"memory_cache_size": "1KiB", "min_item_size": 1}',
        "IPFS_KIT_CACHE": '{"disk_size": "7MiB"}',
    }
    loaded = load(environ=environ)
    cache = loaded.config.cache_config
    assert (cache.memory_cache_size, cache.disk_cache_size) == (1024, 7 << 20)
    assert cache.min_item_size == 1
    where = loaded.source_of("cache_config.min_item_size")
    assert where == ("environment", "IPFS_KIT_CACHE_CONFIG")


def test_the_repository_is_where_the_first_of_five_says(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('ipfs_path = "/from-file"\n')
    environ = NOBODY | {"IPFS_KIT_IPFS_PATH": "/from-ours", "IPFS_PATH": "/from-kubo"}
    assert load({"ipfs_path": "/given"}, file, environ).config.ipfs_path == "/given"
    assert load(None, file, environ).config.ipfs_path == "/from-ours"
    del environ["IPFS_KIT_IPFS_PATH"]
    assert load(None, file, environ).config.ipfs_path == "/from-file"
    loaded = load(environ=environ)
    assert loaded.config.ipfs_path == "/from-kubo"
    assert loaded.source_of("ipfs_path") == ("environment", "IPFS_PATH")
    assert load(environ=NOBODY).config.ipfs_path.endswith("ipfs-kit")


def test_sources_are_told_for_keys_and_aliases(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"cache": {"use_mmap": false}}')
    loaded = load({"role": "master"}, file, NOBODY | {"IPFS_KIT_MIN_ITEM_SIZE": "1"})
    assert loaded.source_of("role") == ("metadata", "role")
    assert loaded.source_of("cache.use_mmap") == ("file", str(file))
    assert loaded.source_of("cache_config.enable_memory_mapping").kind == "file"
    assert (
        loaded.source_of("cache_config.min_item_size").where == "IPFS_KIT_MIN_ITEM_SIZE"
    )
    assert loaded.source_of("engine") == ("default", "")
    assert loaded.file == loaded.config.config_path == str(file)
    with pytest.raises(ConfigurationError, match=r"rol is no key .* mean role\?"):
        loaded.source_of("rol")


def test_what_has_no_effect_yet_is_told() -> None:
    environ = NOBODY | {"IPFS_KIT_ENABLE_LIBP2P": "1", "W3_STORE_TOKEN": "t"}
    loaded = load({"role": "master", "api_url": "http://x"}, environ=environ)
    assert loaded.inactive() == ["enable_libp2p"]
    # Another program's variable was not set for us.
    assert loaded.source_of("storacha_token").where == "W3_STORE_TOKEN"
    assert "storacha_token" not in loaded.given()


def test_a_configuration_cannot_be_changed() -> None:
    config = load(environ=NOBODY).config
    with pytest.raises(AttributeError, match="cannot be changed: role"):
        config.role = "master"  # type: ignore[assignment]
    with pytest.raises(AttributeError, match="cannot be changed: api"):
        config.timeouts.api = 1  # type: ignore[assignment]
    with pytest.raises(AttributeError, match="cannot be changed"):
        del config.role


def test_a_configuration_travels() -> None:
    loaded = load({"role": "master", "config": {"a": [1]}}, environ=NOBODY)
    for other in (copy.deepcopy(loaded), pickle.loads(pickle.dumps(loaded))):  # noqa: S301
        assert other.config == loaded.config
        assert other.source_of("role") == loaded.source_of("role")
    assert loaded.config != load(environ=NOBODY).config
    assert repr(loaded.config) == "Config(role='master', config={'a': [1]})"


def test_tables_are_the_callers_own() -> None:
    metadata = {"config": {"a": {"b": 1}}}
    first = load(metadata, environ=NOBODY)
    metadata["config"]["a"]["b"] = 2
    assert first.config.config == {"a": {"b": 1}}
    one, two = load(environ=NOBODY).config, load(environ=NOBODY).config
    assert one.security == two.security
    assert one.security is not two.security


def walk(section: Section) -> list[object]:
    return [value for _, value in section._members()]


def test_every_attribute_is_there_and_described() -> None:
    config = load(environ=NOBODY).config
    assert isinstance(config, Config)
    assert len(walk(config)) == len(Config._fields) + len(Config._nested)
    rows = load(environ=NOBODY).describe()
    assert [row.key for row in rows] == list(names().leaves)
    assert all(row.doc.endswith(".") for row in rows)
    json.dumps([row.value for row in rows])
    plugin = {"plugin_class": Config, "config": {"at": Path("/x"), "raw": b"x"}}
    rows = load({"plugins": [plugin]}, environ=NOBODY).describe()
    shown = next(row.value for row in rows if row.key == "plugins")
    settings = {"at": "PosixPath", "raw": "bytes"}
    assert shown == [{"plugin_class": "Config", "config": settings}]


def test_an_unknown_variable_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    reading._warn_of.cache_clear()
    environ = NOBODY | {
        "IPFS_KIT_ROEL": "hush",
        "IPFS_KIT_SCALE": "1",
        "IPFS_KIT_AUTH_TOKEN": "x",
        "IPFS_KIT_ZZZ": "1",
        "IPFS_KITTEN": "1",
    }
    with caplog.at_level(logging.WARNING):
        load(environ=environ)
        load(environ=environ)
    assert caplog.messages == [
        "IPFS_KIT_ROEL is no variable of the kit; did you mean IPFS_KIT_ROLE?",
        "IPFS_KIT_ZZZ is no variable of the kit",
    ]


def test_loading_an_empty_configuration_is_light() -> None:
    program = (
        "import __future__, enum, errno, sys, typing; before = set(sys.modules)\n"
        "from ipfs_kit_py._config import load\n"
        "load(environ={'HOME': '/nonexistent'})\n"
        "print(*sorted(m for m in set(sys.modules) - before if 'ipfs_kit' not in m))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not done.stdout.split()


def test_loading_reads_the_environment_of_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IPFS_KIT_ROLE", "worker")
    loaded: Loaded = load()
    assert loaded.config.role == "worker"
    assert loaded.config.cache_config.disk_cache_path == f"{tmp_path}/.ipfs_cache"
