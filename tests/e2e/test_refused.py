"""A connection that fails is reset at once, and the log says why."""

import re

import rules
from cases import SERVER, SERVER_PORT, ProxyCase, RoutedCase, Tproxy
from families import BOTH, IPV4, IPV6, endpoint
from peers import reset
from waiting import wait_until

CONNECT_TIMEOUT = '1s'
NOT_THE_USER = [family.second_user for family in BOTH]


class Refused:

    def assert_refused(self, to, reason):
        """The user is reset. Returns the server half's line in the log."""
        self.assert_reset(self.net.user, to)
        refused = self.server.wait_for('refused', destination=endpoint(*to),
                                       reason=re.compile(reason))
        self.client.wait_for_refusal(destination=endpoint(*to))
        self.assert_proxies()
        return refused

    def closed_port(self):
        with self.net.destination.listen(self.family.destination) as listener:
            return listener.getsockname()[:2]


class RefusedByNetwork(Refused):

    def test_closed_port(self):
        refused = self.assert_refused(self.closed_port(), 'refused')
        self.assertEqual(refused.level, 'info')

    def test_destination_without_a_route(self):
        refused = self.assert_refused((self.family.unreachable, 80),
                                      'route|unreachable')
        self.assertEqual(refused.level, 'info')


class RefusedByNetworkIPv4(RefusedByNetwork, ProxyCase):
    family = IPV4


class RefusedByNetworkIPv6(RefusedByNetwork, ProxyCase):
    family = IPV6


class RefusedByAcl:

    def test_user_whose_source_is_not_allowed(self):
        self.start_server({'acl': [{'allowed_src_ips': NOT_THE_USER}]})
        self.assert_denied('allowed_src_ips')

    def test_user_whose_auth_is_wrong(self):
        self.start_server({'acl': [{'auth': 'another one'}]})
        self.assert_denied('no user has')

    def assert_denied(self, reason):
        self.start_client()
        listener = self.listen_at_destination()
        self.assert_reset(self.net.user, listener.getsockname()[:2])
        server, client = self.test_daemons
        refused = server.wait_for('refused', reason=re.compile(reason))
        self.assertEqual(refused.level, 'error')
        client.wait_for_refusal()


class RefusedByAclIPv4(RefusedByAcl, RoutedCase):
    family = IPV4


class RefusedByAclIPv6(RefusedByAcl, RoutedCase):
    family = IPV6


class BlackHole(Refused):
    """A destination that swallows all packets."""

    server_config = {'timeout': CONNECT_TIMEOUT}

    def test_connecting_ends_after_the_timeout(self):
        to = self.closed_port()
        with rules.black_hole(self.net.destination, self.family, to[1]):
            self.assert_refused(to, 'timed out')


class BlackHoleIPv4(BlackHole, ProxyCase):
    family = IPV4


class BlackHoleIPv6(BlackHole, ProxyCase):
    family = IPV6


class Vanished:
    """A user gives up while a half still connects to a black hole."""

    def assert_gives_up(self, half, to):
        user = self.connect(self.net.user, (self.family.destination, 80))
        wait_until(lambda: half.host.is_dialling(to),
                   f'the {half.role} half dials')
        reset(user)
        refused = half.wait_for('refused')
        self.assertEqual(refused.level, 'info')
        wait_until(lambda: not half.host.is_dialling(to),
                   f'the {half.role} half dials no more')

    def test_server_half_gives_up_too(self):
        to = (self.family.destination, 80)
        server = self.start_server({'timeout': '10m'})
        self.start_client()
        with rules.black_hole(self.net.destination, self.family, to[1]):
            self.assert_gives_up(server, to)

    def test_client_half_gives_up_too(self):
        client = self.start_client({'timeout': '10m'})
        with rules.black_hole(self.net.exit, IPV4, SERVER_PORT):
            self.assert_gives_up(client, SERVER)


class VanishedIPv4(Vanished, RoutedCase):
    family = IPV4


class VanishedIPv6(Vanished, RoutedCase):
    family = IPV6


class WithoutServer:
    """Only the client half runs."""

    def assert_refused(self, reason, config=None):
        client = self.start_client(config)
        self.assert_reset(self.net.user, (self.family.destination, 80))
        refused = client.wait_for('refused', reason=re.compile(reason))
        # It is an error, because the operator can mend it. A user's
        # destination is nobody's to mend.
        self.assertEqual(refused.level, 'error')
        self.assertIn('server', refused['tried'])

    def test_server_half_is_down(self):
        self.assert_refused('refused')

    def test_server_half_is_in_a_black_hole(self):
        with rules.black_hole(self.net.exit, IPV4, SERVER_PORT):
            self.assert_refused('timed out', {'timeout': CONNECT_TIMEOUT})


class WithoutServerIPv4(WithoutServer, RoutedCase):
    family = IPV4


class WithoutServerIPv6(WithoutServer, RoutedCase):
    family = IPV6


class RefusedByNetworkTproxyIPv4(Tproxy, RefusedByNetworkIPv4):
    pass


class RefusedByAclTproxyIPv6(Tproxy, RefusedByAclIPv6):
    pass


class VanishedTproxyIPv6(Tproxy, VanishedIPv6):
    pass


class WithoutServerTproxyIPv4(Tproxy, WithoutServerIPv4):
    pass
