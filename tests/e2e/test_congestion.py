"""The congestion control of the sockets between the two halves."""

import re
import unittest

from cases import CLIENT_CONFIG, SERVER_CONFIG, SERVER_PORT, RoutedCase
from families import IPV4, IPV6, endpoint
from test_privilege import NOBODY

# All kernels have it, and nearly all hosts allow it. Few hosts use it by
# default.
CHOSEN = 'reno'


def read_setting(name):
    """Reads a setting that all network namespaces share."""
    with open('/proc/sys/net/ipv4/' + name) as file:
        return file.read().split()


def find_forbidden():
    """Returns a congestion control that only root may choose, or None."""
    forbidden = (set(read_setting('tcp_available_congestion_control')) -
                 set(read_setting('tcp_allowed_congestion_control')))
    return min(forbidden, default=None)


class CongestionCase(RoutedCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server_address = (cls.family.exit_link, SERVER_PORT)
        cls.usual = read_setting('tcp_congestion_control')[0]

    def exit_config(self, name=None):
        return {**SERVER_CONFIG, 'listen': endpoint(*self.server_address),
                **({'congestion': name} if name else {})}

    def gate_config(self, name=None):
        return {**CLIENT_CONFIG, 'outbound': {
            'server': endpoint(*self.server_address),
            **({'congestion': name} if name else {})}}

    def start_exit(self, name=None, **options):
        return self.start(self.net.exit, 'server', self.exit_config(name),
                          **options)

    def start_gate(self, name=None, **options):
        return self.start(self.net.gate, 'client', self.gate_config(name),
                          **options)

    def used(self):
        """The congestion control of exit and gate, for a new connection."""
        user, destination = self.open()
        destination.sendall(b'.')
        # The client half has set everything only when it has logged this.
        port = user.getsockname()[1]
        self.test_daemons[-1].wait_for(
            'established', source=re.compile(rf':{port}$'))
        return tuple(self._read(host, option) for host, option in
                     ((self.net.exit, 'sport'), (self.net.gate, 'dport')))

    def _read(self, host, option):
        lines = host.run('ss', '-Htin', 'state', 'connected',
                         f'{option} = :{SERVER_PORT}').stdout.splitlines()
        words = [word for line in lines for word in line.split()
                 if word in read_setting('tcp_available_congestion_control')]
        self.assertEqual(len(set(words)), 1, lines)
        return words[0]


class Congestion:

    def test_host_s_own(self):
        self.start_exit()
        self.start_gate()
        self.assertEqual(self.used(), (self.usual, self.usual))

    def test_chosen_by_the_exit(self):
        self.start_exit(CHOSEN)
        self.start_gate()
        self.assertEqual(self.used(), (CHOSEN, self.usual))

    def test_chosen_by_the_gate(self):
        self.start_exit()
        self.start_gate(CHOSEN)
        self.assertEqual(self.used(), (self.usual, CHOSEN))

    def test_chosen_and_sent_with_a_syn(self):
        self.net.exit.sysctl('ipv4/tcp_fastopen', 3)
        self.addCleanup(self.net.exit.sysctl, 'ipv4/tcp_fastopen', 1)
        self.start_exit(CHOSEN)
        self.start_gate(CHOSEN)
        self.assert_proxies()
        self.assertEqual(self.used(), (CHOSEN, CHOSEN))

    def test_route_that_has_another_is_overruled(self):
        for host, to in ((self.net.gate, self.family.exit_link),
                         (self.net.exit, self.family.gate_link)):
            route = f'{to}/{self.family.host_bits} dev link0'
            host.ip(f'route add {route} congctl {self.usual}',
                    family=self.family)
            self.addCleanup(host.ip, f'route del {route}', family=self.family)
        self.start_exit(CHOSEN)
        self.start_gate(CHOSEN)
        self.assertEqual(self.used(), (CHOSEN, CHOSEN))

    def test_unknown(self):
        halves = self.start_exit('no_such'), self.start_gate('no_such')
        self.assertEqual(self.used(), (self.usual, self.usual))
        for half in halves:
            half.wait_for_line('warning congestion: this kernel has no '
                               '"no_such".*modprobe tcp_no_such')

    def test_reload_changes_it(self):
        server, client = self.start_exit(), self.start_gate()
        server.mark()
        server.reload(self.exit_config(CHOSEN))
        # This event is the last one of a reload.
        server.wait_for('limit')
        client.reload(self.gate_config(CHOSEN))
        client.wait_for('reloaded')
        self.assertEqual(self.used(), (CHOSEN, CHOSEN))


class CongestionIPv4(Congestion, CongestionCase):
    family = IPV4


class CongestionIPv6(Congestion, CongestionCase):
    family = IPV6


@unittest.skipIf(find_forbidden() is None,
                 'this host allows everybody every congestion control')
class Forbidden(CongestionCase):
    """A congestion control that needs CAP_NET_ADMIN."""

    family = IPV4

    def setUp(self):
        super().setUp()
        self.forbidden = find_forbidden()

    def test_exit_sets_it_before_it_gives_up_privileges(self):
        server = self.start_exit(self.forbidden, flags=['-u', '65534:65534'])
        self.start_gate()
        self.assertEqual(self.used(), (self.forbidden, self.usual))
        # A reload does not change it.
        server.mark()
        server.reload(self.exit_config(self.forbidden))
        server.wait_for('limit')
        self.assertNotIn('congestion', server.log)

    def test_exit_that_never_had_them(self):
        # With this route, the exit needs no capability to send as a user
        # either.
        self.net.exit.ip(f'route add local {self.family.users} dev lo table '
                         'local', family=self.family)
        self.addCleanup(self.net.exit.ip,
                        f'route del local {self.family.users} dev lo table '
                        'local', family=self.family)
        server = self.start_exit(self.forbidden, wrapper=NOBODY)
        self.start_gate()
        self.assertEqual(self.used()[0], self.usual)
        server.wait_for_line(
            f'warning congestion: "{self.forbidden}" is not permitted.*sysctl '
            '-w net.ipv4.tcp_allowed_congestion_control=')

    def test_gate_that_has_given_them_up(self):
        self.start_exit()
        client = self.start_gate(self.forbidden, flags=['-u', '65534:65534'])
        self.assertEqual(self.used()[1], self.usual)
        client.wait_for_line(
            f'warning congestion: "{self.forbidden}" is not permitted')
