"""What stands between the client and the network: nothing leaves but the one request that was announced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from collectors.https import TrustingAdapter, read_bounded
from collectors.source import UndeclaredOperation


@dataclass(slots=True)
class Underway:
    """The request that a thread has announced."""

    verb: str
    path: str
    """Quoted, below `/v1/`."""
    query: str = ""
    attempts: int = 0
    """How often it was let out."""


class Guard(TrustingAdapter):
    """Lets a thread's announced request out, to the configured address alone, as often as it is sent."""

    def __init__(self, url: str, ca_file: str | None) -> None:
        super().__init__(ca_file, pool_maxsize=64)
        self._base = urlsplit(url)
        self._announced = threading.local()

    @contextmanager
    def letting_out(self, underway: Underway) -> Iterator[Underway]:
        """Announces a request of this thread for as long as the context lasts."""
        self._announced.request = underway
        try:
            yield underway
        finally:
            self._announced.request = None

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send the announced request and read its answer. For another, nothing is sent: UndeclaredOperation."""
        underway: Underway | None = getattr(self._announced, "request", None)
        if underway is None or not self._is(underway, request):
            raise UndeclaredOperation(f"{request.method} {request.url} is not declared by this collector: not called")
        underway.attempts += 1
        response = super().send(request, *args, **{**options, "stream": True})
        read_bounded(response)
        return response

    def _is(self, underway: Underway, request: requests.PreparedRequest) -> bool:
        url = urlsplit(request.url or "")
        here = (url.scheme, url.hostname, url.port) == (self._base.scheme, self._base.hostname, self._base.port)
        path = f"{self._base.path}/v1/{underway.path}"
        return here and (request.method, url.path, url.query) == (underway.verb, path, underway.query)
