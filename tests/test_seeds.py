"""The documents that this project keeps to: their code runs as it stands there.

The table is `seed_blocks.ROWS`. It is strict: a block that is listed as waiting has to
fail today, in the line and with the error that is listed, so that the day it works the
table is put right. `pytest -s` shows what was substituted.
"""

import ast
import contextlib
import hashlib
import io
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests import seed_status
from tests.seed_blocks import (
    ACCELERATE,
    KIT,
    ROWS,
    SEEDS,
    SHA256,
    Block,
    Row,
    Wait,
    blocks,
)

from ipfs_accelerate_py import ipfs_accelerate
from ipfs_kit_py import car_blocks, car_pack, cid_of, hash_file, hash_tree

V0 = "unixfs-v0-2015"
BLOCKS = {block.key: block for name in (KIT, ACCELERATE) for block in blocks(name)}
RUNNABLE = [row for row in ROWS if not row.cannot]


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Make the files that the documents speak of, in a place with no user of its own."""
    here = tmp_path / "work"
    home = tmp_path / "home"
    for folder in (here / "path" / "to", here / "folder", home):
        folder.mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith(("IPFS_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    (here / "my_file.txt").write_bytes(b"my file\n")
    (here / "important_data.txt").write_bytes(b"important\n")
    (here / "example.txt").write_bytes(b"hello world")
    (here / "path" / "to" / "file.txt").write_bytes(b"a file with a path\n")
    (here / "folder" / "a.txt").write_bytes(b"one\n")
    (here / "folder" / "b.txt").write_bytes(b"two\n")
    # Text, in two blocks of the old profile.
    content = b"".join(b"%07d\n" % number for number in range(64_000))
    (here / "content.bin").write_bytes(content)
    car_pack(here / "content.bin", tmp_path / "content.car", profile=V0)
    return {
        "here": str(here),
        "python": sys.executable,
        "home": str(home),
        "my_file": str(hash_file("my_file.txt")),
        "my_file_bytes": b"my file\n",
        "important": str(hash_file("important_data.txt")),
        "example": str(hash_file("example.txt")),
        "file": str(hash_file("path/to/file.txt")),
        "folder": str(hash_tree("folder")),
        "folder_v0": str(hash_tree("folder", V0)),
        "a_v0": str(hash_file("folder/a.txt", V0)),
        "b_v0": str(hash_file("folder/b.txt", V0)),
        "content_v0": str(hash_file("content.bin", V0)),
        "content_bytes": content,
        "content_size": len(content),
        "content_blocks": len({b.cid for b in car_blocks(tmp_path / "content.car")}),
        "hello": str(cid_of(b"Hello, IPFS!")),
        "transformed": str(cid_of(b"transformed")),
        "processed": str(cid_of(b"Processed result for task_3")),
    }


@pytest.fixture
def port_5001() -> Iterator[None]:
    """Have the port that the documents name for one test alone on this machine."""
    from tests.container_engine import locked

    with locked("-5001"):
        yield


@pytest.mark.parametrize("name", SHA256)
def test_a_document_is_as_it_came(name: str) -> None:
    assert hashlib.sha256((SEEDS / name).read_bytes()).hexdigest() == SHA256[name]


def test_the_table_lists_every_block_in_order() -> None:
    assert list(dict.fromkeys(row.key for row in ROWS)) == list(BLOCKS)
    assert len({(row.key, row.case) for row in ROWS}) == len(ROWS)
    assert sum(len(blocks(name)) for name in (KIT, ACCELERATE)) == len(BLOCKS)


def test_the_status_page_says_what_the_table_says() -> None:
    page = seed_status.PAGE.read_text(encoding="utf-8")
    assert page == seed_status.page(), "run `python -m tests.seed_status`"


@pytest.mark.parametrize(
    "row", RUNNABLE, ids=lambda row: f"{row.heading}{f' ({row.case})' * bool(row.case)}"
)
def test_a_block_does_what_it_shows(
    row: Row,
    facts: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    # None of the user's own.
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")
    for library in row.needs:
        pytest.importorskip(library)
    if row.containers:
        request.getfixturevalue("kubo_image")
        request.getfixturevalue("port_5001")
    block = BLOCKS[row.key]
    text = substituted(block.text, row.substitutions, facts)
    if block.language == "python":
        take_what_stands_before(block, monkeypatch)
        run_python(text, row, facts)
        return
    names: dict[str, Any] = {**facts, "lines": text.splitlines()}
    exec(row.prelude, names)  # noqa: S102 - our own table
    if block.language == "bash" and row.waits:
        for wait in row.waits:
            assert_command_waits(wait, text)
    elif block.language == "bash":
        names["environ"] = environment_after(text)
    elif block.language == "yaml":
        names["values"] = yaml.safe_load(text)
    assert_all(row.holds, names)


def substituted(text: str, table: Mapping[str, str], facts: Mapping[str, Any]) -> str:
    """Put what is here for what the document names, and say so."""
    for old, template in table.items():
        new = template.format_map(facts)
        assert old in text
        sys.stdout.write(f"\n{old} -> {new}")
        text = text.replace(old, new)
    return text


def take_what_stands_before(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what the block above says, if it stands under the same heading."""
    listed = blocks(block.document)
    before = listed[listed.index(block) - 1]
    if before.heading != block.heading:
        return
    if before.language == "bash":
        for name, value in environment_after(before.text).items():
            if name.startswith("IPFS_KIT_"):
                monkeypatch.setenv(name, value)
    elif before.language == "yaml":
        Path(before.first.removeprefix("# ")).write_text(before.text, encoding="utf-8")


