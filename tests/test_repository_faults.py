"""Faults: a full disk, a folder that cannot be written, damage, loss, newer formats.

What comes back is right bytes or a typed error, and the interpreter lives.
"""

import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.processes import run_python

from ipfs_kit_py import Repository
from ipfs_kit_py.errors import (
    DiskFullError,
    IndexDamagedError,
    ReadOnlyRepositoryError,
    RepositoryFullError,
    RepositoryVersionError,
)

FAR = 100_000
PARAMS: dict[str, Any] = {"chunker": "size-4096"}
SMALL: dict[str, Any] = {"_pack_bytes": 60_000, "_pack_blocks": 20, "threads": 1}
Unavailable = Callable[[str], NoReturn]


def contents() -> list[bytes]:
    return [random.Random(number).randbytes(35_000 + number) for number in range(5)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with sealed packs and one that is not, closed."""
    folder = tmp_path_factory.mktemp("sound") / "repo"
    with Repository(folder, **SMALL) as repository:
        for number, data in enumerate(contents()):
            repository.add(data, name=f"pin {number}", **PARAMS)
        repository.files_write("/kept", contents()[0], create=True, **PARAMS)
        found = repository.repo_stat()
    assert found.packs > found.sealed_packs > 1
    return folder


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "copy"))


def check_sound(folder: Path) -> None:
    with Repository(folder, verify="always", **SMALL) as repository:
        assert repository.verify().bad == []
        for data in contents():
            root = repository.add(data, **PARAMS).cid
            assert repository.cat(root) == data
        assert all(found.is_whole for found in repository.pin_verify())


# A full disk.


def test_a_failed_add_gives_its_room_back(small_disk: Path) -> None:
    with Repository(small_disk / "repo", threads=1) as repository:
        root = repository.add(b"small").cid
        packs = small_disk / "repo" / "embedded" / "packs"
        before = sum(path.stat().st_size for path in packs.iterdir())
        with pytest.raises(DiskFullError):
            repository.add(random.Random(5).randbytes(7_000_000))
        assert sum(path.stat().st_size for path in packs.iterdir()) == before
        assert repository.cat(root) == b"small"


def fill(repository: Repository) -> dict[Any, bytes]:
    """Add until there is no room; return what was acknowledged."""
    chance, added = random.Random(1), {}
    for _ in range(1000):
        data = chance.randbytes(chance.choice((1000, 100_000, 400_000)))
        try:
            added[repository.add(data, **PARAMS).cid] = data
        except DiskFullError:
            return added
    raise AssertionError("the disk never was full")


def test_a_full_disk(small_disk: Path) -> None:
    with Repository(small_disk / "repo", **SMALL) as repository:
        added = fill(repository)
        assert len(added) > 5
        added |= fill(repository)
        for root, data in added.items():
            assert repository.cat(root) == data
        assert repository.verify().bad == []
    with Repository(small_disk / "repo", **SMALL) as repository:
        pins = {pin.cid for pin in repository.pin_ls("recursive")}
        assert set(added) <= pins
        for root, data in added.items():
            assert repository.cat(root) == data


def fill_to_the_last_byte(disk: Path) -> None:
    """Leave no room at all, as a log does that grows and grows."""
    with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as out:
        while out.write(bytes(4096)):
            pass
    assert os.statvfs(disk).f_bavail == 0


def test_a_full_disk_is_emptied_again(small_disk: Path) -> None:
    """Removing takes a little room too, which the repository has kept for it."""
    with Repository(small_disk / "repo", **SMALL) as repository:
        added = fill(repository)
        for root in list(added)[::2]:
            fill_to_the_last_byte(small_disk)
            repository.pin_rm(root)
            del added[root]
    fill_to_the_last_byte(small_disk)
    with Repository(small_disk / "repo", _clock_offset_seconds=FAR, **SMALL) as later:
        fill_to_the_last_byte(small_disk)
        assert later.gc().freed_bytes > 1_000_000
        data = random.Random("new").randbytes(100_000)
        added[later.add(data, **PARAMS).cid] = data
        fill_to_the_last_byte(small_disk)
        assert later.verify().bad == []
    for root, data in added.items():
        with Repository(small_disk / "repo") as repository:
            assert repository.cat(root) == data


def test_blocks_are_removed_and_packs_compacted_on_a_full_disk(small_disk: Path) -> None:
    with Repository(small_disk / "repo", threads=1) as repository:
        blocks = [random.Random(at).randbytes(100_000) for at in range(8)]
        cids = repository.block_put_many(blocks)
        fill_to_the_last_byte(small_disk)
        assert repository.block_rm(cids[::2]) == 4
        fill_to_the_last_byte(small_disk)
        assert repository.compact() > 400_000
        for cid, data in list(zip(cids, blocks, strict=True))[1::2]:
            assert repository.block_get(cid) == data


def test_a_collection_that_has_no_room_for_copies_is_one_all_the_same(
    small_disk: Path,
) -> None:
    """What is left of a large pack would take more than the room that is kept."""
    with Repository(small_disk / "repo", threads=1) as repository:
        kept = repository.add(random.Random(1).randbytes(1_800_000), **PARAMS).cid
        gone = repository.add(random.Random(2).randbytes(1_400_000), **PARAMS).cid
    fill_to_the_last_byte(small_disk)
    with Repository(small_disk / "repo", _clock_offset_seconds=FAR) as later:
        later.pin_rm(gone)
        assert later.gc().blocks > 300
        assert not later.has(gone)
        with pytest.raises(DiskFullError):
            later.compact()
        (small_disk / "ballast").unlink()
        assert later.compact() > 1_300_000
        assert later.cat(kept) == random.Random(1).randbytes(1_800_000)


def test_mutable_files_are_removed_on_a_full_disk(small_disk: Path) -> None:
    with Repository(small_disk / "repo", **SMALL) as repository:
        data = random.Random(1).randbytes(1_000_000)
        repository.files_write("/large", data, create=True, **PARAMS)
        fill_to_the_last_byte(small_disk)
        repository.files_rm("/large")
        assert list(repository.files_ls("/")) == []
    with Repository(small_disk / "repo", _clock_offset_seconds=FAR, **SMALL) as later:
        assert later.gc().freed_bytes > 900_000


def test_who_takes_room_leaves_what_is_kept(small_disk: Path) -> None:
    folder, ballast = small_disk / "repo", small_disk / "ballast"
    with Repository(folder, **SMALL) as repository:
        repository.add(b"first")
        fill_to_the_last_byte(small_disk)
        reserve = folder / "embedded" / "reserve"
        reserve.write_bytes(bytes(500_000))
        (small_disk / "more").write_bytes(bytes(100_000))
        # There is room for so little, but not for what is kept.
        with pytest.raises(DiskFullError, match="reserve"):
            repository.add(b"second")
        ballast.unlink()
        repository.add(b"second")
        assert reserve.stat().st_size == 1 << 20


def test_the_program_empties_a_full_disk(small_disk: Path) -> None:
    folder = small_disk / "repo"
    with Repository(folder, _clock_offset_seconds=-FAR, **SMALL) as before:
        added = fill(before)
    program = Path(sys.executable).parent / "ipfs-kit"

    def run(*words: object) -> str:
        fill_to_the_last_byte(small_disk)
        command = [str(program), "--repo", str(folder), *map(str, words)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    first, *others = added
    for root in others:
        assert str(root) in run("pin", "rm", root)
    assert str(first) in run("pin", "ls", "--type=recursive")
    assert len(run("repo", "gc").splitlines()) > 100
    assert os.statvfs(small_disk).f_bavail * 4096 > 2_000_000
    with Repository(folder) as repository:
        assert repository.cat(first) == added[first]
        assert [pin.cid for pin in repository.pin_ls("recursive")] == [first]


@pytest.mark.parametrize("ballast_left", [0, 4096, 40_000, 200_000])
def test_a_disk_that_others_filled(small_disk: Path, ballast_left: int) -> None:
    """No call may leave anything half-done, wherever the room ends."""
    folder, ballast = small_disk / "repo", small_disk / "ballast"
    data = random.Random(2).randbytes(300_000)
    with Repository(folder, **SMALL) as repository:
        first = repository.add(data[:50_000], **PARAMS).cid
        free = os.statvfs(small_disk)
        with ballast.open("wb") as out:
            out.write(bytes(max(0, free.f_bavail * free.f_frsize - ballast_left)))
        calls: list[Callable[[], object]] = [
            lambda: repository.add(data, **PARAMS),
            lambda: repository.pin_add(first, name="again"),
            lambda: repository.files_write("/f", data, create=True),
            lambda: repository.gc(),
            lambda: repository.compact(),
            lambda: Repository(small_disk / "another").close(),
        ]
        for call in calls * 2:
            with contextlib.suppress(DiskFullError):
                call()
            assert repository.cat(first) == data[:50_000]
        ballast.unlink()
        assert repository.cat(repository.add(data, **PARAMS).cid) == data
        assert repository.verify().bad == []
    with Repository(small_disk / "another") as another:
        assert another.cat(another.add(b"another").cid) == b"another"


def test_the_limit_of_the_repository(tmp_path: Path) -> None:
    data = random.Random(3).randbytes(100_000)
    with Repository(tmp_path / "repo", max_bytes=150_000, **SMALL) as repository:
        first = repository.add(data, **PARAMS).cid
        with pytest.raises(RepositoryFullError):
            repository.add(data[::-1], **PARAMS)
        assert repository.cat(first) == data
        assert repository.add(data, **PARAMS).new_blocks == 0
        repository.pin_rm(first)
    with Repository(tmp_path / "repo", _clock_offset_seconds=FAR, **SMALL) as later:
        later.gc()
    with Repository(tmp_path / "repo", max_bytes=150_000, **SMALL) as repository:
        assert repository.cat(repository.add(data[::-1], **PARAMS).cid) == data[::-1]


# Folders that cannot be written.

READING = """
import os, sys
from hashlib import sha256
from ipfs_kit_py import Repository
from ipfs_kit_py.errors import ReadOnlyRepositoryError

folder, user = sys.argv[1], int(sys.argv[2])
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
repository = Repository(folder)
assert repository.read_only
pins = sorted(pin.name for pin in repository.pin_ls("recursive"))
assert pins == [f"pin {number}" for number in range(5)], pins
for pin in repository.pin_ls("recursive"):
    print(sha256(repository.cat(pin.cid)).hexdigest())
assert repository.verify().bad == []
for refused in (lambda: repository.add(b"new"), repository.gc, repository.compact,
                lambda: repository.pin_rm(pin.cid),
                lambda: repository.files_write("/f", b"", create=True),
                lambda: Repository.rebuild(folder)):
    try:
        refused()
    except ReadOnlyRepositoryError:
        pass
    else:
        raise AssertionError(refused)
"""


def check_reading(folder: Path, user: int = 0) -> None:
    said = run_python(READING, folder, user).split()
    assert sorted(said) == sorted(sha256(data).hexdigest() for data in contents())


def test_a_folder_that_is_mounted_read_only(
    copy: Path, mounted: Callable[..., Path]
) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    place = mounted("--bind", str(copy))
    mounted("-o", "remount,bind,ro", place=place)
    check_reading(place)
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.skipif(os.name == "nt", reason="users and modes as POSIX has them")
def test_a_folder_of_another_user(sound: Path, unavailable: Unavailable) -> None:
    if os.geteuid() != 0:
        unavailable("one has to be root to become another user: run the tests as root")
    with TemporaryDirectory(prefix="ipfs-kit") as place:
        Path(place).chmod(0o755)
        copy = Path(shutil.copytree(sound, Path(place, "copy")))
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        check_reading(copy, user=65534)


# Adds without an end, so that the log of the index is as it is in the middle of work.
LEAVING = """
import os, sys
from ipfs_kit_py import Repository

repository = Repository(sys.argv[1], _pack_bytes=60_000, _pack_blocks=20, threads=1)
for number in range(12):
    data = bytes([number]) * 20_000
    repository.add(data, name=f"pin {number}", chunker="size-4096")
repository.files_write("/kept", b"kept", create=True)
os._exit(0)
"""

READING_ON = """
import os, sys
from ipfs_kit_py import Repository

user = int(sys.argv[2])
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
repository = Repository(sys.argv[1], verify="always")
assert repository.read_only
for _ in sys.stdin:
    for pin in repository.pin_ls("recursive"):
        number = int(pin.name.removeprefix("pin "))
        assert repository.cat(pin.cid) == bytes([number]) * 20_000
    print(len(list(repository.pin_ls("recursive"))), flush=True)
assert repository.verify().bad == []
assert repository.files_read("/kept") == b"kept"
"""


@contextlib.contextmanager
def reading(folder: Path, user: int = 0) -> Iterator[Callable[[], int]]:
    """Give the call that counts the pins as another process sees them."""
    arguments = [sys.executable, "-c", READING_ON, str(folder), str(user)]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True) as reader:
        to, back = reader.stdin, reader.stdout
        assert to is not None
        assert back is not None

        def look() -> int:
            to.write("look\n")
            to.flush()
            return int(back.readline())

        try:
            yield look
        finally:
            to.close()
    assert reader.returncode == 0


@pytest.mark.parametrize("has_memory", [True, False])
def test_a_repository_that_was_not_closed_is_read_as_it_was_left(
    tmp_path: Path, mounted: Callable[..., Path], *, has_memory: bool
) -> None:
    folder = tmp_path / "left"
    run_python(LEAVING, folder)
    assert (folder / "embedded/index.db-wal").stat().st_size
    if not has_memory:
        (folder / "embedded/index.db-shm").unlink()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    place = mounted("--bind", str(folder))
    mounted("-o", "remount,bind,ro", place=place)
    with reading(place) as look:
        assert look() == 12
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.skipif(os.name == "nt", reason="users and modes as POSIX has them")
def test_another_user_reads_what_is_being_written(unavailable: Unavailable) -> None:
    if os.geteuid() != 0:
        unavailable("one has to be root to become another user: run the tests as root")
    with TemporaryDirectory(prefix="ipfs-kit") as place:
        Path(place).chmod(0o755)
        folder = Path(place, "repo")

        def write() -> None:
            with Repository(folder, **SMALL) as repository:
                repository.files_write("/kept", b"kept", create=True)
                for number in range(12):
                    data = bytes([number]) * 20_000
                    repository.add(data, name=f"pin {number}", **PARAMS)
                    for path in (folder, *folder.rglob("*")):
                        path.chmod(0o755 if path.is_dir() else 0o644)
                    assert not looks or looks[0]() == number + 1
                for pin in [*repository.pin_ls("recursive")]:
                    repository.pin_rm(pin.cid)

        looks: list[Callable[[], int]] = []
        write()
        # The reader is there before those who write, and stays.
        with reading(folder, user=65534) as look:
            assert look() == 0
            looks.append(look)
            for _ in range(2):
                write()
                assert look() == 0


def test_a_read_only_handle_changes_nothing(copy: Path) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    with Repository(copy, read_only=True) as repository:
        for pin in repository.pin_ls("recursive"):
            assert repository.cat(pin.cid) in contents()
        with pytest.raises(ReadOnlyRepositoryError):
            repository.add(b"new")
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before


# Damage and loss.

# Reads JSON lines, a folder each, does everything to it, and says what happened. It is a
# process of its own: if damage ends the interpreter, this one ends.
VICTIM = """
import json, sys
from hashlib import sha256
from ipfs_kit_py import Repository
from ipfs_kit_py.errors import IPFSError

small = {"_pack_bytes": 60_000, "_pack_blocks": 20, "threads": 1}

def attempt(call):
    try:
        return call()
    except IPFSError as error:
        return {"error": type(error).__name__}

def read(repository, roots):
    return [attempt(lambda: sha256(repository.cat(root)).hexdigest()) for root in roots]

for line in sys.stdin:
    folder, roots, data = json.loads(line)
    said = {"opened": False}
    try:
        repository = Repository(folder, **small)
    except IPFSError as error:
        said["why"] = type(error).__name__
    else:
        said["opened"] = True
        with repository:
            said["read"] = read(repository, roots)
            for root in roots:
                attempt(lambda: list(repository.refs(root, recursive=True)))
            attempt(lambda: list(repository.pin_verify()))
            attempt(lambda: list(repository.blocks()))
            attempt(repository.verify)
            attempt(lambda: repository.verify(drop_bad=True))
            again = attempt(lambda: str(repository.add(data.encode()).cid))
            if isinstance(again, str):
                (again,) = read(repository, [again])
            said["again"] = again
            attempt(repository.gc)
            attempt(repository.compact)
            said["after"] = read(repository, roots)
    attempt(lambda: Repository.rebuild(folder))
    try:
        repository = Repository(folder, **small)
    except IPFSError as error:
        said["rebuilt"] = type(error).__name__
    else:
        with repository:
            said["rebuilt"] = read(repository, roots)
    print(json.dumps(said), flush=True)
"""


class Victim:
    """The process that opens what is damaged."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", VICTIM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def suffer(self, folder: Path, roots: list[str]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        line = json.dumps([str(folder), roots, "again" * 3000])
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        if not said:
            pytest.fail(f"the interpreter ended: {self.process.wait(10)}")
        answer: dict[str, Any] = json.loads(said)
        return answer


@pytest.fixture(scope="module")
def victims() -> Iterator[list[Victim]]:
    """Keep the one at work: a new one takes the place of one that died."""
    victims: list[Victim] = []
    yield victims
    for victim in victims:
        victim.process.kill()
        victim.process.communicate()


def roots_of(sound: Path) -> dict[str, str]:
    """Pinned roots, and the hashes of what they hold."""
    with Repository(sound, read_only=True) as repository:
        return {
            str(pin.cid): sha256(repository.cat(pin.cid)).hexdigest()
            for pin in repository.pin_ls("recursive")
        }


def check_damage(folder: Path, sound: Path, victims: list[Victim]) -> dict[str, Any]:
    if not victims or victims[-1].process.poll() is not None:
        victims.append(Victim())
    right = roots_of(sound)
    said = victims[-1].suffer(folder, list(right))
    for state in ("read", "after", "rebuilt"):
        found = said.get(state, [])
        for one, digest in zip(found, right.values(), strict=False):
            assert isinstance(one, dict) or one == digest, (
                f"wrong bytes ({state}): {said}"
            )
    again = said.get("again", {})
    expected = sha256(b"again" * 3000).hexdigest()
    assert isinstance(again, dict) or again == expected
    return said


def files_of(folder: Path, *endings: str) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.suffix in endings)
    assert files
    return files


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[str, int, float, int]]:
    """What is done to which file, where in it, and with what."""
    one = st.tuples(
        st.sampled_from(["flip", "cut", "zero", "stretch", "repeat"]),
        st.integers(0, 100),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    )
    return draw(st.lists(one, min_size=1, max_size=3))


