"""Collecting all customer keys of one region over HTTP: requests, time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.endpoint import requests_served, simulated_endpoint
from benchmarks.measure import KEYPROOF, Figure, measured
from benchmarks.runs import write_configuration

KEYS = 3_000
DELAY_MS = 40

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
"""What the endpoint does not check, and botocore needs to sign."""


def run(folder: Path) -> Iterator[Figure]:
    """Every key is of a kind of which everything has to be asked."""
    with simulated_endpoint(KEYS, DELAY_MS) as url:
        configuration = write_configuration(folder, endpoint_url=url)
        command = [KEYPROOF, "collect", "-c", str(configuration), "--quiet"]
        cost = measured(command, environment=CREDENTIALS)
        served = requests_served(url)
    of_keys = {name: number for name, number in sorted(served.items()) if number >= KEYS}
    besides = {name: number for name, number in sorted(served.items()) if name not in of_keys}
    yield Figure(f"time for {KEYS:,} customer keys, at {DELAY_MS} ms a call", cost.seconds, "s", aim=30)
    yield Figure("time on the processors", cost.cpu_seconds, "s")
    yield Figure("peak memory", cost.peak_mib, "MiB", aim=250)
    yield Figure("requests a key", sum(of_keys.values()) / KEYS, aim=6)
    for name, number in of_keys.items():
        yield Figure(f"  {name}", number / KEYS)
    yield Figure("requests besides", sum(besides.values()))
    for name, number in besides.items():
        yield Figure(f"  {name}", number)
