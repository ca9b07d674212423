"""Listeners that the service manager holds: sd_listen_fds(3)."""

import os
import re
import signal
import socket
import subprocess
import sys

from cases import SERVER, SERVER_CONFIG, SERVER_PORT, RoutedCase, ServerCase
from daemons import write_config
from families import BOTH, IPV4, IPV6, endpoint
from peers import receive, receive_until_reset, send_and_end
from rules import REDIRECT_PORT
from sandbox import BINARY
from waiting import TIMEOUT, wait_until

OTHER_PORT = 21830
HAND_OVER = """
import os, sys
fds = [os.dup(int(number)) for number in sys.argv[1].split(',')]
for target, fd in enumerate(fds, 3):
    os.dup2(fd, target)
    os.set_inheritable(target, True)
os.closerange(3 + len(fds), 4096)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))
os.execv(sys.argv[2], sys.argv[2:])
"""


def handing_over(*sockets):
    """The options of a Daemon or of Host.run() to hand these sockets over."""
    numbers = [item.fileno() for item in sockets]
    return {'wrapper': (sys.executable, '-c', HAND_OVER,
                        ','.join(map(str, numbers))),
            'pass_fds': numbers}


class Restart(RoutedCase):
    """The gate restarts; the test is the service manager."""

    family = IPV4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.start_for_class(cls.net.exit, 'server',
                                         SERVER_CONFIG)

    def setUp(self):
        super().setUp()
        self.held = self.listen(self.net.gate, IPV6.any, REDIRECT_PORT)

    def start_client(self, config=None, **options):
        return super().start_client(config, **handing_over(self.held),
                                    **options)

    def connect_early(self, listener):
        user = self.connect(self.net.user, listener.getsockname()[:2])
        user.sendall(b'early')
        return user

    def assert_served(self, user, listener):
        destination = self.accept(listener)
        self.assertEqual(receive(destination, 5), b'early')
        send_and_end(destination, b'answer')
        self.assertEqual(receive(user, 6), b'answer')
        return destination

    def test_who_comes_during_a_restart_waits_and_is_served(self):
        listener = self.listen_at_destination()
        client = self.start_client(flags=('-u', 'nobody'))
        self.assert_proxies()
        self.assertEqual(client.stop(), 0)
        user = self.connect_early(listener)
        self.start_client()
        self.assert_served(user, listener)

    def test_who_comes_while_connections_end_waits_for_the_next_one(self):
        listener = self.listen_at_destination()
        client = self.start_client({'drain_timeout': '10m'})
        old_user, old_destination = self.open()
        client.send_signal(signal.SIGTERM)
        client.wait_for('stopping', connections='1')
        user = self.connect_early(listener)
        self.start_client()
        self.assert_served(user, listener)
        send_and_end(old_user, b'last')
        self.assertEqual(receive(old_destination, 4), b'last')
        old_destination.close()
        self.assertEqual(client.wait(), 0)

    def test_who_came_before_the_first_start_gets_no_false_end(self):
        listener = self.listen_at_destination()
        user = self.connect_early(listener)
        client = self.start_client()
        destination = self.accept(listener)
        self.assertEqual(receive(destination, 5), b'early')
        client.kill()
        self.assertEqual(receive_until_reset(user), b'')

    def test_both_families_by_a_socket_each(self):
        self.held.close()
        held = [self.keep(self.net.gate.socket(family.af))
                for family in BOTH]
        for family, listener in zip(BOTH, held):
            if family is IPV6:
                listener.setsockopt(socket.IPPROTO_IPV6,
                                    socket.IPV6_V6ONLY, 1)
            listener.bind((family.any, REDIRECT_PORT))
            listener.listen()
        client = RoutedCase.start_client(self, **handing_over(*held))
        for family, listener in zip(BOTH, held):
            client.wait_for('listening',
                            address=endpoint(family.any, REDIRECT_PORT))
        self.assert_proxies()


class ShutDown(RoutedCase):
    """Another process that has the same listener shuts it down."""

    family = IPV4

    def setUp(self):
        super().setUp()
        self.start_client()
        self.held = self.listen(self.net.exit, *SERVER)
        self.server = self.start_server(**handing_over(self.held))

    def test_it_listens_again_and_nobody_is_hurt(self):
        user, destination = self.open()
        for times in range(1, 4):
            self.held.shutdown(socket.SHUT_RDWR)
            wait_until(lambda: self.server.log.count('it listens again')
                       == times, 'a line that says so')
            self.net.exit.wait_for_listener(SERVER_PORT)
            self.assert_proxies()
        send_and_end(user, b'question')
        self.assertEqual(receive(destination, 8), b'question')

    def test_address_that_is_taken_by_then_ends_it_with_an_error(self):
        self.server.pause()
        self.held.shutdown(socket.SHUT_RDWR)
        self.listen(self.net.exit, *SERVER)
        self.server.send_signal(signal.SIGCONT)
        self.assertEqual(self.server.wait(), 1)
        self.server.wait_for_line('error .* cannot listen again: Address')


class OtherPort(ServerCase):
    """The configuration names another port than the socket has."""

    family = IPV4

    def test_loops_are_found_by_the_real_one(self):
        held = self.listen(self.net.exit, *SERVER)
        server = self.start_server(
            {'listen': endpoint(IPV6.exit_link, OTHER_PORT)},
            **handing_over(held))
        server.wait_for_line(f'warning .*{re.escape(endpoint(*SERVER))}.*'
                             + re.escape(endpoint(IPV6.exit_link, OTHER_PORT)))
        self.destination = SERVER
        client = self.send(self.request())
        self.assertEqual(receive_until_reset(client), b'')
        server.wait_for('refused', reason='the destination is this listener')


class Unfit(RoutedCase):
    family = IPV4

    def assert_refused(self, pattern, *sockets):
        options = handing_over(*sockets)
        with self.net.exit.inside():
            result = subprocess.run(
                [*options['wrapper'], BINARY, 'server',
                 write_config(SERVER_CONFIG)],
                pass_fds=options['pass_fds'], stderr=subprocess.PIPE,
                text=True, timeout=TIMEOUT)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, f'error .*{pattern}')

    def test_what_is_no_tcp_listener_is_refused(self):
        with self.net.exit.inside():
            udp = self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.assert_refused('descriptor 3.*not a TCP socket', udp)
        self.assert_refused('descriptor 3.*does not listen',
                            self.keep(self.net.exit.socket(socket.AF_INET)))
        with open(os.devnull) as file:
            self.assert_refused('descriptor 3.*not a socket', file)

    def test_different_ports_are_refused(self):
        self.assert_refused(
            'different ports',
            self.listen(self.net.exit, IPV4.exit_link, SERVER_PORT),
            self.listen(self.net.exit, IPV4.exit_link, OTHER_PORT))
