"""A secret is in the configuration, and nowhere that anybody looks."""

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.config_values import Assignment, as_mapping, assignments

from ipfs_kit_py._config import load, reading
from ipfs_kit_py._config.names import names, variable
from ipfs_kit_py.cli import main
from ipfs_kit_py.errors import ConfigurationError

SECRET = "hush-3e7f"  # noqa: S105 - what is looked for
NOBODY = {"HOME": "/nonexistent"}
SPELLINGS = [
    spelling
    for spelling, key in names().spellings.items()
    if names().leaves[key].field.secret
]


def nested(spelling: str, value: Any) -> Any:
    for name in reversed(spelling.split(".")):
        value = {name: value}
    return value


def told(*args: Any, **kwargs: Any) -> str:
    """Gives all that is said of a configuration, good or bad."""
    try:
        loaded = load(*args, **({"environ": NOBODY} | kwargs))
    except ConfigurationError as error:
        return "".join(traceback.format_exception(error)) + repr(error)
    return f"{loaded!r}\n{loaded.config!r}\n{loaded.describe()!r}"


def test_there_are_secrets() -> None:
    assert "cluster_config.secret" in SPELLINGS
    assert "s3cfg.aws_secret_access_key" in SPELLINGS


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_given_and_not_shown(spelling: str) -> None:
    for loaded in (
        load(nested(spelling, SECRET), environ=NOBODY),
        load(environ=NOBODY | {variable(spelling): SECRET}),
    ):
        assert loaded.value_of(spelling) == SECRET
        assert SECRET in repr(loaded.given())
        shown = f"{loaded!r}\n{loaded.config!r}\n{loaded.describe()!r}"
        assert SECRET not in shown
        assert "***" in shown


WRONG = [
    [SECRET],
    {SECRET: 1},
    {"a": SECRET},
    SECRET.encode(),
    Path(SECRET),
    (SECRET, 1),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: type(wrong).__name__)
def test_a_secret_of_the_wrong_kind_is_not_shown(spelling: str, wrong: object) -> None:
    said = told(nested(spelling, wrong))
    assert spelling in said
    assert SECRET not in said


@given(
    st.sampled_from(SPELLINGS),
    st.text("abcdefghijklmnopqrstuvwxyz_.", min_size=1),
    st.integers(0, 30),
)
@settings(max_examples=100)
def test_a_secret_under_a_misspelt_key_is_not_shown(
    spelling: str, other: str, place: int
) -> None:
    key = spelling[:place] + other + spelling[place + 1 :]
    said = told(nested(key, SECRET) if ".." not in f".{key}." else {key: SECRET})
    if f'= "{SECRET}"' in said or f"'{SECRET}'" in said:
        # The misspelling is another setting's name.
        assert key in names().spellings
    else:
        assert SECRET not in said


def test_secrets_in_free_tables_and_addresses_are_not_shown() -> None:
    metadata = {
        "security": {"token": SECRET, "inner": [{"api_key": SECRET, "shown": "plain"}]},
        "cache_config": {"external_backends": {"s3": {"secretKey": SECRET}}},
        "plugins": [{"name": "x", "config": {"password": SECRET}}],
        "api_url": f"http://user:{SECRET}@host:5001/",
    }
    said = told(metadata)
    assert "plain" in said
    assert "http://***@host:5001/" in said
    assert SECRET not in said


def test_a_bad_address_is_told_without_its_password() -> None:
    said = told({"role": f"http://user:{SECRET}@host"})
    assert "http://***@host" in said
    assert SECRET not in said


BROKEN = {
    "yaml": [
        "cluster_config: {secret: 'SECRET",
        "cluster_config:\n  secret: SECRET: x",
        "cluster_config:\n  secret: *SECRET",
        "cluster_config:\n  secret: !SECRET x",
        "cluster_config:\n  secret: !!int SECRET",
        "cluster_config:\n  secret: !!timestamp SECRET",
        "cluster_config:\n  secret: @SECRET",
        'cluster_config:\n  secret: "SECRET\\q"',
        "cluster_config:\n  secret: &SECRET [",
        "SECRET",
        "- SECRET",
        "cluster_config: SECRET",
        "%SECRET 1\n---\na: b",
        "a: SECRET\n\tb: c",
    ],
    "json": [
        '{"cluster_config": {"secret": "SECRET}',
        '"SECRET"',
        "SECRET",
        '["SECRET"]',
    ],
    "toml": [
        'cluster_config.secret = "SECRET',
        "cluster_config.secret = SECRET",
        "SECRET",
        'cluster_config = "SECRET"',
        'storacha_token = ["SECRET"]',
    ],
}


@pytest.mark.parametrize(
    ("suffix", "text"), [(suffix, text) for suffix in BROKEN for text in BROKEN[suffix]]
)
def test_a_secret_in_a_damaged_file_is_not_shown(
    tmp_path: Path, suffix: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"config.{suffix}"
    file.write_text(text.replace("SECRET", SECRET))
    said = told(None, file)
    assert str(file) in said
    assert SECRET not in said
    assert main(["config", "validate", str(file)]) == 1
    assert main(["config", "show", "--config", str(file)]) == 1
    assert main(["config", "set", "role", "worker", "--config", str(file)]) == 1
    assert SECRET not in "".join(capsys.readouterr())


def test_a_secret_in_a_variable_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    reading._warn_of.cache_clear()
    with caplog.at_level(logging.DEBUG):
        said = told(
            environ=NOBODY
            | {
                "IPFS_KIT_CLUSTER_SECRET": SECRET,
                "IPFS_KIT_CLUSTER_CONFIG": f'{{"secret": ["{SECRET}"]}}',
                "IPFS_KIT_S3CFG": SECRET,
                "IPFS_KIT_SECURITY": SECRET,
            }
        )
    assert "IPFS_KIT_CLUSTER_SECRET" in caplog.text
    assert SECRET not in said + caplog.text


@given(assignments())
@settings(max_examples=60)
def test_no_secret_is_in_what_is_shown(drawn: dict[str, Assignment]) -> None:
    secrets = [key for key in drawn if names().leaves[key].field.secret]
    mapping = as_mapping(drawn)
    for key in secrets:
        section, _, last = drawn[key][0].rpartition(".")
        table = mapping[section] if section else mapping
        table[last] = SECRET
    loaded = load(mapping, environ=NOBODY)
    assert SECRET not in f"{loaded!r}{loaded.config!r}{loaded.describe()!r}"


def test_the_command_shows_and_takes_secrets_unseen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    file = str(tmp_path / "config.yaml")
    key = "cluster_config.secret"
    assert main(["config", "set", key, "-", "--config", file]) == 0
    assert load(config_path=file, environ=NOBODY).config.cluster_config.secret == SECRET
    for command in (["show", "--all"], ["get", key], ["get", "cluster_config"]):
        for flags in ([], ["--json"], ["-q"]):
            assert main(["config", *command, *flags, "--config", file]) == 0
    said = "".join(capsys.readouterr())
    assert said.count("***") == 9
    assert SECRET not in said
