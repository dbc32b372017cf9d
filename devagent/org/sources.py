"""Which place an address names: a folder (here), a web server (``web``), git and object stores (``more_sources``), a registry."""

import os
from urllib.parse import urlsplit

from devagent.core.errors import UsageError
from devagent.org.fetching import FILE_S, READ_S, Absent, Fetched, Source
from devagent.org.refusals import Refused


def source_for(url: str, *, file_s: float = FILE_S) -> Source:
    """The source that an enrolment names. Raises UsageError for a kind that is not known."""
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        return FileSource(parts.path if parts.scheme else url)
    if parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    ):
        from devagent.org.web import HttpSource  # noqa: PLC0415  (its libraries, where the web is the way)

        return HttpSource(url, file_s=file_s, read_s=min(READ_S, file_s))
    if parts.scheme == "http":
        raise UsageError(
            f"{url} is not https",
            hint="Nobody could change the policy on its way, but everybody could see and hold it back.",
        )
    from devagent.org.more_sources import other_source  # noqa: PLC0415  (only where one is named)

    return other_source(url)


class FileSource:
    """A folder: a mounted share, or a checkout."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.abspath(os.path.expanduser(folder))

    def close(self) -> None:
        """Nothing is held."""

    def fetch(self, path: str, limit: int, tag: str = "") -> Fetched:
        full = os.path.join(self._folder, *path.split("/"))
        try:
            with open(full, "rb") as file:
                found = os.fstat(file.fileno())
                now = f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}"
                if tag and tag == now:
                    return Fetched(b"", tag, unchanged=True)
                data = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError) as e:
            if not os.path.isdir(self._folder):
                raise Refused("unreachable", f"{self._folder} is not there") from e
            raise Absent(path) from e
        except OSError as e:
            raise Refused("unreachable", f"{full}: {e.strerror}") from e
        if len(data) > limit:
            raise Refused("endless", f"{path} has more than {limit:,} bytes")
        return Fetched(data, now)
