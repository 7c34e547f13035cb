"""Codes and classes are what the docstring of `ipfs_kit_py.errors` promises."""

import builtins
import inspect
import re

import pytest

from ipfs_kit_py import _native, errors
from ipfs_kit_py.errors import ErrorCode, IPFSError

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, IPFSError)
}


def test_codes_are_those_of_the_core_and_of_the_classes() -> None:
    codes = {code.value for code in ErrorCode}
    of_core = set(_native.error_codes())
    assert codes >= of_core
    assert codes - of_core <= {value.code.value for value in CLASSES.values()}


def test_the_tree_names_every_class_and_its_builtin() -> None:
    drawn = re.findall(r"(\w+Error)(?: \((\w+)\))?$", errors.__doc__ or "", re.MULTILINE)
    assert {name for name, _ in drawn} == CLASSES.keys()
    for name, builtin in drawn:
        if builtin:
            assert issubclass(CLASSES[name], getattr(builtins, builtin)), name


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_class_has_a_code_and_shows_its_message(name: str) -> None:
    error = CLASSES[name]("what went wrong")
    assert isinstance(error.code, ErrorCode)
    assert str(error) == "what went wrong"
