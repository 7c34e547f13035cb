"""Checks of single values, under the names that users of earlier versions know.

The kit itself passes values to programs as lists of arguments, never through a shell: the
checks of command arguments are for callers that do otherwise.
"""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ipfs_kit_py._native import CID
from ipfs_kit_py.error import IPFSValidationError
from ipfs_kit_py.errors import IPFSError, RoleError
from ipfs_kit_py.ipfs_multiformats import is_valid_cid, parse_multiaddr

__all__ = [
    "COMMAND_INJECTION_PATTERNS",
    "IPFSValidationError",
    "is_safe_command_arg",
    "is_safe_path",
    "is_valid_cid",
    "validate_binary_path",
    "validate_cid",
    "validate_command_args",
    "validate_ipfs_path",
    "validate_multiaddr",
    "validate_parameter_type",
    "validate_parameters",
    "validate_path",
    "validate_required_parameter",
    "validate_resources",
    "validate_role",
    "validate_role_permission",
    "validate_role_permissions",
    "validate_timeout",
]

COMMAND_INJECTION_PATTERNS = (
    *(";", "&", "|", ">", "<", "`", "$(", "${", "\\"),
    *("\n", "\r", "\0"),
)
"""What a shell would not take for plain text."""

_ROLES = ("leecher", "worker", "master")


def validate_required_parameter(value: object, param_name: str) -> bool:
    """Refuse `None` and empty text.

    Returns:
        True; every check here either does, or raises `IPFSValidationError`.
    """
    if value is None:
        raise IPFSValidationError(f"{param_name} is required")
    if value == "":
        raise IPFSValidationError(f"{param_name} is empty")
    return True


def validate_parameter_type(
    value: object, expected_type: type | tuple[type, ...], param_name: str
) -> bool:
    """Refuse values of other types; `None` is none given."""
    if value is not None and not _is_one(value, expected_type):
        expected = _names(expected_type)
        kind = type(value).__name__
        raise IPFSValidationError(f"{param_name} is a {kind}, not {expected}")
    return True


