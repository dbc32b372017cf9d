"""The system calls that a sandboxed command does without: a seccomp filter, as the kernel takes it.

Which sockets may be made is decided by their family: none by a path (``AF_UNIX``: the sockets of docker, of
an ssh agent, of a keyring are ways out of any sandbox; pairs stay), internet ones only with the network.
"""

import platform
import struct
from typing import NamedTuple

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_EPERM, _EACCES, _ENOSYS = 1, 13, 38
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_INTERNET = (2, 10)
_NETLINK = 16


class _Machine(NamedTuple):
    architecture: int
    socket: int
    refused: tuple[int, ...]


_MACHINES = {
    "x86_64": _Machine(
        0xC000003E, 41, (175, 246, 248, 249, 250, 298, 304, 313, 320, 321, 323),
    ),
    "aarch64": _Machine(
        0xC00000B7, 198, (105, 104, 217, 218, 219, 241, 265, 273, 294, 280, 282),
    ),
}  # fmt: skip
"""``refused``: init_module, kexec_load, add_key, request_key, keyctl, perf_event_open, open_by_handle_at,
finit_module, kexec_file_load, bpf, userfaultfd."""
_IO_URING = (425, 426, 427)
_FOREIGN = 0x40000000
"""x86-64's second numbering (x32) begins here; on other machines no call has such a number."""


def is_known_machine() -> bool:
    """Whether a filter can be made for this processor."""
    return platform.machine() in _MACHINES


def program(*, internet: bool) -> bytes:
    """The filter. ``internet``: whether sockets to other machines, and to this one's ports, may be made.

    Raises KeyError on a processor that is not known.
    """
    machine = _MACHINES[platform.machine()]
    families = (_NETLINK, *_INTERNET) if internet else (_NETLINK,)
    refuse, allow = _ERROR | _EPERM, _ALLOW
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, machine.architecture),
        (_RETURN, 0, 0, refuse),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _FOREIGN),
        (_RETURN, 0, 0, refuse),
    ]
    for number in machine.refused:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    for (
        number
    ) in _IO_URING:  # its rings make sockets without a call; programs know kernels without it
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERROR | _ENOSYS)]
    code += [
        (_EQUAL, 1, 0, machine.socket),
        (_RETURN, 0, 0, allow),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
    ]
    for family in families:
        code += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, allow)]
    code.append((_RETURN, 0, 0, _ERROR | _EACCES))
    return b"".join(struct.pack("=HBBI", *one) for one in code)