def damage(files: list[Path], deeds: list[tuple[str, int, float, int]]) -> None:
    for how, which, where, what in deeds:
        file = files[which % len(files)]
        data = bytearray(file.read_bytes())
        at = int(where * len(data))
        match how:
            case "flip" if data:
                data[at] ^= 1 << (what % 8)
            case "cut":
                del data[at:]
            case "zero":
                data[at : at + what] = bytes(len(data[at : at + what]))
            case "stretch":
                data += bytes([what]) * (what + 1)
            case "repeat":
                data[at:at] = data[at : at + what]
        file.write_bytes(data)


KINDS = pytest.mark.parametrize("ending", [".car", ".idx", ".db", "removals"])


def check_damages(
    sound: Path,
    victims: list[Victim],
    place: Path,
    ending: str,
    deeds: list[tuple[str, int, float, int]],
) -> None:
    folder = place / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    if ending == "removals":
        damage([folder / "embedded" / "removals"], deeds)
    else:
        damage(files_of(folder, ending), deeds)
    check_damage(folder, sound, victims)


@KINDS
@settings(max_examples=25)
@given(deeds=damages())
def test_damage_gives_no_wrong_bytes(
    sound: Path,
    victims: list[Victim],
    tmp_path_factory: pytest.TempPathFactory,
    ending: str,
    deeds: list[tuple[str, int, float, int]],
) -> None:
    place = tmp_path_factory.getbasetemp()
    check_damages(sound, victims, place, ending, deeds)


