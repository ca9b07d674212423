"""A name server that gives the same IPv4 address for every name."""

import contextlib
import socket
import struct
import threading

HEADER_LEN = 12
TYPE_A, CLASS_IN = 1, 1
ANSWERED, ONE_QUESTION = 0x8180, 1
POINTER_TO_QUESTION = 0xC000 + HEADER_LEN


def answer(query, address):
    """Other types than A get an empty answer without an error: RFC 1035."""
    question = query[HEADER_LEN:query.index(b'\0', HEADER_LEN) + 5]
    is_known = struct.unpack('!H', question[-4:-2])[0] == TYPE_A
    reply = query[:2] + struct.pack('!5H', ANSWERED, ONE_QUESTION,
                                    int(is_known), 0, 0) + question
    if is_known:
        reply += struct.pack('!3HIH', POINTER_TO_QUESTION, TYPE_A, CLASS_IN,
                             0, 4) + socket.inet_aton(address)
    return reply


@contextlib.contextmanager
def name_server(host, address):
    """Serves the address that /etc/resolv.conf names, see sandbox.py."""
    with host.inside():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(('127.0.0.1', 53))
    server.settimeout(None)

    def serve():
        query, peer = server.recvfrom(512)
        while query:
            server.sendto(answer(query, address), peer)
            query, peer = server.recvfrom(512)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        # An empty datagram stops the server.
        server.sendto(b'', server.getsockname())
        thread.join()
        server.close()
