"""A token, given or logged in for, and the session that asks with it."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from hvac.adapters import RawAdapter

from collectors.certificates import check_ca_file
from collectors.credentials import configured_secret
from collectors.exchange import next_wait, one_line
from collectors.source import CredentialError
from collectors.vault.configuration import (
    AppRoleMethod,
    JwtMethod,
    KubernetesMethod,
    TokenMethod,
    VaultConfiguration,
)
from collectors.vault.guard import Guard, Underway
from evidence.observation import body_text

_PASSING = frozenset([412, 429, 500, 502, 503, 504])
"""Statuses that another try may mend. 412: a standby has not yet seen what the active node wrote."""

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
"""Seconds between tries."""

_EARLY = 60.0
"""Seconds before its end at which a token that was logged in for is replaced."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    body: str
    attempts: int
    location: str = ""
    """Where a redirect leads."""

    @property
    def sealed(self) -> bool:
        """The server says that it is sealed, which no further try mends."""
        return self.status == 503 and "is sealed" in self.body

    @property
    def error(self) -> str:
        """The status and the errors of the answer, in one line."""
        try:
            errors = json.loads(self.body)["errors"]
            told = "; ".join(str(error) for error in errors)
        except (ValueError, RecursionError, TypeError, KeyError):
            told = self.body
        return one_line(f"{self.status}: {told}" if told else str(self.status))


class Unanswered(Exception):
    """No answer came, or nothing could be asked."""

    def __init__(self, error: str, attempts: int = 0) -> None:
        super().__init__(one_line(error))
        self.attempts = attempts


class Seat:
    """One identity from which a Vault is asked, by any number of threads."""

    def __init__(self, configuration: VaultConfiguration) -> None:
        self.configuration = configuration
        self.identity = ""
        """The token's display name and where it logged in; "" where the server does not tell."""
        self._guard = Guard(configuration.url, configuration.ca_file)
        session = requests.Session()
        session.mount("https://", self._guard)
        session.mount("http://", self._guard)
        session.auth = _no_other_credentials
        self._adapter = RawAdapter(
            base_uri=configuration.url,
            session=session,
            timeout=configuration.timeout_seconds,
            allow_redirects=False,  # the token would go along
            ignore_exceptions=True,
        )
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = float("inf")
        self._out_of_reach = False
        """All tries of an exchange came to nothing, so that others are tried once, until the server answers again."""

    def ask(self, verb: str, path: str, query: str = "", *, namespace: str = "", with_token: bool = True) -> Reply:
        """Ask, as often as configured. `path` is quoted and stands below `/v1/`. Raises Unanswered."""
        headers = {"X-Vault-Namespace": namespace} if namespace else {}
        if with_token:
            headers["X-Vault-Token"] = self._current_token()
        return self._send(Underway(verb, path, query), headers, None)

    def open(self) -> None:
        """Obtain a token and learn whose it is.

        Raises CredentialError where none is found or it is not accepted. A server that cannot answer now, such as a
        sealed one, is no reason: each exchange will tell. Nor is a token that may not look at itself.
        """
        try:
            self._current_token()
            reply = self.ask("GET", "auth/token/lookup-self", namespace=self.configuration.namespace)
        except Unanswered:
            return
        if reply.status == 403 and _unknown_token(reply):
            raise CredentialError(
                f"source {self.configuration.name!r}: the server does not know the token ({reply.error}): "
                "it has expired, was revoked, or is another server's or namespace's; obtain a new one"
            )
        self.identity = _identity(reply) if reply.status == 200 else ""

    def _send(self, underway: Underway, headers: Mapping[str, str], json: Mapping[str, str] | None) -> Reply:
        target = f"/v1/{underway.path}" + (f"?{underway.query}" if underway.query else "")
        limit = 1 if self._out_of_reach else self.configuration.attempts
        with self._guard.letting_out(underway):
            while True:
                wait = next_wait(underway.attempts, _FIRST_WAIT, _LONGEST_WAIT)
                try:
                    options = {"json": json} if json is not None else {}
                    response = self._adapter.request(underway.verb, target, headers=dict(headers), **options)
                except (requests.ConnectionError, requests.Timeout) as error:
                    if underway.attempts >= limit or _distrusted(error):
                        self._out_of_reach = True
                        raise Unanswered(_silence(error), underway.attempts) from error
                except requests.RequestException as error:
                    raise Unanswered(f"{type(error).__name__}: {error}", underway.attempts) from error
                else:
                    self._out_of_reach = False
                    reply = _reply(response, underway.attempts)
                    if reply.status not in _PASSING or reply.sealed or underway.attempts >= limit:
                        return reply
                    wait = _asked_wait(response) or wait
                time.sleep(wait)

    def _current_token(self) -> str:
        """The token; logged in for where none is held, or the one that is held ends soon."""
        with self._lock:
            if not self._token or time.monotonic() >= self._renew_at:
                self._token, lifetime = self._obtained()
                self._renew_at = time.monotonic() + max(lifetime - _EARLY, lifetime / 2)
            return self._token

    def _obtained(self) -> tuple[str, float]:
        """A token and the seconds for which it is good."""
        method = self.configuration.auth
        where = f"source {self.configuration.name!r}"
        if isinstance(method, TokenMethod):
            return _given_token(where, method), float("inf")
        underway = Underway("POST", f"auth/{method.mount}login")
        namespace = self.configuration.namespace
        headers = {"X-Vault-Namespace": namespace} if namespace else {}
        reply = self._send(underway, headers, _exchanged(where, method))
        if reply.status in (400, 401, 403, 404):
            raise CredentialError(
                f"{where}: the login at auth/{method.mount}login is not accepted ({reply.error}); "
                "check the role, what is exchanged for a token, and the namespace"
            )
        try:
            told = json.loads(reply.body)["auth"]
            token, lifetime = str(told["client_token"]), float(told["lease_duration"])
        except (ValueError, RecursionError, TypeError, KeyError) as error:
            # The answer may hold a token, so that nothing of it is told.
            raise Unanswered(
                f"the login was answered with status {reply.status} and without a token"
                + (f": {reply.error}" if reply.status != 200 else ""),
                reply.attempts,
            ) from error
        return token, lifetime or float("inf")


