"""A srcproxy whose calls fail when they are told to: ../inject/inject.c."""

import collections
import mmap
import os
import struct
import tempfile

from sandbox import BINARY, INJECTABLE, WORK

# struct control: armed, fired, unparked, error, call, clock_s, limited,
# passed_s
_CONTROL = struct.Struct('@IIIi32sqIq')
_UNPARKED_OFFSET = 8
_CLOCK_OFFSET = 48
_LIMITED_OFFSET = 56
_PASSED_OFFSET = 64

Failure = collections.namedtuple('Failure', 'call error')

# The program in front of a Daemon's command: the first replaces the second.
WRAPPER = ('sh', '-c', f'shift; exec {INJECTABLE} "$@"', BINARY)


class Injection:
    """Of one daemon, which is to be started with its environment."""

    def __init__(self):
        file, path = tempfile.mkstemp(dir=WORK)
        os.ftruncate(file, mmap.PAGESIZE)
        self._memory = mmap.mmap(file, mmap.PAGESIZE)
        os.close(file)
        self.options = {'wrapper': WRAPPER,
                        'env': {**os.environ, 'SRCPROXY_INJECT': path}}
        self._armed = 0

    def _write(self, armed):
        struct.pack_into('@I', self._memory, 0, armed)

    def unpark(self):
        """From now on each connection needs new threads."""
        struct.pack_into('@I', self._memory, _UNPARKED_OFFSET, 1)

    def set_clock(self, seconds):
        """Sets the wall clock off by that much."""
        struct.pack_into('@q', self._memory, _CLOCK_OFFSET, seconds)

    def let_pass(self, seconds):
        """As much time has passed since the start, beyond what really has."""
        struct.pack_into('@q', self._memory, _PASSED_OFFSET, seconds)

    def limit_log(self):
        """As in normal operation; by default each line counts here."""
        struct.pack_into('@I', self._memory, _LIMITED_OFFSET, 1)

    def arm(self):
        """The next call that has not failed yet is going to."""
        self._armed += 1
        self._write(self._armed)

    def disarm(self):
        """Returns the Failure that there was, or None."""
        self._write(0)
        _, fired, _, error, call, _, _, _ = _CONTROL.unpack_from(self._memory)
        if fired != self._armed:
            return None
        return Failure(call.partition(b'\0')[0].decode(), error)
