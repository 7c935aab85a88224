"""What stands between the client and the network: nothing leaves but the one request that was announced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from collectors.source import UndeclaredOperation

LARGEST_ANSWER = 64 << 20
"""Bytes of an answer that are read: far above any list of a Vault, and bounded."""


@dataclass(slots=True)
class Underway:
    """The request that a thread has announced."""

    verb: str
    path: str
    """Quoted, below `/v1/`."""
    query: str = ""
    attempts: int = 0
    """How often it was let out."""


class Guard(HTTPAdapter):
    """Lets a thread's announced request out, to the configured address alone, as often as it is sent.

    Servers are known by the certificates of a file where one is given: a session's own setting would lose against
    the environment's.
    """

    def __init__(self, url: str, ca_file: str | None) -> None:
        super().__init__(pool_maxsize=64)
        self._base = urlsplit(url)
        self._ca_file = ca_file
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
        verify = {"verify": self._ca_file} if self._ca_file else {}
        response = super().send(request, *args, **{**options, **verify, "stream": True})
        try:
            body = response.raw.read(LARGEST_ANSWER, decode_content=True)
        except urllib3.exceptions.HTTPError as error:  # the connection ended in the middle of the answer
            raise requests.ConnectionError(error, request=request) from error
        response._content = body  # read here once, so that an answer without end cannot fill the memory
        response._content_consumed = True
        return response

    def _is(self, underway: Underway, request: requests.PreparedRequest) -> bool:
        url = urlsplit(request.url or "")
        here = (url.scheme, url.hostname, url.port) == (self._base.scheme, self._base.hostname, self._base.port)
        path = f"{self._base.path}/v1/{underway.path}"
        return here and (request.method, url.path, url.query) == (underway.verb, path, underway.query)
