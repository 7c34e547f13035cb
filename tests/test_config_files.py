"""Configuration files: found, read, refused, and written so that they read the same."""

import contextlib
import os
import re
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.config_values import Assignment, as_mapping, assignments

from ipfs_kit_py._config import load
from ipfs_kit_py._config.files import default_candidates, found_among, parse, read_text
from ipfs_kit_py._config.kinds import UnfitError
from ipfs_kit_py._config.saving import save
from ipfs_kit_py._config.yaml_editing import edited
from ipfs_kit_py.errors import ConfigurationError

SUFFIXES = ["yaml", "yml", "json", "toml"]
NOBODY = {"HOME": "/nonexistent"}


def read(path: Path) -> Any:
    return parse(str(path), read_text(str(path)))


def refusal(path: Path | str, **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(config_path=path, environ=NOBODY | environ)
    assert caught.value.__context__ is None
    return str(caught.value)


def test_the_first_file_that_exists_is_used(tmp_path: Path) -> None:
    folder = tmp_path / ".ipfs_kit"
    folder.mkdir()
    environ = {"HOME": str(tmp_path)}
    assert load(environ=environ).file is None
    texts = {"toml": 'role = "worker"', "json": '{"role": "worker"}'}
    for suffix in ["toml", "json", "yml", "yaml"]:
        path = folder / f"config.{suffix}"
        path.write_text(texts.get(suffix, "role: worker"))
        loaded = load(environ=environ)
        assert loaded.file == loaded.config.config_path == str(path)
        assert loaded.source_of("role") == ("file", str(path))
    looked_at = [candidate.path for candidate in default_candidates(environ)]
    assert looked_at[4:] == [
        f"/etc/ipfs_kit/config.{s}" for s in ("yaml", "yml", "json", "toml")
    ]


def test_the_working_directory_is_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("config.yaml", "ipfs_config.yaml", "config.toml"):
        Path(name).write_text("role: master\n")
    assert load(environ=NOBODY).file is None


def test_a_file_may_be_named_in_four_places(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.json" for name in "abcd"]
    for path in paths:
        path.write_text("{}")
    a, b, c, d = map(str, paths)
    environ = NOBODY | {"IPFS_KIT_CONFIG_PATH": d}
    assert load({"config_path": c}, a, environ).file == a
    assert load({"config_path": c}, None, environ).file == c
    assert load(None, None, environ).file == d
    assert (
        load(None, None, environ).source_of("config_path").where == "IPFS_KIT_CONFIG_PATH"
    )
    found = found_among(default_candidates(NOBODY))
    assert found is None
    assert load({"config_path": "~/b.json"}, environ={"HOME": str(tmp_path)}).file == b


def test_a_file_that_is_named_must_be_readable(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    assert refusal(missing) == f"{missing}: does not exist (named by config_path)"
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    assert (
        refusal(folder)
        == f"{folder}: cannot be read: Is a directory (named by config_path)"
    )
    with pytest.raises(ConfigurationError, match="named by IPFS_KIT_CONFIG_PATH"):
        load(environ=NOBODY | {"IPFS_KIT_CONFIG_PATH": str(missing)})
    assert "does not exist" in refusal("")
    assert "is no path" in refusal("a\0b")
    odd = tmp_path / "config.ini"
    odd.write_text("")
    assert "ends in .yaml, .yml, .json or .toml" in refusal(odd)
    assert "larger than 1,048,576 bytes" in refusal("/dev/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("")
    file.chmod(0)
    assert "Permission denied" in refusal(file)


@pytest.mark.parametrize(
    ("suffix", "text", "reason"),
    [
        ("json", "{", "no valid JSON: line 1, column 2: Expecting property name"),
        ("json", "", "no valid JSON: line 1, column 1: Expecting value"),
        ("json", '{"role": 1, "role": 2}', "holds the key role twice"),
        ("json", "[" * 100_000, "no valid JSON: a number is too long, or it is nested"),
        ("json", '{"quorum_size": ' + "9" * 5000 + "}", "no valid JSON: a number is too"),
        ("toml", "role = ", "no valid TOML: Invalid value (at line 1, where it ends)"),
        ("toml", "role = 1\nrole = 2", "no valid TOML: Cannot overwrite a value"),
        ("yaml", "a: b: c", "no valid YAML: line 1, column 5: mapping values are not"),
        ("yaml", "role: 1\nrole: 2", "holds the key role twice"),
        (
            "yaml",
            "a: !!python/object:os.x 1",
            "no valid YAML: line 1, column 4: could not",
        ),
        ("yaml", "a: \0", "no valid YAML: a character is not allowed"),
        ("yaml", "a: 2024-99-99", "no valid YAML: a value is not what its tag says"),
        ("yaml", "[" * 600, "no valid YAML: it is nested too deeply"),
        ("yaml", "a: 1\n---\nb: 2", "no valid YAML: line 2, column 1: but found another"),
    ],
)
def test_a_damaged_file_is_told_with_its_place(
    tmp_path: Path, suffix: str, text: str, reason: str
) -> None:
    file = tmp_path / f"config.{suffix}"
    file.write_text(text)
    said = refusal(file)
    assert said.startswith(f"{file}: ")
    assert reason in said


def test_a_file_of_other_bytes_is_told(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(b"role: \xff")
    assert "is not UTF-8, from byte 6 on" in refusal(file)
    file.write_bytes(b"\xef\xbb\xbfrole: worker")
    assert load(config_path=file, environ=NOBODY).config.role == "worker"


def test_a_few_lines_that_unfold_to_gigabytes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    file.write_text("security:\n  " + "\n  ".join(lines) + "\n")
    assert "security = *** is nested too deeply, or too large" in refusal(file)


YAML_LIKE = st.text("abc:-[]{}&*!|>'\"#%@`,?~\n \t0123456789._\\\0\x85ü", max_size=60)


@given(YAML_LIKE | st.text(max_size=60), st.sampled_from(SUFFIXES))
@settings(max_examples=300)
def test_any_text_is_read_or_refused(text: str, suffix: str) -> None:
    with contextlib.suppress(UnfitError):
        parse(f"x.{suffix}", text)


@given(assignments(), assignments(), st.sampled_from(SUFFIXES))
@settings(max_examples=60)
def test_what_is_saved_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    first: dict[str, Assignment],
    second: dict[str, Assignment],
    suffix: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"saved.{suffix}"
    path.unlink(missing_ok=True)
    for drawn in (first, second):
        mapping = as_mapping(drawn)
        save(path, mapping)
        assert (read(path) or {}) == mapping
        loaded = load(config_path=path, environ=NOBODY)
        assert loaded.given() == load(mapping, environ=NOBODY).given()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@given(assignments(), assignments())
@settings(max_examples=100)
def test_comments_in_yaml_stay_when_values_change_or_are_added(
    before: dict[str, Assignment], after: dict[str, Assignment]
) -> None:
    old, new = as_mapping(before), as_mapping(before | after)
    # Not where a value goes on, which begins with a space or a dash.
    commented = re.sub(
        r"^(?=\w)", "# above\n", yaml.safe_dump(old) if old else "", flags=re.MULTILINE
    )
    assert yaml.safe_load(commented) == (old or None)
    result = edited(commented, new)
    if result is None:
        event("written anew")
        return
    assert yaml.safe_load(result) == new
    assert result.count("# above\n") == commented.count("# above\n")


def test_a_yaml_file_keeps_its_comments_and_order(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "# ours\nrole: worker  # for now\n\ncache_config:\n"
        "    # in memory\n    memory_cache_size: 512MB   # much\n"
        "    external_backends: {s3: {}}\n"
        "# at the end\noffline: false\n# really\n"
    )
    mapping = read(path)
    mapping["role"] = "master"
    mapping["engine"] = "kubo"
    mapping["cache_config"] |= {"disk_cache_size": "1GiB"}
    save(path, mapping)
    assert path.read_text() == (
        "# ours\nrole: master  # for now\n\ncache_config:\n"
        "    # in memory\n    memory_cache_size: 512MB   # much\n"
        "    external_backends: {s3: {}}\n"
        "    disk_cache_size: 1GiB\n"
        "# at the end\noffline: false\nengine: kubo\n# really\n"
    )
    del mapping["offline"]
    save(path, mapping)
    assert read(path) == mapping


def test_a_toml_file_keeps_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '# ours\nrole = "worker" # for now\noffline = false\n\n'
        "[cache_config] # much\nmemory_cache_size = 512 # bytes\n\n[timeouts]\napi = 1\n"
    )
    mapping = read(path)
    mapping["role"] = "master"
    mapping["engine"] = "kubo"
    mapping["cache_config"]["memory_cache_size"] = "1GiB"
    del mapping["offline"]
    save(path, mapping)
    text = path.read_text()
    assert read(path) == mapping
    for comment in ("# ours", "# for now", "# much", "# bytes"):
        assert comment in text
    assert tomlkit.parse(text)["engine"] == "kubo"


def test_what_cannot_be_read_again_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("role: worker\n")
    mistakes: list[tuple[dict[str, object], str]] = [
        ({"role": "workr"}, "did you mean worker"),
        ({"rol": "worker"}, "did you mean role"),
        ({"config_path": "x"}, "cannot stand in one"),
        ({"plugins": [{"plugin_class": dict}]}, "cannot hold what is no text"),
        ({"config": {"x": float("nan")}}, "cannot hold what is no text"),
        ({"config": {"x": b"bytes"}}, "cannot hold what is no text"),
        ({"cluster_name": "\udcff"}, "cannot hold text that is no Unicode"),
    ]
    for mapping, reason in mistakes:
        with pytest.raises(ConfigurationError, match=reason):
            save(path, mapping)
        assert path.read_text() == "role: worker\n"
    with pytest.raises(ConfigurationError, match="ends in"):
        save(tmp_path / "config", {})
    assert os.listdir(tmp_path) == ["config.yaml"]  # noqa: PTH208


def test_a_file_that_cannot_be_written_stays(tmp_path: Path) -> None:
    folder = tmp_path / "config.yaml"
    folder.mkdir()
    with pytest.raises(OSError, match="directory"):
        save(folder, {"role": "worker"})
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    with pytest.raises(OSError, match="/dev/null"):
        save("/dev/null/config.yaml", {})


def test_a_file_is_private_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "kit.yaml"
    real.parent.mkdir()
    real.write_text("role: worker\n")
    real.chmod(0o644)
    link = tmp_path / "new" / "folder" / "config.yaml"
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    save(link, {"role": "master"})
    assert link.is_symlink()
    assert real.read_text() == "role: master\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    save(tmp_path / "a" / "b.json", {"ipfs_path": Path("/x"), "role": None})
    assert read(tmp_path / "a" / "b.json") == {"ipfs_path": "/x"}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_readers_see_the_old_file_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    states = [{"cluster_name": name * 5_000} for name in "ab"]
    save(path, states[0])
    done = threading.Event()

    def write() -> None:
        for number in range(30):
            save(path, states[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert read(path) in states
    writer.join()
