"""What is known of the files of a snapshot that were written: so they are not again."""

import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any


class Record:
    """Files of one folder, by path; threads may share it.

    Each file is noted at once in a log beside the record, so that one who is killed loses
    none. What cannot be read or written costs a download, no more.

    Args:
        path: Where it is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log_path = path.with_suffix(".log")
        self._lock = threading.Lock()
        self._log: IO[str] | None = None
        self._known = self._read()

    def get(self, name: str) -> list[Any] | None:
        """Give what was noted of a file."""
        return self._known.get(name)

    def note(self, name: str, row: list[Any]) -> None:
        """Note a file that was written."""
        with self._lock, suppress(OSError):
            self._known[name] = row
            if self._log is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._log = self._log_path.open("a", encoding="utf-8")
                # Behind a line that was cut off.
                self._log.write("\n")
            self._log.write(f"{json.dumps([name, *row])}\n")
            self._log.flush()

    def save(self) -> None:
        """Make one record of it and the log."""
        with self._lock, suppress(OSError):
            if self._log is None:
                return
            part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
            part.write_text(json.dumps(self._known), encoding="utf-8")
            part.replace(self._path)
            self._log.close()
            self._log = None
            self._log_path.unlink()

    def _read(self) -> dict[str, list[Any]]:
        known: dict[str, list[Any]] = {}
        with suppress(OSError, ValueError):
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                known = found
        with suppress(OSError):
            for line in self._log_path.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError, TypeError):
                    name, *row = json.loads(line)
                    known[name] = row
        return known
