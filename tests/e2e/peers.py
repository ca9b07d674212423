"""The programs at both ends of a connection: what they do and see."""

import array
import errno
import fcntl
import hashlib
import random
import select
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

from waiting import TIMEOUT, wait_until

SIOCOUTQ = 0x5411   # tcp(7)
CHUNK = 64 * 1024

# struct tcp_info of <linux/tcp.h>
TCP_INFO_DATA_SEGS_IN_OFFSET = 152


def receive(connection, length):
    """Exactly that much, or what came before the end of the stream."""
    data = bytearray()
    while len(data) < length:
        piece = connection.recv(min(length - len(data), CHUNK))
        if not piece:
            break
        data += piece
    return bytes(data)


def receive_all(connection):
    """Up to the end of the stream."""
    data = bytearray()
    piece = connection.recv(CHUNK)
    while piece:
        data += piece
        piece = connection.recv(CHUNK)
    return bytes(data)


def receive_until_reset(connection):
    """The bytes before the reset; a clean end is an error."""
    data = bytearray()
    try:
        piece = connection.recv(CHUNK)
        while piece:
            data += piece
            piece = connection.recv(CHUNK)
    except ConnectionResetError:
        return bytes(data)
    raise AssertionError(f'a clean end of file after {len(data)} bytes, '
                         'not a reset')


def end_stream(connection):
    """Half-close: sends a FIN."""
    connection.shutdown(socket.SHUT_WR)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack('ii', 1, 0))
    connection.close()


def unacknowledged(connection):
    """Bytes that the other side's kernel has not taken yet."""
    count = array.array('i', [0])
    fcntl.ioctl(connection, SIOCOUTQ, count)
    return count[0]


def wait_until_taken(connection):
    wait_until(lambda: unacknowledged(connection) == 0,
               'all sent bytes are acknowledged')


def wait_until_dead(connection):
    """For who has read the end of the stream: no recv() tells of a reset."""
    poller = select.poll()
    poller.register(connection, 0)
    if not poller.poll(TIMEOUT * 1000):
        raise AssertionError('the connection is still alive')
    error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error not in (errno.EPIPE, errno.ECONNRESET):
        raise AssertionError(f'the connection was not reset: error {error}')


def data_segments_received(connection):
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from('I', info, TCP_INFO_DATA_SEGS_IN_OFFSET)[0]


def send_and_end(connection, data):
    connection.sendall(data)
    end_stream(connection)


def send_in_pieces(connection, data):
    """Sends pieces of all sizes up to a CHUNK, and ends the stream."""
    dice = random.Random(len(data))
    view = memoryview(data)
    while view:
        length = int(CHUNK ** dice.random())
        connection.sendall(view[:length])
        view = view[length:]
    end_stream(connection)


def digest(data):
    """Of what is too long to be shown when it is wrong."""
    return len(data), hashlib.sha256(data).hexdigest()


class Flood(threading.Thread):
    """Sends without end, until it is stopped or the connection breaks."""

    def __init__(self, connection):
        super().__init__(daemon=True)
        self._connection = connection
        self._stopping = threading.Event()
        self.sent = 0
        self._error = None
        self.start()

    def run(self):
        data = bytes(CHUNK)
        try:
            while not self._stopping.is_set():
                self.sent += self._connection.send(data)
        except OSError as error:
            self._error = error

    def assert_reset(self):
        """Waits for it. After a FIN the error would be another: EPIPE."""
        self.join()
        if not isinstance(self._error, ConnectionResetError):
            raise AssertionError('the flood did not end by a reset but by '
                                 f'{self._error!r}')

    def stop(self):
        """Returns how many bytes were sent, once the last one is."""
        self._stopping.set()
        self.join(TIMEOUT)
        return self.sent


def background(function, *arguments):
    """Calls it in a thread. Returns a future: result() is its value."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(function, *arguments)
    pool.shutdown(wait=False)
    return future