@pytest.mark.soak
@KINDS
def test_much_damage_gives_no_wrong_bytes(
    sound: Path,
    victims: list[Victim],
    tmp_path: Path,
    ending: str,
    scaled: Callable[[int], int],
) -> None:
    chance = random.Random(ending)
    hows = ("flip", "cut", "zero", "stretch", "repeat")
    for _ in range(scaled(1000)):
        deeds = [
            (
                chance.choice(hows),
                chance.randrange(99),
                chance.random(),
                chance.randrange(256),
            )
            for _ in range(chance.randrange(1, 4))
        ]
        check_damages(sound, victims, tmp_path, ending, deeds)


@pytest.mark.parametrize("ending", [".car", ".idx", ".db"])
def test_a_file_that_is_gone(
    copy: Path, sound: Path, victims: list[Victim], ending: str
) -> None:
    files_of(copy, ending)[0].unlink()
    said = check_damage(copy, sound, victims)
    if ending != ".car":
        # The packs have everything.
        assert said["rebuilt"] == list(roots_of(sound).values())


@pytest.mark.parametrize("ending", [".car", ".idx", ".db"])
def test_a_file_that_is_empty(
    copy: Path, sound: Path, victims: list[Victim], ending: str
) -> None:
    files_of(copy, ending)[0].write_bytes(b"")
    said = check_damage(copy, sound, victims)
    if ending != ".car":
        assert said["rebuilt"] == list(roots_of(sound).values())


