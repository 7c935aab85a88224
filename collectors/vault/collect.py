"""The collect half: asks the Vault as a whole, then namespace by namespace and mount by mount, and judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from collectors.questions import Questions
from collectors.sampling import sampled
from collectors.source import Batch, Task
from collectors.vault.answers import DetailedListing, KeyStatus, Listing, Mounts
from collectors.vault.asking import ask_about_access, namespaces_down_to
from collectors.vault.configuration import VaultConfiguration
from collectors.vault.credentials import Seat, ambient_seat
from collectors.vault.engines import ask_about_database, ask_about_pki, ask_about_ssh
from collectors.vault.names import account, keys_among, parted, path_id, scope_id
from collectors.vault.wire import Inquiry
from evidence.observation import JSON, Observation
from evidence.reading import AnswerT, Reading
from evidence.recording import ScopeHeader

DEEPEST_NAMESPACE = 16
DEEPEST_FOLDER = 64
"""How many are read below one another, at most: a server could make up ever more."""

MANAGED_KINDS = ("pkcs11", "awskms", "azurekeyvault")
"""Kinds of key stores that Vault Enterprise's managed keys are in. Source: Vault API documentation, managed keys."""

MOST_FOLDERS = 100_000
"""Folders of a mount that are listed, at most, for the same reason."""


def _read(observation: Observation, model: type[AnswerT]) -> AnswerT | None:
    """What could be read of an exchange; why it could not is for normalize to say."""
    return Reading("", [observation]).answer(observation.operation, model)


def _names(observation: Observation) -> list[str]:
    listing = _read(observation, Listing)
    return listing.names if listing else []


@dataclass(frozen=True, slots=True)
class Place:
    """A mount, where its scope reads."""

    seat: Seat
    header: ScopeHeader
    namespace: str
    mount: str
    """With a slash at its end."""
    sample: int | None

    def parameters(self, **more: JSON) -> dict[str, JSON]:
        """What an operation on this mount is asked with."""
        return {**({"namespace": self.namespace} if self.namespace else {}), "mount": self.mount, **more}

    def id(self, path: str) -> str:
        """The id of what stands at a path of this mount."""
        return path_id(self.header.source, self.namespace, self.mount + path)

    def task(self, path: str, run: Callable[[Questions], Iterable[Task]]) -> Task:
        """The task of what stands at a path of this mount; of the scope itself where that is empty."""
        return Task(self.header, self.id(path) if path else "", lambda batch: run(self.questions(batch)))

    def questions(self, batch: Batch) -> Questions:
        """Asks for this scope."""
        return Questions(Inquiry(self.seat, self.header), batch)


