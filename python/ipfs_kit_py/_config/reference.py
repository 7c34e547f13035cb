"""Write `docs/configuration.md`: `python -m ipfs_kit_py._config.reference > FILE`."""

import sys
from collections.abc import Iterator

from ipfs_kit_py._config.files import NAMES, SYSTEM_FOLDER
from ipfs_kit_py._config.names import Leaf, names, preferred_variable
from ipfs_kit_py._config.schema import OTHER_VARIABLES, PARTS

_HEAD = f"""\
# Configuration

<!-- Written by `python -m ipfs_kit_py._config.reference`, from the table of settings. -->

Key by key, the first that says something counts:

1. the `metadata` dictionary that a program gives,
2. variables `IPFS_KIT_*`,
3. one configuration file,
4. variables of other programs, where the tables below name any (`IPFS_PATH`),
5. the default.

So a file may set one key of a section, and a variable another. Tables of free keys are
merged to the bottom as well; a list hides the one below it. `null` says nothing.

```console
$ ipfs-kit config set role worker --config config.yaml
role is set in config.yaml
$ ipfs-kit config set cache_config.memory_cache_size 512MB --config config.yaml
cache_config.memory_cache_size is set in config.yaml
$ ipfs-kit config set cluster_name research --config config.yaml
cluster_name is set in config.yaml
$ cat config.yaml
role: worker
cache_config:
  memory_cache_size: 512MB
cluster_name: research
$ IPFS_KIT_ROLE=master ipfs-kit config show --config config.yaml
role                            master       IPFS_KIT_ROLE
config_path                     config.yaml  config_path
cache_config.memory_cache_size  512MB        config.yaml
cluster_name                    research     config.yaml  inactive
```

`ipfs-kit config show --all` prints every key, `get` one, `path` where files are looked
for; `validate` checks a file. `set` keeps comments, and makes the file readable by you
alone. Secrets are shown as `***`, in messages too; `config set KEY -` reads one from
standard input.

## The file

It is the one that `--config` or `metadata["config_path"]` names, else
`IPFS_KIT_CONFIG_PATH`, else the first that exists of
{", ".join(f"`{name}`" for name in NAMES)} in `~/.ipfs_kit`,
then in `{SYSTEM_FOLDER}`. The working directory is never searched. A file that is named
and cannot be read is an error. So are unknown keys and values of the wrong kind: all of
them are told at once.

```text
role: worker
cluster_name: production-cluster
ipfs_path: ~/.ipfs-worker
enable_libp2p: true
cache_config:
  memory_cache_size: 512MiB
  disk_cache_size: 5GiB
```

## Values

| type | in Python and files | in a variable |
|---|---|---|
| size | bytes as a number, `"512MB"`, `"10 GiB"`: KB is 1000, KiB is 1024 | the same |
| duration | seconds, `"30s"`, `"1h30m"`, `"24h"`: ms, s, m, h, d, w | the same |
| true or false | `true`, `false` | also `yes`, `on`, `1`, `no`, `off`, `0` |
| path | `~` is the home folder | the same |
| list of text | a list | with commas, or as JSON |
| table | a table | as JSON |

So `512 * 1024 * 1024` is `"512MiB"`; `"512MB"` is a little less.

The tables below name one variable for each key. There is always one made of the whole
key, with `__` for each dot: `IPFS_KIT_CACHE_CONFIG__MEMORY_CACHE_SIZE`. Where the last
part of a key has more than one word and no other key ends in it, that alone will do:
`IPFS_KIT_MEMORY_CACHE_SIZE`. A whole section may be given as JSON. An empty variable says
nothing; an unknown one is logged once, with the name that was probably meant.

Keys marked *inactive* are checked, and have no effect yet: the part that uses them is not
built.
"""


def reference() -> str:
    """Write the page."""
    return "\n".join([_HEAD, *_parts(), *_others()])


def _parts() -> Iterator[str]:
    for part, title in PARTS.items():
        leaves = [leaf for leaf in names().leaves.values() if leaf.part == part]
        yield f"## {title}\n"
        yield "| key | type | default | variable | meaning |\n|---|---|---|---|---|"
        yield from map(_line, leaves)
        yield ""


def _line(leaf: Leaf) -> str:
    field = leaf.field
    notes = [field.doc]
    if field.aliases:
        notes.append(f"Also {_quoted(field.aliases)}.")
    if field.foreign:
        notes.append(f"Also {_quoted(field.foreign)}, where the file says nothing.")
    if field.secret:
        notes.append("Secret.")
    if leaf.inactive:
        notes.append("*Inactive.*")
    variable = (
        "IPFS_KIT_CONFIG_PATH" if leaf.key == "config_path" else preferred_variable(leaf)
    )
    cells = (f"`{leaf.key}`", field.kind.name, field.default_shown, f"`{variable}`")
    return f"| {' | '.join(cells)} | {' '.join(notes)} |"


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _others() -> Iterator[str]:
    yield "## Other variables\n"
    yield "These are no settings; they are read elsewhere.\n"
    yield "| variable | meaning |\n|---|---|"
    for name, meaning in OTHER_VARIABLES.items():
        yield f"| `{name}` | {meaning} |"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(reference())