def validate_parameters(
    params: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Check values against a table, and fill in its defaults.

    Args:
        params: The values, by name.
        spec: For each name a table with any of `type`, `choices`, `min`, `max`, and
            `default`; what has no default is required.

    Raises:
        IPFSValidationError: A value is missing, unknown, or does not fit.
    """
    unknown = sorted(set(params) - set(spec))
    if unknown:
        raise IPFSValidationError(f"unknown parameters: {', '.join(unknown)}")
    found: dict[str, Any] = {}
    for name, asked in spec.items():
        if name in params:
            found[name] = _fitting(name, params[name], asked)
        elif "default" in asked:
            found[name] = asked["default"]
        else:
            raise IPFSValidationError(f"{name} is required")
    return found


def _fitting(name: str, value: Any, asked: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as given
    if asked.get("type") is not None:
        validate_parameter_type(value, asked["type"], name)
    choices = asked.get("choices")
    if choices is not None and value not in choices:
        shown = ", ".join(map(repr, choices))
        raise IPFSValidationError(f"{name} {value!r} is not one of {shown}")
    least, most = asked.get("min"), asked.get("max")
    if least is not None and value < least:
        raise IPFSValidationError(f"{name} {value!r} is less than {least!r}")
    if most is not None and value > most:
        raise IPFSValidationError(f"{name} {value!r} is more than {most!r}")
    return value


def validate_cid(cid: object, param_name: str = "cid") -> bool:
    """Refuse what is not exactly one CID."""
    validate_required_parameter(cid, param_name)
    if not isinstance(cid, str | CID):
        raise IPFSValidationError(f"{param_name} is a {type(cid).__name__}, not a CID")
    try:
        CID(cid)
    except IPFSError as error:
        raise IPFSValidationError(f"{param_name} {cid!r} is no CID: {error}") from error
    return True


def validate_multiaddr(multiaddr: object, param_name: str = "multiaddr") -> bool:
    """Refuse what is no multiaddr."""
    validate_required_parameter(multiaddr, param_name)
    if not isinstance(multiaddr, str):
        kind = type(multiaddr).__name__
        raise IPFSValidationError(f"{param_name} is a {kind}, not text")
    try:
        parse_multiaddr(multiaddr)
    except IPFSError as error:
        raise IPFSValidationError(f"{param_name}: {error}") from error
    return True


def validate_timeout(timeout: object, param_name: str = "timeout") -> bool:
    """Refuse what is no positive, finite number of seconds."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise IPFSValidationError(f"{param_name} {timeout!r} is no number of seconds")
    if not (math.isfinite(timeout) and timeout > 0):
        raise IPFSValidationError(f"{param_name} {timeout!r} is not above zero")
    return True


def validate_path(path: object, param_name: str = "path") -> bool:
    """Refuse what cannot be the path of a file, and what leads upwards."""
    validate_required_parameter(path, param_name)
    if not isinstance(path, str | os.PathLike):
        raise IPFSValidationError(f"{param_name} is a {type(path).__name__}, no path")
    text = os.fsdecode(path)
    if "\0" in text or any(ord(sign) < 32 for sign in text):
        raise IPFSValidationError(f"{param_name} {text!r} holds control characters")
    if ".." in Path(text).parts:
        raise IPFSValidationError(f"{param_name} {text!r} leads upwards")
    return True


def is_safe_path(path: object) -> bool:
    """Tell whether `validate_path` takes a path, and it is no symbolic link."""
    try:
        validate_path(path)
        return not Path(os.fsdecode(path)).is_symlink()  # type: ignore[arg-type] # checked
    except (IPFSValidationError, OSError):
        return False


def is_safe_command_arg(arg: object) -> bool:
    """Tell whether a shell would take text for one plain word or sentence."""
    if not isinstance(arg, str) or not arg:
        return False
    return not any(pattern in arg for pattern in COMMAND_INJECTION_PATTERNS)


def validate_command_args(args: Mapping[str, Any] | None) -> bool:
    """Refuse a table whose texts a shell would not take as they are."""
    for name, value in (args or {}).items():
        if isinstance(value, str) and value and not is_safe_command_arg(value):
            raise IPFSValidationError(f"{name} {value!r} is not safe in a shell")
    return True


def validate_binary_path(binary_path: object) -> str:
    """Refuse what is no program that can be run.

    Returns:
        The path, absolute.
    """
    validate_path(binary_path, "binary path")
    path = Path(os.fsdecode(binary_path)).expanduser()  # type: ignore[arg-type] # checked
    if not path.is_file() or not os.access(path, os.X_OK):
        raise IPFSValidationError(f"{path} is no program that can be run")
    return str(path.resolve())


def validate_ipfs_path(ipfs_path: object) -> str:
    """Refuse what cannot be the folder of a repository.

    Returns:
        The path, absolute; it need not exist.
    """
    validate_path(ipfs_path, "ipfs path")
    path = Path(os.fsdecode(ipfs_path)).expanduser()  # type: ignore[arg-type] # checked
    if path.exists() and not path.is_dir():
        raise IPFSValidationError(f"{path} is no folder")
    return str(path.absolute())


def validate_role(role: object) -> bool:
    """Refuse what is no role."""
    if role not in _ROLES:
        raise IPFSValidationError(f"role {role!r} is not one of {', '.join(_ROLES)}")
    return True


def validate_role_permission(role: str, required_role: str) -> bool:
    """Refuse a role that stands below another: leecher, worker, master.

    Raises:
        RoleError: It does.
    """
    validate_role(role)
    validate_role(required_role)
    if _ROLES.index(role) < _ROLES.index(required_role):
        raise RoleError(f"this is for a {required_role}, and this node is a {role}")
    return True


def validate_role_permissions(role: str, required_roles: Iterable[str]) -> bool:
    """Refuse a role that is not one of some.

    Raises:
        RoleError: It is not.
    """
    validate_role(role)
    allowed = list(required_roles)
    if role not in allowed:
        shown = " or ".join(allowed)
        raise RoleError(f"this is for a {shown}, and this node is a {role}")
    return True


def validate_resources(resources: Mapping[str, Any]) -> bool:
    """Refuse limits that the configuration would not take."""
    from ipfs_kit_py._config import load

    validate_parameter_type(resources, Mapping, "resources")
    load({"resources": resources}, environ={"HOME": os.devnull})
    return True


def _is_one(value: object, expected: type | tuple[type, ...]) -> bool:
    # True is an int in Python, and never what is meant by a number.
    if isinstance(value, bool):
        kinds = expected if isinstance(expected, tuple) else (expected,)
        return bool in kinds or object in kinds
    return isinstance(value, expected)


def _names(expected: type | tuple[type, ...]) -> str:
    kinds = expected if isinstance(expected, tuple) else (expected,)
    return " or ".join(kind.__name__ for kind in kinds)
