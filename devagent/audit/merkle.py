"""The RFC 6962 tree over a log's lines, one leaf at a time in memory that grows with its logarithm."""

import hashlib

_sha256 = hashlib.sha256


class Tree:
    """``push`` leaf hashes (32 bytes each); ``root`` is the tree head over those so far."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def push(self, leaf: bytes) -> None:
        carry, size, peaks = leaf, self.size, self._peaks
        while size & 1:
            carry = _sha256(b"\x01" + peaks.pop() + carry).digest()
            size >>= 1
        peaks.append(carry)
        self.size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        *left, root = self._peaks
        for peak in reversed(left):
            root = _node(peak, root)
        return root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
