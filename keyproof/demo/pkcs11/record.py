"""Records anew what SoftHSM answers about the demo's token: `python -m keyproof.demo.pkcs11.record`."""

from __future__ import annotations

import os
import shutil

from collectors.registry import SOURCES
from keyproof.collection import Collection
from keyproof.demo.pkcs11.embedded import RECORDING, EmbeddedToken
from keyproof.demo.pkcs11.estate import estate

_README = """\
What a collection recorded of the demo's token, made by SoftHSM: `python -m keyproof.demo.pkcs11.record` writes it anew.
The demo shows it where SoftHSM is not installed.
"""


def record() -> None:
    """Collect from the token, and keep what was recorded."""
    kind = SOURCES["pkcs11"]
    with EmbeddedToken(estate()) as token:
        os.environ.update(token.credentials)
        table = {name: value for name, value in token.source("demo").items() if name != "type"}
        shutil.rmtree(RECORDING, ignore_errors=True)
        collector = kind.collector()(kind.configuration().model_validate(table), None)
        Collection(RECORDING, {"pkcs11": kind.operations()}, concurrency=1).run(collector.start())
    (RECORDING / "README.md").write_text(_README, encoding="utf-8")


if __name__ == "__main__":
    record()
