"""Change single values in the text of a YAML file, and leave its comments alone."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ipfs_kit_py._config.files import parse_yaml
from ipfs_kit_py._config.kinds import UnfitError

if TYPE_CHECKING:
    import yaml


def edited(text: str, mapping: Mapping[str, object]) -> str | None:
    """Change a text so that it says what `mapping` says.

    Returns:
        The new text; `None` if only a text written anew can say it.
    """
    import yaml

    try:
        node = yaml.compose(text, yaml.SafeLoader)
        edits = None if node is None else _edits(text, node, parse_yaml(text), mapping)
    except (yaml.YAMLError, UnfitError, ValueError, RecursionError):
        return None
    if edits is None:
        return None
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _edits(
    text: str, node: "yaml.Node", before: object, after: Mapping[str, object]
) -> list[tuple[int, int, str]] | None:
    """List what to put in the place of which characters."""
    import yaml

    block = isinstance(node, yaml.MappingNode) and not node.flow_style and node.value
    if not block or not isinstance(before, Mapping) or not before.keys() <= after.keys():
        return None
    edits: list[tuple[int, int, str]] = []
    for key_node, value_node in node.value:
        old, new = before.get(key_node.value), after.get(key_node.value)
        if old == new and type(old) is type(new):
            continue
        if isinstance(new, Mapping):
            inner = _edits(text, value_node, old, new)
            if inner is None:
                return None
            edits += inner
        elif isinstance(value_node, yaml.ScalarNode) and value_node.value:
            start, end = value_node.start_mark.index, value_node.end_mark.index
            edits.append((start, end, _flow(new)))
        else:
            return None
    added = {key: value for key, value in after.items() if key not in before}
    if added:
        at = _end_of_line(text, _last(node))
        block_text = yaml.safe_dump(
            added, sort_keys=False, allow_unicode=True, default_flow_style=False
        )
        indent = " " * node.value[0][0].start_mark.column
        lines = re.sub(r"^(?=.)", indent, block_text.rstrip("\n"), flags=re.MULTILINE)
        edits.append((at, at, f"\n{lines}"))
    return edits


def _flow(value: object) -> str:
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1e9)
    return text.removesuffix("\n").removesuffix("\n...")


def _last(node: "yaml.Node") -> int:
    """Give the place where a node's own text ends, before comments and blank lines."""
    import yaml

    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.index


def _end_of_line(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end
