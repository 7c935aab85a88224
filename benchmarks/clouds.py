"""Collecting all keys of one Azure vault or one Google Cloud key ring: requests, time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.estate import NOW
from benchmarks.measure import KEYPROOF, Figure, measured

KEYS = 3_000
DELAY_MS = 40
VERSIONS = 3
"""Of each key: rotated twice."""


@dataclass(frozen=True)
class Served:
    """A cloud in a process of its own."""

    source: Mapping[str, Any]
    environment: Mapping[str, str]
    requests: Callable[[], Counter[str]]
    """Asked once, when all is collected."""


def run(cloud: str, folder: Path) -> Iterator[Figure]:
    """Every key has a rotation policy or period, tags or labels, and several versions."""
    with _served(cloud) as served:
        configuration = _configuration(folder, served.source)
        command = [KEYPROOF, "collect", "-c", str(configuration), "--quiet"]
        cost = measured(command, environment=served.environment)
        asked = served.requests()
    of_keys = {name: number for name, number in sorted(asked.items()) if number >= KEYS}
    besides = {name: number for name, number in sorted(asked.items()) if name not in of_keys}
    yield Figure(f"time for {KEYS:,} keys, at {DELAY_MS} ms a call", cost.seconds, "s")
    yield Figure("time on the processors", cost.cpu_seconds, "s")
    yield Figure("peak memory", cost.peak_mib, "MiB")
    yield Figure("requests a key", sum(of_keys.values()) / KEYS, aim=3)
    for name, number in of_keys.items():
        yield Figure(f"  {name}", number / KEYS)
    yield Figure("requests besides", sum(besides.values()))
    for name, number in besides.items():
        yield Figure(f"  {name}", number)


azure = partial(run, "azure")
gcp = partial(run, "gcp")


def _configuration(folder: Path, source: Mapping[str, Any]) -> Path:
    import tomli_w

    document = {
        "organization": {"name": "Example Ltd"},
        "store": {"url": "store"},
        "audit": {"frameworks": ["soc2"], "period": {"start": NOW.date() - timedelta(days=364), "end": NOW.date()}},
        "source": [dict(source)],
    }
    path = folder / "config.toml"
    path.write_text(tomli_w.dumps(document))
    return path


@contextmanager
def _served(cloud: str) -> Iterator[Served]:
    command = [sys.executable, "-m", "benchmarks.clouds", cloud]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())

        def requests() -> Counter[str]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            return Counter(json.loads(process.stdout.readline()))

        try:
            yield Served(told["source"], told["environment"], requests)
        finally:
            process.terminate()


def _azure() -> AbstractContextManager[Any]:
    from keyproof.demo.azure.embedded import EmbeddedAzure
    from keyproof.demo.azure.world import Key, RotationPolicy, Store, Subscription, Version, World

    world = World(NOW)
    subscription = world.add_subscription(Subscription(id="11111111-2222-4333-8444-555555555555", name="example"))
    world.clients["c11e0000-0000-4000-8000-000000000001"] = "0b1ec700-0000-4000-8000-000000000001"
    created = NOW - timedelta(days=700)
    vault = Store(name="benchmark", subscription=subscription.id, group="app", created_at=created)
    world.add_store(vault)
    versions = [Version(at=created + timedelta(days=200 * number)) for number in range(VERSIONS)]
    policy = RotationPolicy(rotate_after="P200D", at=created)
    for number in range(KEYS):
        vault.add_key(Key(name=f"key-{number:05}", versions=versions, policy=policy, tags={"owner": "payments"}))
    return EmbeddedAzure(world, latency=DELAY_MS / 1000)


def _gcp() -> AbstractContextManager[Any]:
    from keyproof.demo.gcp.embedded import EmbeddedGoogleCloud
    from keyproof.demo.gcp.world import Place, Version, World

    world = World(NOW)
    world.places = (Place(id="europe-west1"),)
    created = NOW - timedelta(days=700)
    world.add_project("example", created_at=created)
    ring = world.add_key_ring("example", "europe-west1", "benchmark", created_at=created)
    versions = [Version(at=created + timedelta(days=200 * number)) for number in range(VERSIONS)]
    for number in range(KEYS):
        world.add_key(
            ring,
            f"key-{number:05}",
            versions,
            rotation_period=timedelta(days=200),
            next_rotation_at=NOW + timedelta(days=100),
            labels={"owner": "payments"},
        )
    return EmbeddedGoogleCloud(world, latency=DELAY_MS / 1000)


CLOUDS: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {"azure": _azure, "gcp": _gcp}


def _serve(cloud: str) -> None:
    """Tells how to read it, then, at a line on standard input, what was asked of it."""
    with CLOUDS[cloud]() as served:
        print(json.dumps({"source": served.source(cloud), "environment": served.credentials}), flush=True)
        for _ in sys.stdin:
            print(json.dumps(served.requests), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
