"""Removes control groups when the benchmark is over, even if it was killed.

They outlive the namespaces. So this is a process outside of the sandbox, which
waits for the end of its socket. The benchmark in the sandbox has the other end
of it, and knows it by its descriptor number.
"""

import os
import socket
import time

# Killed processes leave their group a moment later.
PATIENCE_SECONDS = 10


def start():
    """Returns the number of the descriptor that keeps it waiting."""
    end, its_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        try:
            end.close()
            _take_care(its_end)
        finally:
            os._exit(0)
    its_end.close()
    end.set_inheritable(True)
    return end.detach()


class Caretaker:
    """The benchmark's end."""

    def __init__(self, number):
        self._socket = socket.socket(fileno=number)
        self._socket.settimeout(None)
        self._socket.set_inheritable(False)

    def adopt(self, hierarchy, name):
        """Adds a group to remove; it need not exist yet."""
        directory = os.open(hierarchy, os.O_RDONLY | os.O_DIRECTORY)
        socket.send_fds(self._socket, [name.encode()], [directory])
        os.close(directory)

    def finish(self):
        """Waits until all groups are removed, once their processes end."""
        self._socket.shutdown(socket.SHUT_WR)
        self._socket.recv(1)
        self._socket.close()


def _take_care(its_end):
    # The terminal's signals are not for it, nor the time limit that others set
    # for all sockets, and nobody who reads the output has to wait for it.
    os.setsid()
    its_end.settimeout(None)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    adopted = []
    while True:
        name, directories, _, _ = socket.recv_fds(its_end, 1000, 1)
        if not name:
            break
        adopted.append((directories[0], name.decode()))
    for directory, name in adopted:
        _remove_patiently(directory, name)


def _remove_patiently(directory, name):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            _remove(directory, name)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)


def _remove(directory, name):
    with os.scandir(f'/proc/self/fd/{directory}/{name}') as entries:
        inner = [entry.name for entry in entries if entry.is_dir()]
    for group in inner:
        os.rmdir(f'{name}/{group}', dir_fd=directory)
    os.rmdir(name, dir_fd=directory)
