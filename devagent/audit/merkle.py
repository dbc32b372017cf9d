"""The RFC 6962 tree over a log's lines: one leaf at a time in memory that grows with its logarithm (``Tree``), or
with all of them at hand, to prove that one tree is the beginning of another (``Leaves``)."""

import hashlib
from collections.abc import Sequence

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


class Leaves:
    """All leaves of a tree with their complete subtrees, for proofs: some 64 bytes of memory a leaf."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]

    @property
    def size(self) -> int:
        return len(self._levels[0])

    def push(self, leaf: bytes) -> None:
        level = 0
        self._levels[0].append(leaf)
        while len(self._levels[level]) % 2 == 0:
            if level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[level + 1].append(_node(*self._levels[level][-2:]))
            level += 1

    def root(self, size: int) -> bytes:
        """The tree head over the first ``size`` leaves."""
        return self._hash(0, size) if size else _sha256(b"").digest()

    def consistency(self, old: int, new: int) -> list[bytes]:
        """RFC 6962, 2.1.2: that the tree over the first ``old`` leaves is the beginning of that over ``new``."""
        return self._subproof(old, 0, new, True) if 0 < old < new else []

    def _subproof(self, old: int, start: int, end: int, whole: bool) -> list[bytes]:
        if old == end - start:
            return [] if whole else [self._hash(start, end)]
        split = _largest_power_below(end - start)
        middle = start + split
        if old <= split:
            return [*self._subproof(old, start, middle, whole), self._hash(middle, end)]
        return [*self._subproof(old - split, middle, end, False), self._hash(start, middle)]

    def _hash(self, start: int, end: int) -> bytes:
        size = end - start
        if size & (size - 1) == 0 and start % size == 0:
            return self._levels[size.bit_length() - 1][start // size]
        middle = start + _largest_power_below(size)
        return _node(self._hash(start, middle), self._hash(middle, end))


def is_consistent(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the proof shows that the tree of ``old`` leaves is the beginning of that of ``new`` (RFC 9162, 2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if old > new:
        return False
    if old == 0:
        return not proof
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for one in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = _node(one, first), _node(one, second)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            second = _node(second, one)
        place, last = place >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _largest_power_below(number: int) -> int:
    return 1 << ((number - 1).bit_length() - 1)
