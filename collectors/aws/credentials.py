"""Credentials of the standard AWS chain, and of the roles assumed from them."""

from __future__ import annotations

import threading
from typing import Any

import botocore
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnknownRegionError,
)
from botocore.loaders import Loader
from botocore.session import Session

from collectors.aws.configuration import AwsConfiguration
from collectors.source import CredentialError

DEFAULT_REGION = "us-east-1"
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")


class Seat:
    """One identity from which AWS is asked: the credentials as they are found, or a role assumed from a seat.

    Clients are made under one lock, since sessions are not made for threads; the clients themselves are shared.
    """

    _creation = threading.Lock()

    def __init__(self, configuration: AwsConfiguration, session: Session, role: str = "") -> None:
        self.configuration = configuration
        self.role = role
        """The ARN of the role that was assumed, or "" for the credentials as they are found."""
        self.refusal: ClientError | None = None
        """The answer that refused the role. It is not asked for again."""
        self._session = session

    @property
    def home_region(self) -> str:
        """Where the services are asked that have no regions."""
        if isinstance(self.configuration.regions, list):
            return self.configuration.regions[0]
        return self._session.get_config_variable("region") or DEFAULT_REGION

    def lists(self, service: str, region: str) -> bool:
        """AWS's list of endpoints, as the SDK brings it, names one of the service there, or does not know the region.

        `service` as botocore names it.
        """
        try:
            partition = self._session.get_partition_for_region(region)
        except UnknownRegionError:
            return True
        return region in self._session.get_available_regions(service, partition)

    def config(self, pool: int = 10) -> Config:
        """The settings of every client. Requests are checked by AWS, answers by us, so botocore need not."""
        seconds = self.configuration.timeout_seconds
        return Config(
            connect_timeout=min(10, seconds),
            read_timeout=seconds,
            retries={"mode": "adaptive", "total_max_attempts": self.configuration.attempts},
            max_pool_connections=pool,
            parameter_validation=False,
            tcp_keepalive=True,
            user_agent=_user_agent(),
        )

    def client(self, service: str, region: str) -> Any:
        """A new client; `service` as botocore names it."""
        import boto3

        with self._creation:
            session = boto3.Session(botocore_session=self._session)
            endpoint = self.configuration.endpoint_url
            return session.client(service, region_name=region, endpoint_url=endpoint, config=self.config(pool=64))

    def assuming(self, role: str) -> Seat:
        """A seat of that role. Nothing is asked of AWS until the first request, which then may be refused."""
        arguments = {"RoleSessionName": self.configuration.session_name}
        if self.configuration.external_id:
            arguments["ExternalId"] = self.configuration.external_id
        fetcher = AssumeRoleCredentialFetcher(
            self._sts_client,
            self._session.get_credentials(),
            role,
            extra_args=arguments,
        )
        return Seat(self.configuration, _session(None, self._loader, _AssumedRole(fetcher)), role)

    @property
    def _loader(self) -> Loader:
        loader: Loader = self._session.get_component("data_loader")
        return loader

    def _sts_client(self, service: str, **credentials: Any) -> Any:
        with self._creation:
            return self._session.create_client(
                service,
                region_name=self.home_region,
                endpoint_url=self.configuration.endpoint_url,
                config=self.config(),
                **credentials,
            )


class _AssumedRole(CredentialProvider):  # type: ignore[misc]  # botocore has no types
    METHOD = "keyproof-assume-role"

    def __init__(self, fetcher: AssumeRoleCredentialFetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def load(self) -> Credentials:
        return DeferredRefreshableCredentials(self._fetcher.fetch_credentials, self.METHOD)


def _session(profile: str | None, loader: Loader | None, provider: CredentialProvider | None = None) -> Session:
    session = Session(profile=profile)
    if loader is not None:
        session.register_component("data_loader", loader)
    if provider is not None:
        session.register_component("credential_provider", CredentialResolver([provider]))
    return session


def ambient_seat(configuration: AwsConfiguration) -> Seat:
    """The seat of the standard chain. Raises CredentialError, with the next step, where that has none to use."""
    where = f"source {configuration.name!r}"
    profile = configuration.profile
    session = _session(profile, None)
    try:
        credentials = session.get_credentials()
        if credentials is None:
            raise CredentialError(
                f"{where}: no AWS credentials were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID, run `aws configure`, "
                "or name a profile in the source's table"
            )
        credentials.get_frozen_credentials()
    except ProfileNotFound as error:
        known = ", ".join(sorted(session.available_profiles)) or "none"
        raise CredentialError(f"{where}: {error}; AWS profiles known: {known}") from error
    except (SSOError, LoginError, TokenRetrievalError) as error:
        login = "aws sso login" + (f" --profile {profile}" if profile else "")
        raise CredentialError(f"{where}: the AWS sign-in has expired ({error}); run `{login}`") from error
    except (NoCredentialsError, PartialCredentialsError, ConfigParseError) as error:
        raise CredentialError(f"{where}: AWS credentials are incomplete: {error}") from error
    except (BotoCoreError, ClientError) as error:
        raise CredentialError(f"{where}: AWS credentials could not be obtained: {error}; {_step(error)}") from error
    return Seat(configuration, session)


def _step(error: Exception) -> str:
    if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _EXPIRED:
        return "they have expired: sign in again"
    return "try `aws sts get-caller-identity` with the same profile"


def _user_agent() -> str:
    """What AWS's logs show. botocore builds its own anew for each request, which costs a fifth of a request's time."""
    return f"keyproof Botocore/{botocore.__version__}"
