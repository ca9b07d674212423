"""Runs a command that cannot open a socket of AF_NETLINK.

    forbid_netlink.py COMMAND [ARGUMENT...]

systemd does the same if RestrictAddressFamilies= of a unit does not name it.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

# The number of socket(2), for each machine.
NUMBERS = {'x86_64': 41, 'aarch64': 198}

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ERRNO = 0x00050000
SECCOMP_RET_ALLOW = 0x7fff0000

# struct seccomp_data of <linux/seccomp.h>
NUMBER_OFFSET = 0
FIRST_ARGUMENT_OFFSET = 16

# <linux/bpf_common.h>
LOAD_WORD = 0x20
JUMP_IF_EQUAL = 0x15
RETURN = 0x06


def forbid(number):
    program = b''.join(struct.pack('HBBI', *instruction) for instruction in (
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
        (JUMP_IF_EQUAL, 0, 3, number),
        (LOAD_WORD, 0, 0, FIRST_ARGUMENT_OFFSET),
        (JUMP_IF_EQUAL, 0, 1, socket.AF_NETLINK),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EAFNOSUPPORT),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW)))
    code = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack('HP', len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == '__main__':
    forbid(NUMBERS[platform.machine()])
    os.execvp(sys.argv[1], sys.argv[1:])
