"""Whom TLS trusts, and who we say we are.

Without a word of the config: the authorities of OpenSSL, or of ``SSL_CERT_FILE``; on macOS and Windows the
system's own, where a company's are kept.
"""

import os
import sys
from ssl import SSLContext, create_default_context

from msgspec import Struct

from devagent.core.errors import ConfigError


class Tls(Struct, frozen=True):
    """Paths of PEM files. ``ca_file`` is trusted instead of the usual authorities; ``certificate`` with its
    ``key`` (or both in one file) is what a gateway may ask of its clients; ``system`` asks for the system's
    authorities by name."""

    ca_file: str = ""
    certificate: str = ""
    key: str = ""
    system: bool = False


def tls_context(tls: Tls) -> SSLContext:
    """The context of a client. Reads files (25 to 50 ms): not for the event loop.

    Raises ConfigError for a file that cannot be used.
    """
    try:
        context = _trusting(tls)
    except OSError as error:
        raise ConfigError(
            f"the certificate authorities in {tls.ca_file} cannot be used: {error.strerror or error}",
            hint="`ca_file` must be a PEM file.",
        ) from None
    if tls.certificate:
        try:
            # A key with a passphrase is refused: nobody could be asked for it here.
            context.load_cert_chain(tls.certificate, tls.key or None, password=_no_passphrase)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"the client certificate {tls.certificate} cannot be used: {getattr(error, 'strerror', '') or error}",
                hint="`client_certificate` and `client_key` must be PEM files, the key without a passphrase.",
            ) from None
    return context


def _trusting(tls: Tls) -> SSLContext:
    if tls.ca_file:
        return create_default_context(cafile=tls.ca_file)
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    if tls.system or (sys.platform in ("darwin", "win32") and not named):
        import ssl  # noqa: PLC0415 - for the name beside the ones above

        import truststore  # noqa: PLC0415 - only where the system's own authorities are asked

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return create_default_context()


def _no_passphrase() -> str:
    raise ValueError("it has a passphrase")
