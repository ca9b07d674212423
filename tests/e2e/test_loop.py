"""A connection that leads back to the proxy is refused once, not looped."""

import re

from cases import SERVER, SERVER_PORT, ProxyCase, RoutedCase, Tproxy
from families import IPV4, IPV6, endpoint
from rules import REDIRECT_PORT


def connections(half):
    """How many connections the half has had since the mark, served or not."""
    return len({event['id'] for name in ('established', 'refused', 'closed')
                for event in half.events(name)})


class Loop:
    # It listens on all addresses, so that each way back is open.
    server_config = {'listen': f':{SERVER_PORT}'}

    def assert_client_refuses(self, host, to, reason):
        self.assert_reset(host, to)
        self.client.wait_for('refused', reason=re.compile(reason))
        self.assert_proxies()
        self.await_rest()
        # The client half had the refused one and the one of assert_proxies().
        self.assertEqual(connections(self.client), 2)
        self.assertEqual(connections(self.server), 1)

    def assert_server_refuses(self, to):
        self.assert_reset(self.net.user, to)
        self.server.wait_for('refused', destination=endpoint(*to),
                             reason=re.compile('listener'))
        self.assert_proxies()
        self.await_rest()
        self.assertEqual(connections(self.client), 2)
        self.assertEqual(connections(self.server), 2)

    def test_user_connects_to_the_client_half(self):
        self.assert_client_refuses(
            self.net.user, (self.family.gate_users, REDIRECT_PORT),
            'directly')

    def test_somebody_whom_no_rule_is_for_connects_to_the_client_half(self):
        self.assert_client_refuses(
            self.net.exit, (self.family.gate_link, REDIRECT_PORT), 'redirect')

    def test_client_half_by_another_address_of_the_gate(self):
        for address in (self.family.gate_link, self.family.second_gate_link):
            with self.subTest(address=address):
                self.mark_logs()
                self.assert_client_refuses(
                    self.net.user, (address, REDIRECT_PORT), 'listener')

    def test_server_half(self):
        self.assert_server_refuses(
            (self.family.second_exit_link, SERVER_PORT))

    def test_server_half_by_another_address_of_the_exit(self):
        self.assert_server_refuses((self.family.exit_out, SERVER_PORT))


class LoopIPv4(Loop, ProxyCase):
    family = IPV4


class LoopIPv6(Loop, ProxyCase):
    family = IPV6


class LoopTproxyIPv4(Tproxy, LoopIPv4):
    pass


class LoopTproxyIPv6(Tproxy, LoopIPv6):
    pass


class OwnTraffic(ProxyCase):
    """The rules redirect the client half's own connections."""

    family = IPV4

    def test_server_half_as_destination(self):
        self.assert_reset(self.net.user, SERVER)
        self.client.wait_for('refused', reason=re.compile('server half'))
        self.assert_proxies()

    def test_client_half_that_is_redirected_to_itself(self):
        rule = ('iptables', '-t', 'nat', '{}', 'OUTPUT', '-p', 'tcp',
                '--dport', str(SERVER_PORT), '-j', 'REDIRECT', '--to-port',
                str(REDIRECT_PORT))
        self.net.gate.run(*(word.format('-A') for word in rule))
        try:
            self.assert_reset(self.net.user, (IPV4.destination, 443))
        finally:
            self.net.gate.run(*(word.format('-D') for word in rule))
        self.client.wait_for('refused', reason=re.compile('server half'))
        self.await_rest()
        # The client half had the user's connection, and the one that came
        # back.
        self.assertEqual(connections(self.client), 2)
        self.mark_logs()
        self.assert_proxies()


class WithoutRules:
    """The firewall redirects nothing and tracks no connections."""

    @staticmethod
    def redirect(gate):
        pass

    def test_client_half_says_that_the_rule_is_missing(self):
        client = self.start_client()
        self.assert_reset(self.net.user,
                          (self.family.gate_users, REDIRECT_PORT))
        refused = client.wait_for('refused', reason=re.compile('redirect'))
        self.assertEqual(refused.level, 'error')
        self.assertEqual(connections(client), 1)


class WithoutRulesIPv4(WithoutRules, RoutedCase):
    family = IPV4


class WithoutRulesIPv6(WithoutRules, RoutedCase):
    family = IPV6


class WithoutRulesTproxyIPv4(WithoutRulesIPv4):
    mode = 'tproxy'


class WithoutRulesTproxyIPv6(WithoutRulesIPv6):
    mode = 'tproxy'
