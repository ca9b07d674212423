"""Hosts that others set up: what doctor says, and what its fix does."""

from cases import SERVER
from daemons import write_config
from doctor_hosts import (PATIENCE, RESET, NFT, HostsExitCase, HostsGateCase,
                          chain, table)
from families import IPV4
from test_command import srcproxy


class HostsExit(HostsExitCase):

    def test_routing_rules_of_wg_quick(self):
        self.assert_found(
            'ip rule add not fwmark 51820 table 51820 pref 29999; '
            'ip rule add table main suppress_prefixlength 0 pref 29998',
            '"pref 29998 lookup 254 suppress_prefixlength 0" decides before')

    def test_routing_rules_in_front(self):
        for rule, named in (
                (f'to {IPV4.users} goto 32766 pref 150', 'goto 32766"'),
                (f'fwmark 0x5 to {IPV4.users} unreachable pref 120',
                 'unreachable"'),
                ('iif out0 table main pref 200', 'iif out0 lookup 254"')):
            with self.subTest(rule=rule):
                self.assert_found(f'ip rule add {rule}',
                                  f'{named} decides before "pref 30000 ')

    def test_routing_rule_for_one_port(self):
        self.assert_found(
            'ip rule add ipproto tcp sport 8000 table main pref 140',
            'some ports .* "pref 140 ipproto 6 sport 8000 lookup 254"',
            port=8000)

    def test_drops_in_any_hook(self):
        """doctor finds the rule, even if no packet shows the drop."""
        for rules in (
                chain('postrouting', f'ip saddr {IPV4.users} drop',
                      priority='-150'),
                chain('prerouting', f'ip daddr {IPV4.users} drop',
                      priority='-300'),
                chain('output', f'ip saddr {IPV4.users} ip daddr != '
                      f'{IPV4.gate_link} reject'),
                chain('input', f'ip daddr {IPV4.users} drop')):
            with self.subTest(rules=rules):
                self.assert_found(table(rules), f'{IPV4.users}: .* chain '
                                  '(pre|post|in|out).* of the table inet '
                                  'others, rule with handle')

    def test_drops_of_a_link(self):
        self.assert_found(
            NFT.format('table netdev others {\nchain out {\ntype filter hook '
                       'egress device "out0" priority 0;\n'
                       f'ip saddr {IPV4.users} drop\n}}\n}}'),
            f'{IPV4.users}: .* chain out of the table netdev others')

    def test_masquerade_in_a_zone(self):
        self.assert_found(
            table(chain('prerouting', 'iif out0 ct zone set 7',
                        priority='-300') +
                  chain('output', 'oif out0 ct zone set 7', priority='-300') +
                  chain('postrouting', 'oif out0 masquerade', kind='nat',
                        priority='100')),
            f'{IPV4.users}: a MASQUERADE or SNAT rule rewrites these '
            'addresses: .* chain '
            'postrouting of the table inet others')

    def test_port_that_is_closed(self):
        """A firewall can close a port in several ways."""
        known = 'ct state established,related accept; iif lo accept; '
        for rules in (
                chain('input', known + 'tcp dport 22 accept', 'drop'),
                chain('input', known + 'reject; tcp dport 21829 accept'),
                'set open {\ntype inet_service; elements = { 22, 80 };\n}\n' +
                chain('input', known + 'tcp dport @open accept', 'drop'),
                'chain dead {\ntcp dport 21829 accept\n}\n' +
                chain('input', known + 'tcp dport 22 accept', 'drop')):
            with self.subTest(rules=rules), self.made(table(rules)):
                with self.assertRaises(OSError):
                    self.try_gate()
                pattern = (r'packets to port 21829 \(IPv4\), .*: chain input '
                           'of the table inet others')
                findings = self.assert_wrong(pattern)
                self.apply_remedy(findings, pattern)
                self.try_gate()
                self.assertTrue(self.carries(IPV4))

    def try_gate(self):
        with self.net.gate.socket(IPV4.af) as gate:
            gate.settimeout(PATIENCE)
            gate.connect(SERVER)

    def test_port_that_is_open(self):
        known = 'ct state established,related accept; '
        for rules in (
                chain('input', 'iifname != "lo" accept', 'drop'),
                chain('input', known + 'tcp dport { 22, 21829 } accept; '
                      'icmpv6 type != echo-request accept', 'drop'),
                'chain open {\ntcp dport vmap { 21829 : accept }\n}\n' +
                chain('input', known + 'meta l4proto icmpv6 accept; '
                      'jump open', 'drop')):
            with self.subTest(rules=rules):
                self.assert_sound(table(rules))

    def test_marks_of_connections_that_others_restore(self):
        """mwan3 and guides for several uplinks restore marks like this.

        The printed rules are applied last.
        """
        for commands in (
                'iptables -t mangle -A PREROUTING -j CONNMARK --restore-mark '
                '--nfmask 0x3f00 --ctmask 0x3f00; '
                'iptables -t mangle -A OUTPUT -j MARK --set-xmark '
                '0x100/0x3f00; '
                'iptables -t mangle -A OUTPUT -j CONNMARK --save-mark '
                '--nfmask 0x3f00 --ctmask 0x3f00',
                'iptables -t mangle -A PREROUTING -m conntrack --ctstate '
                'ESTABLISHED,RELATED -j CONNMARK --restore-mark; '
                'iptables -t mangle -A OUTPUT -j CONNMARK --save-mark',
                'iptables -t mangle -A PREROUTING -i out0 -j MARK '
                '--set-mark 7'):
            with self.subTest(commands=commands):
                # Of two chains with the same priority, the newer one comes
                # first.
                self.host.run('sh', '-c', RESET)
                self.assert_sound(commands + '\n' + self.printed_rules())

    def test_users_that_are_masqueraded(self):
        """Replies come to the exit's address until masquerading is undone."""
        private = '10.7.0.0/24'
        config = {'acl': [{'name': 'alice', 'auth': 'secret',
                           'allowed_src_ips': [IPV4.users, private]}]}
        with self.made(table(chain('postrouting', 'oif out0 masquerade',
                                   kind='nat', priority='100'))):
            self.assertEqual(self.source(IPV4), IPV4.exit_out)
            findings = self.doctor(config=config)
        rewritten = findings.of('problem', 'a MASQUERADE or SNAT rule')
        self.assertEqual([text.split(': ')[0] for text, _ in rewritten],
                         [IPV4.users])
        self.assertTrue(findings.of('note', f'{private}: .* rewrites these private '
                                    'addresses, as it must'))

    def test_firewall_that_forwards_nothing(self):
        """Docker's firewall does this. TCP is carried nevertheless."""
        findings = self.assert_sound('iptables -P FORWARD DROP; '
                                     'iptables -N DOCKER-USER; '
                                     'iptables -A FORWARD -j DOCKER-USER')
        for what, match in (('packets of these users that are not TCP', '-s'),
                            ('connections of other hosts to these users', '-d')):
            self.assertTrue(findings.of(
                'note', f'{IPV4.users}: .* {what}.* chain FORWARD of .*; to let '
                f'them pass: iptables -t filter -A FORWARD {match} '
                f'{IPV4.users} -j ACCEPT$'), findings.text)

    def printed_rules(self):
        return srcproxy('rules', 'server', write_config(self.config)).stdout

    def test_second_uplink_for_the_users(self):
        """Another routing table serves the users; the main one cannot."""
        self.assert_sound(
            f'ip route replace default via {IPV4.destination} table 100; '
            f'ip rule add from {IPV4.users} table 100 pref 100')


