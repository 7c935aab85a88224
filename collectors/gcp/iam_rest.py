"""IAM's lists over REST, which Google's own client for IAM does not speak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.api_core.exceptions import from_http_response
from google.api_core.retry import Retry
from google.api_core.timeout import ConstantTimeout
from google.auth.transport.requests import AuthorizedSession

_QUERY = {"page_size": "pageSize", "page_token": "pageToken"}


class IamOverRest:
    """Has the methods of `IAMClient` that are declared; what they answer is for whoever watches the session."""

    def __init__(self, credentials: Any, host: str) -> None:
        self.session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
        self._host = host

    def list_service_accounts(self, request: Mapping[str, Any], retry: Retry, timeout: ConstantTimeout) -> None:
        """The service accounts of `name`, a project. Raises what Google's clients raise."""
        self._get("serviceAccounts", request, retry, timeout)

    def list_service_account_keys(self, request: Mapping[str, Any], retry: Retry, timeout: ConstantTimeout) -> None:
        """The keys of `name`, a service account. Raises what Google's clients raise."""
        self._get("keys", request, retry, timeout)

    def _get(self, collection: str, request: Mapping[str, Any], retry: Retry, timeout: ConstantTimeout) -> None:
        query = {_QUERY[name]: value for name, value in request.items() if name in _QUERY}

        def ask(timeout: float | None = None) -> None:
            url = f"https://{self._host}/v1/{request['name']}/{collection}"
            response = self.session.request("GET", url, params=query, timeout=timeout)  # type: ignore[no-untyped-call]
            if response.status_code >= 400:
                raise from_http_response(response)  # type: ignore[no-untyped-call]

        retry(timeout(ask))()


OVER_REST = {"IAMClient": IamOverRest}
"""Class of a client without REST → what stands in for it."""
