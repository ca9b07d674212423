"""The four hosts with a long wire between gate and exit: tests/bench/wire.c."""

import fcntl
import json
import os
import struct
import subprocess
import unittest

from hosts import Network
from sandbox import WIRE

TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def _open_tun(host, name):
    with host.inside():
        fd = os.open('/dev/net/tun', os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH22x', name.encode(),
                                               IFF_TUN | IFF_NO_PI))
    host.ip(f'link set {name} up')
    return fd


class LongNetwork(Network):
    """At first the wire has no delay; change() sets it."""

    def destroy(self):
        self._wire.stdin.close()
        self._wire.wait()
        self._wire.stdout.close()
        super().destroy()

    def __init__(self):
        if not os.access(WIRE, os.X_OK):
            raise unittest.SkipTest('there is no wire; see --wire')
        super().__init__()

    def _lay_link(self):
        ends = [_open_tun(host, 'link0') for host in (self.gate, self.exit)]
        self._wire = subprocess.Popen(
            [WIRE, *map(str, ends)], pass_fds=ends, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for end in ends:
            os.close(end)

    def change(self, round_trip_ms=0, loss_percent=0, rate_mbit=0, queue=1000,
               seed=1):
        """Sets both directions. Returns what happened up to now."""
        self._wire.stdin.write(f'{round_trip_ms / 2} {loss_percent} '
                               f'{rate_mbit} {queue} {seed}\n')
        self._wire.stdin.flush()
        return json.loads(self._wire.stdout.readline())
