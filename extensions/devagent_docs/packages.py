"""Docstrings of an installed package, which is not imported."""

import os
from collections.abc import Iterator

from devagent_docs.entries import Chosen, Entry
from devagent_docs.files import bytes_of, stamp_of
from devagent_docs.formats import Document, docstrings
from devagent_docs.settings import Collection


class Package(Chosen):
    """The docstrings of an installed distribution, by its record of files."""

    def __init__(self, collection: Collection, site: str) -> None:
        super().__init__(collection)
        from devagent_docs.versions import distribution  # noqa: PLC0415

        self._site = site
        self._found = distribution(collection.package, site)

    def entries(self) -> Iterator[Entry]:
        """As ``Source.entries``."""
        for path in self._found.modules:
            module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            if any(
                part.startswith("_") and not part.startswith("__") for part in module.split(".")
            ):
                continue
            if self.takes(path) and (stamp := self.stamp(path)):
                yield Entry(path, stamp, "python")

    def stamp(self, path: str) -> str:
        """As ``Source.stamp``."""
        return stamp_of(os.path.join(self._site, path))

    def data(self, entry: Entry) -> bytes:
        """As ``Source.data``."""
        return bytes_of(os.path.join(self._site, entry.path))

    def document(self, entry: Entry, data: bytes) -> Document:
        """As ``Source.document``."""
        module = entry.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return docstrings.read(data, module)

    def version(self) -> str:
        """The installed version."""
        return self._found.version
