"""The libraries that people read data with, each on `ipfs://` and `mfs://`."""

import io
import random
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from tests.processes import run_script

from ipfs_kit_py import Repository
from ipfs_kit_py.errors import ContentIncompleteError
from ipfs_kit_py.ipfs_fsspec import (
    IPFSFileSystem,
    MFSFileSystem,
    register_webdataset,
)

CSV = "key,value\na,1\nb,2\na,3\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Have the repository that no option names, so that bare URLs lead to it."""
    monkeypatch.setenv("IPFS_KIT_IPFS_PATH", str(tmp_path / "store"))
    monkeypatch.setenv("IPFS_KIT_DISK_CACHE_PATH", str(tmp_path / "cache"))
    yield str(tmp_path / "store")
    for kind in (IPFSFileSystem, MFSFileSystem):
        kind.clear_instance_cache()


@pytest.fixture
def fs() -> Any:
    return fsspec.filesystem("ipfs")


@pytest.fixture
def mfs() -> Any:
    return fsspec.filesystem("mfs")


@pytest.fixture
def pandas() -> Any:
    return pytest.importorskip("pandas")


@pytest.fixture
def parquet(fs: Any, tmp_path: Path) -> str:
    """A folder of Parquet files, in a folder for each year."""
    arrow, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rng = random.Random(1)
    for year in (2023, 2024, 2025):
        folder = tmp_path / "data" / f"year={year}"
        folder.mkdir(parents=True)
        values = {"n": list(range(1000)), "x": [rng.random() for _ in range(1000)]}
        pq.write_table(arrow.table(values), folder / "part.parquet", row_group_size=100)
    cid = fs.put(str(tmp_path / "data"))
    assert isinstance(cid, str)
    return cid


def add(fs: Any, folder: Path, name: str, data: bytes | str) -> str:
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    cid = fs.put(str(folder / name))
    assert isinstance(cid, str)
    return cid


def test_pandas_reads_urls_and_writes_to_mfs(
    pandas: Any, fs: Any, mfs: Any, tmp_path: Path, home: str
) -> None:
    cid = add(fs, tmp_path, "table.csv", CSV)
    frame = pandas.read_csv(f"ipfs://{cid}")
    assert frame["value"].sum() == 6
    with fs.open(cid) as file:
        assert pandas.read_csv(file).equals(frame)
    options = {"ipfs_path": home, "offline": True}
    assert pandas.read_csv(f"ipfs://{cid}", storage_options=options).equals(frame)
    frame.to_csv("mfs://out/table.csv", index=False)
    assert mfs.cat("/out/table.csv").decode() == CSV
    pytest.importorskip("pyarrow")
    frame.to_parquet("mfs://out/table.parquet")
    assert pandas.read_parquet("mfs://out/table.parquet").equals(frame)
    root = mfs.commit("/out")
    assert pandas.read_parquet(f"ipfs://{root}/table.parquet", filesystem=fs).equals(
        frame
    )
    assert pandas.read_parquet(f"ipfs://{root}/table.parquet", columns=["key"]).shape == (
        3,
        1,
    )


def test_pyarrow_reads_tables_and_prunes_datasets(fs: Any, parquet: str) -> None:
    dataset = pytest.importorskip("pyarrow.dataset")
    pq = pytest.importorskip("pyarrow.parquet")
    arrow_fs = pytest.importorskip("pyarrow.fs")
    path = f"{parquet}/year=2024/part.parquet"
    table = pq.read_table(f"ipfs://{path}", filesystem=fs, columns=["n"])
    assert table.column_names == ["n"]
    assert pq.read_table(path, filesystem=fs).num_rows == 1000
    found, inside = arrow_fs.FileSystem.from_uri(f"fsspec+ipfs://{path}")
    assert pq.read_table(inside, filesystem=found).num_rows == 1000
    asked: list[str] = []

    class Noting(IPFSFileSystem):
        def _open(self, path: str, mode: str = "rb", *args: Any, **kwargs: Any) -> Any:
            asked.append(path)
            return super()._open(path, mode, *args, **kwargs)

    years = dataset.dataset(parquet, filesystem=Noting(), partitioning="hive")
    assert years.count_rows() == 3000
    asked.clear()
    kept = years.to_table(
        filter=(dataset.field("year") == 2025) & (dataset.field("n") < 10)
    )
    assert kept.num_rows == 10
    assert {path.split("/")[1] for path in asked} == {"year=2025"}


