"""What this machine and interpreter are."""

import platform


def get_system_info() -> dict[str, str]:
    """Describe the system that this runs on.

    Returns:
        `platform`, `python_version`, `system`, `release`, `version`, `machine` and
        `processor`, as the module `platform` names them.
    """
    return {
        "platform": platform.platform(),
        "python_version": platform.python_version(),
        "system": platform.system(),
        "release": platform.release(),
        "version": platform.version(),
        "machine": platform.machine(),
        "processor": platform.processor(),
    }
