"""A store: its buckets as obstore has them, and requests beside those."""

import os
import re
import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from ipfs_kit_py._s3.rest import Rest
from ipfs_kit_py._s3.settings import Credentials, Settings
from ipfs_kit_py.errors import ForkedError, InvalidParameterError, OfflineError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Credential, S3Store

_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RETRIES: Final = 2
_first_user: int | None = None


class Store:
    """What reaches a store. Threads may share it.

    Args:
        settings: How to reach it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._buckets: dict[str, S3Store] = {}
        self._rest: Rest | None = None

    def bucket_of(self, name: str | None) -> str:
        """Give the bucket that is asked for, or the one of the settings.

        Raises:
            InvalidParameterError: There is neither, or it is no name of a bucket.
        """
        found = name or self.settings.bucket
        if not found:
            raise InvalidParameterError("no bucket is named, and s3cfg.bucket is not set")
        if not _BUCKET.fullmatch(found):
            raise InvalidParameterError(f"{found!r} is no name of a bucket")
        return found

    def bucket(self, name: str) -> "S3Store":
        """Give a bucket.

        Raises:
            OfflineError: Nothing outside this machine is to be asked.
            ForkedError: The process was forked from one that had used S3.
        """
        self._may_ask()
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = self._made(name)
            return self._buckets[name]

    @property
    def rest(self) -> Rest:
        """Requests that obstore has no words for."""
        self._may_ask()
        with self._lock:
            self._rest = self._rest or Rest(self.settings)
            return self._rest

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._rest is not None:
                self._rest.close()
            self._rest = None
            self._buckets.clear()

    def _may_ask(self) -> None:
        # obstore has one set of threads a process.
        global _first_user
        if self.settings.offline:
            raise OfflineError("S3 would be asked: offline is set")
        if _first_user is None:
            _first_user = os.getpid()
        if _first_user != os.getpid():
            raise ForkedError(
                "this process was forked from one that had used S3, and its threads are "
                "not here: start processes by `spawn`"
            )

    def _made(self, name: str) -> "S3Store":
        try:
            from obstore.store import S3Store
        except ImportError as error:
            raise ImportError(
                "S3 needs obstore: pip install ipfs-kit-py[s3]", name="obstore"
            ) from error
        settings = self.settings
        stall = timedelta(seconds=settings.stall_seconds)
        # No limit to a transfer as a whole, only to silence.
        client: ClientConfig = {
            "allow_http": True,
            "timeout": timedelta(days=30),
            "read_timeout": stall,
            "connect_timeout": timedelta(seconds=settings.connect_seconds),
        }
        retry: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": 3 * stall}
        keys = settings.credentials
        endpoint = settings.endpoint_url
        if not settings.path_style:
            endpoint = settings.base_of(name)
        # What is put carries checksums, for the store to verify.
        # Said in full: obstore would take what is left out from variables.
        return S3Store(
            name,
            endpoint=endpoint,
            aws_endpoint_url_s3=endpoint,
            region=settings.region,
            virtual_hosted_style_request=not settings.path_style,
            s3_express=False,
            skip_signature=keys is None,
            checksum_algorithm="SHA256",
            client_options=client,
            retry_config=retry,
            credential_provider=None if keys is None else partial(_provided, keys),
        )


def _provided(keys: Credentials) -> "S3Credential":
    return {
        "access_key_id": keys.access_key_id,
        "secret_access_key": keys.secret_access_key,
        "token": keys.session_token,
        "expires_at": None,
    }
