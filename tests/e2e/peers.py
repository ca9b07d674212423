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
    """Reads exactly that much, or less if the stream ends before."""
    data = bytearray()
    while len(data) < length:
        piece = connection.recv(min(length - len(data), CHUNK))
        if not piece:
            break
        data += piece
    return bytes(data)


def receive_all(connection):
    """Reads up to the end of the stream."""
    data = bytearray()
    piece = connection.recv(CHUNK)
    while piece:
        data += piece
        piece = connection.recv(CHUNK)
    return bytes(data)


def receive_until_reset(connection):
    """Returns the bytes before the reset; a clean end is an error."""
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


def receive_request(connection):
    """Reads and returns the request of a client half, of any version."""
    head = receive(connection, 2)
    length = 1 + 32 if head[0] == 1 else 32
    data = head + receive(connection, length)
    for _ in range(2):
        address = receive(connection, 1)
        data += address + receive(connection, address[0] + 2)
    if head[0] == 2:
        data += receive(connection, 32)
    return data


def end_stream(connection):
    """Half-closes the connection: sends a FIN."""
    connection.shutdown(socket.SHUT_WR)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack('ii', 1, 0))
    connection.close()


def unacknowledged(connection):
    """The number of bytes that the other kernel has not acknowledged."""
    count = array.array('i', [0])
    fcntl.ioctl(connection, SIOCOUTQ, count)
    return count[0]


def wait_until_taken(connection):
    wait_until(lambda: unacknowledged(connection) == 0,
               'all sent bytes are acknowledged')


def wait_until_dead(connection):
    """Waits for a reset after the end of the stream has been read.

    recv() does not report a reset any more then.
    """
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
    """Sends pieces of all sizes up to CHUNK, then ends the stream."""
    dice = random.Random(len(data))
    view = memoryview(data)
    while view:
        length = int(CHUNK ** dice.random())
        connection.sendall(view[:length])
        view = view[length:]
    end_stream(connection)


def digest(data):
    """The length and hash of data that is too long to show in a failure."""
    return len(data), hashlib.sha256(data).hexdigest()


class Flood(threading.Thread):
    """Sends data until it is stopped or the connection breaks."""

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
        """Waits for the reset.

        After a FIN the error would be EPIPE instead.
        """
        self.join()
        if not isinstance(self._error, ConnectionResetError):
            raise AssertionError('the flood did not end by a reset but by '
                                 f'{self._error!r}')

    def stop(self):
        """Stops sending. Returns how many bytes were sent."""
        self._stopping.set()
        self.join(TIMEOUT)
        return self.sent


def background(function, *arguments):
    """Calls the function in a thread.

    Returns a future: its result() is the value of the function.
    """
    pool = ThreadPoolExecutor(1)
    future = pool.submit(function, *arguments)
    pool.shutdown(wait=False)
    return future
