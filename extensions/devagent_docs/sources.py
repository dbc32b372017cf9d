"""Where a collection's documents come from: a folder, a single file, a zipped snapshot, an installed package.

Nothing of a source is run.
"""

import os
import zipfile

from devagent_docs.archives import Zipped
from devagent_docs.contract import DocsError
from devagent_docs.entries import Source
from devagent_docs.folders import Folder, Single
from devagent_docs.packages import Package
from devagent_docs.settings import Collection, source_of


def open_source(collection: Collection, folder: str) -> Source:
    """The collection's source. Raises DocsError: unreadable, outside_workspace."""
    from devagent_docs import versions  # noqa: PLC0415 - reads git and package metadata: on use

    if collection.package:
        return Package(collection, versions.site_of(collection, folder))
    path = source_of(collection, folder)
    if os.path.isdir(path):
        return Folder(collection, path)
    if not os.path.isfile(path):
        raise DocsError(
            f"The path of collection {collection.name!r} is not there: {collection.path}",
            error="unreadable",
        )
    return Zipped(collection, path) if zipfile.is_zipfile(path) else Single(collection, path)
