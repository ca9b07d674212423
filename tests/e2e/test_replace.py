"""A half is replaced by a new process, and no connection notices."""

import contextlib
import errno
import itertools
import random
import signal
import socket
import threading

from cases import RoutedCase, Tproxy
from families import IPV4, IPV6
from injection import Injection
from peers import (background, digest, receive, receive_until_reset, reset,
                   send_in_pieces)
from waiting import wait_until

MEBIBYTE = 1024 * 1024
RESTARTS = 10
KILL = 0    # instead of an error


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


class Steps(ReplaceCase):
    """One step of a hand-over fails, or is the last one of its process."""

    family = IPV4

    def setUp(self):
        super().setUp()
        self.listener = self.listen_at_destination()
        self.halves = {}
        self.injections = {}

    def start_half(self, role):
        injection = Injection()
        start = self.start_server if role == 'server' else self.start_client
        self.halves[role] = start(**injection.options)
        self.injections[role] = injection

    def open_some(self):
        """A quiet connection, a half-closed one, and a stalled reader."""
        quiet, half_closed, stalled = (self.open(self.listener)
                                       for _ in range(3))
        half_closed[1].shutdown(socket.SHUT_WR)
        self.assertEqual(half_closed[0].recv(1), b'')
        stalled[1].settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while True:
                stalled[1].send(bytes(65536))
        return quiet, half_closed, stalled

    def talks(self, pair):
        """Tells whether the connection is alive. False: it was reset."""
        user, destination = pair
        try:
            user.sendall(b'still there?')
            data = receive(destination, 12)
        except OSError as error:
            self.assertIn(error.errno, (errno.ECONNRESET, errno.EPIPE))
            return False
        self.assertEqual(data, b'still there?')
        return True

    def attempt(self, role, victim, step, error):
        """Returns the old process, the new one, and whether it came to it."""
        old, injection = self.halves[role], Injection()
        armed = injection if victim == 'new' else self.injections[role]
        armed.end_at_step(step, error)
        new = self.launch_replacement(role, **injection.options)
        wait_until(lambda: not new.is_running() or new.events('listening'),
                   'the new process is there or not')
        came = armed.has_ended()
        if came and error == KILL:
            killed = new if victim == 'new' else old
            self.assertEqual(killed.wait(), -signal.SIGKILL)
        if not new.is_running():
            new.wait()
        else:
            self.assertIn(old.wait(), (0, -signal.SIGKILL))
            self.halves[role] = new
            self.injections[role] = injection
        return old, new, came

    def each_step(self):
        for step in itertools.count(1):
            for role in ('server', 'client'):
                half = self.halves.get(role)
                if not half or not half.is_running():
                    self.start_half(role)
            yield step
            if not self.came:
                break
        self.assertGreater(step, 5)

    def assert_failures_lose_nothing(self, role, victim):
        connections = ()
        for step in self.each_step():
            connections = connections or self.open_some()
            _, new, self.came = self.attempt(role, victim, step, errno.ENOMEM)
            for pair in connections:
                self.assertTrue(self.talks(pair), (step, new.log_tail()))

    def assert_one_owner(self, role, victim):
        """Whoever is left has all that it owns, and what is not is reset."""
        connections = ()
        for step in self.each_step():
            connections = connections or self.open_some()
            old, _, self.came = self.attempt(role, victim, step, KILL)
            alive = [self.talks(pair) for pair in connections]
            if victim == 'new' and self.came:
                self.assertIn(alive, ([True] * 3, [False] * 3))
                if not all(alive):
                    self.assertEqual(old.wait(), 0, 'it had given all')
            if not self.came:
                self.assertEqual(alive, [True] * 3)
            if not all(alive):
                connections = ()

    def test_failures_of_the_new_process(self):
        self.assert_failures_lose_nothing('client', 'new')

    def test_failures_of_the_old_process(self):
        self.assert_failures_lose_nothing('server', 'old')

    def test_kills_of_the_new_process(self):
        self.assert_one_owner('server', 'new')

    def test_kills_of_the_old_process(self):
        self.assert_one_owner('client', 'old')
