"""Reading images, texts and sounds by their CIDs."""

import io
import wave
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipfs_kit_py._native import CID
from ipfs_kit_py.errors import InvalidCIDError, MalformedDataError

if TYPE_CHECKING:
    from ipfs_kit_py._native import Block
    from ipfs_kit_py._repository.reading import Reading


def image(
    reader: "Reading",
    path: str,
    *,
    mode: str | None = "RGB",
    transform: Callable[[Any], Any] | None = None,
    transform_to_tensor: bool = False,
    image_processor: Callable[..., Any] | None = None,
) -> Any:  # noqa: ANN401 - an image of Pillow's, or what the transform makes
    """Read an image.

    Args:
        reader: What reads.
        path: Its CID, or a path below one.
        mode: Pillow's mode to convert it to; `None` to leave it as it is.
        transform: Is given the image; its result is returned.
        transform_to_tensor: Give a torch tensor: floats between 0 and 1, channels first.
        image_processor: As of transformers: is called with `images=` and
            `return_tensors="pt"`.

    Raises:
        ImportError: There is no Pillow.
        MalformedDataError: It is no image, or is cut off.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("images need Pillow: pip install pillow", name="PIL") from error
    data = reader.cat_view(path)
    try:
        opened = Image.open(io.BytesIO(data))
        found = opened.copy() if mode is None else opened.convert(mode)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MalformedDataError(
            f"{path} is no image that can be read: {error}"
        ) from error
    if image_processor is not None:
        return image_processor(images=found, return_tensors="pt")
    if transform is not None:
        return transform(found)
    return _tensor(found) if transform_to_tensor else found


def _tensor(found: Any) -> Any:  # noqa: ANN401
    from ipfs_kit_py._loader.finishing import _numpy, _torch

    array = _numpy().array(found, dtype="float32") / 255
    array = array[..., None] if array.ndim == 2 else array
    return _torch().from_numpy(array).permute(2, 0, 1)


def text(
    reader: "Reading",
    given: str | CID,
    *,
    tokenizer: Callable[..., Any] | None = None,
    max_length: int | None = None,
    encoding: str = "utf-8",
) -> Any:  # noqa: ANN401 - text, or what the tokenizer makes
    """Read a text, or take one that is at hand.

    Args:
        reader: What reads.
        given: A CID; or the text itself.
        tokenizer: Is given the text, as tokenizers of transformers are, with
            `max_length` and `truncation` if there is one.
        max_length: Tokens at most; characters without a tokenizer.
        encoding: Of the bytes.

    Raises:
        MalformedDataError: The bytes are no text.
    """
    found = _text_of(reader, given, encoding)
    if tokenizer is None:
        return found if max_length is None else found[:max_length]
    if max_length is None:
        return tokenizer(found)
    return tokenizer(found, max_length=max_length, truncation=True)


def _text_of(reader: "Reading", given: str | CID, encoding: str) -> str:
    try:
        cid = CID(given)
    except InvalidCIDError:
        return str(given)
    try:
        return str(reader.cat(str(cid)), encoding)
    except UnicodeDecodeError as error:
        raise MalformedDataError(f"{cid} is no text: {error}") from error


def audio(
    reader: "Reading",
    path: str,
    *,
    transform: Callable[[Any], Any] | None = None,
    feature_extractor: Callable[..., Any] | None = None,
) -> Any:  # noqa: ANN401 - samples and rate, or what the transform makes
    """Read a sound.

    Without soundfile only wave files of plain numbers (PCM) can be read.

    Args:
        reader: What reads.
        path: Its CID, or a path below one.
        transform: Is given the samples; its result is returned.
        feature_extractor: As of transformers: is called with the samples of one channel
            and `sampling_rate=`.

    Returns:
        Samples (an array of floats between -1 and 1, by time and channel) and the rate in
        samples a second.

    Raises:
        ImportError: There is no soundfile, and it is no wave file.
        MalformedDataError: It is no sound that can be read.
    """
    data = reader.cat_view(path)
    try:
        samples, rate = _sound(data)
    except (RuntimeError, TypeError, ValueError, EOFError, wave.Error) as error:
        raise MalformedDataError(
            f"{path} is no sound that can be read: {error}"
        ) from error
    if feature_extractor is not None:
        return feature_extractor(samples.mean(axis=1), sampling_rate=rate)
    return transform(samples) if transform is not None else (samples, rate)


def _sound(data: "Block | bytes") -> tuple[Any, int]:
    try:
        import soundfile
    except ImportError as error:
        if bytes(memoryview(data)[:4]) == b"RIFF":
            return _wave(data)
        raise ImportError(
            "sounds other than wave files need soundfile: pip install soundfile",
            name="soundfile",
        ) from error
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return samples, int(rate)


def _wave(data: "Block | bytes") -> tuple[Any, int]:
    """Read a wave file of integers of one to four bytes."""
    from ipfs_kit_py._loader.finishing import _numpy

    np = _numpy()
    with wave.open(io.BytesIO(data)) as file:
        channels, width, rate = file.getparams()[:3]
        frames = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
    if not 1 <= width <= 4:
        raise ValueError(f"samples of {width} bytes")
    whole = frames[: len(frames) // (width * channels) * width * channels]
    # As the upper bytes of 32 bits, so that the sign is where it belongs.
    wide = np.zeros((len(whole) // width, 4), np.uint8)
    wide[:, 4 - width :] = whole.reshape(-1, width)
    values = wide.view("<i4")[:, 0]
    if width == 1:
        values = values ^ np.int32(-(1 << 31))  # of these alone the middle is 128
    return (values / 2.0**31).astype(np.float32).reshape(-1, channels), rate
