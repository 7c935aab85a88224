"""The far side of an evidence store that is not a local folder: an object store, by its fsspec URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from evidence.manifest import path_problem

IN_ARROW = ("s3", "gs", "gcs", "abfs", "abfss")
"""Object stores whose client comes with Arrow, so that nothing more has to be installed."""


class RemoteError(Exception):
    """The far side cannot be used. The message names the URL and the next step."""


class Remote:
    """A folder of an fsspec file system. Credentials come from the provider's own standard chain."""

    def __init__(self, url: str) -> None:
        """Raises RemoteError where no file system for that URL is installed."""
        self.url = url
        self._files, root = _file_system(url)
        self._root = PurePosixPath(root)

    def put(self, local: Path, name: str) -> None:
        """Copy a local file to `name`. Raises RemoteError."""
        with _explained(self.url):
            target = self._root / name
            self._files.makedirs(str(target.parent), exist_ok=True)
            self._files.put_file(str(local), str(target))

    def get(self, name: str, local: Path) -> None:
        """Copy `name` to a local file, which appears only when it is whole. Raises RemoteError."""
        with _explained(self.url):
            local.parent.mkdir(parents=True, exist_ok=True)
            part = local.with_name(local.name + ".part")
            self._files.get_file(str(self._root / name), str(part))
            part.rename(local)

    def names(self, folder: str) -> Iterator[str]:
        """The files below a folder, relative to the root; none where there is no such folder.

        Raises RemoteError, also for a name that would lead out of a local folder: whoever may write to the far side
        chooses the names.
        """
        with _explained(self.url):
            top = self._root / folder
            if self._files.exists(str(top)):
                for path in self._files.find(str(top)):
                    name = PurePosixPath("/", path).relative_to(PurePosixPath("/", self._root)).as_posix()
                    if problem := path_problem(name):
                        raise RemoteError(f"{self.url}: the name of a file there, {name!r}, {problem}; remove the file")
                    yield name


def _file_system(url: str) -> tuple[Any, str]:
    protocol = url.partition("://")[0]
    with _explained(url):
        if protocol in IN_ARROW:
            from fsspec.implementations.arrow import ArrowFSWrapper
            from pyarrow.fs import FileSystem

            arrow, path = FileSystem.from_uri(url)
            return ArrowFSWrapper(arrow), path
        from fsspec.core import url_to_fs

        files, path = url_to_fs(url)
        return files, path


class _explained:
    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError | ValueError | ImportError):
            text = str(error) or type(error).__name__
            raise RemoteError(f"{self._url}: {text}; check [store] url, and the credentials for it") from error
