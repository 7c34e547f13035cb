"""Batches for tensorflow."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipfs_kit_py._loader.loader import IPFSDataLoader


def dataset_of(loader: "IPFSDataLoader") -> Any:  # noqa: ANN401 - tensorflow's
    """Give the batches of a loader as a `tf.data.Dataset`; each pass is an epoch."""
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            "datasets of tensorflow need it: pip install tensorflow", name="tensorflow"
        ) from error
    # Types and shapes are those of one batch, but for how many samples it has.
    first = loader.samples(range(min(loader.batch_size, loader.total_samples)))
    spec = tf.nest.map_structure(_spec, first)
    return tf.data.Dataset.from_generator(lambda: iter(loader), output_signature=spec)


def _spec(value: Any) -> Any:  # noqa: ANN401
    import tensorflow as tf

    array = tf.convert_to_tensor(value)
    return tf.TensorSpec((None, *array.shape[1:]), array.dtype)
