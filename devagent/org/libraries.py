"""python-tuf and securesystemslib as this package uses them. Loaded by ``refresh`` and by administrators' commands alone."""
# Both libraries name what they export in their documentation, not in their modules.
# pyright: reportPrivateImportUsage=false

from typing import Any, TypeAlias

from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    CryptoSigner,
    Key,
    Signature,
    Signer,
    SSlibKey,
)
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

AnyMetadata: TypeAlias = Metadata[Any]
"""Signed metadata of whichever role."""

__all__ = [
    "SIGNER_FOR_URI_SCHEME",
    "AnyMetadata",
    "CryptoSigner",
    "DelegatedRole",
    "Delegations",
    "JSONSerializer",
    "Key",
    "MetaFile",
    "Metadata",
    "RepositoryError",
    "Role",
    "Root",
    "SSlibKey",
    "Signature",
    "Signer",
    "Snapshot",
    "TargetFile",
    "Targets",
    "Timestamp",
    "UnsignedMetadataError",
]
