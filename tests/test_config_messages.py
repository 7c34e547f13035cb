"""What is said of each mistake in a configuration, to the letter: people read it."""

from pathlib import Path
from typing import Any

import pytest

from ipfs_kit_py._config import load
from ipfs_kit_py.errors import ConfigurationError, ErrorCode

NOBODY = {"HOME": "/nonexistent"}
NO_SIZE = 'is no size: write bytes as 536870912, "512MB" or "10 GiB"'
NO_DURATION = 'is no duration: write seconds as 30, "30s" or "24h"'
ROLES = "is not leecher, worker or master"


def problems(*args: Any, **kwargs: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(*args, **({"environ": NOBODY} | kwargs))
    assert caught.value.code is ErrorCode.CONFIGURATION
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    first, *rest = str(caught.value).split("\n")
    if not rest:
        return [first]
    assert first == f"{len(rest)} problems in the configuration:"
    return [line.removeprefix("  ") for line in rest]


def nested(key: str, value: object) -> dict[str, object]:
    for name in reversed(key.split(".")):
        value = {name: value}
    return value  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("role", "workr", f'= "workr" {ROLES}; did you mean worker?'),
        ("role", 3, f"= 3 {ROLES}"),
        ("role", 'it\'s "x"', f'= "it\'s \\"x\\"" {ROLES}'),
        ("cache_config", 5, "is a number, not a table of keys"),
        ("storage_quota", "12 parsecs", f'= "12 parsecs" {NO_SIZE}'),
        ("storage_quota", "9EiB", f'= "9EiB" {NO_SIZE}'),
        ("storage_quota", -1, f"= -1 {NO_SIZE}"),
        ("storage_quota", True, f"= True {NO_SIZE}"),
        ("storage_quota", 0.5, f"= 0.5 {NO_SIZE}"),
        ("timeouts.api", "soon", f'= "soon" {NO_DURATION}'),
        ("timeouts.api", float("nan"), f"= nan {NO_DURATION}"),
        ("timeouts.api", -1, f"= -1 {NO_DURATION}"),
        ("offline", "yes", '= "yes" is text: write true or false'),
        ("offline", 1, "= 1 is a number: write true or false"),
        ("cluster_name", 12, "= 12 is a number, not text: put it in quotes"),
        ("cluster_name", " ", '= " " is empty'),
        ("ipfs_path", "a\0b", '= "a\\x00b" holds a NUL character'),
        ("ipfs_path", ["a"], "= *** is a list, not text"),
        ("ipfs_path", 3, "= 3 is a number, not text: put it in quotes"),
        ("bootstrap_peers", "/ip4", '= "/ip4" is text, not a list of text'),
        ("bootstrap_peers", [1], "= *** is a list with something other than text"),
        ("quorum_size", 0, "= 0 is out of range: 1 and more"),
        (
            "cache_config.disk_cache_size",
            "5KB",
            '= "5KB" is out of range: 0 or 1MiB and more',
        ),
        ("quorum_size", "3", '= "3" is text, not a whole number'),
        ("quorum_size", 1.5, "= 1.5 is no whole number"),
        ("cluster_config.replication_factor", 0, "= 0 is out of range: -1 or 1 and more"),
        ("cache_config.promotion_threshold", 0, "= 0 is out of range: 1 and more"),
        ("cache_config.default_tier", "s3", '= "s3" is not memory or disk'),
        (
            "cache_config.arc.initial_p",
            0.5,
            "= 0.5 cannot be set: the memory tier is ARC as published, which tunes"
            " itself",
        ),
        (
            "cache_config.tiers",
            {"memory": {}},
            "= *** cannot be set: they are memory and disk, each with settings of its"
            " own",
        ),
        ("security", [], "= *** is a list, not a table"),
        ("security", {1: 2}, "= *** holds a key that is not text"),
        ("plugins", "x", "= *** is text, not a list of plugins"),
        (
            "plugins",
            [{"nam": "x"}],
            "= *** holds a plugin with keys other than"
            " config, enabled, name, path, plugin_class",
        ),
        (
            "plugins",
            [{"path": "x"}],
            "= *** holds a plugin without `name` or `plugin_class`",
        ),
        (
            "plugins",
            [{"name": "x", "enabled": 1}],
            "= *** holds a plugin whose `enabled` is not true or false",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_told(key: str, value: object, reason: str) -> None:
    assert problems(nested(key, value)) == [f"metadata: {key} {reason}"]


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("clustr_name", "cluster_name"),
        ("memory_cache_size", "cache_config.memory_cache_size"),
        ("cache_config.memory_size", "cache.memory_size"),
        ("timeouts.apii", "timeouts.api"),
        ("timeout", "timeouts"),
        ("cluster_config.secrt", "cluster_config.secret"),
        ("cache_cfg", "cache_config"),
        ("Role", "role"),
        ("cache_config.x", None),
        ("qwertyuiop", None),
        ("", None),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest(key: str, near: str | None) -> None:
    hint = f"; did you mean {near}?" if near else ""
    name = key or '""'
    assert problems(nested(key, "hush")) == [
        f"metadata: {name} is no key of the kit{hint}"
    ]


def test_an_unknown_section_is_told_with_the_nearest() -> None:
    assert problems({"cluster": {"secret": "hush"}}) == [
        "metadata: cluster is no key of the kit; did you mean cluster_config?"
    ]


def test_what_is_no_table_of_keys_is_told(tmp_path: Path) -> None:
    assert problems([]) == ["metadata: is a list, not a table of keys"]
    assert problems({3: 4}) == ["metadata: 3 is no key: put it in quotes"]
    file = tmp_path / "config.yaml"
    file.write_text("on: 1\n")
    assert problems(None, file) == [f"{file}: True is no key: put it in quotes"]
    file.write_text("- 1\n")
    assert problems(None, file) == [f"{file}: is a list, not a table of keys"]


def test_two_spellings_must_say_the_same() -> None:
    both: dict[str, Any] = {
        "cache": {"memory_size": "1KiB"},
        "cache_config": {"memory_cache_size": 1024},
    }
    loaded = load(both, environ=NOBODY)
    assert loaded.config.cache_config.memory_cache_size == 1024
    both["cache"]["memory_size"] = 2
    assert problems(both) == [
        "metadata: cache_config.memory_cache_size and cache.memory_size are the same"
        " setting, with different values"
    ]
    environ = NOBODY | {
        "IPFS_KIT_MEMORY_CACHE_SIZE": "1",
        "IPFS_KIT_CACHE_CONFIG__MEMORY_CACHE_SIZE": "2",
    }
    assert problems(environ=environ) == [
        "environment: IPFS_KIT_CACHE_CONFIG__MEMORY_CACHE_SIZE and"
        " IPFS_KIT_MEMORY_CACHE_SIZE are the same setting, with different values"
    ]


def test_every_problem_of_every_source_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"role": "x", "offlin": true, "config_path": "y"}')
    environ = NOBODY | {
        "IPFS_KIT_OFFLINE": "maybe",
        "IPFS_KIT_CACHE": "{",
        "IPFS_KIT_CLUSTER_CONFIG": '{"quorum": 1}',
        "IPFS_KIT_QUORUM_SIZE": "many",
        "IPFS_KIT_INITIAL_P": "many",
    }
    assert problems({"engine": "go"}, file, environ=environ, role="y") == [
        f'arguments: role = "y" {ROLES}',
        'metadata: engine = "go" is not auto, embedded or kubo',
        'environment: IPFS_KIT_OFFLINE = "maybe" is neither true, yes, on, 1 nor false, '
        "no, off, 0",
        "environment: IPFS_KIT_CACHE is no valid JSON",
        "environment: IPFS_KIT_CLUSTER_CONFIG: cluster_config.quorum is no key of the kit"
        "; did you mean quorum_size?",
        'environment: IPFS_KIT_QUORUM_SIZE = "many" is no whole number',
        'environment: IPFS_KIT_INITIAL_P = "many" cannot be set: the memory tier is ARC '
        "as published, which tunes itself",
        f'{file}: role = "x" {ROLES}',
        f"{file}: offlin is no key of the kit; did you mean offline?",
        f"{file}: config_path says where the file is: it cannot stand in one",
    ]


def test_messages_stay_on_their_lines() -> None:
    said = problems({"role": "a\nb\x1b[31m\udcff" + "x" * 500, "a\nb" * 100: 1})
    assert len(said) == 2
    assert all(line.isprintable() and len(line) < 300 for line in said)


def test_a_table_that_holds_itself_is_refused() -> None:
    table: dict[str, object] = {}
    table["self"] = table
    assert problems({"security": table}) == [
        "metadata: security = *** is nested too deeply, or too large"
    ]
