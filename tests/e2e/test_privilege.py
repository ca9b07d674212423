"""The server half as an ordinary user, without any capability."""

import re
import shutil
import unittest

from cases import ServerCase
from families import BOTH, IPV4, IPV6, endpoint
from peers import receive_until_reset

NOBODY = ('setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups',
          '--inh-caps', '-all', '--bounding-set', '-all')
PRIVILEGED_PORT = 700


def deliver_locally(exit_host):
    """The prefix in the table local, which needs no IP_TRANSPARENT."""
    for family in BOTH:
        exit_host.ip(f'route add local {family.users} dev lo', family=family)


@unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv of util-linux')
class Unprivileged(ServerCase):

    def start_server(self, config=None, **options):
        return super().start_server(config, wrapper=NOBODY, **options)

    def assert_refused(self):
        server = self.start_server()
        client = self.send(self.request())
        self.assertEqual(receive_until_reset(client), b'')
        server.wait_for('refused', reason=re.compile('CAP_NET_RAW'))


class Serves:
    """For those where it works."""

    def test_source_is_kept(self):
        server = self.start_server()
        self.assert_serves()
        server.wait_for('established', source=endpoint(*self.source),
                        used=endpoint(*self.source))

    def test_start_says_what_may_be_missing(self):
        server = self.start_server()
        server.wait_for('sources', ipv4='freebind', ipv6='freebind')
        server.wait_for_line('CAP_NET_RAW.*ip route add local PREFIX dev lo')

    def test_another_port_instead_of_one_below_1024(self):
        server = self.start_server()
        self.source = (self.family.user, PRIVILEGED_PORT)
        self.send(self.request())
        address, port = self.accept(self.listener).getpeername()[:2]
        self.assertEqual(address, self.family.user)
        self.assertGreaterEqual(port, 1024)
        server.wait_for('established', source=endpoint(*self.source),
                        used=endpoint(address, port))

    def test_strict_refuses_a_port_below_1024(self):
        server = self.start_server({'source_port': 'strict'})
        self.source = (self.family.user, PRIVILEGED_PORT)
        client = self.send(self.request())
        self.assertEqual(receive_until_reset(client), b'')
        server.wait_for('refused', reason=re.compile('CAP_NET_BIND_SERVICE'))


class UnprivilegedIPv6(Serves, Unprivileged):
    family = IPV6


class UnprivilegedIPv6LocalTable(Serves, Unprivileged):
    family = IPV6
    deliver = staticmethod(deliver_locally)


class UnprivilegedIPv4LocalTable(Serves, Unprivileged):
    family = IPV4
    deliver = staticmethod(deliver_locally)


class UnprivilegedIPv4(Unprivileged):
    family = IPV4

    def test_refusal_names_what_is_missing(self):
        self.assert_refused()
