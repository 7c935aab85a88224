"""HTTP with `requests`: servers known by the certificates of a file, and answers of bounded length."""

from __future__ import annotations

from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

LARGEST_ANSWER = 64 << 20
"""Bytes of an answer that are read: far above any page or list that is asked for, and bounded."""


class TrustingAdapter(HTTPAdapter):
    """Knows servers by the certificates of a file. A session's own setting would lose against the environment's."""

    def __init__(self, ca_file: str | None, **options: Any) -> None:
        super().__init__(**options)
        self._ca_file = ca_file

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send a request, after the server's certificate has been checked."""
        return super().send(request, *args, **{**options, **({"verify": self._ca_file} if self._ca_file else {})})


def read_bounded(response: requests.Response) -> bytes:
    """The body of an answer that was asked for as a stream, read once: one without end cannot fill the memory.

    Raises requests.ConnectionError where the connection ends in the middle of it.
    """
    try:
        body: bytes = response.raw.read(LARGEST_ANSWER, decode_content=True)
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error, request=response.request) from error
    response._content = body
    response._content_consumed = True
    return body
