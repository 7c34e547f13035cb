"""Sizes and durations as people write them: `512MB`, `10 GiB`, `30s`, `1h30m`.

KB is 1000 bytes and KiB is 1024, as disks, networks and the rest of the field count.
"""

import re

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
MAX_BYTES = (1 << 63) - 1

# Upper case and lower case alike; digits of other scripts are digits to Python, and
# nobody means them here. Compiled when a text is read: most programs give none.
_SIZE = r"(?ai)(\d{1,19})(?:\.(\d{1,12}))?\s*(?:([kmgtpe])(i?))?b?"
_DURATION = r"(?ai)(?:(\d{1,12}(?:\.\d{1,9})?)\s*(ms|s|min|m|h|d|w)\s*)+"
_STEP = r"(?ai)(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)"
_PREFIXES = "kmgtpe"
_SECONDS = {
    "ms": 0.001,
    "s": 1,
    "m": 60,
    "min": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
}


def parse_size(text: str) -> int | None:
    """Read a number of bytes; `None` if it is none, too large, or not whole."""
    match = re.fullmatch(_SIZE, text.strip())
    if match is None:
        return None
    whole, fraction, prefix, binary = match.groups()
    power = 0 if prefix is None else _PREFIXES.index(prefix.lower()) + 1
    factor = (1024 if binary else 1000) ** power
    # In whole numbers, so that 0.1 and 8EiB - 1 come out exact.
    digits = fraction or ""
    size, rest = divmod(int(whole + digits) * factor, 10 ** len(digits))
    return None if rest or size > MAX_BYTES else size


def format_size(size: int) -> str:
    """Write a number of bytes in the largest unit that says it exactly."""
    for power in range(len(_PREFIXES), 0, -1):
        for base, suffix in ((1024, "iB"), (1000, "B")):
            if size and size % base**power == 0:
                return f"{size // base**power}{_PREFIXES[power - 1].upper()}{suffix}"
    return str(size)


def parse_duration(text: str) -> float | None:
    """Read a number of seconds, with or without units; `None` if it is none."""
    text = text.strip()
    if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    if not re.fullmatch(_DURATION, text):
        return None
    from math import fsum

    return fsum(
        float(number) * _SECONDS[unit.lower()] for number, unit in re.findall(_STEP, text)
    )


def format_duration(seconds: float) -> str:
    """Write seconds in the largest unit that says them exactly."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{seconds!r}s"
