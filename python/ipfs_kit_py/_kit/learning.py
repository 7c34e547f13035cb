"""Machine learning on a kit: parts that `enable_ai_ml` asks for."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ipfs_kit_py.errors import ComponentUnavailableError

if TYPE_CHECKING:
    from ipfs_kit_py._datasets.datasets import DatasetManager
    from ipfs_kit_py._loader.loader import IPFSDataLoader
    from ipfs_kit_py._ml.models import ModelRegistry
    from ipfs_kit_py.ipfs import ipfs_py

GATED: Final = {
    "model_registry": "enable_ai_ml",
    "dataset_manager": "enable_ai_ml",
    "ipfs_dataloader": "enable_ai_ml",
}
"""Components that are there if a setting says so, and that setting."""


class Learning:
    """Models, datasets and their loaders.

    Each part is a property here and a name in `GATED`; it is made when it is first asked
    for.
    """

    ipfs: "ipfs_py"

    @cached_property
    def model_registry(self) -> "ModelRegistry":
        """Models by name and version, with what they were made of."""
        self._need("model_registry")
        from ipfs_kit_py._ml.models import ModelRegistry

        return ModelRegistry(self)

    @cached_property
    def dataset_manager(self) -> "DatasetManager":
        """Datasets by name and version, each of which is a CID."""
        self._need("dataset_manager")
        from ipfs_kit_py._datasets.datasets import DatasetManager

        return DatasetManager(self)

    @cached_property
    def ipfs_dataloader(self) -> "IPFSDataLoader":
        """Batches of a dataset, with the usual settings."""
        self._need("ipfs_dataloader")
        return self.get_data_loader()

    def get_data_loader(self, **options: Any) -> "IPFSDataLoader":  # noqa: ANN401 - as there
        """Make a loader of datasets that reads what this kit reads, whatever is set.

        Args:
            **options: As `IPFSDataLoader` takes them.
        """
        from ipfs_kit_py._loader.loader import IPFSDataLoader

        return IPFSDataLoader(self, **options)

    def _has(self, component: str) -> bool:
        """Tell whether no setting keeps a component away."""
        setting = GATED.get(component)
        return setting is None or bool(getattr(self.ipfs.config, setting))

    def _need(self, component: str) -> None:
        if not self._has(component):
            raise switched_off(component, component)


def switched_off(name: str, component: str) -> ComponentUnavailableError:
    """Say which setting would make a component be there."""
    return ComponentUnavailableError(
        f"{name} is there if `{GATED[component]}` is set: give it in `metadata`, in the "
        f"configuration file, or as IPFS_KIT_{GATED[component].upper()}"
    )
