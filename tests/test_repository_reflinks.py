"""Writing files to disk by sharing the packs' own blocks, where the file system can."""

import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipfs_kit_py import Repository

MIB = 1 << 20
FS_IOC_FIEMAP = 0xC020660B
SYNC = 1
SHARED = 0x2000
EXTENTS = 4096


def make_file_system(image: Path) -> None:
    """Format an image so that files on it can share blocks."""
    with image.open("wb") as file:
        file.truncate(512 * MIB)
    ways = {"mkfs.btrfs": ["-q"], "mkfs.xfs": ["-q", "-m", "reflink=1"]}
    for name, options in ways.items():
        program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if program is not None:
            made = [program, *options, str(image)]
            subprocess.run(made, check=True, capture_output=True)
            return
    pytest.skip("neither mkfs.btrfs nor mkfs.xfs is here (btrfs-progs, xfsprogs)")


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder on a file system whose files can share blocks."""
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("mounting an image takes root on Linux")
    place = tmp_path_factory.mktemp("reflinks")
    image, folder = place / "image", place / "mounted"
    make_file_system(image)
    folder.mkdir()
    mount = ["mount", "-o", "loop", str(image), str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"images cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def shared_bytes(path: Path) -> int:
    """Count the bytes of a file that lie where others' do, as the file system says."""
    import fcntl

    with path.open("rb") as file:
        request = struct.pack("=QQIIII", 0, 1 << 62, SYNC, 0, EXTENTS, 0)
        room = bytearray(request + bytes(56 * EXTENTS))
        fcntl.ioctl(file.fileno(), FS_IOC_FIEMAP, room)
    count = struct.unpack_from("=I", room, 20)[0]
    assert count < EXTENTS
    extents = [struct.unpack_from("=QQQQQIIII", room, 32 + 56 * n) for n in range(count)]
    return sum(extent[2] for extent in extents if extent[5] & SHARED)


@pytest.mark.parametrize("chunker", ["size-262144", "size-1048576", "size-70000"])
@pytest.mark.parametrize("pack_bytes", [8 * MIB, 512 * MIB])
def test_a_file_is_written_by_sharing_its_blocks(
    sharing: Path, tmp_path: Path, chunker: str, pack_bytes: int
) -> None:
    data = random.Random(1).randbytes(20 * MIB + 12_345)
    folder = sharing / f"{chunker}-{pack_bytes}"
    source = tmp_path / "source"
    source.mkdir()
    (source / "large").write_bytes(data)
    (source / "small").write_bytes(b"small")
    with Repository(folder / "r", _pack_bytes=pack_bytes) as repository:
        root = repository.add(source, chunker=chunker).cid
        repository.get(root, folder / "got")
        assert (folder / "got" / "large").read_bytes() == data
        assert (folder / "got" / "small").read_bytes() == b"small"
        shared = shared_bytes(folder / "got" / "large")
        # Chunks that are no whole pages are shared but for the first one's beginning.
        least = 0 if chunker == "size-70000" else 20 * MIB
        assert shared >= least

        # To write to the file leaves the repository as it is.
        with (folder / "got" / "large").open("r+b") as file:
            file.write(bytes(MIB))
        assert repository.cat(f"{root}/large") == data
        assert not repository.verify().bad

        # Another file system has its own blocks.
        repository.get(root, tmp_path / "elsewhere")
        assert (tmp_path / "elsewhere" / "large").read_bytes() == data
    shutil.rmtree(folder)


def test_a_copy_takes_no_room_on_the_disk(sharing: Path) -> None:
    data = random.Random(2).randbytes(100 * MIB)
    with Repository(sharing / "room") as repository:
        root = repository.add(data).cid
        os.sync()
        before = os.statvfs(sharing)
        repository.get(root, sharing / "got")
        os.sync()
        after = os.statvfs(sharing)
    assert (before.f_bfree - after.f_bfree) * before.f_frsize < 8 * MIB
    assert (sharing / "got").read_bytes() == data