def environment_after(script: str) -> dict[str, str]:
    """Run a script in a shell, and give the variables that programs then see."""
    done = subprocess.run(
        ["bash", "-ec", f"{script}\nenv -0"], capture_output=True, text=True, check=True
    )
    pairs = (pair.partition("=") for pair in done.stdout.split("\0") if pair)
    return {name: value for name, _, value in pairs}


def run_python(text: str, row: Row, facts: Mapping[str, Any]) -> None:
    """Run a block statement by statement, and compare what it printed and left."""
    names: dict[str, Any] = {"__name__": "seed"}
    printed = io.StringIO()
    try:
        exec(row.prelude, names)  # noqa: S102 - our own table
        expected = [line.format_map({**facts, **names}) for line in row.prints]
        with contextlib.redirect_stdout(printed):
            for statement, source in statements(text, row):
                run_statement(statement, source, row, names)
        shown = printed.getvalue().splitlines()
        assert len(shown) == len(expected), shown
        for line, wanted in zip(shown, expected, strict=True):
            # In what is timed, a digit may be any: it stands as `#`; `…` is anything.
            pattern = re.escape(wanted).replace(r"\#", r"\d").replace("…", ".*")
            assert re.fullmatch(pattern, line), line
        assert_all(row.holds, {**facts, **names, "Path": Path})
        for wait in row.waits:
            if wait.probe:
                assert_waits(wait, wait.at, "<probe>", names)
    finally:
        for value in names.values():
            if type(value).__name__ in ("IpfsKit", "IPFSSimpleAPI", "backends"):
                value.close()
        # What it opened in this place is not for the tests that come after.
        ipfs_accelerate.close()


def statements(text: str, row: Row) -> Iterator[tuple[ast.stmt, str]]:
    """Give the statements that are to run, with their text."""
    lines = text.splitlines()
    left_out = set()
    for wait in row.waits:
        here = [line for line in lines if line.strip() == wait.at]
        assert len(here) == (0 if wait.probe else 1), wait.at
    for statement in ast.parse(text).body:
        first = lines[statement.lineno - 1]
        source = "\n".join(lines[statement.lineno - 1 : statement.end_lineno])
        if first in row.skips:
            left_out.add(first)
            continue
        yield statement, source
        if any(wait.stops and wait.at in source for wait in row.waits):
            break
    assert left_out == set(row.skips)


def run_statement(
    statement: ast.stmt, source: str, row: Row, names: dict[str, Any]
) -> None:
    """Run a statement; if it waits for a part, see that it fails there and so."""
    waits = [wait for wait in row.waits if not wait.probe and wait.at in source]
    if not waits:
        code = compile(ast.Module([statement], []), "<seed>", "exec")
        exec(code, names)  # noqa: S102 - the document's own
        return
    assert_waits(waits[0], textwrap.dedent(source), "<seed>", names)


def assert_waits(wait: Wait, source: str, file: str, names: dict[str, Any]) -> None:
    """See that something fails as the table says that it does until a part is built."""
    with pytest.raises(wait.error) as raised:
        exec(compile(source, file, "exec"), names)  # noqa: S102 - the document's own
    assert type(raised.value) is wait.error
    assert wait.named in str(raised.value)
    failed = [at.lineno for at in raised.traceback if str(at.path).endswith(file)]
    assert source.splitlines()[failed[-1]].strip() == wait.at


def assert_command_waits(wait: Wait, script: str) -> None:
    """See that a command fails for want of what the table says."""
    assert wait.at in script.splitlines()
    done = subprocess.run(["bash", "-c", wait.at], capture_output=True, text=True)
    assert done.returncode
    assert wait.named in done.stderr


def assert_all(expressions: tuple[str, ...], names: Mapping[str, Any]) -> None:
    """See that every expression is true."""
    for expression in expressions:
        assert eval(expression, dict(names)), expression  # noqa: S307 - our own table
