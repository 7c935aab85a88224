"""A simulated AWS endpoint in a process of its own: it answers for one account, each call after a fixed time."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.request import urlopen

from benchmarks.estate import EMPTY, EVERYTHING_IS_ASKED, Account

COUNTS = "/-/requests"
"""Where the endpoint tells how often each operation was asked for."""

OPERATIONS_BY_PATH = {"/getAccountInformation": "account:GetAccountInformation"}
PREFIX_BY_TARGET = {
    "TrentService": "kms",
    "ResourceGroupsTaggingAPI_20170126": "tag",
    "secretsmanager": "secretsmanager",
    "AmazonSSM": "ssm",
    "BaldrApiService": "cloudhsm",
    "CloudTrail_20131101": "cloudtrail",
}
"""How the header X-Amz-Target names a service, and how permissions do."""

JSON_TYPE = "application/x-amz-json-1.1"


@dataclass(frozen=True, slots=True)
class Content:
    """The part of an HTTP answer that depends on what was asked."""

    body: bytes
    type: str = JSON_TYPE
    status: str = "200 OK"


@dataclass
class Answers:
    """What is answered about one account; everything about single keys is made before the first request comes."""

    account: Account
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._of_keys = {
            (name, key.arn): _json(answer) for key in self.account.all_keys() for name, answer in key.answers()
        }
        self._empty = {name: _json(answer) for name, answer in EMPTY.items()}

    def of(self, path: str, target: str, body: bytes) -> Content:
        """The answer to a request, which is counted."""
        if path == COUNTS:
            return _json(dict(self.counts))
        operation, parameters = _question(path, target, body)
        self.counts[operation] += 1
        answer = self._of_keys.get((operation, parameters.get("KeyId", ""))) or self._empty.get(operation)
        return answer or self._made(operation, parameters)

    def _made(self, operation: str, parameters: dict[str, Any]) -> Content:
        if operation == "sts:GetCallerIdentity":
            return Content(_caller(self.account).encode(), "text/xml")
        if operation == "account:GetAccountInformation":
            return _json(self.account.information(), "application/json")
        if operation in ("kms:ListKeys", "kms:ListAliases"):
            return _json(self.account.page(operation, int(parameters.get("Marker", 0)), parameters["Limit"]))
        if operation == "tag:GetResources" and parameters["ResourceTypeFilters"] == ["kms:key"]:
            start = int(parameters.get("PaginationToken", 0))
            return _json(self.account.page(operation, start, parameters["ResourcesPerPage"]))
        refusal = {"__type": "UnknownOperationException", "message": f"{operation} is not simulated"}
        return Content(json.dumps(refusal).encode(), status="400 Bad Request")


def _question(path: str, target: str, body: bytes) -> tuple[str, dict[str, Any]]:
    if target:
        service, _, action = target.removeprefix("com.amazonaws.cloudtrail.v20131101.").partition(".")
        return f"{PREFIX_BY_TARGET.get(service, service)}:{action}", json.loads(body)
    if b"Action=GetCallerIdentity" in body:
        return "sts:GetCallerIdentity", {}
    return OPERATIONS_BY_PATH.get(path, path), {}


def _json(answer: dict[str, Any], type: str = JSON_TYPE) -> Content:
    return Content(json.dumps(answer, separators=(",", ":")).encode(), type)


def _caller(account: Account) -> str:
    result = "".join(f"<{name}>{value}</{name}>" for name, value in account.caller().items())
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult>{result}</GetCallerIdentityResult>"
        "<ResponseMetadata><RequestId>benchmark</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )


class _Connection(asyncio.Protocol):
    """Just enough of HTTP/1.1: requests with a length, one after the other, on a connection that stays open."""

    def __init__(self, answers: Answers, delay: float, ids: Iterator[int]) -> None:
        self._answers = answers
        self._delay = delay
        self._ids = ids
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._received[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            start, length = end + 4, int(headers.get("content-length", 0))
            if len(self._received) < start + length:
                return
            body, self._received = self._received[start : start + length], self._received[start + length :]
            self._answer(first.split(" ")[1], headers.get("x-amz-target", ""), body)

    def _answer(self, path: str, target: str, body: bytes) -> None:
        content = self._answers.of(path, target, body)
        number = next(self._ids)
        head = (
            f"HTTP/1.1 {content.status}\r\nContent-Type: {content.type}\r\nContent-Length: {len(content.body)}\r\n"
            f"x-amzn-RequestId: {number:08x}-0000-4000-8000-000000000000\r\n\r\n"
        )
        asyncio.get_running_loop().call_later(self._delay, self._send, head.encode() + content.body)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)  # type: ignore[attr-defined]  # a TCP transport is a WriteTransport


async def _serve(answers: Answers, delay: float) -> None:
    ids = count()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(answers, delay, ids), "127.0.0.1", 0, backlog=256
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@contextmanager
def simulated_endpoint(keys: int, delay_ms: float) -> Iterator[str]:
    """The URL of an endpoint in a process of its own, which ends with the context."""
    command = [sys.executable, "-m", "benchmarks.endpoint", str(keys), str(delay_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def requests_served(url: str) -> dict[str, int]:
    """How often each operation was asked for at the endpoint of that URL."""
    with urlopen(url + COUNTS) as answer:
        counts: dict[str, int] = json.load(answer)
    return counts


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keys", type=int, help="customer keys in the account's one region")
    parser.add_argument("delay", type=float, help="milliseconds until a request is answered")
    arguments = parser.parse_args()
    answers = Answers(Account(arguments.keys, EVERYTHING_IS_ASKED))
    asyncio.run(_serve(answers, arguments.delay / 1000))


if __name__ == "__main__":
    _main()