class HostsGate(HostsGateCase):

    def test_accept_in_front_of_the_redirection(self):
        # A packet that iptables accepts in a table skips the later rules of
        # this table.
        self.apply_rules('--remove')
        self.apply_rules('--iptables')
        self.addCleanup(self.apply_rules)
        self.addCleanup(self.apply_rules, '--iptables', '--remove')
        self.assert_found(
            f'iptables -t nat -I PREROUTING -s {IPV4.users} -p tcp -j ACCEPT',
            f'{IPV4.users}: no firewall rule .*; the rule that decides is '
            'chain PREROUTING of iptables table nat, rule 1$')

    def test_zone_on_the_users_link(self):
        self.assert_found(
            table(chain('prerouting', 'iif users0 ct zone set 7',
                        priority='-300')),
            f'{IPV4.users}: a rule puts connections .* into a zone .*: '
            'chain prerouting of the table inet others')

    def test_port_that_is_closed(self):
        for rules in (
                chain('input', 'ct state established accept; tcp dport 22 '
                      'accept', 'drop'),
                chain('input', 'iifname "users0" tcp dport '
                      '9001 reject')):
            with self.subTest(rules=rules):
                self.assert_found(
                    table(rules, 'ip'), f'{IPV4.users}: .* redirected packets '
                    'of these users to port 9001: chain input of the table ip others')

    def test_port_that_is_open(self):
        self.assert_sound(table(chain(
            'input', 'ct state established,related accept; ct status dnat '
            'accept; meta l4proto icmpv6 accept; iif lo accept', 'drop')))
        self.assert_sound(table(chain(
            'input', f'iifname "users*" ip saddr {IPV4.users} tcp dport '
            '9000-9010 accept; ct state established accept', 'drop'), 'ip'))

