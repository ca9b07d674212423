"""ICMP errors about a destination and about the path to it.

The errors are sent to the user's address, but the exit's sockets must get
them. The rules that `srcproxy rules` prints make that work.
"""

import os
import re
import signal

import rules
from cases import RoutedCase
from families import IPV4, IPV6, endpoint
from hosts import Host, join
from peers import (background, digest, receive_all, receive_until_reset,
                   send_and_end)
from test_rules import Half

FIRST_PORT = 4000
MEBIBYTE = 1024 * 1024

# An IPv6 link must allow 1280. All other links here allow more than this.
MTU = 1300


class Unreachable:
    """The error ends the attempt long before the timeout.

    The timeout is longer than these tests wait.
    """

    deliver = staticmethod(rules.deliver_marked)

    def test_each_error_is_a_refusal_that_says_so(self):
        server = self.start_server({'timeout': '10m'})
        client = self.start_client({'protocol': 2})
        ports = dict(enumerate(self.errors, FIRST_PORT))
        for port, kind in ports.items():
            self.net.destination.run(
                self.family.iptables, '-A', 'INPUT', '-p', 'tcp', '--dport',
                str(port), '-j', 'REJECT', '--reject-with', kind)
        users = {port: self.connect(self.net.user,
                                    (self.family.destination, port))
                 for port in ports}
        for port, kind in ports.items():
            with self.subTest(kind=kind):
                self.assertEqual(receive_until_reset(users[port]), b'')
                at = endpoint(self.family.destination, port)
                server.wait_for('refused', destination=at,
                                reason=re.compile(self.errors[kind]))
                client.wait_for(
                    'refused', destination=at,
                    reason='the destination refused' if
                    self.errors[kind] == 'refused' else
                    'the destination is unreachable')
        # It is the network's weather, none of this host's faults.
        self.assertNotIn(' error refused ', server.log)
        server.send_signal(signal.SIGUSR1)
        counted = server.wait_for('user', user='-')
        self.assertEqual(counted['unreachable'], str(len(ports)))
        self.assert_proxies()


class UnreachableIPv4(Unreachable, RoutedCase):
    family = IPV4
    errors = {
        'icmp-port-unreachable': 'refused',
        'icmp-proto-unreachable': 'Protocol not available',
        'icmp-host-unreachable': 'No route to host',
        'icmp-host-prohibited': 'No route to host',
        'icmp-admin-prohibited': 'No route to host',
        'icmp-net-unreachable': 'Network is unreachable',
        'icmp-net-prohibited': 'Network is unreachable',
    }


class UnreachableIPv6(Unreachable, RoutedCase):
    family = IPV6
    errors = {
        'icmp6-port-unreachable': 'refused',
        'icmp6-addr-unreachable': 'No route to host',
        'icmp6-no-route': 'Network is unreachable',
        'icmp6-adm-prohibited': 'Permission denied',
        'icmp6-policy-fail': 'Permission denied',
        'icmp6-reject-route': 'Permission denied',
    }


class NarrowPath:
    """A router behind the destination reports packets that are too large."""

    @staticmethod
    def deliver(host):
        """Each test does this by itself."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        family, router = cls.family, cls.net.destination
        cls.far = Host('far')
        cls.addClassCleanup(cls.far.destroy)
        join(router, 'far0', cls.far, 'eth0')
        router.sysctl('ipv4/ip_forward', 1)
        router.sysctl('ipv6/conf/all/forwarding', 1)
        router.ip(f'addr add {cls.near_address}/{family.length} dev far0',
                  f'link set far0 mtu {MTU}', family=family)
        # This host does not know the small MTU, so its MSS does not reveal it.
        cls.far.ip(f'addr add {cls.far_address}/{family.length} dev eth0',
                   f'route add default via {cls.near_address}', family=family)
        cls.net.exit.ip(f'route add {cls.far_address} via '
                        f'{family.destination}', family=family)

    def test_stream_over_it_comes_whole(self):
        for options in ((), ('--iptables',)):
            with self.subTest(options=options):
                self.assert_carries(options)

    def assert_carries(self, options):
        config = self.server_config(
            {'acl': [{'allowed_src_ips': [self.family.users]}]})
        half = Half(self.net.exit, 'server', config, (), options)
        half.apply()
        daemons = [self.start_server(config), self.start_client()]
        # Forget what is known of the path.
        self.net.exit.ip('route flush cache', family=self.family)
        listener = self.listen(self.far, self.far_address)
        user, destination = self.open(listener)
        data = os.urandom(MEBIBYTE)
        asking = background(send_and_end, user, data)
        self.assertEqual(digest(receive_all(destination)), digest(data))
        asking.result()
        for daemon in daemons:
            daemon.finish()
        half.remove()


class NarrowPathIPv4(NarrowPath, RoutedCase):
    family = IPV4
    near_address = '203.0.114.1'
    far_address = '203.0.114.80'


class NarrowPathIPv6(NarrowPath, RoutedCase):
    family = IPV6
    near_address = '2001:db8:eeee::1'
    far_address = '2001:db8:eeee::80'