def test_polars_reads_files_and_scans_datasets(
    fs: Any, parquet: str, tmp_path: Path
) -> None:
    polars = pytest.importorskip("polars")
    dataset = pytest.importorskip("pyarrow.dataset")
    cid = add(fs, tmp_path, "table.csv", CSV)
    with fs.open(cid) as file:
        assert polars.read_csv(file)["value"].sum() == 6
    with fs.open(f"{parquet}/year=2024/part.parquet") as file:
        assert polars.read_parquet(file, columns=["n"]).shape == (1000, 1)
    years = dataset.dataset(parquet, filesystem=fs, partitioning="hive")
    lazy = polars.scan_pyarrow_dataset(years).filter(polars.col("year") == 2023)
    assert lazy.select("n").collect().shape == (1000, 1)


def test_duckdb_reads_globs_and_joins(fs: Any, parquet: str, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    cid = add(fs, tmp_path, "names.csv", "year,name\n2024,second\n2025,third\n")
    with duckdb.connect() as connection:
        connection.register_filesystem(fs)
        files = f"ipfs://{parquet}/*/part.parquet"
        count = connection.execute(
            f"SELECT count(*) FROM read_parquet('{files}', hive_partitioning=true)"  # noqa: S608
        ).fetchone()
        assert count == (3000,)
        joined = connection.execute(
            f"""SELECT name, count(*) FROM read_parquet('{files}', hive_partitioning=true)
            JOIN read_csv('ipfs://{cid}') AS names USING (year)
            WHERE n < 5 GROUP BY name ORDER BY name"""  # noqa: S608
        ).fetchall()
        assert joined == [("second", 5), ("third", 5)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_dask_reads_with_threads_and_processes(
    parquet: str, fs: Any, tmp_path: Path
) -> None:
    bag = pytest.importorskip("dask.bag")
    bytes_of = pytest.importorskip("dask.bytes")
    for name in ("a", "b"):
        (tmp_path / "texts").mkdir(exist_ok=True)
        (tmp_path / "texts" / name).write_text(f"{name}\n" * 100)
    cid = fs.put(str(tmp_path / "texts"))
    lines = bag.read_text(f"ipfs://{cid}/*")
    for scheduler in ("threads", "processes"):
        assert lines.count().compute(scheduler=scheduler) == 200
    _, blocks = bytes_of.read_bytes(f"ipfs://{cid}/a", blocksize=50, delimiter=b"\n")
    assert b"".join(block.compute() for block in blocks[0]) == b"a\n" * 100
    frames = pytest.importorskip("dask.dataframe")
    frame = frames.read_parquet(f"ipfs://{parquet}/year=2024/part.parquet", columns=["n"])
    assert frame["n"].sum().compute() == 499_500


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
def test_xarray_reads_and_writes_zarr(fs: Any, mfs: Any) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    np = pytest.importorskip("numpy")
    data = (
        xarray.Dataset(
            {"t": (("x", "y"), np.arange(10_000.0).reshape(100, 100))},
            coords={"x": np.arange(100)},
        ).chunk({"x": 10})
        if _has("dask")
        else xarray.Dataset({"t": ("x", np.arange(9.0))})
    )
    data.to_zarr("mfs://cube.zarr", consolidated=False)
    root = mfs.commit("/cube.zarr")
    with xarray.open_zarr(f"ipfs://{root}", consolidated=False) as opened:
        assert opened.equals(data)
    with xarray.open_zarr(fs.get_mapper(f"ipfs://{root}"), consolidated=False) as opened:
        assert opened.equals(data)


def _has(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None


def test_zarr_never_fills_in_for_a_piece_that_cannot_be_had(
    fs: Any, mfs: Any, tmp_path: Path
) -> None:
    zarr = pytest.importorskip("zarr")
    np = pytest.importorskip("numpy")
    array = zarr.create_array(
        "mfs://array", shape=(4000,), chunks=(1000,), dtype="f8", compressors=None
    )
    array[:] = np.random.default_rng(1).random(4000)
    root = mfs.commit("/array")
    pieces = [name for name in fs.find(root) if not name.endswith("zarr.json")]
    gone = fs.ukey(pieces[-1])
    with Repository(tmp_path / "other") as other:
        for path in [root, *fs.find(root, withdirs=True)]:
            block = fs.ukey(path)
            if block != gone:
                other.block_put(
                    fs.reader.block_get(block),
                    "raw" if block.startswith("bafk") else "dag-pb",
                )
        store = zarr.storage.FsspecStore(
            IPFSFileSystem(ipfs_path=str(tmp_path / "other"), asynchronous=True),
            read_only=True,
            path=root,
        )
        found = zarr.open_array(store, mode="r")
        assert (found[:1000] == array[:1000]).all()
        with pytest.raises(ContentIncompleteError):
            found[:]


def test_huggingface_datasets_load_and_stream(
    parquet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets")
    # Other tests keep the hub away, which keeps every URL away.
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
    url = f"ipfs://{parquet}/year=2024/part.parquet"
    whole = datasets.load_dataset(
        "parquet", data_files=url, split="train", cache_dir=str(tmp_path / "datasets")
    )
    assert whole.num_rows == 1000
    stream = datasets.load_dataset(
        "parquet", data_files=url, split="train", streaming=True
    )
    assert [row["n"] for row in stream.take(3)] == [0, 1, 2]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_shards(fs: Any, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    shards = tmp_path / "shards"
    shards.mkdir()
    for shard in range(2):
        with tarfile.open(shards / f"{shard}.tar", "w") as tar:
            for number in range(3):
                entry = tarfile.TarInfo(f"{shard}{number}.txt")
                entry.size = 5
                tar.addfile(entry, io.BytesIO(b"%05d" % number))
    root = fs.put(str(shards))
    register_webdataset()
    wanted = [b"%05d" % number for number in (0, 1, 2)] * 2
    for url in (f"ipfs://{root}/{{0..1}}.tar", f"ipfskit://{root}/{{0..1}}.tar"):
        found = webdataset.WebDataset(url, shardshuffle=False, empty_check=False)
        assert [sample["txt"] for sample in found] == wanted
    found = webdataset.WebDataset(
        f"ipfs://{root}/{{0..1}}.tar", shardshuffle=False, empty_check=False
    )
    assert [text for (text,) in found.decode().to_tuple("txt")] == [
        data.decode() for data in wanted
    ]
    missing = webdataset.WebDataset(f"ipfs://{root}/2.tar", shardshuffle=False)
    with pytest.raises(FileNotFoundError):
        list(missing)
    with webdataset.TarWriter("mfs://shards/new.tar") as writer:
        writer.write({"__key__": "sample", "txt": "text"})
    new = fsspec.filesystem("mfs").commit("/shards")
    (sample,) = webdataset.WebDataset(f"ipfs://{new}/new.tar", shardshuffle=False)
    assert sample["txt"] == b"text"
    # And without any of this, through the command line.
    program = Path(sys.executable).parent / "ipfs-kit"
    piped = webdataset.WebDataset(
        f"pipe:{program} cat ipfs://{root}/1.tar", shardshuffle=False
    )
    assert [sample["__key__"] for sample in piped] == ["10", "11", "12"]


SPAWNED = """
import multiprocessing, sys
from ipfs_kit_py.ipfs_fsspec import register_webdataset

def work(url):
    import webdataset
    return [s["txt"] for s in webdataset.WebDataset(url, shardshuffle=False)]

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, register_webdataset, (0,)) as pool:
        assert pool.map(work, [sys.argv[1]]) == [[b"text"]]
"""


def test_webdataset_reads_shards_in_other_processes(fs: Any, tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        entry = tarfile.TarInfo("sample.txt")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"text"))
    script = tmp_path / "script.py"
    script.write_text(SPAWNED)
    run_script(script, f"ipfs://{fs.put(str(tmp_path / 'shard.tar'))}")


def test_pillow_opens_images(fs: Any, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (64, 48), "red").save(tmp_path / "red.png")
    cid = fs.put(str(tmp_path / "red.png"))
    with fs.open(cid) as file, image.open(file) as opened:
        assert opened.size == (64, 48)
        assert opened.getpixel((1, 1)) == (255, 0, 0)


def test_numpy_loads_arrays_and_views(fs: Any, tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    array = np.arange(100_000).reshape(100, 1000)
    np.save(tmp_path / "array.npy", array)
    np.savez(tmp_path / "arrays.npz", a=array, b=array[:2])
    cid = fs.put(str(tmp_path / "array.npy"))
    with fs.open(cid) as file:
        assert (np.load(file) == array).all()
    with fs.open(cid) as file:
        file.seek(128)
        seen = np.frombuffer(file.read_view(), dtype=array.dtype)
        assert (seen == array.reshape(-1)).all()
        assert not seen.flags.writeable
    with fs.open(fs.put(str(tmp_path / "arrays.npz"))) as file:
        assert (np.load(file)["b"] == array[:2]).all()


def test_torch_loads_tensors(fs: Any, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.arange(10)}, tmp_path / "model.pt")
    with fs.open(fs.put(str(tmp_path / "model.pt"))) as file:
        assert torch.load(file)["w"].sum() == 45
