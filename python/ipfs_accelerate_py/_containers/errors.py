"""What goes wrong with containers. `error_type` of a result is one of these names."""

from ipfs_kit_py.errors import (
    ConfigurationError,
    ErrorCode,
    IPFSError,
    NotFoundError,
    UnreachableError,
)


class ContainerEngineUnavailableError(UnreachableError):
    """No container engine answers."""

    code = ErrorCode.ENGINE_UNAVAILABLE


class ContainersDisabledError(ConfigurationError):
    """The configuration says that no container may be started."""


class ContainerError(IPFSError):
    """The engine refused, for a reason of its own that the message tells."""

    code = ErrorCode.ENGINE


class ContainerNotFoundError(NotFoundError, ContainerError):
    """There is no container of this name."""


class ContainerExistsError(ContainerError):
    """A container of this name is there already."""


class ContainerNotRunningError(ContainerError):
    """The container is there, but does not run."""


class ContainerStartError(ContainerError):
    """A container ended, or did not become healthy, when it was started."""


class PortTakenError(ContainerError, OSError):
    """Somebody listens on a port of this machine already."""


class ImageNotFoundError(NotFoundError, ContainerError):
    """The engine does not have an image."""


class ImagePullError(ContainerError):
    """An image could not be had from its registry."""


class TunnelError(ContainerError):
    """A container's port cannot be reached from here."""
