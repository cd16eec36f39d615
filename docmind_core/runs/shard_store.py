"""Where a shard's files are while nodes share no folder: a folder of an object store."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from docmind_core.errors import RunError
from docmind_core.tables.segments import replace_durably

ENDED, LOG = "ended.sqlite", "begun.sqlite-wal"
"""The journal of a shard whose worker has ended, and the log that belongs to what it began with."""
_PART = ".part"


class Place:
    """A folder in a store, by a URI that pyarrow reads: s3://, gs://, file:// and others.

    Every method raises OSError where the store can't be reached.
    """

    def __init__(self, uri: str) -> None:
        """Name the folder; ValueError if no such kind of store is known."""
        from pyarrow import fs  # noqa: PLC0415 - runs without a store don't need it

        self._fs: Any = fs
        self._store, path = fs.FileSystem.from_uri(uri)
        self._path = str(path).rstrip("/")

    def put(self, file: Path, name: str) -> None:
        """Copy a file into the store."""
        self.write(file.read_bytes(), name)

    def write(self, content: bytes, name: str) -> None:
        """Write an object."""
        path = f"{self._path}/{name}"
        if self._store.type_name == "local":  # a store would get an empty object for each folder
            self._store.create_dir(path.rpartition("/")[0], recursive=True)
        with self._store.open_output_stream(path) as stream:
            stream.write(content)

    def get(self, name: str, file: Path) -> None:
        """Copy an object to a file, whole or not at all; FileNotFoundError if there is none of that name."""
        with self._store.open_input_stream(f"{self._path}/{name}") as stream:
            content = stream.read()
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}{_PART}")
        part.write_bytes(content)
        replace_durably(part, file)

    def has(self, name: str) -> bool:
        """Return whether an object of that name exists."""
        (info,) = self._store.get_file_info([f"{self._path}/{name}"])
        return bool(info.type == self._fs.FileType.File)

    def put_folder(self, folder: Path, name: str) -> None:
        """Copy all files of a folder into the store, unless an earlier call has copied all of them."""
        if self.has(f"{name}.whole"):
            return
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.put(file, f"{name}/{file.relative_to(folder)}")
        self.write(b"", f"{name}.whole")

    def get_folder(self, folder: Path) -> None:
        """Copy all objects into a folder."""
        for info in self._store.get_file_info(self._fs.FileSelector(self._path, recursive=True)):
            if info.type == self._fs.FileType.File:
                name = info.path.removeprefix(f"{self._path}/")
                self.get(name, folder / name)

    def remove(self) -> None:
        """Delete the folder and what is in it."""
        self._store.delete_dir(self._path)


def within(uri: str, *names: str) -> str:
    """Return the URI of a folder within another, whose options after `?` stay."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(path="/".join((parts.path.rstrip("/"), *names))))


def place_file(shard: Path) -> Path:
    """Return the file that says where in a store the journal of a shard is; there is none without a store."""
    return shard.with_suffix(".place")


def bring_back(shard: Path) -> None:
    """Make a shard's journal what its worker put into the store last; where it put nothing, the journal stays as it is.

    Raises:
        RunError: If the store can't be reached.
    """
    if not place_file(shard).exists():
        return
    uri, log = place_file(shard).read_text("utf-8"), shard.with_name(f"{shard.name}-wal")
    with named_store_errors(uri):
        place = Place(uri)
        if place.has(ENDED):
            log.unlink(missing_ok=True)  # that of an earlier try belongs to the file as it was
            place.get(ENDED, shard)
        elif place.has(LOG):
            place.get(LOG, log)


@contextmanager
def named_store_errors(uri: str) -> Iterator[None]:
    """Raise RunError, with the place in its text, for whatever a store does not do."""
    try:
        yield
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        raise RunError(f"executor: storage {uri} can't be used ({said}). Check the URI and its credentials.") from error


def forget(shard: Path) -> None:
    """Delete what a store has of a shard; a store that can't be reached keeps it."""
    if place_file(shard).exists():
        with suppress(OSError):
            Place(place_file(shard).read_text("utf-8")).remove()
        place_file(shard).unlink()
