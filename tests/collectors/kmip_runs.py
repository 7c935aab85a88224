"""Collections from a test server that speaks KMIP, and the rows that they come to."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from collected import Collected
from kmip.pie.client import ProxyKmipClient
from kmip_server import KmipServer

from collectors.kmip.collect import KmipCollector
from collectors.kmip.configuration import KmipConfiguration
from collectors.kmip.normalize import normalize
from collectors.kmip.operations import OPERATIONS
from collectors.source import Settings
from evidence.model import Row
from keyproof.collection import Collection
from keyproof.configuration import DEFAULT_TAGS

SETTINGS = Settings(tag_names={fact: tuple(names) for fact, names in DEFAULT_TAGS.items()})


def collected(server: KmipServer, folder: Path | None = None, sample: int | None = None, **more: Any) -> Collected:
    """Collect, and read back what was recorded. `more` are further settings; None takes one away."""
    place = folder or Path(tempfile.mkdtemp(prefix="keyproof-kmip-"))
    configuration = KmipConfiguration.model_validate(server.source(**more))
    collection = Collection(place, {"kmip": OPERATIONS}, concurrency=4)
    progress = collection.run(KmipCollector(configuration, sample).start())
    return Collected(place, progress)


def rows_of(run: Collected, settings: Settings = SETTINGS) -> list[Row]:
    """What the normalize half makes of a collection."""
    return run.normalized(normalize, settings)


def pykmip_client(server: KmipServer, folder: Path) -> ProxyKmipClient:
    """PyKMIP's client of the server, by which tests plant what keyproof itself never sends."""
    settings = folder / "client.conf"
    settings.write_text("[client]\n")
    return ProxyKmipClient(
        hostname="127.0.0.1",
        port=server.port,
        cert=str(server.folder / "client.pem"),
        key=str(server.folder / "client.key"),
        ca=str(server.folder / "ca.pem"),
        ssl_version="PROTOCOL_TLSv1_2",
        config_file=str(settings),
    )


class Rows:
    """The rows of one collection, by table and name."""

    def __init__(self, rows: list[Row]) -> None:
        self.all = rows

    def of(self, table: str) -> list[Any]:
        return [row for row in self.all if row.table == table]

    def named(self, table: str, name: str) -> Any:
        (found,) = [row for row in self.of(table) if row.name == name]
        return found

    def only(self, table: str) -> Any:
        (found,) = self.of(table)
        return found

    def gaps(self, column: str, row: Any) -> list[Any]:
        """The gaps of one column of a row."""
        about = [gap for gap in self.of("gap") if gap.of_table == row.table and gap.subject == row.id]
        return [gap for gap in about if column in gap.columns]
