"""What the names of Google Cloud's resources say."""

from __future__ import annotations


def part(name: str, collection: str) -> str:
    """The id that follows a collection in a resource name, such as `keyRings`; "" where there is none."""
    parts = name.split("/")
    at = parts.index(collection) if collection in parts else len(parts)
    return parts[at + 1] if at + 1 < len(parts) else ""


def parent(name: str) -> str:
    """The resource that holds the named one: `projects/p/secrets/s` → `projects/p`."""
    return "/".join(name.split("/")[:-2])


def last(name: str) -> str:
    """The id of the resource itself."""
    return name.rpartition("/")[2]


def location_of(name: str) -> str:
    """Where a resource is; `global` for one that has no location."""
    return part(name, "locations") or "global"


def relative(full: str) -> str:
    """`//cloudkms.googleapis.com/projects/p/…` → `projects/p/…`: the name that the service itself uses."""
    return full.removeprefix("//").partition("/")[2] if full.startswith("//") else full


def key_of(name: str) -> str:
    """The key that is named, by its own full or relative name or by that of one of its versions."""
    return relative(name).partition("/cryptoKeyVersions/")[0]


def secret_store(project: str, location: str) -> str:
    """The id of Secret Manager in a project, or in one location of it, as a store of secrets."""
    place = "" if location == "global" else f"/locations/{location}"
    return f"//secretmanager.googleapis.com/projects/{project}{place}"
