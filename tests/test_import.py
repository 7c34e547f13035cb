"""Importing is light, and gives every name that it promises."""

import ast
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest
from tests.processes import run_python

import ipfs_kit_py

PACKAGE = Path(ipfs_kit_py.__file__)
# What takes a while to load, and is of no use before it is asked for.
HEAVY = {
    *("asyncio", "click", "ctypes", "dataclasses", "datetime", "decimal", "fsspec"),
    *("inspect", "json", "logging", "multiprocessing", "numpy", "pathlib"),
    *("platform", "platformdirs", "pyarrow", "random", "rich", "secrets", "socket"),
    *("ssl", "subprocess", "tempfile", "tomlkit", "tomllib", "urllib", "uuid", "yaml"),
}


def loaded_by(program: str, *args: object) -> set[str]:
    """Modules that a program loads, beyond those that the interpreter begins with."""
    before, after = (
        set(run_python(f"{each}\nimport sys; print(*sys.modules)", *args).split())
        for each in ("", program)
    )
    return after - before


def test_importing_loads_the_native_core_and_nothing_else() -> None:
    loaded = loaded_by("import ipfs_kit_py, ipfs_accelerate_py")
    accelerate = {"ipfs_accelerate_py", "ipfs_accelerate_py._modules"}
    assert loaded == {"ipfs_kit_py", "ipfs_kit_py._native"} | accelerate


def test_a_kit_that_is_ready_has_loaded_nothing_heavy(tmp_path: Path) -> None:
    loaded = loaded_by(
        "import sys; from ipfs_kit_py.ipfs_kit import ipfs_kit\n"
        "ipfs_kit(metadata={'ipfs_path': sys.argv[1]})",
        tmp_path,
    )
    assert not loaded & HEAVY
    unread = {"ipfs_kit_py._sources", "ipfs_kit_py._cache.disk", "ipfs_kit_py._car"}
    assert not loaded & unread


def test_a_kit_with_something_to_say_loads_what_it_takes(tmp_path: Path) -> None:
    program = """
        import sys
        from ipfs_kit_py.ipfs_kit import ipfs_kit
        ipfs_kit(metadata={"ipfs_path": sys.argv[1], "logging.level": "INFO"})
        import logging
        assert logging.getLogger("ipfs_kit_py").level == logging.INFO
    """
    run_python(program, tmp_path)


def test_importing_starts_no_thread() -> None:
    program = """
        import threading
        from pathlib import Path
        import ipfs_kit_py
        print(threading.active_count(), len(list(Path("/proc/self/task").iterdir())))
    """
    assert run_python(program).split() == ["1", "1"]


def test_the_names_that_type_checkers_see_are_those_that_are_loaded() -> None:
    nodes = ast.walk(ast.parse(PACKAGE.read_text(encoding="utf-8")))
    seen = [
        (node.module, name.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.name == name.asname
    ]
    said = [
        (f"ipfs_kit_py.{home}", name)
        for home, names in ipfs_kit_py._HOMES.items()
        for name in names.split()
    ]
    assert sorted(seen) == sorted(said)
    assert sorted(name for _, name in said) == sorted(ipfs_kit_py.__all__)
    for home, name in said:
        assert getattr(ipfs_kit_py, name) is getattr(import_module(home), name)


def test_names_are_listed_before_they_are_loaded() -> None:
    program = """
        import ipfs_kit_py
        assert "Repository" not in vars(ipfs_kit_py)
        assert set(ipfs_kit_py.__all__) < set(dir(ipfs_kit_py))
        assert ipfs_kit_py.errors.IPFSError is ipfs_kit_py.IPFSError
        assert ipfs_kit_py.Repository is vars(ipfs_kit_py)["Repository"]
        from ipfs_kit_py import *
        assert hash_file is ipfs_kit_py.hash_file
    """
    run_python(program)


def test_a_name_that_nobody_has_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'ipfs_kit_py' has no attribute 'nothing'"):
        ipfs_kit_py.nothing  # type: ignore[attr-defined] # noqa: B018


def test_every_exported_name_is_there() -> None:
    for name in ipfs_kit_py.__all__:
        assert getattr(ipfs_kit_py, name) is not None
    for module in pkgutil.iter_modules(ipfs_kit_py.__path__, "ipfs_kit_py."):
        loaded = import_module(module.name)
        for name in getattr(loaded, "__all__", ()):
            assert hasattr(loaded, name), f"{module.name}.{name}"


def test_no_name_hides_a_submodule() -> None:
    modules = {module.name for module in pkgutil.iter_modules(ipfs_kit_py.__path__)}
    assert not modules & set(ipfs_kit_py.__all__)


def test_both_packages_have_one_version() -> None:
    accelerate = import_module("ipfs_accelerate_py")
    assert accelerate.__version__ == ipfs_kit_py.__version__
