"""Every class of error that can be reached is, through each face, and says what to do.

Run with `-s` to read all messages.
"""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest
from tests.error_ways import PROGRAM, WAYS, Call, Command, Place, ways

from ipfs_kit_py import errors
from ipfs_kit_py.errors import IPFSError

# What no user knows: names of our parts, Rust's debug output, numbers of errors.
INTERNAL = re.compile(
    r"\bErrno\b|os error|Some\(|None\b|Traceback|SQLITE|sqlite|panick|unwrap|_native"
    r"|Error\b(?<!^Error)|::|\bCode\b|0x[0-9a-f]{6}|\.rs\b"
)


RAISED = (
    errors.RoleError,
    errors.ComponentUnavailableError,
    errors.ConfigurationError,
    errors.RepositoryVersionError,
    errors.IndexDamagedError,
)


def by_name(face: str) -> pytest.MarkDecorator:
    found = list(ways(face))
    return pytest.mark.parametrize(
        ("kind", "way"), found, ids=[kind.__name__ for kind, _ in found]
    )


@pytest.fixture
def place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    unavailable: Callable[[str], NoReturn],
) -> Iterator[Place]:
    """Give a place whose settings come from nowhere else, and mounts that end."""
    for name in [name for name in os.environ if name.startswith(("IPFS_KIT_", "IPFS_P"))]:
        if name not in ("IPFS_KIT_REQUIRE_REAL", "IPFS_KIT_SCALE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with ExitStack() as mounts, ExitStack() as stack:
        at = Place(tmp_path, stack)

        def mount(*options: str, place: Path | None = None) -> Path:
            target = place or tmp_path / "mounted"
            target.mkdir(exist_ok=True)
            command = ["mount", *options, str(target)]
            if subprocess.run(command, check=False, capture_output=True).returncode:
                unavailable("nothing can be mounted here: run the tests as root")
            if "remount,bind,ro" not in options:
                mounts.callback(
                    subprocess.run, ["umount", "--lazy", str(target)], check=True
                )
            return target

        at.mount = mount
        yield at


def check_message(kind: type[IPFSError], face: str, message: str) -> None:
    sys.stdout.write(f"\n{kind.__name__:26} {face:4} {message}\n")
    assert len(message) > 10
    assert not INTERNAL.search(message), message


def test_the_table_names_every_class() -> None:
    classes = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert set(WAYS) == {kind for kind in classes if issubclass(kind, IPFSError)}


@by_name("kit")
def test_the_kit_returns_it_or_raises_it(
    kind: type[IPFSError], way: Call, place: Place
) -> None:
    # Refused by role or presence; or there is no kit yet that could return anything.
    if kind in RAISED:
        with pytest.raises(kind) as caught:
            way(place)
        assert type(caught.value) is kind
        check_message(kind, "kit", str(caught.value))
        return
    result: Any = way(place)
    assert result["success"] is False
    assert result["error_type"] == kind.__name__, result["error"]
    assert result["recoverable"] is kind.recoverable
    assert result.get("not_found", False) is issubclass(kind, errors.NotFoundError)
    check_message(kind, "kit", result["error"])
    with pytest.raises(kind):
        result.raise_for_error()


@by_name("api")
def test_the_simple_api_raises_it(kind: type[IPFSError], way: Call, place: Place) -> None:
    with pytest.raises(IPFSError) as caught:
        way(place)
    assert type(caught.value) is kind, caught.value
    message = str(caught.value)
    # Python's own OSError shows its number.
    check_message(kind, "api", re.sub(r"^\[Errno \d+\] ", "", message))


@by_name("cli")
def test_the_command_line_says_it_and_fails(
    kind: type[IPFSError], way: Command, place: Place
) -> None:
    arguments = way(place)
    set_by = {f"IPFS_KIT_{key.upper()}": str(at) for key, at in place.settings.items()}
    done = subprocess.run(
        [PROGRAM, *arguments],
        env=os.environ | set_by,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (1, 2), done
    assert done.stderr.strip()
    check_message(kind, "cli", done.stderr.strip())
