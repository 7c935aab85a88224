"""What Microsoft Entra answers to a service principal that asks for a token, and the tokens that it gives."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from keyproof.demo.azure.shapes import OPENID_CONFIGURATION, TOKEN
from keyproof.demo.azure.wire import EntraError, Request
from keyproof.demo.azure.world import Operation, World
from keyproof.demo.names import stable_bytes

CLIENT_SECRET = "embedded"  # noqa: S105 - opens nothing but this world
LIFETIME = 3599
"""Of a token, in seconds."""
_KEY = stable_bytes(32, "token", "key")


def get_openid_configuration(world: World, request: Request) -> Mapping[str, Any]:
    _require_tenant(world, request)
    place = f"https://{request.host}/{request.parameters['tenant']}"
    return {
        "issuer": f"{place}/v2.0",
        "authorization_endpoint": f"{place}/oauth2/v2.0/authorize",
        "token_endpoint": f"{place}/oauth2/v2.0/token",
        "jwks_uri": f"{place}/discovery/v2.0/keys",
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
    }


def get_token(world: World, request: Request) -> Mapping[str, Any]:
    """The token's times are the clock's: clients compare them with their own."""
    _require_tenant(world, request)
    form = dict(parse_qsl(request.http.body.decode()))
    if form.get("grant_type") != "client_credentials":
        raise EntraError(400, "unsupported_grant_type", "The app requested an unsupported grant type.", 70003)
    client = form.get("client_id", "")
    if client not in world.clients:
        text = f"Application with identifier '{client}' was not found in the directory."
        raise EntraError(400, "unauthorized_client", text, 700016)
    if form.get("client_secret") != CLIENT_SECRET:
        raise EntraError(401, "invalid_client", "Invalid client secret provided.", 7000215)
    audience = form.get("scope", "").removesuffix("/.default").rstrip("/")
    if audience not in audiences(world):
        text = f"The resource principal named {audience} was not found in the tenant."
        raise EntraError(400, "invalid_resource", text, 500011)
    now = int(time.time())
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{world.tenant}/",
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "appid": client,
        "idtyp": "app",
        "oid": world.clients[client],
        "sub": world.clients[client],
        "tid": world.tenant,
        "ver": "1.0",
    }
    token = _signed(claims)
    return {"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": token}


def audiences(world: World) -> frozenset[str]:
    """What tokens can be asked for."""
    return management_audiences(world) | {world.cloud.vault_audience, world.cloud.hsm_audience}


def management_audiences(world: World) -> frozenset[str]:
    """What tokens for the management plane are for: its older name too, and where it listens."""
    named = {world.cloud.management, "https://management.core.windows.net", world.addresses.get("", "")}
    return frozenset(named - {""})


@lru_cache(maxsize=256)
def claims_of(token: str) -> Mapping[str, Any] | None:
    """What a token says, or None for one that was not given out here."""
    content, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature, _signature(content)):
        return None
    payload = content.partition(".")[2]
    claims: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _require_tenant(world: World, request: Request) -> None:
    if request.parameters["tenant"].lower() != world.tenant:
        text = f"Tenant '{request.parameters['tenant']}' not found."
        raise EntraError(400, "invalid_request", text, 90002)


def _signed(claims: Mapping[str, Any]) -> str:
    content = ".".join(_encoded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "HS256"}, claims))
    return f"{content}.{_signature(content)}"


def _signature(content: str) -> str:
    return _encoded(hmac.digest(_KEY, content.encode(), hashlib.sha256))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


OPERATIONS = {
    "entra:GetOpenIdConfiguration": Operation(get_openid_configuration, OPENID_CONFIGURATION, ""),
    "entra:GetToken": Operation(get_token, TOKEN, ""),
}
