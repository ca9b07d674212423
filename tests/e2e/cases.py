"""The base of the test cases: a network, daemons, connections."""

import functools
import itertools
import os
import socket
import tempfile
import unittest

import rules
from daemons import Daemon
from families import IPV4, endpoint
from hosts import Network
from peers import receive, receive_until_reset, reset
from sandbox import WORK
from wire import encode_request

SERVER_PORT = 21829
SERVER = (IPV4.exit_link, SERVER_PORT)

SERVER_CONFIG = {'listen': endpoint(*SERVER), 'drain_timeout': '1s'}
CLIENT_CONFIG = {
    'inbound': {'listen': f':{rules.REDIRECT_PORT}'},
    'outbound': {'server': endpoint(*SERVER)},
    'drain_timeout': '1s',
}

# A source port that no other test uses and that the kernel never picks by
# itself.
fresh_port = functools.partial(next, itertools.count(20000))


class NetworkCase(unittest.TestCase):
    """The class has one network; each test in it uses fresh ports."""

    make_network = Network

    @classmethod
    def setUpClass(cls):
        cls.class_daemons = []
        cls.net = cls.make_network()
        cls.addClassCleanup(cls.net.destroy)

    def setUp(self):
        self.test_daemons = []

    @classmethod
    def start_for_class(cls, host, role, config):
        daemon = Daemon(host, role, config)
        cls.class_daemons.append(daemon)
        cls.addClassCleanup(daemon.finish)
        daemon.wait_for('listening')
        return daemon

    def launch(self, host, role, config, **options):
        """Starts a daemon that is stopped at the end of the test."""
        daemon = Daemon(host, role, config, **options)
        self.test_daemons.append(daemon)
        self.addCleanup(daemon.finish)
        return daemon

    def launch_ready(self, host, role, config, env=None, **options):
        """Like launch(), but waits for the message of sd_notify(3).

        Use it if the daemon's log does not show when it is ready.
        """
        manager = self.keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        path = os.path.join(tempfile.mkdtemp(dir=WORK), 'notify')
        manager.bind(path)
        daemon = self.launch(
            host, role, config,
            env={**(env or os.environ), 'NOTIFY_SOCKET': path}, **options)
        self.assertEqual(manager.recv(64), b'READY=1')
        return daemon

    def start(self, host, role, config, **options):
        """Starts a daemon and waits until it listens."""
        daemon = self.launch(host, role, config, **options)
        daemon.wait_for('listening')
        return daemon

    def diagnostics(self):
        return ''.join(f'--- log of the {daemon.role}:\n{daemon.log_tail()}\n'
                       for daemon in self.class_daemons + self.test_daemons)

    def listen(self, host, address, port=0):
        return self.keep(host.listen(address, port))

    def connect(self, host, to, source=None):
        return self.keep(host.connect(to, source))

    def assert_reset(self, host, to):
        """The proxy accepts the connection, then resets it without data."""
        try:
            connection = self.connect(host, to)
        except ConnectionResetError:
            # The reset came before connect(2) returned.
            return
        self.assertEqual(receive_until_reset(connection), b'')

    def accept(self, listener):
        return self.keep(listener.accept()[0])

    def keep(self, connection):
        """Keeps the connection open until the end of the test."""
        self.addCleanup(connection.close)
        return connection


class RoutedCase(NetworkCase):
    """A network with rules and routes; each test starts its own daemons.

    A subclass sets family, and overrides what it needs to be different.
    """

    family = None
    mode = 'redirect'
    redirect = staticmethod(rules.redirect_with_iptables)
    deliver = staticmethod(rules.deliver_prefix)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.redirect(cls.net.gate)
        rules.forbid_direct(cls.net.gate)
        cls.deliver(cls.net.exit)

    @staticmethod
    def server_config(config=None):
        return {**SERVER_CONFIG, **(config or {})}

    @classmethod
    def client_config(cls, config=None):
        return cls.with_mode({**CLIENT_CONFIG, **(config or {})})

    @classmethod
    def with_mode(cls, config):
        return {**config, 'inbound': {'mode': cls.mode, **config['inbound']}}

    def start_server(self, config=None, **options):
        return self.start(self.net.exit, 'server',
                          self.server_config(config), **options)

    def start_client(self, config=None, **options):
        return self.start(self.net.gate, 'client',
                          self.client_config(config), **options)

    def launch_both(self, config=None, **options):
        """Starts both halves with launch_ready()."""
        server = self.launch_ready(self.net.exit, 'server',
                                   self.server_config(config), **options)
        client = self.launch_ready(self.net.gate, 'client',
                                   self.client_config(config), **options)
        return client, server

    def listen_at_destination(self):
        return self.listen(self.net.destination, self.family.destination)

    def open(self, listener=None, source=None):
        """Opens a proxied connection.

        Returns the end of the user and that of the destination.
        """
        listener = listener or self.listen_at_destination()
        user = self.connect(self.net.user, listener.getsockname()[:2], source)
        return user, self.accept(listener)

    def assert_proxies(self):
        """The next connection is served, even after a failure."""
        user, destination = self.open()
        user.sendall(b'still there?')
        self.assertEqual(receive(destination, 12), b'still there?')
        reset(user)
        receive_until_reset(destination)


class Tproxy:
    """Mixed into a case, it has the users' connections come by TPROXY."""

    mode = 'tproxy'
    redirect = staticmethod(rules.tproxy_with_nft)


class ProxyCase(RoutedCase):
    """Both halves run as long as the class does."""

    server_config = {}
    client_config = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.start_for_class(
            cls.net.exit, 'server', {**SERVER_CONFIG, **cls.server_config})
        cls.client = cls.start_for_class(
            cls.net.gate, 'client',
            cls.with_mode({**CLIENT_CONFIG, **cls.client_config}))

    def setUp(self):
        super().setUp()
        self.mark_logs()

    def await_rest(self):
        self.client.await_rest(rules.REDIRECT_PORT)
        self.server.await_rest(SERVER_PORT)

    def mark_logs(self):
        self.await_rest()
        self.client.mark()
        self.server.mark()

    def tearDown(self):
        self.assertTrue(self.client.is_running(), 'the client half ended')
        self.assertTrue(self.server.is_running(), 'the server half ended')


class ServerCase(RoutedCase):
    """A scripted client half on the gate speaks to the real server half."""

    def setUp(self):
        super().setUp()
        self.listener = self.listen_at_destination()
        self.destination = self.listener.getsockname()[:2]
        self.source = (self.family.user, fresh_port())

    def request(self, source=None, destination=None, **fields):
        return encode_request(source or self.source,
                              destination or self.destination, **fields)

    def send(self, data=b''):
        """Sends data to the server half and returns the client half's end."""
        client = self.connect(self.net.gate, SERVER)
        client.sendall(data)
        return client

    def assert_serves(self, **fields):
        """A good request is served, and the destination sees it first."""
        client = self.send(self.request(**fields) + b'good')
        destination = self.accept(self.listener)
        self.assertEqual(destination.getpeername()[:2], self.source)
        self.assertEqual(receive(destination, 4), b'good')
        destination.sendall(b'morning')
        self.assertEqual(receive(client, 7), b'morning')
        reset(client)
        # After that the source's port is free again.
        receive_until_reset(destination)
