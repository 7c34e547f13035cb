"""Sizes, durations and the other kinds of values."""

import contextlib
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipfs_kit_py._config.kinds import (
    COUNT,
    DURATION,
    FLAG,
    NUMBER,
    PATH,
    PLUGINS,
    SIZE,
    TABLE,
    TEXTS,
    Kind,
    UnfitError,
)
from ipfs_kit_py._config.quantities import (
    MAX_BYTES,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("536870912", 512 << 20),
        ("512MB", 512_000_000),
        ("512 MiB", 512 << 20),
        ("10 GiB", 10 << 30),
        ("1.5kb", 1500),
        ("0.1 MB", 100_000),
        ("1k", 1000),
        ("1Ki", 1024),
        (" 7 B ", 7),
        ("7EiB", 7 << 60),
        ("9223372036854775807", MAX_BYTES),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MB",
        "-1",
        "1.5",
        "0.0001KB",
        "1 XB",
        "1e9",
        "1_000",
        "8EiB",
        "1iB",
        "\u0663",
        "1,5MB",
    ],
)
def test_what_is_no_size(text: str) -> None:
    assert parse_size(text) is None


@given(st.integers(0, MAX_BYTES))
def test_a_size_reads_back_as_it_is_written(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.sampled_from("KMGT"))
def test_fractions_of_sizes_are_exact(whole: int, millionths: int, unit: str) -> None:
    exact = (whole + Fraction(millionths, 10**6)) * 1000 ** ("KMGT".index(unit) + 1)
    if millionths < 10**6:
        found = parse_size(f"{whole}.{millionths:06}{unit}B")
        expected = int(exact) if exact.denominator == 1 and exact <= MAX_BYTES else None
        assert found == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("30", 30),
        ("1.5", 1.5),
        ("30s", 30),
        ("500ms", 0.5),
        ("24h", 86_400),
        ("1h30m", 5400),
        ("1 h 30 min", 5400),
        ("2d", 172_800),
        ("1w", 604_800),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "-1s", "1y", "1h 30", "1e3", "inf", "nan", "1:30"]
)
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@given(
    st.integers(0, 10**9).map(float) | st.floats(0.001, 1e6).map(lambda n: round(n, 6))
)
def test_a_duration_reads_back_as_it_is_written(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.text())
@example("9" * 5000)
@example("1" * 40 + "s")
def test_any_text_is_read_or_refused(text: str) -> None:
    kinds: list[Kind[Any]] = [
        SIZE,
        DURATION,
        NUMBER,
        COUNT,
        FLAG,
        TEXTS,
        TABLE,
        PLUGINS,
    ]
    for kind in kinds:
        with contextlib.suppress(UnfitError):
            kind.read(text)


def test_numbers_of_numpy_are_numbers() -> None:
    assert COUNT.check(np.int64(3)) == 3
    assert SIZE.check(np.uint32(3)) == 3
    assert type(SIZE.check(np.uint32(3))) is int
    assert NUMBER.check(np.float64(0.5)) == 0.5


def test_paths_may_be_of_any_kind_and_begin_at_home() -> None:
    from pathlib import Path

    assert PATH.check(Path("/a/b")) == "/a/b"
    assert PATH.check(b"/a/\xff") == "/a/\udcff"
    assert PATH.settle("~", "/home/u") == "/home/u"
    assert PATH.settle("~/a", "/home/u") == "/home/u/a"
    assert PATH.settle("a~/b", "/home/u") == "a~/b"
    assert PATH.settle("~nobody-of-that-name/b", "/home/u") == "~nobody-of-that-name/b"


def test_a_plugin_may_be_a_name_or_a_class() -> None:
    assert PLUGINS.read("one, two") == ({"name": "one"}, {"name": "two"})
    assert PLUGINS.check([{"plugin_class": dict}])[0]["plugin_class"] is dict
    assert "dict" in PLUGINS.show(PLUGINS.check([{"plugin_class": dict}]))


@given(
    st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=9)
)
def test_lists_hold_text_alone(value: object) -> None:
    if isinstance(value, list) and not value:
        assert TEXTS.check(value) == ()
    else:
        with pytest.raises(UnfitError, match=re.compile("list")):
            TEXTS.check(value)
