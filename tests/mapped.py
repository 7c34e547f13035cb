"""What the system says of where bytes lie."""

from pathlib import Path


def is_private_map_of_a_pack(address: int) -> bool:
    """Tell whether an address is in a pack, mapped so that writing does not reach it."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, access, _, _, _, *path = line.split(maxsplit=5)
        start, end = (int(number, 16) for number in place.split("-"))
        if start <= address < end:
            return access == "rw-p" and bool(path) and path[0].endswith(".car")
    raise ValueError(f"nothing is at {address:#x}")
