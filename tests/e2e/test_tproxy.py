"""What the mode "tproxy" has beyond what both modes have in common."""

import signal
import socket

import rules
from cases import CLIENT_CONFIG, SERVER_CONFIG, ProxyCase, RoutedCase, Tproxy
from daemons import write_config
from families import BOTH, IPV4, IPV6
from hosts import Host, join
from peers import receive, receive_until_reset, reset
from test_command import srcproxy
from test_handover import handing_over
from test_privilege import NOBODY, DropCase
from test_rules import Half, needs
from waiting import wait_until

PORT = 7777


class Kept:

    def test_one_source_port_to_two_destinations(self):
        """REDIRECT would change the second one's port."""
        for _ in range(2):
            user, destination = self.open(
                self.listen_at_destination(), (self.family.user, PORT))
            self.assertEqual(destination.getpeername(), user.getsockname())

    def test_firewall_tracks_nothing(self):
        ends = [self.open() for _ in range(3)]
        self.assertEqual(len(ends), 3)
        self.assertEqual(self.net.gate.tracked(), 0)

    def test_port_of_the_listener_as_destination(self):
        listener = self.listen(self.net.destination, self.family.destination,
                               rules.REDIRECT_PORT)
        self.open(listener)

    def test_connection_to_a_user_passes(self):
        listener = self.listen(self.net.user, self.family.user)
        caller = self.connect(self.net.destination,
                              listener.getsockname()[:2])
        user = self.accept(listener)
        caller.sendall(b'hello')
        self.assertEqual(receive(user, 5), b'hello')
        user.sendall(b'world')
        self.assertEqual(receive(caller, 5), b'world')


class KeptIPv4(Kept, Tproxy, ProxyCase):
    family = IPV4
    deliver = staticmethod(rules.deliver_marked)


class KeptIPv6(KeptIPv4):
    family = IPV6


class KeptByIptables(KeptIPv4):
    redirect = staticmethod(rules.tproxy_with_iptables)


class SourcesValidatedByMark(Tproxy, ProxyCase):
    """Some VPNs set this: then strict rp_filter considers the mark."""

    family = IPV4

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.net.gate.sysctl('ipv4/conf/all/src_valid_mark', 1)

    def test_users_are_served(self):
        self.assert_proxies()

    def test_without_the_throw_route_they_are_not(self):
        route = (f'throw {IPV4.users} table 200000 '
                 f'metric {rules.REDIRECT_PORT}')
        self.net.gate.ip(f'route del {route}')
        try:
            user = self.keep(self.net.user.socket(socket.AF_INET))
            user.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                user.connect((IPV4.destination, 80))
        finally:
            self.net.gate.ip(f'route add {route}')
        self.assert_proxies()


class NarrowLink(Tproxy, ProxyCase):
    """A user behind a router that has a link with a smaller MTU."""

    family = IPV4
    deliver = staticmethod(rules.deliver_marked)
    users = {IPV4: ('198.51.100.200', '10.0.0.1', '10.0.0.2', 24),
             IPV6: ('2001:db8:aaaa::200', 'fd00::1', 'fd00::2', 64)}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.inner = inner = Host('inner')
        cls.addClassCleanup(inner.destroy)
        router = cls.net.user
        router.sysctl('ipv4/ip_forward', 1)
        router.sysctl('ipv6/conf/all/forwarding', 1)
        join(router, 'narrow0', inner, 'eth0')
        router.ip('link set narrow0 mtu 1300')
        for family, (user, near, far, bits) in cls.users.items():
            router.ip(f'addr add {near}/{bits} dev narrow0',
                      f'route add {user} via {far}', family=family)
            # The user's own MTU is larger, so its SYN does not tell.
            inner.ip(f'addr add {far}/{bits} dev eth0',
                     f'addr add {user}/{family.host_bits} dev lo',
                     family=family)
            # For a moment the kernel does not send from a new IPv6 address.
            route = f'ip {family.ip_option} route add default via {near}'
            wait_until(lambda: not inner.run(
                *route.split(), 'src', user, check=False).returncode,
                       f'{user} can be used')
            cls.net.gate.ip(f'route add {user} via {family.user}',
                            family=family)
            wait_until(lambda: inner.answers(family.gate_users),
                       'the gate answers')

    def test_packets_get_smaller(self):
        for family, (user, *_) in self.users.items():
            listener = self.listen(self.net.destination, family.destination)
            reader = self.connect(self.inner, listener.getsockname()[:2],
                                  (user, 0))
            self.accept(listener).sendall(b'1' * 20000)
            self.assertEqual(receive(reader, 20000), b'1' * 20000)


class NarrowLinkByIptables(NarrowLink):
    redirect = staticmethod(rules.tproxy_with_iptables)


