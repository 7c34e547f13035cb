"""Machine learning over content.

    from ipfs_kit_py.ai_ml_integration import DatasetManager, ModelRegistry

    datasets = DatasetManager()
    datasets.add_dataset("digits", "mnist").raise_for_error()

    registry = ModelRegistry()
    registry.add_model(net, "digits", metrics={"accuracy": 0.97}, dataset="mnist")
    state, info = registry.get_model("digits")

    loader = IPFSDataLoader(batch_size=64)
    loader.load_dataset(datasets.get_dataset("mnist")["cid"])
    for batch in loader:
        ...

The classes work by themselves; with `enable_ai_ml` a kit has one of each as well.
"""

from ipfs_kit_py._datasets.datasets import DatasetManager
from ipfs_kit_py._loader.loader import IPFSDataLoader
from ipfs_kit_py._ml.models import ModelRegistry

__all__ = ["DatasetManager", "IPFSDataLoader", "ModelRegistry"]
