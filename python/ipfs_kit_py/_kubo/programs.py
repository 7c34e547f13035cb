"""Where the programs are that the kit runs."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ipfs_kit_py.errors import EngineUnavailableError

BIN_DIR: Final = "IPFS_KIT_BIN_DIR"
_HOW_TO_GET: Final = {
    "ipfs": "install Kubo (https://docs.ipfs.tech/install/command-line/)",
}


def find_program(name: str, environ: Mapping[str, str] | None = None) -> Path:
    """Find a program in the folder that `IPFS_KIT_BIN_DIR` names, else on PATH.

    Raises:
        EngineUnavailableError: It is in neither; the message says how to get it.
    """
    variables = os.environ if environ is None else environ
    folders = [variables.get(BIN_DIR, ""), variables.get("PATH", os.defpath)]
    path = os.pathsep.join(folder for folder in folders if folder)
    if found := shutil.which(name, path=path):
        return Path(found).absolute()
    how = _HOW_TO_GET.get(name, "install it")
    missing = EngineUnavailableError(
        f"the program {name} is neither on PATH nor in a folder that {BIN_DIR} names:"
        f" {how}"
    )
    missing.recoverable = False
    raise missing
