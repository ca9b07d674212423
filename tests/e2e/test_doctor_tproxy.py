"""What `srcproxy doctor` finds on a gate whose inbound.mode is "tproxy"."""

import re

from doctor_case import CLIENT_WITH_AUTH, OF_THIS_HOST, PREFIXES, USER, GateCase
from families import BOTH, IPV4, IPV6
from rules import REDIRECT_PORT
from test_privilege import NOBODY

TABLE = 200000
OTHERS = 'nft delete table ip others'
GIVES = [f'{prefix}: the firewall gives connections of these users to port '
         f'{REDIRECT_PORT}' for prefix in PREFIXES]


def other_chain(hook, *rules, protocol='ip'):
    return (f"nft 'table {protocol} others {{ chain own {{ type "
            f"{hook}; {' '.join(rule + ';' for rule in rules)} }}; }}'")


class TproxyCase(GateCase):

    config = {**CLIENT_WITH_AUTH, 'inbound': {
        'mode': 'tproxy', 'listen': f':{REDIRECT_PORT}'}}

    def assert_mended(self, family, pattern, command, mend):
        """The problem keeps a user's connections from the client half.

        The fix ends that.
        """
        self.start(self.host, 'client', self.config)
        self.assert_carries(family)
        self.assert_carries_after_mending(family, pattern, command, mend)
        self.assert_carries(family)


