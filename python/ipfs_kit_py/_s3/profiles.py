"""The files in which AWS's own tools keep keys and regions."""

import configparser
from collections.abc import Mapping
from pathlib import Path

from ipfs_kit_py.errors import ConfigurationError

_DEFAULT = "default"
_NAMES = {
    "access_key_id": "aws_access_key_id",
    "secret_access_key": "aws_secret_access_key",
    "session_token": "aws_session_token",
    "region": "region",
    "endpoint_url": "endpoint_url",
}


def read_profile(name: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Read a profile out of `~/.aws/credentials` and `~/.aws/config`.

    Args:
        name: The profile; the default one if not given, which need not be there.
        environ: Variables, which may say where the files are.

    Raises:
        ConfigurationError: There is no such profile, or a file cannot be parsed.
    """
    home = Path(environ.get("HOME") or Path.home()) / ".aws"
    keys = environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"
    others = environ.get("AWS_CONFIG_FILE") or home / "config"
    wanted = name or _DEFAULT
    found = _section(Path(others), f"profile {wanted}") if wanted != _DEFAULT else None
    # In the file of keys sections are named plainly, and so is the default in both.
    for path in (others, keys) if found is None else (keys,):
        section = _section(Path(path), wanted)
        found = section if found is None else {**found, **(section or {})}
    if found is None and name is not None:
        raise ConfigurationError(f"neither {keys} nor {others} has a profile {name}")
    known = found or {}
    return {ours: known[theirs] for ours, theirs in _NAMES.items() if known.get(theirs)}


def _section(path: Path, name: str) -> dict[str, str] | None:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(path.expanduser().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (configparser.Error, UnicodeDecodeError):
        # What the parser complains of may hold a key.
        raise ConfigurationError(f"{path} is no file of AWS profiles") from None
    return dict(parser[name]) if parser.has_section(name) else None
