"""A restart by the service manager, whose descriptor store the test plays."""

import os
import random
import signal
import socket
import tempfile
import threading

from cases import SERVER, RoutedCase
from families import IPV4
from peers import receive, receive_until_reset, reset
from sandbox import WORK
from test_handover import handing_over
from test_versions import AUTH, ScriptedCase
from wire import CHECK, CONNECTED, REPLAY, UNSPECIFIED, encode_request_2

MOST_AT_ONCE = 253


class Manager(threading.Thread):
    """Keeps what it is told to store."""

    def __init__(self):
        super().__init__(daemon=True)
        path = os.path.join(tempfile.mkdtemp(dir=WORK), 'notify')
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        # Not the time that a test waits for an answer.
        self._socket.settimeout(None)
        self.env = {**os.environ, 'NOTIFY_SOCKET': path}
        self.stored = []
        self.forgot = threading.Event()
        self.start()

    def run(self):
        while True:
            data, fds, _, _ = socket.recv_fds(self._socket, 4096,
                                              MOST_AT_ONCE)
            if b'FDSTORE=1' in data:
                assert b'FDPOLL=0' in data and b'FDNAME=stored' in data
                self.stored += fds
            elif b'FDSTOREREMOVE=1' in data:
                self.close_all(self.stored)
                self.stored = []
                self.forgot.set()
            elif b'BARRIER=1' in data:
                self.close_all(fds)

    @staticmethod
    def close_all(fds):
        for fd in fds:
            os.close(fd)


class Descriptor:
    """For handing_over(), which wants sockets."""

    def __init__(self, number):
        self.fileno = lambda: number


class Storing:
    """half(): the host, the role and the configuration of what is stored."""

    def setUp(self):
        super().setUp()
        self.manager = Manager()

    def start_again(self, *listeners):
        """
        Starts the next process with these listeners of the manager's, and all
        that is stored, in any order.
        """
        fds = self.manager.stored[:]
        random.shuffle(fds)
        names = ':'.join(['listener'] * len(listeners) +
                         ['stored'] * len(fds))
        self.manager.forgot.clear()
        half = self.launch(
            *self.half(),
            **{**handing_over(*listeners, *map(Descriptor, fds)),
               'env': {**self.manager.env, 'LISTEN_FDNAMES': names}})
        half.wait_for('listening')
        # The test has no descriptor of a connection any more.
        self.assertTrue(self.manager.forgot.wait(20))
        return half


class StoredVersion(Storing, ScriptedCase):
    family = IPV4

    def half(self):
        return self.net.gate, 'client', self.client_config({
            'protocol': 'auto',
            'outbound': {'server': '%s:%d' % SERVER, 'auth': AUTH}})

    def test_version_of_the_server_is_stored(self):
        client = self.start(*self.half(), env=self.manager.env)
        self.accept_check().sendall(bytes([CONNECTED]))
        client.wait_for('server-version', version='2')
        for _ in range(2):
            client.send_signal(signal.SIGQUIT)
            self.assertEqual(client.wait(), 0)
            client = self.start_again()
            # It asks nothing, so the user comes first.
            _, server, request = self.dial()
            self.assertEqual(request[0], 2)
            reset(server)


class Store(Storing, RoutedCase):
    family = IPV4

    def setUp(self):
        super().setUp()
        self.start_client()

    def half(self):
        return self.net.exit, 'server', self.server_config()

    def test_connections_survive_and_end_as_they_should(self):
        server = self.start_server(env=self.manager.env)
        listener = self.listen_at_destination()
        pairs = [self.open(listener) for _ in range(3)]
        for _ in range(2):
            server.send_signal(signal.SIGQUIT)
            # While nobody is there, a user speaks, and another one is new.
            self.assertEqual(server.wait(), 0)
            pairs[0][0].sendall(b'meanwhile')
            user = self.connect(self.net.user, listener.getsockname()[:2])
            server = self.start_again()
            self.assertEqual(server.wait_for('handed-over')['connections'],
                             str(len(pairs)))
            pairs.append((user, self.accept(listener)))
            self.assertEqual(receive(pairs[0][1], 9), b'meanwhile')
            for user, destination in pairs:
                user.sendall(b'still there?')
                self.assertEqual(receive(destination, 12), b'still there?')
        reset(pairs[1][0])
        self.assertEqual(receive_until_reset(pairs[1][1]), b'')

    def test_requests_that_were_served_are_stored(self):
        server = self.start_server(env=self.manager.env)
        request = encode_request_2(UNSPECIFIED, UNSPECIFIED, opcode=CHECK)
        unused = encode_request_2(UNSPECIFIED, UNSPECIFIED, opcode=CHECK)
        self.assertEqual(self.ask(request), bytes([CONNECTED]))
        for _ in range(2):
            server.send_signal(signal.SIGQUIT)
            self.assertEqual(server.wait(), 0)
            server = self.start_again()
            self.assertEqual(self.ask(request), bytes([REPLAY]))
        self.assertEqual(self.ask(unused), bytes([CONNECTED]))

    def ask(self, request):
        gate = self.connect(self.net.gate, SERVER)
        gate.sendall(request)
        return gate.recv(1)

    def test_listener_of_the_manager_is_not_stored(self):
        listener = self.listen(self.net.exit, *SERVER)
        server = self.start_server(**handing_over(listener),
                                   env=self.manager.env)
        user, destination = self.open()
        for _ in range(2):
            server.send_signal(signal.SIGQUIT)
            self.assertEqual(server.wait(), 0)
            server = self.start_again(listener)
            server.wait_for('handed-over', connections='1')
            user.sendall(b'still there?')
            self.assertEqual(receive(destination, 12), b'still there?')
            self.assert_proxies()

    def test_peer_that_resets_meanwhile(self):
        server = self.start_server(env=self.manager.env)
        user, destination = self.open()
        server.send_signal(signal.SIGQUIT)
        self.assertEqual(server.wait(), 0)
        destination.sendall(b'last')
        reset(destination)
        self.start_again()
        receive_until_reset(user)
        self.assert_proxies()

    def test_too_many_are_not_stored_and_have_their_time_to_end(self):
        server = self.start_server(
            {'drain_timeout': '10m'}, env=self.manager.env,
            wrapper=('prlimit', '--nofile=104:4096'))
        user, destination = self.open()
        second, _ = self.open()
        server.send_signal(signal.SIGQUIT)
        server.wait_for('stopping', connections='2')
        server.wait_for_line('cannot leave the connections to the service '
                             'manager: Too many open files')
        self.assertTrue(self.manager.forgot.wait(20))
        user.sendall(b'x')
        self.assertEqual(receive(destination, 1), b'x')
        reset(user)
        reset(second)
        self.assertEqual(server.wait(), 0)

    def test_store_of_another_version_is_not_used(self):
        server = self.start_server(env=self.manager.env)
        user, _ = self.open()
        server.send_signal(signal.SIGQUIT)
        self.assertEqual(server.wait(), 0)
        for fd in self.manager.stored:
            if os.readlink(f'/proc/self/fd/{fd}').startswith('/memfd:'):
                os.pwrite(fd, b'\x09', 4)
        server = self.start_again()
        server.wait_for_line('another version has stored them')
        self.assertEqual(receive_until_reset(user), b'')
        self.assert_proxies()

    def test_without_a_manager_it_stops(self):
        server = self.start_server()
        user, _ = self.open()
        server.send_signal(signal.SIGQUIT)
        server.wait_for('stopping', connections='1')
        reset(user)
        self.assertEqual(server.wait(), 0)