class Tproxy(TproxyCase):

    def test_host_as_it_should_be(self):
        for options in ({}, {'user': USER}):
            findings = self.assert_fine(*GIVES, **options)
            self.assertEqual(findings.of('note', OF_THIS_HOST), [])

    def test_host_with_iptables(self):
        with self.other_rules('--iptables'):
            self.assert_fine(*GIVES)

    def test_listener_on_a_loopback_address(self):
        self.assert_fine(
            GIVES[0], prefixes=[IPV4.users],
            config={'inbound': {'mode': 'tproxy', 'listen': '127.0.0.1:9001'}})

    def test_link_of_users_without_an_address(self):
        """REDIRECT would need one."""
        link = self.host.run('ip', '-o', 'link', 'show', 'users0').stdout
        known = re.search(r'link/ether (\S+)', link)[1]
        own = f'{IPV4.gate_users}/{IPV4.length} dev users0'
        route = f'{IPV4.users} dev users0'
        self.net.user.ip(f'neigh replace {IPV4.gate_users} lladdr {known} '
                         'dev eth0 nud permanent')
        self.start(self.host, 'client', self.config)
        with self.broken(f'ip addr del {own}; ip route add {route}',
                         f'ip route del {route}; ip addr add {own}'):
            self.assert_fine(*GIVES)
            self.assert_carries(IPV4)

    def test_rules_that_are_missing(self):
        for family in (IPV4, IPV6):
            self.assert_mended(
                family, 'no firewall rule gives connections',
                'nft delete table inet srcproxy-client-9001', '')
            self.test_daemons.pop().finish()

    def test_rule_in_front(self):
        self.assert_mended(
            IPV6, f'{IPV6.users}: no firewall rule gives', 'nft insert rule '
            f'inet srcproxy-client-9001 users ip6 saddr {IPV6.users} return',
            '')

    def test_routing_rule_that_is_missing(self):
        for option, family in (('-4', IPV4), ('-6', IPV6)):
            self.assert_mended(
                family, f'{family.users}: packets of these users, which have '
                'the mark .*, are not delivered on this host',
                f'ip {option} rule del table {TABLE}', '')
            self.test_daemons.pop().finish()

    def test_routing_rule_of_another_program_in_front(self):
        rule = 'pref 50 lookup main'
        self.assert_mended(
            IPV4, 'the routing rule "pref 50 .*" decides',
            f'ip rule add {rule}', f'ip rule del {rule}')

    def test_routing_table_that_was_emptied(self):
        self.assert_mended(IPV6, 'are not delivered on this host',
                           f'ip -6 route flush table {TABLE}', '')

    def test_sources_that_are_looked_up_by_the_mark(self):
        for name in ('all', 'users0'):
            with self.sysctl(f'ipv4/conf/{name}/src_valid_mark', 1, 0):
                self.assert_fine(*GIVES)
                self.assert_mended(
                    IPV4, f'{IPV4.users}: src_valid_mark is 1, .* dropped as '
                    'spoofed',
                    f'ip route del throw {IPV4.users} table {TABLE} '
                    f'metric {REDIRECT_PORT}', '')
                self.test_daemons.pop().finish()

    def test_input_that_is_filtered(self):
        hook = 'filter hook input priority 0; policy drop'
        known = ('ct state established accept', 'iif lo accept')
        for rule in ('tcp dport 9001 accept', 'tcp dport 22 accept'):
            dropped = other_chain(hook, *known, rule)
            self.assert_mended(
                IPV4, f'{IPV4.users}: the firewall drops packets of these '
                'users to the client half', dropped, OTHERS)
            self.test_daemons.pop().finish()
            # The gate's own services stay closed to the users.
            with self.broken(dropped, OTHERS):
                self.assert_wrong('to the client half', 'meta mark and '
                                  '0x7f000000 == 0x52000000 accept')
        marked = 'meta mark & 0x7f000000 == 0x52000000 accept'
        with self.broken(other_chain(hook, *known, marked), OTHERS):
            self.assert_fine(*GIVES)
            self.start(self.host, 'client', self.config)
            self.assert_carries(IPV4)

    def test_destination_that_another_rule_changes(self):
        for family, protocol in ((IPV4, 'ip'), (IPV6, 'ip6')):
            self.assert_mended(
                family, f'{family.users}: a rule changes the destination',
                other_chain('nat hook prerouting priority -100',
                            f'{protocol} saddr {family.users} tcp dport != 22 '
                            'redirect to :9001', protocol=protocol),
                OTHERS.replace(' ip ', f' {protocol} '))
            self.test_daemons.pop().finish()

    def test_mark_that_another_rule_changes(self):
        self.assert_mended(
            IPV4, 'which have the mark 0x0, are not delivered', other_chain(
                'filter hook prerouting priority -130',
                f'ip saddr {IPV4.users} meta mark set 0'), OTHERS)

    def test_forced_cookies(self):
        self.start(self.host, 'client', self.config)
        with self.sysctl('ipv4/tcp_syncookies', 2, 1):
            listener = self.listen(self.net.destination, IPV4.destination)
            self.assert_reset(self.net.user, listener.getsockname()[:2])
            self.assert_carries_after_mending(
                IPV4, 'net.ipv4.tcp_syncookies is 2', ':', ':')
            self.assert_carries(IPV4)

    def test_prefix_of_the_gate_itself(self):
        self.assert_note('own connections inbound.mode "tproxy" does not take',
                         prefixes=[f'{IPV4.gate_users}/32'])

    def test_user_who_cannot_set_the_option(self):
        self.assert_wrong('IP_TRANSPARENT cannot be set', 'CAP_NET_RAW',
                          wrapper=NOBODY)


class Bridge(TproxyCase):
    """The users are on a bridge of the gate, as in a home router."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # In this order, because the address of IPv6 leaves with the link.
        cls.host.ip('link add br0 type bridge', 'link set users0 master br0',
                    'link set br0 up')
        for family in BOTH:
            own = f'{family.gate_users}/{family.length}'
            cls.host.ip(f'addr del {own} dev users0',
                        f'addr add {own} dev br0')
        for tables in ('iptables', 'ip6tables'):
            cls.host.sysctl(f'bridge/bridge-nf-call-{tables}', 0)

    def test_bridge_that_runs_the_rules(self):
        self.start(self.host, 'client', self.config)
        for family, tables in ((IPV4, 'iptables'), (IPV6, 'ip6tables')):
            name = f'bridge/bridge-nf-call-{tables}'
            self.assert_carries(family)
            with self.sysctl(name, 1, 0):
                user = self.keep(self.net.user.socket(family.af))
                user.settimeout(0.3)
                with self.assertRaises((TimeoutError, ConnectionError)):
                    user.connect((family.destination, 80))
                self.assert_carries_after_mending(
                    family, f'{family.users}: these users are on the bridge '
                    'br0, and', ':', ':')
                self.assert_carries(family)
