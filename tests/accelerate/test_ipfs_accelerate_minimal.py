"""The least that is asked of the package: it imports, and its parts are there."""

import importlib
import re

import pytest
from tests.processes import run_python

import ipfs_accelerate_py

COMPONENTS = ("config", "backends", "ipfs_accelerate", "load_checkpoint_and_dispatch")


def test_it_has_a_version() -> None:
    assert re.match(r"\d+\.\d+\.\d+", ipfs_accelerate_py.__version__)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_is_an_attribute(name: str) -> None:
    assert name in dir(ipfs_accelerate_py)
    assert name in ipfs_accelerate_py.__all__
    assert getattr(ipfs_accelerate_py, name) is not None


@pytest.mark.parametrize("name", COMPONENTS[:3])
def test_a_component_is_a_module_as_well(name: str) -> None:
    module = importlib.import_module(f"ipfs_accelerate_py.{name}")
    assert module is getattr(ipfs_accelerate_py, name)


def test_everything_that_is_listed_is_there() -> None:
    for name in ipfs_accelerate_py.__all__:
        assert getattr(ipfs_accelerate_py, name) is not None, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ipfs_accelerate_py.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_to_import_it_loads_nothing_heavy() -> None:
    loaded = run_python(
        "import sys, ipfs_accelerate_py\nprint(*sys.modules, sep='\\n')"
    ).splitlines()
    assert not {"torch", "numpy", "docker", "tomlkit", "httpx2"} & set(loaded)
