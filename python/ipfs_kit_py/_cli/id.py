"""`ipfs-kit id`: who this node is."""

import base64
import json
from typing import TYPE_CHECKING

import click

from ipfs_kit_py._cli.key import spelled
from ipfs_kit_py._cli.output import emit, output_options
from ipfs_kit_py._cli.repository import KuboCommand, with_repository
from ipfs_kit_py._native import ipns_name

if TYPE_CHECKING:
    from ipfs_kit_py._engine.engine import Engine


@click.command("id", cls=KuboCommand)
@click.argument("peer", required=False, metavar="[PEERID]")
@click.option("-f", "--format", "form", help="With <id>, <aver>, <pubkey>, <addrs>.")
@click.option(
    "--peerid-base",
    "base",
    default="b58mh",
    show_default=True,
    metavar="BASE",
    help="b58mh for peer IDs, or the base of a CID.",
)
@with_repository()
@output_options
def id_command(
    peer: str | None,
    *,
    repository: "Engine",
    form: str | None,
    base: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Print who this node is.

    Of another node, what its ID tells by itself.
    """
    own = repository.peer_id if peer is None else None
    peer_id, _, public_key = ipns_name(own or peer or "")
    record: dict[str, str | list[str]] = {
        "ID": spelled(peer_id, base),
        "PublicKey": base64.b64encode(public_key or b"").decode(),
        # Others are not asked.
        "Addresses": repository.addresses() if own else [],
        "AgentVersion": repository.agent_version if own else "",
        "Protocols": list[str](),
    }
    if form is not None and not as_json:
        click.echo(_filled(form, record), nl=False)
        return
    text = record["ID"] if quiet else json.dumps(record, indent="\t")
    emit(record, str(text), as_json=as_json)


def _filled(form: str, record: dict[str, str | list[str]]) -> str:
    fields = {"<id>": "ID", "<aver>": "AgentVersion", "<pubkey>": "PublicKey"}
    for field, key in fields.items():
        form = form.replace(field, str(record[key]))
    for field in ("<addrs>", "<protocols>"):
        form = form.replace(field, "")
    return form.replace("\\n", "\n").replace("\\t", "\t")
