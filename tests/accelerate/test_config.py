"""Settings of `ipfs_accelerate_py`: read, changed, and written back as they were."""

import logging
import os
import stat
import threading
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.processes import run_python

import ipfs_accelerate_py
from ipfs_accelerate_py._settings import ENDPOINT, SETTINGS, from_variable
from ipfs_kit_py.errors import ConfigurationError

COMMENTED = """\
# Ours.
[cache] # where things are kept
path = "/data"   # on the large disk
max_size_mb = 500

[mine]
colour = "red"

[endpoints.lab]
port = 7009
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith("IPFS_ACCELERATE_"):
            monkeypatch.delenv(name)


def test_without_a_file_there_are_defaults(caplog: pytest.LogCaptureFixture) -> None:
    config = ipfs_accelerate_py.config()
    assert config.get("general", "debug", True) is False
    assert config.get("cache", "max_size_mb") == 1000
    assert config.get("cache", "nothing") is None
    assert config.get("cache", "nothing", 7) == 7
    assert config.section("endpoints.none") == {}
    assert caplog.records == []


def test_the_file_here_is_read() -> None:
    Path("config.toml").write_text(COMMENTED)
    config = ipfs_accelerate_py.config()
    assert config.get("cache", "path") == "/data"
    assert config.get("mine", "colour") == "red"
    assert config.get("endpoints.lab", "port") == 7009
    assert config.get("endpoints.lab", "host") == "127.0.0.1"
    assert config.sections() == [*SETTINGS, "mine", "endpoints.lab"]


def test_a_named_file_that_is_missing_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = ipfs_accelerate_py.config("none.toml")
    assert config.get("cache", "max_size_mb") == 1000
    [record] = caplog.records
    assert (record.levelno, "none.toml" in record.getMessage()) == (logging.WARNING, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[cache]\nmax_size_mb = = 3", "line 2, column 15"),
        ("\n[cache\n", "(at line 2, column 7)"),
        ("cache = 3", "cache is a number, not a table"),
        ('[cache]\nmax_size_mb = "many"', "cache.max_size_mb is text"),
        ("[cache]\nmax_size_mb = 0", "cache.max_size_mb"),
        ("[general]\ndebug = 1", "general.debug is a number: write true or false"),
        ("[endpoints.lab]\nport = true", "endpoints.lab.port"),
        ('[general]\nlog_level = "LOUD"', "general.log_level is not DEBUG"),
    ],
)
def test_a_broken_file_is_an_error_that_says_where(text: str, words: str) -> None:
    Path("config.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"^config\.toml") as raised:
        ipfs_accelerate_py.config()
    assert words in str(raised.value)


def test_what_is_no_text_is_an_error() -> None:
    Path("config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        ipfs_accelerate_py.config()
    Path("folder.toml").mkdir()
    with pytest.raises(ConfigurationError, match=r"folder\.toml cannot be read"):
        ipfs_accelerate_py.config("folder.toml")


def test_variables_count_before_the_file(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Path("config.toml").write_text(COMMENTED)
    monkeypatch.setenv("IPFS_ACCELERATE_CACHE_MAX_SIZE_MB", "7")
    monkeypatch.setenv("IPFS_ACCELERATE_GENERAL_DEBUG", "yes")
    monkeypatch.setenv("IPFS_ACCELERATE_ENDPOINTS_LAB_API_KEY", "hidden")
    monkeypatch.setenv("IPFS_ACCELERATE_CASH_PATH", "/data")
    config = ipfs_accelerate_py.config()
    assert config.get("cache", "max_size_mb") == 7
    assert config.get("general", "debug") is True
    assert config.get("endpoints.lab", "api_key") == "hidden"
    assert "IPFS_ACCELERATE_CASH_PATH is no setting" in caplog.text
    config.set("cache", "max_size_mb", 8)
    assert config.get("cache", "max_size_mb") == 8
    config.set("mine", "size", 1)
    config.save("other.toml")
    assert "hidden" not in Path("other.toml").read_text()
    monkeypatch.setenv("IPFS_ACCELERATE_CACHE_MAX_SIZE_MB", "lots")
    with pytest.raises(ConfigurationError, match="IPFS_ACCELERATE_CACHE_MAX_SIZE_MB"):
        ipfs_accelerate_py.config()


def test_every_setting_has_one_variable() -> None:
    known = {(section, key) for section, keys in SETTINGS.items() for key in keys}
    known |= {("endpoints.a_b", key) for key in ENDPOINT}
    for section, key in known:
        name = f"IPFS_ACCELERATE_{section}_{key}".replace(".", "_").upper()
        assert from_variable(name) == (section, key)


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("cache", "max_size_mb", "lots", "not a whole number"),
        ("cache", "max_size_mb", True, "true or false"),
        ("cache", "enabled", 1, "write true or false"),
        ("mine", "a", None, "null"),
        ("mine", "a", object(), "type object"),
        ("mine", "a", [1, None], "null"),
        ("", "a", 1, "need names"),
    ],
)
def test_what_cannot_be_set_is_refused(
    section: str, key: str, value: object, words: str
) -> None:
    config = ipfs_accelerate_py.config()
    with pytest.raises(ConfigurationError, match=words):
        config.set(section, key, value)
    assert config.get(section, key, "unchanged") in ("unchanged", 1000, True)


def test_saving_keeps_comments_order_and_what_others_wrote() -> None:
    Path("config.toml").write_text(COMMENTED)
    first, second = ipfs_accelerate_py.config(), ipfs_accelerate_py.config()
    first.set("cache", "max_size_mb", 2000)
    second.set("mine", "colour", "blue")
    second.set("general", "debug", True)
    assert first.save() == second.save() == Path("config.toml")
    kept = COMMENTED.replace("500", "2000").replace("red", "blue")
    assert Path("config.toml").read_text().startswith(kept)
    again = ipfs_accelerate_py.config()
    assert again.get("general", "debug") is True
    assert second.get("cache", "max_size_mb") == 2000


def test_a_new_file_has_every_setting_and_gives_the_same() -> None:
    config = ipfs_accelerate_py.config()
    config.set("cache", "max_size_mb", 2000)
    config.save("custom_config.toml")
    assert ipfs_accelerate_py.config("custom_config.toml").to_dict() == config.to_dict()
    assert not Path("config.toml").exists()


@pytest.mark.skipif(os.name == "nt", reason="modes are of POSIX")
def test_a_file_with_a_secret_is_the_owners_alone() -> None:
    config = ipfs_accelerate_py.config()
    old = os.umask(0o022)
    try:
        config.save("open.toml")
        config.set("endpoints.lab", "api_key", "hidden")
        config.save("closed.toml")
        config.save("open.toml")
    finally:
        os.umask(old)
    modes = [stat.S_IMODE(Path(name).stat().st_mode) for name in ("open.toml",)]
    assert modes == [0o600]
    assert stat.S_IMODE(Path("closed.toml").stat().st_mode) == 0o600
    assert "hidden" not in repr(config)
    ipfs_accelerate_py.config("plain.toml").save()
    assert stat.S_IMODE(Path("plain.toml").stat().st_mode) in (0o644, 0o666)


def test_saving_over_a_broken_file_leaves_it() -> None:
    config = ipfs_accelerate_py.config()
    config.set("mine", "a", 1)
    Path("config.toml").write_text("[cache")
    with pytest.raises(ConfigurationError, match=r"config\.toml"):
        config.save()
    assert Path("config.toml").read_text() == "[cache"
    assert [path.name for path in Path().iterdir()] == ["config.toml"]


PLAIN = st.recursive(
    st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), PLAIN))
def test_what_is_set_is_what_is_read(settings: dict[str, Any]) -> None:
    path = Path("any.toml")
    path.unlink(missing_ok=True)
    config = ipfs_accelerate_py.config(path)
    for key, value in settings.items():
        config.set("mine", key, value)
    config.save()
    assert tomllib.loads(path.read_text(encoding="utf-8")).get("mine", {}) == settings
    assert ipfs_accelerate_py.config(path).section("mine") == settings


def test_threads_lose_nothing() -> None:
    config = ipfs_accelerate_py.config()

    def work(n: int) -> None:
        for m in range(50):
            config.set(f"s{n % 3}", f"k{n}x{m}", m)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(config.section(f"s{n}")) for n in range(3)) == 400


def test_it_is_a_class_and_a_module() -> None:
    module = import_module("ipfs_accelerate_py.config")
    made = ipfs_accelerate_py.config()
    assert isinstance(made, ipfs_accelerate_py.config)
    assert isinstance(made, module.config)
    # Whichever came first, the name leads to what may be called.
    for order in (1, -1):
        lines = ["import ipfs_accelerate_py.config", "import ipfs_accelerate_py"][::order]
        program = "\n".join(
            [*lines, "print(ipfs_accelerate_py.config().get('a', 'b', 3))"]
        )
        assert run_python(program) == "3\n"


# Python's own import fails with a KeyError, for any module, if it is deleted in a moment
# when its import is all but done.
REIMPORTED = """
import importlib, sys, threading
failed = []
def once():
    package = "ipfs_accelerate_py"
    for name in (package, f"{package}.config", f"{package}.backends"):
        sys.modules.pop(name, None)
        importlib.import_module(name)
    import ipfs_accelerate_py
    assert ipfs_accelerate_py.config().get("cache", "enabled") is True
    assert ipfs_accelerate_py.backends().list_tunnels() == []
    import ipfs_accelerate_py.backends as backends
    assert backends().list_tunnels() == []
    import ipfs_accelerate_py.config as config
    assert config().get("cache", "enabled") is True
def work():
    for _ in range(50):
        try:
            once()
        except KeyError:
            continue
        except Exception as error:
            failed.append(error)
threads = [threading.Thread(target=work) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(set(map(repr, failed)) or "none")
"""


def test_modules_may_be_deleted_and_imported_again_by_many_threads() -> None:
    assert run_python(REIMPORTED) == "none\n"
