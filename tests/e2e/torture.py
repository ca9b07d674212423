"""Connections whose ends act at random, and a network that loses packets.

Everything is drawn from a seed, so that a failure can be repeated as far as
the timing of the kernels allows.
"""

import contextlib
import dataclasses
import errno
import random
import socket
import threading
import time

from peers import reset, unacknowledged
from waiting import wait_until

# Every stream is a part of this one, with an offset of its own.
_STREAM = random.Random(0).randbytes(1 << 20)
_LENGTHS = (0, 1, 2_000, 70_000, 600_000)
_PIECES = (1, 100, 1_448, 4_096, 20_000, 200_000)
_BUFFERS = (None, None, 4_096, 100_000)
_PAUSES_SECONDS = (0.001, 0.005, 0.02)

FIN, RESET = 'FIN', 'reset'

# The errors that calls of either thread give after a reset. It depends on
# timing which thread gets which.
_RESET = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)


def stream(offset, start, end):
    """The bytes from start to end of the stream with that offset."""
    at = (offset + start) % len(_STREAM)
    data = _STREAM[at:at + end - start]
    return data if len(data) == end - start else \
        data + stream(0, 0, end - start - len(data))


@dataclasses.dataclass
class Plan:
    """The behaviour of one end."""

    rng: random.Random
    offset: int
    length: int
    ending: str     # after the last byte of its stream
    buffer: int

    @classmethod
    def draw(cls, rng, ending):
        most = rng.choice(_LENGTHS)
        return cls(random.Random(rng.random()), rng.randrange(len(_STREAM)),
                   rng.randint(min(most, 1), most), ending,
                   rng.choice(_BUFFERS))

    def pause(self):
        if self.rng.random() < 0.05:
            time.sleep(self.rng.choice(_PAUSES_SECONDS))

    def piece(self):
        return self.rng.randint(1, self.rng.choice(_PIECES))


def draw_plans(rng):
    """Returns plans for two ends of a connection.

    At most one of them resets it.
    """
    endings = rng.choice(((FIN, FIN), (FIN, FIN), (RESET, FIN), (FIN, RESET)))
    return [Plan.draw(rng, ending) for ending in endings]


class End:
    """One end of a connection: one thread sends, another one receives."""

    def __init__(self, connection, plan, peer_plan):
        self._connection = connection
        self._plan = plan
        self._peer = peer_plan
        self._received = 0
        self._was_reset = False
        self._problem = None
        if plan.buffer:
            for name in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                connection.setsockopt(socket.SOL_SOCKET, name, plan.buffer)
        # The reader and the writer draw their pauses independently.
        self._reader_plan = dataclasses.replace(
            plan, rng=random.Random(plan.offset))
        self._speaker, self._listener = (
            threading.Thread(target=self._guard, args=(task,))
            for task in (self._speak, self._listen))
        self._listener.start()
        self._speaker.start()

    def _guard(self, task):
        try:
            task()
        except OSError as error:
            if error.errno in _RESET:
                self._was_reset = True
            elif error.errno != errno.EBADF:    # its own reset
                self._problem = f'{task.__name__}: {error}, {self._received} ' \
                    f'of {self._peer.length} bytes came'
        except AssertionError as error:
            self._problem = str(error)

    def _speak(self):
        plan, sent = self._plan, 0
        while sent < plan.length:
            end = min(plan.length, sent + plan.piece())
            self._connection.sendall(stream(plan.offset, sent, end))
            sent = end
            plan.pause()
        if plan.ending == FIN:
            self._connection.shutdown(socket.SHUT_WR)
            return
        # A reset discards all bytes that are still in the sender's own kernel.
        wait_until(lambda: unacknowledged(self._connection) == 0,
                   'all that comes before the reset is acknowledged')
        self._connection.shutdown(socket.SHUT_RD)   # wakes the reader
        self._listener.join()
        reset(self._connection)

    def _listen(self):
        while True:
            data = self._connection.recv(self._reader_plan.piece())
            start = self._received
            self._received += len(data)
            if data != stream(self._peer.offset, start, self._received):
                raise AssertionError(f'wrong bytes from {start} on')
            if not data:
                return
            self._reader_plan.pause()

    def result(self):
        """Returns what went wrong as text, or None."""
        self._speaker.join()
        self._listener.join()
        self._connection.close()
        if self._problem:
            return self._problem
        if self._plan.ending == RESET:
            return None     # it may have missed bytes
        if self._received != self._peer.length:
            return f'{self._received} of {self._peer.length} bytes came'
        if self._was_reset != (self._peer.ending == RESET):
            return f'it ended by a {self._peer.ending} but was ' \
                   f'{"" if self._was_reset else "not "}reset'
        return None


@contextlib.contextmanager
def bad_weather(rng, hosts, links):
    """Draws a loss rate and a speed, and applies them to the network.

    links: pairs of a host and an interface.
    """
    loss = rng.choice((0, 0, 0.003, 0.02))
    rate = rng.choice((None, None, '20mbit', '100mbit'))
    segments = rng.choice((65535, 1))
    # A kernel sends a reset only once. If it is lost, only a keepalive finds
    # that out. So neither this rule nor the slow links lose a reset; the
    # queues of the slow links are long.
    rule = ['INPUT', '-p', 'tcp', '!', '--tcp-flags', 'RST', 'RST',
            '-m', 'statistic', '--mode', 'random', '--probability',
            str(loss), '-j', 'DROP']
    with contextlib.ExitStack() as stack:
        for host in hosts if loss else ():
            for command in 'iptables', 'ip6tables':
                host.run(command, '-A', *rule)
                stack.callback(host.run, command, '-D', *rule)
        for host, interface in links:
            host.ip(f'link set dev {interface} gso_max_segs {segments}')
            if rate:
                host.run('tc', 'qdisc', 'replace', 'dev', interface, 'root',
                         'tbf', 'rate', rate, 'burst', '32k', 'limit',
                         '20mb')
                stack.callback(host.run, 'tc', 'qdisc', 'del', 'dev',
                               interface, 'root')
        yield f'loss {loss}, rate {rate}, {segments} segments'