def test_a_lost_index_is_made_anew(copy: Path) -> None:
    (copy / "embedded" / "index.db").unlink()
    with pytest.raises(IndexDamagedError, match="rebuild"):
        Repository(copy)
    report = Repository.rebuild(copy)
    assert report.damaged == []
    assert report.roots_pinned >= len(contents())
    check_sound(copy)


def test_a_sound_index_keeps_its_pins(copy: Path) -> None:
    with Repository(copy) as repository:
        before, files = set(repository.pin_ls()), repository.files_flush("/")
    report = Repository.rebuild(copy)
    assert (report.pins_kept, report.roots_pinned) == (len(contents()), 0)
    with Repository(copy) as repository:
        assert set(repository.pin_ls()) == before
        assert repository.files_flush("/") == files
    check_sound(copy)


def test_an_index_of_rubbish_is_made_anew(copy: Path) -> None:
    (copy / "embedded" / "index.db").write_bytes(random.Random(4).randbytes(50_000))
    with pytest.raises(IndexDamagedError):
        Repository(copy)
    Repository.rebuild(copy)
    check_sound(copy)


def test_bad_blocks_are_dropped_and_added_again(copy: Path) -> None:
    for pack in files_of(copy, ".car"):
        raw = bytearray(pack.read_bytes())
        for at in range(200, len(raw), 9000):
            raw[at] ^= 0xFF
        pack.write_bytes(raw)
    with Repository(copy, **SMALL) as repository:
        report = repository.verify()
        assert report.bad
        assert repository.verify(drop_bad=True).dropped
        for data in contents():
            assert repository.cat(repository.add(data, **PARAMS).cid) == data
        assert all(found.is_whole for found in repository.pin_verify())


