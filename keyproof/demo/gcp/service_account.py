"""The service account with which clients come: its key, and the tokens that are good for a request."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from keyproof.demo.http import HttpResponse

_LIFETIME = 3600
_AUDIENCE = "https://oauth2.googleapis.com/token"
"""What Google's own client writes into an assertion, whatever the token endpoint is."""
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class ServiceAccount:
    """A service account with a key that is made here and known nowhere else.

    Google takes two kinds of tokens from it: those that `exchange` gives out, and assertions that it signed itself,
    which clients prefer. Source: https://google.aip.dev/auth/4111
    """

    def __init__(self, email: str, token_uri: str) -> None:
        self.email = email
        self.token_uri = token_uri
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self._key.public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        self._public = public.public_bytes(serialization.Encoding.PEM, form).decode()
        self._lock = threading.Lock()
        self._good_until: dict[str, float] = {}

    def write(self, path: Path) -> None:
        """Write the key as the JSON file that Google's libraries read."""
        private = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        document = {
            "type": "service_account",
            "project_id": self.email.partition("@")[2].partition(".")[0],
            "private_key_id": "embedded",
            "private_key": private.decode(),
            "client_email": self.email,
            "client_id": "100000000000000000001",
            "token_uri": self.token_uri,
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(document), encoding="utf-8")

    def objection(self, authorization: str) -> str:
        """Why a request's authorization is no good, as ErrorInfo states it; empty where it is good."""
        kind, _, token = authorization.partition(" ")
        if kind != "Bearer" or not token:
            return "CREDENTIALS_MISSING"
        with self._lock:
            until = self._good_until.get(token)
        if until is None:
            until = self._signed_until(token)
            if until is None:
                return "ACCESS_TOKEN_TYPE_UNSUPPORTED"
            with self._lock:
                self._good_until[token] = until
        return "" if time.time() < until else "ACCESS_TOKEN_EXPIRED"

    def exchange(self, body: bytes) -> HttpResponse:
        """An access token for an assertion, as https://developers.google.com/identity/protocols/oauth2/service-account
        has it."""
        form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        if form.get("grant_type") != _GRANT:
            return _refused("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        if self._signed_until(form.get("assertion", ""), (_AUDIENCE, self.token_uri)) is None:
            return refused_grant()
        token = "ya29." + secrets.token_urlsafe(48)
        with self._lock:
            self._good_until[token] = time.time() + _LIFETIME
        content = {"access_token": token, "expires_in": _LIFETIME - 1, "token_type": "Bearer"}
        return HttpResponse(200, _JSON, json.dumps(content).encode())

    def _signed_until(self, token: str, audience: Sequence[str] | None = None) -> float | None:
        """When an assertion that this account signed expires; None where it did not."""
        try:
            claims = jwt.decode(token, certs=self._public, audience=audience)  # type: ignore[no-untyped-call]
        except (ValueError, GoogleAuthError):
            return None
        return float(claims["exp"]) if claims.get("iss") == self.email else None


_JSON = {"Content-Type": "application/json; charset=UTF-8"}


def refused_grant() -> HttpResponse:
    """No token for this assertion."""
    return _refused("invalid_grant", "Invalid JWT Signature.")


def _refused(error: str, description: str) -> HttpResponse:
    return HttpResponse(400, _JSON, json.dumps({"error": error, "error_description": description}).encode())