class VaultCollector:
    """Collects one Vault. `sample`, if any, is how many keys and secrets of each mount to describe."""

    def __init__(self, configuration: VaultConfiguration, sample: int | None = None) -> None:
        self._configuration = configuration
        self._sample = sample

    def start(self) -> Iterable[Task]:
        """One task, for the Vault as a whole. Raises CredentialError where nobody could ask."""
        seat = ambient_seat(self._configuration)
        header = self._header(seat, "", "vault")
        return [Task(header, "", partial(self._ask_about_server, seat, header))]

    def _header(self, seat: Seat, namespace: str, service: str, mount: str = "") -> ScopeHeader:
        return ScopeHeader(
            id=scope_id(self._configuration.name, namespace, service, mount),
            source=self._configuration.name,
            type="vault",
            service=service,
            account=account(namespace),
            account_name="",
            identity=seat.identity,
        )

    def _ask_about_server(self, seat: Seat, header: ScopeHeader, batch: Batch) -> Iterable[Task]:
        """All of it is asked in the root namespace, whichever the source begins with."""
        ask = Questions(Inquiry(seat, header), batch)
        for operation in (
            "sys:ReadSealStatus",
            "sys:ReadHealth",
            "sys:ReadSealBackends",
            "sys:ReadKeyStatus",
            "sys:ReadRotationConfig",
            "sys:ListAuditDevices",
        ):
            ask.one(operation, {})
        self._ask_about_access(ask, "")
        return [self._namespace_task(seat, self._configuration.namespace)]

    def _namespace_task(self, seat: Seat, namespace: str) -> Task:
        header = self._header(seat, namespace, "namespace")
        return Task(header, "", partial(self._ask_about_namespace, seat, header, namespace))

    def _ask_about_namespace(self, seat: Seat, header: ScopeHeader, namespace: str, batch: Batch) -> Iterator[Task]:
        ask = Questions(Inquiry(seat, header), batch)
        here: dict[str, JSON] = {"namespace": namespace} if namespace else {}
        mounts = _read(ask.one("sys:ListMounts", here), Mounts)
        ask.one("sys:ListAuditDevices", {})
        ask.one("sys:ReadSealStatus", {})
        own = _ask_about_barrier(ask, namespace)
        if own:
            ask.one("sys:ReadRotationConfig", {"namespace": own})
            above, name = parted(own)
            ask.one("sys:ReadNamespaceSeal", {**({"namespace": above} if above else {}), "name": name})
        if own and own == namespace:
            self._ask_about_access(ask, namespace)
        _ask_about_other_stores(ask, here)
        below = _names(ask.one("sys:ListNamespaces", here)) if namespace.count("/") < DEEPEST_NAMESPACE else []
        for path, mount in (mounts.data if mounts else {}).items():
            service = mount_service(mount.type, mount.options)
            if service in READINGS and self._wanted(namespace, path):
                of_mount = self._header(seat, namespace, service, path)
                place = Place(seat, of_mount, namespace, path, self._sample)
                yield place.task("", partial(_ask_about_mount, READINGS[service], place))
        for name in below:
            if name.strip("/"):
                yield self._namespace_task(seat, f"{namespace}{name.strip('/')}/")
        for path in self._missing(namespace, {*mounts.data, *below}) if mounts else ():
            place = Place(seat, self._header(seat, namespace, "transit", path), namespace, path, self._sample)
            yield place.task("", partial(_ask_about_mount, _ask_about_transit, place))

    def _ask_about_access(self, ask: Questions, namespace: str) -> None:
        """Who may do what with the barrier key of the Vault, or of a namespace that has its own."""
        configuration = self._configuration
        above = namespaces_down_to(configuration.namespace, namespace) if namespace else [""]
        ask_about_access(ask, above, configuration.list_limit if self._sample is None else self._sample)

    def _wanted(self, namespace: str, mount: str) -> bool:
        wanted = self._configuration.mounts
        return wanted is None or f"{namespace}{mount}".removeprefix(self._configuration.namespace) in wanted

    def _missing(self, namespace: str, listed: Collection[str]) -> list[str]:
        """Mounts that the configuration names and that are neither here nor in a namespace below.

        They are asked all the same, as what they may be, so that a name which is wrong is no mount that holds nothing.
        """
        here = namespace.removeprefix(self._configuration.namespace)
        named = [path.removeprefix(here) for path in self._configuration.mounts or () if path.startswith(here)]
        return [path for path in named if not path.startswith(tuple(listed))]


def _ask_about_barrier(ask: Questions, namespace: str) -> str:
    """Which namespace has the barrier key that encrypts what is in this one; "" for the root, or where nobody tells.

    A namespace without one is encrypted by the nearest above that has one. Source: OpenBao documentation, sealable
    namespaces.
    """
    while namespace:
        status = _read(ask.one("sys:ReadKeyStatus", {"namespace": namespace}), KeyStatus)
        if status is None:
            return ""
        if status.data is not None:
            return namespace
        namespace = parted(namespace)[0]
    return ""


def _ask_about_other_stores(ask: Questions, here: dict[str, JSON]) -> None:
    """Which keys of other key stores are used in a namespace; never how they are reached, which takes credentials."""
    for name in _names(ask.one("sys:ListExternalKeyConfigs", here)):
        ask.one("sys:ListExternalKeys", {**here, "name": name})
    for kind in MANAGED_KINDS:
        listing = _read(ask.one("sys:ListManagedKeys", {**here, "name": kind}), Listing)
        if listing is None or not listing.offered:
            return


