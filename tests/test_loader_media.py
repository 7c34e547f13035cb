"""Images, texts and sounds by their CIDs, and samples whose fields are such CIDs."""

import importlib
import io
import sys
import wave
from pathlib import Path
from typing import Any

import pytest
from tests.ml import needs_ml

from ipfs_kit_py._repository import Repository
from ipfs_kit_py.ai_ml_integration import IPFSDataLoader
from ipfs_kit_py.errors import BlockNotFoundError, MalformedDataError

ABSENT = "bafkreieq5jui4j25lacwomsqgjeswwl3y5zcdrresptwgmfylxo2depppq"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def loader(repository: Repository) -> IPFSDataLoader:
    return IPFSDataLoader(repository)


def kept(repository: Repository, data: bytes) -> str:
    return str(repository.add(io.BytesIO(data)).cid)


def picture(kind: str, colour: tuple[int, int, int] = (255, 0, 0)) -> bytes:
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (6, 8), colour).save(data := io.BytesIO(), kind)
    return data.getvalue()


def sound(width: int, channels: int = 2) -> bytes:
    """A rising line, from the lowest value to the highest."""
    np = pytest.importorskip("numpy")
    most = 2 ** (8 * width - 1)
    values = np.linspace(-most, most - 1, 100).astype(np.int64)
    if width == 1:
        values += 128
    frames = values.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width]
    with wave.open(data := io.BytesIO(), "wb") as file:
        file.setparams((channels, width, 16000, 0, "NONE", ""))
        file.writeframes(np.repeat(frames, channels, axis=0).tobytes())
    return data.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_image_is_read(
    repository: Repository, loader: IPFSDataLoader, kind: str
) -> None:
    cid = kept(repository, picture(kind))
    found = loader.fetch_image(cid)
    assert (found.mode, found.size) == ("RGB", (6, 8))
    assert found.getpixel((0, 0))[0] > 250
    assert loader.fetch_image(cid, mode="L").mode == "L"
    assert loader.fetch_image(cid, transform=lambda image: image.size) == (6, 8)
    seen = loader.fetch_image(cid, image_processor=lambda **given: sorted(given))
    assert seen == ["images", "return_tensors"]
    cut = kept(repository, picture(kind)[:40])
    with pytest.raises(MalformedDataError, match="no image"):
        loader.fetch_image(cut)


@needs_ml
@pytest.mark.filterwarnings("default")
def test_an_image_becomes_a_tensor(
    repository: Repository, loader: IPFSDataLoader
) -> None:
    torch: Any = importlib.import_module("torch")
    cid = kept(repository, picture("PNG"))
    found = loader.fetch_image(cid, transform_to_tensor=True)
    assert (found.dtype, tuple(found.shape)) == (torch.float32, (3, 8, 6))
    assert found.amax(dim=(1, 2)).tolist() == [1, 0, 0]
    grey = loader.fetch_image(cid, mode="L", transform_to_tensor=True)
    assert tuple(grey.shape) == (1, 8, 6)


def test_what_is_not_there_is_not_called_damaged(
    repository: Repository, loader: IPFSDataLoader, tmp_path: Path
) -> None:
    pytest.importorskip("PIL.Image")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("a")
    folder = repository.add(tmp_path / "folder").cid
    for read in (loader.fetch_image, loader.process_audio):
        with pytest.raises(FileNotFoundError):
            read(f"{folder}/absent.png")
        with pytest.raises(BlockNotFoundError):
            read(ABSENT)
    with pytest.raises(BlockNotFoundError):
        loader.process_text(ABSENT)


def test_a_text_is_read_or_at_hand(
    repository: Repository, loader: IPFSDataLoader
) -> None:
    cid = kept(repository, "naïve".encode())
    assert loader.process_text(cid) == loader.process_text("naïve") == "naïve"
    assert loader.process_text(cid, max_length=2) == "na"
    with pytest.raises(MalformedDataError, match="no text"):
        loader.process_text(cid, encoding="ascii")


@needs_ml
@pytest.mark.filterwarnings("default")
def test_a_tokenizer_of_transformers_reads_text(
    repository: Repository, loader: IPFSDataLoader
) -> None:
    tokenizers: Any = importlib.import_module("tokenizers")
    transformers: Any = importlib.import_module("transformers")
    words = {word: number for number, word in enumerate(["?", "one", "two", "three"])}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="?"))  # noqa: S106 - a word
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=model)
    cid = kept(repository, b"three two one four")
    assert loader.process_text(cid, tokenizer=tokenizer)["input_ids"] == [3, 2, 1, 0]
    short = loader.process_text(cid, tokenizer=tokenizer, max_length=2)
    assert short["input_ids"] == [3, 2]


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("alone", [False, True])
def test_a_wave_file_is_read_with_and_without_soundfile(
    repository: Repository,
    loader: IPFSDataLoader,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    alone: bool,
) -> None:
    np = pytest.importorskip("numpy")
    if alone:
        monkeypatch.setitem(sys.modules, "soundfile", None)
    else:
        pytest.importorskip("soundfile")
    samples, rate = loader.process_audio(kept(repository, sound(width)))
    assert (samples.dtype, samples.shape, rate) == (np.float32, (100, 2), 16000)
    line = np.linspace(-1, 1, 100)[:, None]
    assert abs(samples - line).max() < 2.0 ** (2 - 8 * width) + 1e-6
    given = loader.process_audio(
        kept(repository, sound(width)),
        feature_extractor=lambda values, sampling_rate: (values.shape, sampling_rate),
    )
    assert given == ((100,), 16000)
    with pytest.raises(MalformedDataError, match="no sound"):
        loader.process_audio(kept(repository, sound(width)[:30]))


def test_other_sounds_need_soundfile(
    repository: Repository, loader: IPFSDataLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile = pytest.importorskip("soundfile")
    data = io.BytesIO()
    soundfile.write(data, [[0.5], [-0.5]], 8000, format="FLAC")
    cid = kept(repository, data.getvalue())
    samples, rate = loader.process_audio(cid)
    assert (samples.round(3).tolist(), rate) == ([[0.5], [-0.5]], 8000)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ImportError, match="pip install soundfile"):
        loader.process_audio(cid)


@pytest.mark.parametrize("links", [False, True])
def test_fields_of_samples_are_read_by_their_cids(
    repository: Repository, links: bool
) -> None:
    rows = [
        {
            "image_cid": kept(repository, picture("PNG", (at, 0, 0))),
            "text_cid": kept(repository, f"number {at}".encode()),
            "audio_cid": kept(repository, sound(2, channels=1 + at % 2)),
            "label": at,
        }
        for at in range(12)
    ]
    if links:
        cid_of = importlib.import_module("ipfs_kit_py").CID
        for row in rows:
            row.update({k: cid_of(v) for k, v in row.items() if k.endswith("_cid")})
    loader = IPFSDataLoader(repository, batch_size=5)

    def decode(row: dict[str, Any]) -> tuple[int, str, int, int]:
        samples, _ = loader.process_audio(row["audio_cid"])
        pixel = loader.fetch_image(row["image_cid"]).getpixel((0, 0))
        text = loader.process_text(row["text_cid"])
        return pixel[0], text, samples.shape[1] - 1, row["label"]

    loader = IPFSDataLoader(repository, batch_size=5, decode=decode, decode_threads=2)
    loader.load_dataset(str(repository.dag_put({"samples": rows})))
    seen = sorted(sample for batch in loader for sample in batch)
    assert seen == [(at, f"number {at}", at % 2, at) for at in range(12)]
