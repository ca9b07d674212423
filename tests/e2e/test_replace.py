"""A half is replaced by a new process, and no connection notices."""

import itertools
import os
import random
import signal
import socket
import threading

from cases import RoutedCase, Tproxy
from families import IPV4, IPV6
from peers import (Flood, background, digest, end_stream, receive,
                   receive_all, receive_until_reset, reset, send_and_end,
                   send_in_pieces)
from waiting import wait_until

MEBIBYTE = 1024 * 1024
RESTARTS = 10


class ReplaceCase(RoutedCase):

    def start_pair(self, config=None):
        self.halves = {'server': self.start_server(config),
                       'client': self.start_client(config)}

    def launch_replacement(self, role, config=None, **options):
        old = self.halves[role]
        full = (self.server_config if role == 'server'
                else self.client_config)(config)
        return self.launch(old.host, role, full,
                           flags=('--replace',), **options)

    def replace(self, role, config=None, **options):
        """Returns the old process, which has ended, and the new one."""
        old = self.halves[role]
        new = self.launch_replacement(role, config, **options)
        new.wait_for('listening')
        self.halves[role] = new
        self.assertEqual(old.wait(), 0)
        return old, new


class Replace:

    def test_nothing_is_lost_through_ten_restarts_of_either_half(self):
        self.start_pair()
        listener = self.listen_at_destination()
        dice = random.Random(self.family.user)
        data = [dice.randbytes(8 * MEBIBYTE) for _ in range(4)]
        quiet = [self.open(listener) for _ in range(5)]
        moving = [self.open(listener) for _ in range(2)]
        stop = threading.Event()
        refused = background(self.connect_often, listener, stop)
        ends = list(itertools.chain(*moving))
        received = [background(self.read_slowly, end) for end in ends]
        for end, bytes_ in zip(ends, data):
            background(send_in_pieces, end, bytes_)
        for _ in range(RESTARTS):
            for role in self.halves:
                _, new = self.replace(role)
                event, = new.events('handed-over')
                self.assertGreaterEqual(int(event['connections']), 5)
        stop.set()
        self.assertEqual(refused.result(), 0)
        for index, future in enumerate(received):
            self.assertEqual(digest(future.result()), digest(data[index ^ 1]))
        for user, destination in quiet:
            user.sendall(b'still there?')
            self.assertEqual(receive(destination, 12), b'still there?')
            reset(destination)
            self.assertEqual(receive_until_reset(user), b'')

    @staticmethod
    def read_slowly(connection):
        """So that the transfer lasts as long as the restarts do."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        data = bytearray()
        while True:
            piece = connection.recv(65536)
            if not piece:
                return bytes(data)
            data += piece
            threading.Event().wait(0.01)

    def connect_often(self, listener, stop):
        """Returns how many new connections fail until then."""
        failed = 0
        to = listener.getsockname()[:2]
        while not stop.is_set():
            try:
                user = self.net.user.connect(to)
                destination = listener.accept()[0]
                user.sendall(b'new')
                failed += receive(destination, 3) != b'new'
                user.close()
                destination.close()
            except OSError:
                failed += 1
        return failed


class ReplaceIPv4(Replace, ReplaceCase):
    family = IPV4


class ReplaceIPv6(Replace, ReplaceCase):
    family = IPV6


class ReplaceTproxyIPv4(Tproxy, ReplaceIPv4):
    pass