def ambient_seat(configuration: VaultConfiguration) -> Seat:
    """A seat with the credentials that the configuration names. Raises CredentialError, with the next step."""
    if configuration.ca_file:
        check_ca_file(f"source {configuration.name!r}", configuration.ca_file)
    seat = Seat(configuration)
    seat.open()
    return seat


def _no_other_credentials(request: Any) -> Any:
    """Keeps `requests` from adding what a `.netrc` holds for the host."""
    return request


def _reply(response: requests.Response, attempts: int) -> Reply:
    body = body_text(response.content)
    return Reply(response.status_code, body, attempts, response.headers.get("Location", ""))


def _asked_wait(response: requests.Response) -> float:
    """The seconds that the server asks to wait, bounded; 0 where it does not."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdecimal() else 0.0


def _silence(error: requests.RequestException) -> str:
    """Why no answer came, by what the machine says of it rather than by where the client was when it heard."""
    distrusted = _distrusted(error)
    if distrusted:
        why = f"the server's certificate is not accepted: {distrusted.verify_message} (see url and ca_file)"
        return f"{type(distrusted).__name__}: {why}"
    cause = next((cause for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror), None)
    return f"{type(cause).__name__}: {cause}" if cause else f"{type(error).__name__}: {error}"


def _distrusted(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """A certificate that no further try makes better."""
    return next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLCertVerificationError)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Errors that an error goes back to, without itself, the nearest first."""
    seen = {id(error)}
    while True:
        inner = error.__cause__ or getattr(error, "reason", None) or error.__context__
        inner = inner if isinstance(inner, BaseException) else next(iter(error.args), None)
        if not isinstance(inner, BaseException) or id(inner) in seen:
            return
        seen.add(id(inner))
        yield inner
        error = inner


def _unknown_token(reply: Reply) -> bool:
    """The server refuses the token as such. Where a token's policies refuse, it says `1 error occurred: …`."""
    return reply.error == "403: permission denied" or "invalid token" in reply.error


def _identity(reply: Reply) -> str:
    """Whose a token is. The answer holds the token itself: it is looked at here and kept nowhere."""
    try:
        told = json.loads(reply.body)["data"]
        name, path = told["display_name"], told["path"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return ""
    return f"{name} ({path})" if isinstance(name, str) and isinstance(path, str) and name else ""


def _given_token(where: str, method: TokenMethod) -> str:
    return _secret(where, "token", method.token_env, method.token_file)


def _exchanged(where: str, method: AppRoleMethod | KubernetesMethod | JwtMethod) -> Mapping[str, str]:
    """What is exchanged for a token."""
    if isinstance(method, AppRoleMethod):
        secret_id = _secret(where, "secret_id", method.secret_id_env, method.secret_id_file)
        return {"role_id": method.role_id, "secret_id": secret_id}
    variable = method.jwt_env if isinstance(method, JwtMethod) else None
    return {"role": method.role, "jwt": _secret(where, "jwt", variable, method.jwt_file)}


def _secret(where: str, setting: str, variable: str | None, file: str | None) -> str:
    """A configured secret, without blanks around it, as a header can carry it."""
    secret = configured_secret(where, setting, variable, file).strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        named = f"{setting}_file {file!r}" if file else f"{setting}_env {variable}"
        raise CredentialError(f"{where}: {named} is empty, or holds characters that no token and no such secret has")
    return secret
