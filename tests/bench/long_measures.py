"""What users of a long leg wait for: each function measures one thing.

They get the hosts and return a number: milliseconds, or Mbit/s.
"""

import contextlib
import socket
import statistics
import threading
import time

import rules
from peers import reset

# Longer than any of these takes, and than HAProxy's three attempts at a
# destination that refuses.
PATIENCE_SECONDS = 30

QUESTION, ANSWER = b'q' * 100, b'a' * 1000
REQUESTS = 10
REPEATS = 5
CHUNK = 256 * 1024


class Server(threading.Thread):
    """The destination, one connection at a time."""

    def __init__(self, host, address, is_first):
        """is_first: it speaks first, as ssh and mail servers do."""
        super().__init__(daemon=True)
        self._listener = host.listen(address)
        self._listener.settimeout(None)
        self._is_first = is_first
        self.address = self._listener.getsockname()[:2]
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                self._serve(self._listener.accept()[0])

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(PATIENCE_SECONDS)
            if self._is_first or _receive(connection, len(QUESTION)):
                connection.sendall(ANSWER)
            connection.recv(1)

    def close(self):
        # Wakes the thread.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join()


def _receive(connection, length):
    """False if the stream ended before."""
    while length > 0:
        piece = connection.recv(length)
        if not piece:
            return False
        length -= len(piece)
    return True


def _ask(net, family, to, length, is_first):
    """Seconds from connect() to so many bytes of the answer."""
    began = time.monotonic()
    with net.user.socket(family.af) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(to)
        if not is_first:
            connection.sendall(QUESTION)
        if not _receive(connection, length):
            raise AssertionError('there was no answer')
        return time.monotonic() - began


def _first_byte(net, family, is_first, weather=contextlib.nullcontext()):
    """weather: the path once it has been learnt."""
    server = Server(net.destination, family.destination, is_first)
    with contextlib.closing(server):
        # Those that learn know the path after two.
        times = [_ask(net, family, server.address, 1, is_first)
                 for _ in range(2)]
        with weather:
            times = [_ask(net, family, server.address, 1, is_first)
                     for _ in range(2 + REPEATS)]
    return statistics.median(times[2:]) * 1000


def user_first(net, family, _milliseconds):
    return _first_byte(net, family, False)


def user_first_dropped(net, family, _milliseconds):
    """From the third connection on over a path that drops SYNs with data."""
    return _first_byte(net, family, False,
                       rules.dropping_data(net.exit, family))


def server_first(net, family, _milliseconds):
    return _first_byte(net, family, True)


def requests(net, family, _milliseconds):
    """Of several, each on a connection of its own."""
    server = Server(net.destination, family.destination, False)
    with contextlib.closing(server):
        times = [_ask(net, family, server.address, len(ANSWER), False)
                 for _ in range(2 + REQUESTS)]
    return sum(times[2:]) * 1000 / REQUESTS


def refused(net, family, _milliseconds):
    """Until the user knows it, by an error or an end of stream."""
    with net.destination.listen(family.destination) as listener:
        to = listener.getsockname()[:2]
    # HAProxy takes three seconds for each.
    times = [_try_closed(net, family, to) for _ in range(3)]
    return min(times[1:]) * 1000


def _try_closed(net, family, to):
    began = time.monotonic()
    with net.user.socket(family.af) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        with contextlib.suppress(ConnectionError):
            connection.connect(to)
            connection.recv(1)
    return time.monotonic() - began


def _flood(connection):
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(bytes(CHUNK))


def _stream(net, family, milliseconds, down):
    """Mbit/s that arrive, from the first byte on, for that long."""
    with net.destination.listen(family.destination) as listener, \
            net.user.connect(listener.getsockname()[:2]) as user, \
            listener.accept()[0] as destination:
        source, sink = (destination, user) if down else (user, destination)
        for connection in source, sink:
            connection.settimeout(PATIENCE_SECONDS)
        thread = threading.Thread(target=_flood, args=(source,), daemon=True)
        thread.start()
        received = len(sink.recv(CHUNK))
        began = time.monotonic()
        until = began + milliseconds / 1000
        while time.monotonic() < until:
            received += len(sink.recv(CHUNK))
        seconds = time.monotonic() - began
        # The rest is of no use, and would take long.
        reset(sink)
        with contextlib.suppress(OSError):
            source.shutdown(socket.SHUT_RDWR)
        thread.join()
    return received * 8 / 1e6 / seconds


def download(net, family, milliseconds):
    return _stream(net, family, milliseconds, True)


def upload(net, family, milliseconds):
    return _stream(net, family, milliseconds, False)