def test_a_newer_repository_is_refused(copy: Path) -> None:
    index = sqlite3.connect(copy / "embedded" / "index.db")
    index.execute("UPDATE meta SET value = 99 WHERE key = 'format'")
    index.commit()
    index.close()
    ways: list[dict[str, Any]] = [{}, {"read_only": True}, {"create": False}]
    for options in ways:
        with pytest.raises(RepositoryVersionError, match="99"):
            Repository(copy, **options)


def test_a_rebuild_of_a_newer_repository_is_refused(copy: Path) -> None:
    """What this version knows nothing of would be lost."""
    index = sqlite3.connect(copy / "embedded" / "index.db")
    index.execute("UPDATE meta SET value = 99 WHERE key = 'format'")
    index.commit()
    index.close()
    with pytest.raises(RepositoryVersionError, match="99"):
        Repository.rebuild(copy)


def test_another_one_that_writes_stops_a_rebuild(copy: Path) -> None:
    run_python(
        """
        import sys, threading
        from ipfs_kit_py import Repository
        from ipfs_kit_py.errors import RepositoryBusyError

        slow = Repository(sys.argv[1], _pause_before_commit_seconds=4.0)
        adding = threading.Thread(target=slow.add, args=(b"slow",))
        adding.start()
        threading.Event().wait(0.7)
        try:
            Repository.rebuild(sys.argv[1])
        except RepositoryBusyError:
            pass
        else:
            raise AssertionError("it went on")
        adding.join()
        """,
        copy,
    )
    check_sound(copy)
