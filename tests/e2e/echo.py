"""A destination for many connections, in a process of its own.

    echo.py DESCRIPTOR

It accepts connections on the inherited listener. It reads each one to its end,
then sends the same bytes back.
"""

import socket
import sys


def serve(listener):
    # The caller may have set a timeout.
    listener.setblocking(True)
    while True:
        connection, _ = listener.accept()
        with connection:
            said = bytearray()
            piece = connection.recv(4096)
            while piece:
                said += piece
                piece = connection.recv(4096)
            connection.sendall(said)


if __name__ == '__main__':
    serve(socket.socket(fileno=int(sys.argv[1])))
