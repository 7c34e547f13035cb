"""Importing is light, and gives every name that it promises."""

import importlib
import pkgutil

from tests.processes import run_python

import ipfs_kit_py

OPTIONAL = ("numpy", "pyarrow", "rich", "click", "fsspec", "asyncio", "ssl")


def test_importing_loads_nothing_optional() -> None:
    program = """
        import sys
        import ipfs_kit_py, ipfs_accelerate_py
        print(*sorted(sys.modules))
    """
    loaded = set(run_python(program).split())
    assert not loaded & set(OPTIONAL)


def test_importing_starts_no_thread() -> None:
    program = """
        import threading
        from pathlib import Path
        import ipfs_kit_py
        print(threading.active_count(), len(list(Path("/proc/self/task").iterdir())))
    """
    assert run_python(program).split() == ["1", "1"]


def test_every_exported_name_is_there() -> None:
    for name in ipfs_kit_py.__all__:
        assert getattr(ipfs_kit_py, name) is not None
    for module in pkgutil.iter_modules(ipfs_kit_py.__path__, "ipfs_kit_py."):
        loaded = importlib.import_module(module.name)
        for name in getattr(loaded, "__all__", ()):
            assert hasattr(loaded, name), f"{module.name}.{name}"


def test_no_name_hides_a_submodule() -> None:
    modules = {module.name for module in pkgutil.iter_modules(ipfs_kit_py.__path__)}
    assert not modules & set(ipfs_kit_py.__all__)


def test_both_packages_have_one_version() -> None:
    accelerate = importlib.import_module("ipfs_accelerate_py")
    assert accelerate.__version__ == ipfs_kit_py.__version__
