"""Configuration files: where they are looked for, and how they are read."""

import errno
import os
import re
from collections.abc import Hashable, Mapping
from typing import NamedTuple, cast

from ipfs_kit_py._config.kinds import UnfitError, unique

NAMES = ("config.yaml", "config.yml", "config.json", "config.toml")
SYSTEM_FOLDER = "/etc/ipfs_kit"
_MAX_BYTES = 1 << 20


class Candidate(NamedTuple):
    """A place where a configuration file may be."""

    path: str
    named_by: str
    """Who names it; empty for the places that are always looked at."""


def home_folder(environ: Mapping[str, str]) -> str:
    """Give the user's home folder."""
    name = "USERPROFILE" if os.name == "nt" else "HOME"
    return environ.get(name) or os.path.expanduser("~")  # noqa: PTH111


def user_folder(environ: Mapping[str, str]) -> str:
    """Give the folder of the user's own configuration."""
    return f"{home_folder(environ)}{os.sep}.ipfs_kit"


def default_candidates(environ: Mapping[str, str]) -> list[Candidate]:
    """List where a file is looked for unless one is named, the first choice first.

    Never in the working directory: a folder from somebody else must not set anything.
    """
    folders = (user_folder(environ), SYSTEM_FOLDER)
    return [
        Candidate(f"{folder}{os.sep}{name}", "") for folder in folders for name in NAMES
    ]


def found_among(candidates: list[Candidate]) -> Candidate | None:
    """Give the first one that is named by somebody or exists."""
    for candidate in candidates:
        if candidate.named_by or os.path.isfile(candidate.path):  # noqa: PTH113
            return candidate
    return None


def read_text(path: str) -> str:
    """Read a file whole.

    Raises:
        UnfitError: It cannot be read, is too large, or no UTF-8. The message says why.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a text in
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "cannot be read"
        missing = error.errno == errno.ENOENT
        message = "does not exist" if missing else f"cannot be read: {reason}"
    except ValueError:
        message = "is no path"
    else:
        return _decoded(data)
    raise UnfitError(message)


def _decoded(data: bytes) -> str:
    if len(data) > _MAX_BYTES:
        raise UnfitError(f"is larger than {_MAX_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = error.start
    raise UnfitError(f"is not UTF-8, from byte {place} on")


def parse(path: str, text: str) -> object:
    """Read a text in the format that the file's name tells.

    Raises:
        UnfitError: It is not in that format. The message quotes nothing of the text, and
            carries no other error that does.
    """
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
    if suffix in (".yaml", ".yml"):
        return parse_yaml(text)
    if suffix == ".json":
        return parse_json(text)
    if suffix == ".toml":
        return parse_toml(text)
    raise UnfitError("has no name that ends in .yaml, .yml, .json or .toml")


def parse_json(text: str) -> object:
    """Read JSON."""
    import json

    try:
        return cast("object", json.loads(text, object_pairs_hook=unique))
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except UnfitError as error:
        raise error from None
    except (ValueError, RecursionError):
        reason = "a number is too long, or it is nested too deeply"
    raise UnfitError(f"is no valid JSON: {reason}")


def parse_toml(text: str) -> object:
    """Read TOML."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # The message names characters and places, never values.
        end = f"at line {text.rstrip().count(chr(10)) + 1}, where it ends"
        reason = str(error).replace("at end of document", end)
    except (ValueError, RecursionError):
        reason = "a number is too long, or it is nested too deeply"
    raise UnfitError(f"is no valid TOML: {reason}")


def parse_yaml(text: str) -> object:
    """Read YAML, in which no key stands twice."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(
            self, node: yaml.MappingNode, deep: bool = False
        ) -> dict[Hashable, object]:
            keys = [
                (key.value, None)
                for key, _ in node.value
                if isinstance(key, yaml.ScalarNode) and key.value != "<<"
            ]
            unique(keys)
            return super().construct_mapping(node, deep)

    try:
        return cast("object", yaml.load(text, Loader))  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        # The library quotes the text, secrets and all: what stands in quotes is left out.
        what = re.sub("['\"].*['\"]", "...", error.problem or "", flags=re.DOTALL)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        reason = f"{place}{what}"
    except UnfitError as error:
        raise error from None
    except yaml.YAMLError:
        reason = "a character is not allowed"
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        reason = "a value is not what its tag says"
    except RecursionError:
        reason = "it is nested too deeply"
    raise UnfitError(f"is no valid YAML: {reason}")
