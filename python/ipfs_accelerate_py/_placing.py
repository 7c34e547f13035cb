"""Which tensors are wanted, and on which device each is to be."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from ipfs_kit_py.errors import InvalidParameterError

Device: TypeAlias = str
"""As torch calls it; `disk` for where the bytes lie, `meta` for no bytes at all."""

DeviceMap: TypeAlias = Mapping[str, Any] | str | int | None
Names: TypeAlias = str | Iterable[str] | Callable[[str], object] | None

_NEED_A_MODEL = ("auto", "balanced", "balanced_low_0", "sequential")


def placed(
    tensors: Iterable[str], device_map: DeviceMap, names: Names
) -> dict[str, Device]:
    """Say where tensors are to be; those that are not wanted are left out.

    Args:
        tensors: Their names.
        device_map: As for `load_checkpoint_and_dispatch`.
        names: The same.

    Raises:
        InvalidParameterError: A name is that of no tensor, or the map is none.
    """
    by_module = devices(device_map)
    known = list(tensors)
    found = {}
    for name in _chosen(known, names):
        device = _device_of(name, by_module)
        if device is not None:
            found[name] = device
    return found


def devices(device_map: DeviceMap) -> dict[str, Device]:
    """Give the devices by names and prefixes of names."""
    if device_map is None:
        return {"": "cpu"}
    if isinstance(device_map, Mapping):
        return {name: _device(given) for name, given in device_map.items()}
    if device_map in _NEED_A_MODEL:
        raise InvalidParameterError(
            f"device_map {device_map!r} needs a model: give it as the first argument, "
            "and the checkpoint as the second"
        )
    return {"": _device(device_map)}


def _device(given: object) -> Device:
    # As torch does, a number is that of an accelerator.
    return f"cuda:{given}" if isinstance(given, int) else str(given)


def _device_of(name: str, by_module: Mapping[str, Device]) -> Device | None:
    """Give the device of the nearest module above, itself included."""
    while name and name not in by_module:
        name = name.rpartition(".")[0]
    return by_module.get(name)


def _chosen(known: list[str], names: Names) -> list[str]:
    if names is None:
        return known
    if callable(names):
        return [name for name in known if names(name)]
    given = [names] if isinstance(names, str) else list(names)
    lacking = set(given).difference(known)
    if lacking:
        raise InvalidParameterError(
            f"the checkpoint has no tensor {min(lacking)!r}, of {len(known)}"
        )
    return [name for name in known if name in set(given)]
