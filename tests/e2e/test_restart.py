"""A half is started again while the other one runs on."""

import re
import signal

from cases import RoutedCase, SERVER_PORT
from daemons import write_config
from families import IPV4
from peers import Flood, receive, receive_until_reset
from rules import REDIRECT_PORT
from sandbox import BINARY
from waiting import wait_until

ENDINGS = (signal.SIGTERM, signal.SIGKILL)
NO_DRAIN = {'drain_timeout': '10ms'}


class Restart(RoutedCase):
    family = IPV4

    def assert_outlived(self, start, host, other):
        """The other half keeps nothing of these connections."""
        before = other.descriptors()
        half = start(NO_DRAIN)
        for number in ENDINGS:
            user, destination = self.open()
            flood = Flood(destination)
            receive(user, 1024 * 1024)
            half.stop(number)
            receive_until_reset(user)
            flood.assert_reset()
            self.assert_away(host)
            half = start(NO_DRAIN)
            self.assert_proxies()
        self.assertTrue(other.is_running())
        wait_until(lambda: other.descriptors() == before,
                   f'{before} descriptors again')

    def assert_away(self, host):
        """Users do not hang while a half is away."""
        to = self.listen_at_destination().getsockname()[:2]
        if host is self.net.exit:
            self.assert_reset(self.net.user, to)
        else:
            self.assertRaises(ConnectionRefusedError, self.connect,
                              self.net.user, to)

    def test_client_half_outlives_the_server_half(self):
        self.assert_outlived(self.start_server, self.net.exit,
                             self.start_client())

    def test_server_half_outlives_the_client_half(self):
        self.assert_outlived(self.start_client, self.net.gate,
                             self.start_server())

    def test_second_instance_is_refused_and_the_first_goes_on(self):
        self.start_server()
        self.start_client()
        for host, role, config, port in (
                (self.net.exit, 'server', self.server_config(), SERVER_PORT),
                (self.net.gate, 'client', self.client_config(),
                 REDIRECT_PORT)):
            result = host.run(BINARY, role, write_config(config), check=False)
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, re.compile(
                rf'cannot listen on \S+:{port}: Address (already )?in use'))
            self.assert_proxies()
