"""Application Default Credentials, and the clients that ask with them."""

from __future__ import annotations

import importlib
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import google.auth
import grpc
import requests
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError
from google.auth.transport.grpc import AuthMetadataPlugin
from google.auth.transport.requests import Request

from collectors.certificates import check_ca_file
from collectors.gcp.configuration import GcpConfiguration
from collectors.gcp.iam_rest import OVER_REST
from collectors.gcp.methods import Method
from collectors.https import LARGEST_ANSWER, TrustingAdapter
from collectors.source import CredentialError

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""The one OAuth scope that all of these services take; what may be done with it is decided by IAM."""

_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST_ANSWER),
    ("grpc.enable_retries", 0),
    ("grpc.keepalive_time_ms", 60_000),
)


class Seat:
    """One identity from which Google Cloud is asked. Its clients are made under a lock, and shared."""

    def __init__(self, configuration: GcpConfiguration, credentials: Any, session: requests.Session) -> None:
        self.configuration = configuration
        self.credentials = credentials
        self.token_request = Request(session)
        """How a token is asked for."""
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._channels: dict[str, Any] = {}

    @property
    def identity(self) -> str:
        """Whose the credentials are; "" where they do not tell."""
        email = getattr(self.credentials, "service_account_email", "") or getattr(self.credentials, "account", "")
        return email if isinstance(email, str) and "@" in email else ""

    def client(self, method: Method, region: str, guard: Guard) -> Any:
        """The client that has a method, with its requests guarded. `region` is "" but for regional endpoints."""
        key = (method.package, method.client, region)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._made(method, region, guard)
            return self._clients[key]

    def _made(self, method: Method, region: str, guard: Guard) -> Any:
        client = getattr(importlib.import_module(f"google.cloud.{method.package}"), method.client)
        kind = self.configuration.transport
        host = self.configuration.endpoint or _host(client.DEFAULT_ENDPOINT, region)
        if kind == "rest" and method.client in OVER_REST:
            stand_in = OVER_REST[method.client](self.credentials, host)
            guard.watch_session(stand_in.session, self, host)
            return stand_in
        transport = client.get_transport_class(kind)
        if kind == "rest":
            made = transport(credentials=self.credentials, host=host)
            guard.watch_session(made._session, self, host)  # the session is made inside, with no way to hand one in
        else:
            made = transport(channel=self._channel(host, guard))
        return client(transport=made)

    def _channel(self, host: str, guard: Guard) -> Any:
        target = host if ":" in host else f"{host}:443"
        if target not in self._channels:
            ca_file = self.configuration.ca_file
            certificates = Path(ca_file).read_bytes() if ca_file else None
            token = AuthMetadataPlugin(self.credentials, self.token_request)  # type: ignore[no-untyped-call]
            credentials = grpc.composite_channel_credentials(
                grpc.ssl_channel_credentials(root_certificates=certificates), grpc.metadata_call_credentials(token)
            )
            channel = grpc.secure_channel(target, credentials, options=_CHANNEL_OPTIONS)
            self._channels[target] = guard.watched_channel(channel)
        return self._channels[target]


class Guard(ABC):
    """What watches over the requests of clients; see `collectors.gcp.wire`."""

    @abstractmethod
    def watched_channel(self, channel: Any) -> Any:
        """A gRPC channel through which only declared operations pass."""

    @abstractmethod
    def watch_session(self, session: Any, seat: Seat, host: str) -> None:
        """Let only declared operations pass through an HTTP session, and to that host alone."""


def _host(default: str, region: str) -> str:
    """Google's endpoint of a service, or that of one location: `secretmanager.europe-west3.rep.googleapis.com`."""
    return default.replace(".googleapis.com", f".{region}.rep.googleapis.com") if region else default


def ambient_seat(configuration: GcpConfiguration) -> Seat:
    """The seat of Application Default Credentials. Raises CredentialError, with the next step, where there are none."""
    where = f"source {configuration.name!r}"
    session = requests.Session()
    if configuration.ca_file:
        check_ca_file(where, configuration.ca_file)
        host = (configuration.endpoint or "").rpartition(":")[0]
        session.mount(f"https://{host}:", TrustingAdapter(configuration.ca_file))
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
        credentials.refresh(Request(session))  # type: ignore[no-untyped-call]
    except DefaultCredentialsError as error:
        raise CredentialError(
            f"{where}: no Google Cloud credentials were found ({error}); run `gcloud auth application-default login`, "
            "or set GOOGLE_APPLICATION_CREDENTIALS"
        ) from error
    except RefreshError as error:
        raise CredentialError(
            f"{where}: the Google Cloud credentials are not accepted ({error}); sign in again with "
            "`gcloud auth application-default login`, or renew the service account's key"
        ) from error
    except (TransportError, GoogleAuthError, requests.RequestException) as error:
        raise CredentialError(
            f"{where}: Google Cloud credentials could not be obtained: {error}; "
            "try `gcloud auth application-default print-access-token`"
        ) from error
    return Seat(configuration, credentials, session)