def mount_service(type: str, options: Mapping[str, str]) -> str:
    """The service of the scope that reads a mount; the mount's own type where nothing of it is read."""
    if type in ("kv", "generic"):
        return "kv" if options.get("version") == "2" else "kv-v1"
    return type


def _ask_about_mount(
    reading: Callable[[Place, Questions], Iterable[Task]], place: Place, ask: Questions
) -> Iterable[Task]:
    """What it holds, and who may do what with it."""
    tasks = list(reading(place, ask))
    configuration = place.seat.configuration
    namespaces = namespaces_down_to(configuration.namespace, place.namespace)
    ask_about_access(ask, namespaces, configuration.list_limit if place.sample is None else place.sample)
    return tasks


def _ask_about_transit(place: Place, ask: Questions) -> Iterable[Task]:
    names = keys_among(_names(ask.one("transit:ListKeys", place.parameters())))
    tasks = [place.task(f"keys/{name}", partial(_ask_about_key, place, name)) for name in names]
    return sampled(tasks, place.sample)


def _ask_about_key(place: Place, name: str, ask: Questions) -> Iterable[Task]:
    ask.one("transit:ReadKey", place.parameters(name=name))
    return ()


@dataclass(frozen=True, slots=True)
class _Tree:
    """Walks through the folders of a KV mount, each of which is listed before what is in it."""

    place: Place
    operation: str
    """By which a folder is listed."""
    detailed: bool
    """A folder is first asked for with the metadata of its secrets."""
    described: bool
    """Else each secret is asked about."""
    folders: count[int] = field(default_factory=count)
    """Counts the folders that are listed; taken from by whichever thread goes on."""

    def ask_about_folder(self, path: str, ask: Questions) -> Iterable[Task]:
        """List a folder, and go on with what is in it."""
        parameters = self.place.parameters(path=path)
        if self.detailed:
            listing = _read(ask.one("kv:ListDetailedMetadata", parameters), DetailedListing)
            if listing is not None and listing.offered:
                found = any(not name.endswith("/") for name in listing.names)
                below = self._below(path, listing.names)
                return below if self.place.sample is None else [] if found else below[:1]
            return replace(self, detailed=False).ask_about_folder(path, ask)
        names = _names(ask.one(self.operation, parameters))
        secrets = [name for name in names if not name.endswith("/")] if self.described else []
        tasks = [self.place.task(f"{path}{name}", partial(self._ask_about_secret, f"{path}{name}")) for name in secrets]
        return sampled([*tasks, *self._below(path, names)], self.place.sample, lambda b: not b.subject.endswith("/"))

    def _below(self, path: str, names: Iterable[str]) -> list[Task]:
        """The tasks of the folders in a folder."""
        if path.count("/") >= DEEPEST_FOLDER:
            return []
        below = [f"{path}{name}" for name in names if name.endswith("/")]
        return [
            self.place.task(folder, partial(self.ask_about_folder, folder))
            for folder in below
            if next(self.folders) < MOST_FOLDERS
        ]

    def _ask_about_secret(self, path: str, ask: Questions) -> Iterable[Task]:
        ask.one("kv:ReadMetadata", self.place.parameters(path=path))
        return ()


def _ask_about_kv(place: Place, ask: Questions) -> Iterable[Task]:
    _ask_about_barrier(ask, place.namespace)
    return _Tree(place, "kv:ListMetadata", detailed=True, described=True).ask_about_folder("", ask)


def _ask_about_kv1(place: Place, ask: Questions) -> Iterable[Task]:
    _ask_about_barrier(ask, place.namespace)
    return _Tree(place, "kv:ListSecrets", detailed=False, described=False).ask_about_folder("", ask)


def _ask_about_database(place: Place, ask: Questions) -> Iterable[Task]:
    _ask_about_barrier(ask, place.namespace)
    return ask_about_database(place, ask)


READINGS: Mapping[str, Callable[[Place, Questions], Iterable[Task]]] = {
    "transit": _ask_about_transit,
    "kv": _ask_about_kv,
    "kv-v1": _ask_about_kv1,
    "pki": ask_about_pki,
    "ssh": ask_about_ssh,
    "database": _ask_about_database,
}
"""How a mount is read, by the service of its scope."""