class Stopped(Tproxy, RoutedCase):
    """Nothing but our rules keeps users from the direct way."""

    family = IPV4
    deliver = staticmethod(rules.deliver_marked)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.net.gate.run('sh', input=rules.tproxy_commands('--remove'))
        for family in BOTH:
            cls.net.gate.run(family.iptables, '-F', 'FORWARD')
            # Without the proxy a user reaches the destination.
            with cls.net.destination.listen(family.destination) as listener:
                cls.net.user.connect(listener.getsockname()[:2]).close()
        cls.redirect(cls.net.gate)

    def assert_nobody_passes(self):
        for family in BOTH:
            listener = self.listen(self.net.destination, family.destination)
            with self.assertRaises(ConnectionRefusedError):
                self.connect(self.net.user, listener.getsockname()[:2])
            listener.settimeout(0)
            with self.assertRaises(BlockingIOError):
                listener.accept()

    def test_before_the_start(self):
        self.assert_nobody_passes()

    def test_after_a_kill(self):
        self.start_server()
        client = self.start_client()
        user, destination = self.open()
        client.kill()
        self.assertEqual(receive_until_reset(user), b'')
        self.assertEqual(receive_until_reset(destination), b'')
        self.assert_nobody_passes()

    def test_without_the_routing_rule(self):
        self.start_client()
        listener = self.listen_at_destination()
        for version in '46':
            self.net.gate.run('ip', f'-{version}', 'rule', 'del', 'table',
                              '200000')
        try:
            user = self.keep(self.net.user.socket(socket.AF_INET))
            user.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                user.connect(listener.getsockname()[:2])
        finally:
            self.redirect(self.net.gate)


class StoppedWithIptables(Tproxy, RoutedCase):
    """The iptables target drops what it finds no listener for."""

    family = IPV4
    redirect = staticmethod(rules.tproxy_with_iptables)

    def test_nobody_passes(self):
        self.net.gate.run('iptables', '-F', 'FORWARD')
        listener = self.listen_at_destination()
        user = self.keep(self.net.user.socket(socket.AF_INET))
        user.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            user.connect(listener.getsockname()[:2])


class Powers(DropCase, Tproxy, RoutedCase):
    """CAP_NET_RAW is needed until it listens."""

    family = IPV4
    deliver = staticmethod(rules.deliver_marked)

    def test_proxies_with_what_it_needs_and_no_more(self):
        self.start_server()
        client = self.start_as_nobody(self.start_client)
        self.assert_proxies()
        self.assert_privileges(client, 0)

    def test_listener_that_is_handed_over(self):
        self.start_server()
        held = self.listen(self.net.gate, IPV6.any, rules.REDIRECT_PORT)
        for _ in range(2):
            client = self.start_client(flags=('-u', 'nobody'),
                                       **handing_over(held))
            self.assert_proxies()
            self.assertEqual(client.stop(), 0)

    def test_without_it_the_start_fails_and_says_so(self):
        client = self.launch(self.net.gate, 'client', self.client_config(),
                             wrapper=NOBODY)
        client.wait_for_line('error cannot set IP_TRANSPARENT on the '
                             'listener.*CAP_NET_RAW')
        self.assertEqual(client.wait(), 1)

    def test_listener_that_was_given_the_option_needs_nothing(self):
        self.start_server()
        held = self.listen(self.net.gate, IPV6.any, rules.REDIRECT_PORT)
        held.setsockopt(socket.SOL_IP, 19, 1)   # IP_TRANSPARENT
        over = handing_over(held)
        self.start_client(wrapper=(*NOBODY, *over['wrapper']),
                          pass_fds=over['pass_fds'])
        self.assert_proxies()

    def test_reload_to_the_other_mode_changes_nothing(self):
        self.start_server()
        client = self.start_client()
        client.reload(CLIENT_CONFIG)
        client.wait_for_line('error inbound.mode has changed, which needs a '
                             'restart')
        client.wait_for('reload-failed')
        self.assert_proxies()
        client.reload(self.client_config({'log_level': 'info'}))
        client.wait_for('reloaded')
        self.assert_proxies()
        client.send_signal(signal.SIGTERM)


class Printed(RoutedCase):
    """The rules can be applied again, and removed."""

    family = IPV4
    redirect = staticmethod(lambda gate: None)

    def check(self, *options):
        gate = self.net.gate
        config = {**CLIENT_CONFIG, 'inbound': {
            'mode': 'tproxy', 'listen': ':9001',
            'users': [family.users for family in BOTH]}}
        half = Half(gate, 'client', config, (), options)
        half.apply()
        half.remove()
        before = half.state()
        half.apply()
        applied = half.state()
        self.assertNotEqual(applied, before)
        half.apply()
        self.assertEqual(half.state(), applied)
        self.start(self.net.exit, 'server', SERVER_CONFIG)
        self.start(gate, 'client', config)
        user, destination = self.open()
        half.apply()
        user.sendall(b'hello')
        self.assertEqual(receive(destination, 5), b'hello')
        reset(user)
        half.remove()
        self.assertEqual(half.state(), before)

    def test_nft(self):
        self.check()

    @needs('nft')
    def test_iptables(self):
        self.check('--iptables')

    def test_own_connections_are_not_taken(self):
        path = write_config({**CLIENT_CONFIG, 'inbound': {
            'mode': 'tproxy', 'listen': ':9001', 'users': [IPV4.users]}})
        printed = srcproxy('rules', '--output', 'client', path)
        self.assertEqual((printed.returncode, printed.stdout), (1, ''))
        self.assertIn('second instance', printed.stderr)
