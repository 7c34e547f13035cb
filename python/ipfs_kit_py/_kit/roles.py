"""Roles: what a node is to others, and which components it therefore has."""

from typing import Literal, NamedTuple, TypeAlias

RoleName: TypeAlias = Literal["leecher", "worker", "master"]


class Role(NamedTuple):
    """What nodes of one role do."""

    name: RoleName
    purpose: str
    components: frozenset[str]
    """Components that only some roles have, and this one does."""


ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role(
            "master",
            "Coordinates: pins across the cluster, hands out tasks, keeps metadata.",
            frozenset({"ipfs_cluster_service", "ipfs_cluster_ctl", "cluster_manager"}),
        ),
        Role(
            "worker",
            "Stores and processes: follows the cluster's pins, takes tasks.",
            frozenset({"ipfs_cluster_follow", "cluster_manager"}),
        ),
        Role(
            "leecher",
            "Consumes: reads, adds and pins for itself, and is nobody's server.",
            frozenset(),
        ),
    )
}


def roles_with(component: str) -> list[str]:
    """List the roles that have a component; all of them if it is nobody's own."""
    own: list[str] = [
        role.name for role in ROLES.values() if component in role.components
    ]
    return own or [*ROLES]
