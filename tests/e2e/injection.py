"""Runs srcproxy with ../inject/inject.c, which makes chosen calls fail."""

import collections
import mmap
import os
import struct
import tempfile

from sandbox import BINARY, INJECTABLE, WORK

# struct control: armed, fired, unparked, error, call, clock_s, limited,
# passed_s; and then steps, step_error, connect_s
_CONTROL = struct.Struct('@IIIi32sqIq')
_UNPARKED_OFFSET = 8
_CLOCK_OFFSET = 48
_LIMITED_OFFSET = 56
_PASSED_OFFSET = 64
_STEPS_OFFSET = 72
_CONNECT_OFFSET = 80

Failure = collections.namedtuple('Failure', 'call error')

# It is put in front of a Daemon's command, and runs its own program instead of
# the first word of that command.
WRAPPER = ('sh', '-c', f'shift; exec {INJECTABLE} "$@"', BINARY)


class Injection:
    """Controls the failures of one daemon.

    Start the daemon with the environment of this object.
    """

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
        """From now on, each connection starts new threads."""
        struct.pack_into('@I', self._memory, _UNPARKED_OFFSET, 1)

    def set_clock(self, seconds):
        """Shifts the wall clock by that many seconds."""
        struct.pack_into('@q', self._memory, _CLOCK_OFFSET, seconds)

    def let_pass(self, seconds):
        """Makes the daemon believe that so much more time has passed."""
        struct.pack_into('@q', self._memory, _PASSED_OFFSET, seconds)

    def let_pass_at_connect(self, seconds):
        """The same for each call of connect(2): the host is slow."""
        struct.pack_into('@q', self._memory, _CONNECT_OFFSET, seconds)

    def end_at_step(self, steps, error):
        """That step of a hand-over fails with the error, or is a kill (0)."""
        struct.pack_into('@Ii', self._memory, _STEPS_OFFSET, steps, error)

    def has_ended(self):
        """Tells whether that step was made."""
        return struct.unpack_from('@I', self._memory, _STEPS_OFFSET)[0] == 0

    def limit_log(self):
        """Limits the log as in normal operation.

        By default all lines are logged here.
        """
        struct.pack_into('@I', self._memory, _LIMITED_OFFSET, 1)

    def arm(self):
        """The next call that has not failed before will fail."""
        self._armed += 1
        self._write(self._armed)

    def disarm(self):
        """Returns the Failure that happened, or None."""
        self._write(0)
        _, fired, _, error, call, _, _, _ = _CONTROL.unpack_from(self._memory)
        if fired != self._armed:
            return None
        return Failure(call.partition(b'\0')[0].decode(), error)
