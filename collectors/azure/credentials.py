"""Credentials of Azure's default chain, and the official clients that use them."""

from __future__ import annotations

import base64
import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import (
    HeadersPolicy,
    ProxyPolicy,
    RequestIdPolicy,
    RetryMode,
    RetryPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import DefaultAzureCredential
from azure.keyvault.administration import KeyVaultAccessControlClient
from azure.keyvault.certificates import CertificateClient
from azure.keyvault.keys import KeyClient
from azure.keyvault.secrets import SecretClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy, ARMHttpLoggingPolicy
from azure.mgmt.keyvault import KeyVaultManagementClient
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from collectors.azure.configuration import AzureConfiguration
from collectors.certificates import check_ca_file
from collectors.source import CredentialError

LARGEST_ANSWER = 64 << 20
"""The longest answer that is read, in bytes as they are after decompression."""

LONGEST_WAIT_SECONDS = 120.0
"""The longest `Retry-After` that is honoured; a server that asks for more is asked again after this."""

_NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
"""What a client of Resource Manager is made with: each request names its subscription in its own path."""

_USER_AGENT = "keyproof"

_PIECE = 1 << 16

_DATA_CLIENTS: Mapping[str, Any] = {
    "keys": KeyClient,
    "secrets": SecretClient,
    "certificates": CertificateClient,
    "administration": KeyVaultAccessControlClient,
}
"""By the prefix of an operation's name."""


class _BoundedRetryPolicy(RetryPolicy[Any, Any]):
    """Azure's own retry, which honours Retry-After, but no longer than is reasonable."""

    def get_retry_after(self, response: PipelineResponse[Any, Any]) -> float | None:
        wait = super().get_retry_after(response)
        return None if wait is None else min(wait, LONGEST_WAIT_SECONDS)


class OversizedAnswer(ValueError):
    """An answer that is longer than any of Azure's, and is not read to its end."""


class _BoundedAdapter(HTTPAdapter):
    """Reads each answer piece by piece, so that one without end cannot fill the memory."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Raises OversizedAnswer."""
        response = super().send(request, *args, **{**kwargs, "stream": True})
        body = bytearray()
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) > LARGEST_ANSWER:
                response.close()
                raise OversizedAnswer(f"the answer is larger than {LARGEST_ANSWER >> 20} MiB")
        response._content = bytes(body)
        return response


class Seat:
    """One identity from which Azure is asked. Its clients share one pool of connections."""

    def __init__(self, configuration: AzureConfiguration, credential: Any) -> None:
        self.configuration = configuration
        self.credential = credential
        self._transport = _transport(configuration)

    def client(self, prefix: str, address: str, guard: SansIOHTTPPolicy[Any, Any]) -> Any:
        """A new client for the operations of that prefix; `guard` sees each request before it gets a token."""
        retry = _retry(self.configuration)
        if prefix == "arm":
            endpoint = self.configuration.resource_manager
            policies = _management_policies(self.credential, f"{endpoint}/.default", retry, guard)
            return KeyVaultManagementClient(
                self.credential, _NO_SUBSCRIPTION, base_url=endpoint, transport=self._transport, policies=policies
            )
        return _DATA_CLIENTS[prefix](
            address,
            self.credential,
            transport=self._transport,
            retry_policy=retry,
            permit_redirects=False,
            per_retry_policies=[guard],
            user_agent=_USER_AGENT,
            verify_challenge_resource=not self.configuration.own_vaults,
        )


def _management_policies(
    credential: Any, scope: str, retry: RetryPolicy[Any, Any], guard: SansIOHTTPPolicy[Any, Any]
) -> list[Any]:
    """The client's own policies but for two: one follows redirections, one registers a subscription for Key Vault."""
    return [
        RequestIdPolicy(),
        HeadersPolicy(),
        UserAgentPolicy(user_agent=_USER_AGENT),
        ProxyPolicy(),
        retry,
        guard,
        ARMChallengeAuthenticationPolicy(credential, scope),
        ARMHttpLoggingPolicy(),
    ]


def _retry(configuration: AzureConfiguration) -> RetryPolicy[Any, Any]:
    tries = configuration.attempts - 1
    return _BoundedRetryPolicy(
        retry_total=tries,
        retry_connect=tries,
        retry_read=tries,
        retry_status=tries,
        retry_backoff_max=30,
        retry_mode=RetryMode.Exponential,
    )


def _transport(configuration: AzureConfiguration) -> RequestsTransport:
    transport = RequestsTransport(
        connection_timeout=min(10, configuration.timeout_seconds),
        read_timeout=configuration.timeout_seconds,
        connection_verify=configuration.ca_file or True,
    )
    transport.open()
    retries = Retry(total=False, redirect=False, raise_on_status=False)  # Azure's own policy retries
    transport.session.mount("https://", _BoundedAdapter(pool_connections=256, pool_maxsize=64, max_retries=retries))
    return transport


def ambient_seat(configuration: AzureConfiguration) -> tuple[Seat, str, str]:
    """The seat of DefaultAzureCredential, with the caller and the tenant as the token names them, or "" for each.

    Raises CredentialError, with the next step, where the chain has no credential to use.
    """
    where = f"source {configuration.name!r}"
    if configuration.ca_file:
        check_ca_file(where, configuration.ca_file)
    arguments: dict[str, Any] = {"connection_verify": configuration.ca_file} if configuration.ca_file else {}
    if configuration.authority:
        arguments["authority"] = configuration.authority
    if configuration.endpoints.authority:
        arguments["disable_instance_discovery"] = True
    try:
        credential = DefaultAzureCredential(exclude_interactive_browser_credential=True, **arguments)
        token = credential.get_token(f"{configuration.resource_manager}/.default").token
    except (AzureError, ValueError) as error:
        raise CredentialError(f"{where}: {_trouble(error)}; {_STEP}") from error
    claims = _claims(token)
    caller = next((claims[name] for name in ("upn", "appid", "oid") if name in claims), "")
    return Seat(configuration, credential), caller, claims.get("tid", "")


_STEP = (
    "run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or "
    "AZURE_FEDERATED_TOKEN_FILE"
)

_ATTEMPT = re.compile(r"^\t(\w+): (.*)$", re.MULTILINE)
"""A credential that DefaultAzureCredential tried, as its error tells: the name, and the first line of what it said."""

_UNAVAILABLE = re.compile(r"\w+Credential (authentication )?unavailable")
"""How a credential's error begins that lacks what it would ask with, so that nobody was asked."""


def _trouble(error: AzureError | ValueError) -> str:
    """What DefaultAzureCredential came to, without what it says of each credential that is just not there.

    It goes on past a credential that is unavailable and stops at one that fails, so only the last it tried can have
    failed.
    """
    attempts = _ATTEMPT.findall(str(error))
    name, said = attempts[-1] if attempts else ("", str(error))
    if _UNAVAILABLE.match(said):
        return "no Azure credentials were found"
    told = textwrap.shorten(f"{name}: {said}" if name else said, 300, placeholder=" …")
    return f"the Azure credentials could not be used ({told})"


def _claims(token: str) -> dict[str, str]:
    """The claims of an access token that are text, as far as it is a JSON Web Token. They are a name, and no proof."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in claims.items() if isinstance(value, str)} if isinstance(claims, dict) else {}
