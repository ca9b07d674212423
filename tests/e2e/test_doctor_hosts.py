"""Exits that others set up: what doctor says, and what its fix does."""

import contextlib
import os
import re
import subprocess
import tempfile

from cases import SERVER
from daemons import write_config
from doctor_hosts import (PATIENCE, RESET, NFT, HostsExitCase, HostsGateCase,
                          chain, table)
from families import BOTH, IPV4, IPV6
from test_command import srcproxy
from waiting import TIMEOUT, wait_until


# What firewalld does, if the port is to be open in the only zone.
FIREWALL_CMD = '''#!/bin/sh -e
case $* in
--reload)
    nft insert rule inet firewalld filter_INPUT tcp dport 21829 accept ;;
'--permanent --add-port=21829/tcp') ;;
"--permanent --add-rich-rule=rule "*'port="21829" protocol="tcp" accept') ;;
*) exit 1 ;;
esac
'''

PRIVATE, PRIVATE6 = '10.7.0.0/24', 'fd07::/64'


class HostsExit(HostsExitCase):

    def boot(self, *steps):
        """Runs the steps on a host that has just lost its rules.

        Routing tables keep their routes, which is no help without rules.
        """
        self.host.run('sh', '-c', RESET)
        for step in steps:
            self.host.run('sh', '-ec', step)

    def test_routing_rules_of_others(self):
        """Those with a preference are behind ours, in either order."""
        for family in BOTH:
            add = f'ip {family.ip_option} rule add'
            for rules in (
                    # wg-quick, on a host with another rule; netbird; mwan3
                    f'{add} not fwmark 51820 table 51820 pref 29999; '
                    f'{add} table main suppress_prefixlength 0 pref 29998',
                    f'{add} table main suppress_prefixlength 0 pref 105; '
                    f'{add} not fwmark 0x1bd00 table 7120 pref 110',
                    f'{add} iif out0 lookup main pref 1001',
                    # netplan
                    f'{add} to {family.users} lookup main pref 100',
                    f'{add} to {family.users} goto 32766 pref 150',
                    f'{add} fwmark 0x50/0x50 unreachable pref 120',
                    f'{add} ipproto 6 sport 8000 table main pref 140'):
                for steps in ((rules, self.printed_rules()),
                              (self.printed_rules(), rules)):
                    with self.subTest(rules=rules, last=steps[1] == rules), \
                            self.made(':'):
                        self.boot(*steps)
                        self.assertTrue(self.carries(family, port=8000))
                        self.assertEqual(self.doctor().of('problem'), [])

    def test_routing_rules_in_front_of_ours(self):
        """The printed rules step in front, now and at the next boot."""
        add = 'ip rule add'
        # Without a preference, as those of wg-quick, rules come first.
        for rules, named in (
                (f'{add} not fwmark 51820 table 51820; '
                 f'{add} table main suppress_prefixlength 0',
                 '"pref 88 lookup 254 suppress_prefixlength 0" decides'),
                (f'{add} to {IPV4.users} goto 32766 pref 50', 'goto 32766"'),
                (f'{add} fwmark 0x50/0x50 to {IPV4.users} unreachable pref 20',
                 'unreachable"'),
                (f'ip route replace unreachable default table 77; {add} '
                 f'to {IPV4.users} table 77 suppress_prefixlength 0 pref 30',
                 'lookup 77 suppress_prefixlength 0" decides'),
                (f'{add} iif out0 table main pref 1', 'iif out0 lookup 254"'),
                (f'{add} ipproto 6 sport 8000 table main pref 40',
                 'some ports .* "pref 40 ipproto 6 sport 8000 lookup 254"')):
            with self.subTest(rules=rules):
                self.assert_found(rules, named, port=8000)
                with self.made(':'):
                    self.boot(rules, self.printed_rules())
                    self.assertTrue(self.carries(IPV4, port=8000))
                    ours = self.rules_of_ours()
                    self.host.run('sh', '-ec', self.printed_rules())
                    self.assertEqual(self.rules_of_ours(), ours)

    def test_routing_rule_that_nothing_can_be_in_front_of(self):
        with self.made('ip rule add iif out0 table main pref 0'):
            self.boot('ip rule add iif out0 table main pref 0',
                      self.printed_rules())
            self.assert_blocked(IPV4)
            self.assert_wrong('"pref 0 iif out0 lookup 254" decides before',
                              '^give that rule a preference above 0')

    def test_routing_rule_with_an_unknown_condition(self):
        with self.made('ip rule add tun_id 7 prohibit pref 0'):
            self.boot('ip rule add tun_id 7 prohibit pref 0',
                      self.printed_rules())
            self.assertTrue(self.carries(IPV4))
            self.assert_note(f'{IPV4.users}: cannot tell whether reply .* '
                             '"pref 0 prohibit" may decide')

    def rules_of_ours(self):
        return self.host.run(
            'ip', 'rule', 'list', 'table',
            str(100000 + SERVER[1])).stdout.splitlines()

    def test_rules_of_an_older_version(self):
        """They had another mark, with all its bits, and a preference."""
        table = 100000 + SERVER[1]
        older = ''.join(f'ip -{version} rule add fwmark 0x5 table {table} '
                        'pref 30000; ' for version in '46')
        with self.made(':'):
            self.boot(older, self.printed_rules())
            self.assertEqual(self.rules_of_ours(), [
                f'90:\tfrom all fwmark 0x50/0x50 lookup {table}'])
            self.assertTrue(all(self.carries(family) for family in BOTH))
            self.boot(older, self.printed_rules('--remove'))
            for version in '46':
                self.assertEqual(self.host.run(
                    'ip', f'-{version}', 'rule', 'list', 'table',
                    str(table)).stdout, '')

    def test_mark_of_the_configuration(self):
        for mark in '0x100/0x300', 0x5:
            config = {**self.config, 'return_mark': mark}
            with self.subTest(mark=mark), self.made(':'):
                for options in (), ('--iptables',):
                    self.boot(self.printed_rules(*options, config=config))
                    self.assertTrue(all(self.carries(family)
                                        for family in BOTH))
                    named = mark if mark != 5 else '0x5'
                    self.assert_fine(
                        f'{IPV4.users}: the firewall sets the mark {named} on',
                        config=config)

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

    def test_drops_in_several_chains(self):
        """One fix opens all of them."""
        for side, hooks in (('saddr', ('output', 'postrouting')),
                            ('daddr', ('prerouting', 'input'))):
            rules = ''.join(chain(hook, f'ip {side} {IPV4.users} drop')
                            for hook in hooks)
            with self.subTest(hooks=hooks):
                self.assert_found(table(rules), f'{IPV4.users}: .* chain '
                                  f'{hooks[0]} of the table inet others')

    def test_drops_of_one_port(self):
        """The router answers at its other ports."""
        for rule, what in (
                ('OUTPUT -p tcp --dport 443',
                 'packets of the half from these addresses: '),
                ('INPUT -p tcp --sport 443',
                 'reply packets to these users: ')):
            with self.subTest(rule):
                self.assert_found(
                    f'iptables -A {rule} -j DROP',
                    f'{IPV4.users}: the firewall drops {what}', port=443)

    def test_drops_of_iptables(self):
        for table_name, name in (('mangle', 'POSTROUTING'),
                                 ('mangle', 'INPUT'), ('raw', 'PREROUTING')):
            side = '-s' if name == 'POSTROUTING' else '-d'
            with self.subTest(chain=name):
                self.assert_found(
                    f'iptables -t {table_name} -A {name} {side} {IPV4.users} '
                    '-j DROP', f'{IPV4.users}: .* chain {name} of the table '
                    f'ip {table_name}, rule with handle')

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
                self.assert_closed()
                pattern = (r'packets to port 21829 \(IPv4\), .*: chain input '
                           'of the table inet others')
                findings = self.assert_wrong(pattern)
                self.apply_remedy(findings, pattern)
                self.try_gate()
                self.assertTrue(self.carries(IPV4))

    def try_gate(self, family=IPV4, patience=TIMEOUT):
        with self.net.gate.socket(family.af) as gate:
            gate.settimeout(patience)
            gate.connect((family.exit_link, SERVER[1]))

    def assert_closed(self, family=IPV4):
        with self.assertRaises(OSError):
            self.try_gate(family, PATIENCE)

    def test_port_that_is_closed_to_both_families(self):
        """The gate may connect by either, so each has its fix."""
        closed = ('-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT',
                  f'-A INPUT -p tcp --dport {SERVER[1]} -j DROP')
        config = {'listen': f':{SERVER[1]}'}
        with self.made('\n'.join(f'{family.iptables} {rule}'
                                 for family in BOTH for rule in closed)):
            findings = self.doctor(config=config)
            for family, name in zip(BOTH, ('IPv4', 'IPv6')):
                self.assert_closed(family)
                self.apply_remedy(findings, rf'packets to port 21829 \({name}')
                # A listener there would refuse, as this one is of IPv4.
                with contextlib.suppress(ConnectionRefusedError):
                    self.try_gate(family)
            self.assertEqual(self.examine().of('problem'), [])

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

    def test_marks_that_others_set_and_restore(self):
        """mwan3 and guides for several uplinks restore marks like this.

        Of two chains of nft with the same priority, the newer one comes first;
        rules of iptables are appended.
        """
        mangle = 'iptables -t mangle -A'
        for others, is_masked in (
                (f'{mangle} PREROUTING -j CONNMARK --restore-mark '
                 '--nfmask 0x3f00 --ctmask 0x3f00; '
                 f'{mangle} OUTPUT -j MARK --set-xmark 0x100/0x3f00; '
                 f'{mangle} OUTPUT -j CONNMARK --save-mark '
                 '--nfmask 0x3f00 --ctmask 0x3f00; '
                 f'{mangle} INPUT -i out0 -m mark ! --mark 0x100/0x3f00 '
                 '-j DROP', True),
                (f'{mangle} OUTPUT -j MARK --set-mark 7; '
                 f'{mangle} PREROUTING -m conntrack --ctstate '
                 'ESTABLISHED,RELATED -j CONNMARK --restore-mark; '
                 f'{mangle} OUTPUT -j CONNMARK --save-mark; '
                 f'{mangle} INPUT -i out0 -m mark ! --mark 0x7/0x7 -j DROP',
                 False),
                (f'{mangle} PREROUTING -i out0 -j MARK --set-mark 7', False)):
            for options in (), ('--iptables',):
                ours = self.printed_rules(*options)
                for steps in (others, ours), (ours, others):
                    with self.subTest(others=others, options=options,
                                      last=steps[1] == others), \
                            self.made(':'):
                        self.boot(*steps)
                        if options and not is_masked and steps[0] == ours:
                            self.assert_taken_away(ours)
                        self.assertTrue(self.carries(IPV4))
                        self.assertEqual(self.doctor().of('problem'), [])

    def assert_taken_away(self, ours):
        """iptables cannot set a mark behind the later rules of others."""
        self.assert_blocked(IPV4)
        self.assert_wrong('no firewall rule sets the mark 0x50/0x50 .*: .*'
                          'chain PREROUTING of ')
        self.host.run('sh', '-ec', ours)

    def test_mark_that_nft_takes_away_from_iptables(self):
        """Of chains with the same priority, the newer one comes first."""
        def others(priority, mark='7'):
            return table(chain('prerouting', f'iifname out0 meta mark set '
                               f'{mark}', priority=priority))

        taken = (f'{IPV4.users}: no firewall rule sets the mark 0x50/0x50 on '
                 'reply packets .*: another mark is set by chain prerouting of '
                 'the table inet others, rule')
        for steps in ((others('mangle'), self.printed_rules('--iptables')),
                      (self.printed_rules('--iptables'), others('-149')),
                      (self.printed_rules(), others('-80')),
                      (self.printed_rules(), others('0', 'ct mark'))):
            with self.subTest(steps=steps), self.made(':'):
                self.boot(*steps)
                self.assert_found(':', taken)
        with self.made(':'):
            self.boot(self.printed_rules('--iptables'), others('mangle'))
            self.assert_sound(':')

    def test_limits_that_only_doctor_exceeds(self):
        for hook, rules in (
                ('input', 'ct state established limit rate 5/second accept; '
                 'ct state established drop'),
                ('output', 'oifname out0 tcp flags syn limit rate over '
                 '5/second drop')):
            with self.subTest(hook=hook):
                findings = self.assert_sound(table(chain(hook, rules)))
                # A slow machine sends so slowly that the limit is kept.
                self.assertTrue(findings.of(
                    'note', f'^{IPV4.users}: cannot tell whether the firewall '
                    f'drops .*: it depends on chain {hook} of the table inet '
                    'others, rule') or findings.of(
                        'ok', f'^{IPV4.users}: reply packets from the router'),
                                findings.text)

    def reaches_the_user(self, patience=TIMEOUT):
        """Tells if the destination connects to the user's own host."""
        listener = self.listen(self.net.user, IPV4.user)
        with self.net.destination.socket(IPV4.af) as outside:
            outside.settimeout(patience)
            try:
                outside.connect(listener.getsockname()[:2])
            except OSError:
                return False
        return True

    def test_mark_for_an_uplink(self):
        """Others mark all that one uplink brings, with a table for it."""
        others = (
            'iptables -t mangle -A PREROUTING -i out0 -j MARK --set-mark 5; '
            f'ip route replace {IPV4.users} via {IPV4.gate_link} table 5; '
            f'ip route replace default via {IPV4.destination} table 5; '
            'ip rule add fwmark 5 table 5 pref 200')
        for options in (), ('--iptables',):
            with self.subTest(options=options), self.made(':'):
                self.boot(others, self.printed_rules(*options))
                self.assertTrue(self.carries(IPV4))
                self.assertTrue(self.reaches_the_user())
                self.assertEqual(self.doctor().of('problem'), [])
        same = {**self.config, 'return_mark': '0x4/0x4'}
        with self.made(':'):
            self.boot(others, self.printed_rules(config=same))
            self.assertFalse(self.reaches_the_user(PATIENCE))
            self.assert_wrong(
                f"{IPV4.users}: others' connections to the users end here: "
                'their packets have the mark 0x4/0x4, which is set by chain '
                'PREROUTING of iptables', '^set return_mark to other bits',
                config=same)

    def test_public_users_that_are_masqueraded(self):
        with self.made(table(chain('postrouting', 'oif out0 masquerade',
                                   kind='nat', priority='100'))):
            self.assertEqual(self.source(IPV4), IPV4.exit_out)
            self.assert_wrong(f'{IPV4.users}: a MASQUERADE or SNAT rule')

    def test_routing_rule_that_forbids_the_users(self):
        for kind, family in (('unreachable', IPV6), ('prohibit', IPV4),
                             ('blackhole', IPV4)):
            with self.subTest(kind):
                self.assert_found(
                    f'ip {family.ip_option} rule add from {family.users} '
                    f'{kind} pref 60',
                    f'{family.users}: cannot connect from .*: the routing rule '
                    f'"pref 60 from {family.users} {kind}" decides', family)

    def test_prefix_that_is_mapped_to_another_one(self):
        self.assert_found(
            f'ip6tables -t nat -A POSTROUTING -o out0 -s {IPV6.users} '
            '-j NETMAP --to 2001:db8:cccc::/64',
            f'{IPV6.users}: a MASQUERADE or SNAT rule rewrites .*: chain '
            'POSTROUTING of ip6tables table nat, rule 1$', IPV6)

    def test_replies_that_are_not_tracked(self):
        """No rule for states lets them pass."""
        self.assert_found(
            f'iptables -t raw -A OUTPUT -s {IPV4.users} -j CT --notrack\n'
            f'iptables -t raw -A PREROUTING -d {IPV4.users} -j CT --notrack\n'
            'iptables -A INPUT -i out0 -m conntrack --ctstate ESTABLISHED '
            '-j ACCEPT\niptables -A INPUT -i out0 -j DROP',
            f'{IPV4.users}: .* chain INPUT of iptables table filter, rule 2$')

    def test_rule_for_addresses_of_this_host(self):
        """It does not look at the mark that makes the users' local."""
        for tool, family in ('iptables', IPV4), ('ip6tables', IPV6):
            self.assert_found(
                f'{tool} -A INPUT -i out0 -m addrtype --dst-type LOCAL '
                f'-j ACCEPT\n{tool} -A INPUT -i out0 -p tcp -j DROP',
                f'{family.users}: .* chain INPUT of {tool} table filter, '
                'rule 2$', family)

    def test_masquerade_for_some_destinations(self):
        """They may want it, so no verdict."""
        with self.made(f'iptables -t nat -A POSTROUTING -s {IPV4.users} '
                       '-d 203.0.113.0/24 -j MASQUERADE'):
            self.assertEqual(self.source(IPV4), IPV4.exit_out)
            self.assert_note(f'{IPV4.users}: the firewall may rewrite these '
                             'addresses for some destinations: it depends on '
                             'chain POSTROUTING of iptables table nat, rule 1')

    def test_ports_that_this_host_may_use_itself(self):
        """Users need others, too; whether to give them is for the owner."""
        with self.made(table(chain(
                'output', 'ct state established,related accept; oif lo accept; '
                'meta l4proto icmpv6 accept; tcp dport { 80, 443 } accept',
                'drop'))):
            for family in BOTH:
                self.assert_blocked(family)
            findings = self.assert_fine()
            for family in BOTH:
                (text, _), = findings.of(
                    'note', f'^{family.users}: the firewall may drop .* chain '
                    'output of the table inet others, rule with handle')
                self.host.run('sh', '-ec', text.split('to let all pass: ')[1])
            self.assertTrue(all(map(self.carries, BOTH)))
            self.assertEqual(self.examine().of('note', 'may drop'), [])

    def test_one_user_without_prefixes(self):
        """The printed command names those that rules cannot know."""
        config = {'acl': [{'name': 'alice', 'auth': 'secret',
                           'allowed_src_ips': [IPV4.users]},
                          {'name': 'bob', 'auth': 'other'}]}
        pattern = f'{IPV4.users}: reply packets to these users'
        with self.no_rules():
            self.assert_blocked(IPV4)
            findings = self.assert_wrong(
                pattern, rf'^srcproxy rules server \S+ {IPV4.users} \| sh$',
                config=config)
            self.apply_remedy(findings, pattern)
            self.assertTrue(self.carries(IPV4))
            self.assertEqual(self.examine().of('problem'), [])

    def test_firewalld_whose_zone_does_not_have_the_port(self):
        """The fix is a command of firewalld; here a script does its work."""
        tools = tempfile.mkdtemp(dir=os.path.dirname(write_config({})))
        with open(os.path.join(tools, 'firewall-cmd'), 'w') as script:
            script.write(FIREWALL_CMD)
        os.chmod(script.name, 0o755)
        pattern = (r'packets to port 21829 \(IPv4\), .*: chain filter_INPUT '
                   'of the table inet firewalld, policy')
        with self.made(table(chain('input', 'ct state established,related '
                                   'accept; ct status dnat accept; iifname '
                                   'lo accept; tcp dport 22 accept', 'drop',
                                   '10').replace(
                                       'chain input', 'chain filter_INPUT'),
                             name='firewalld')):
            self.assert_closed()
            fix = self.assert_wrong(pattern).of('problem', pattern)[0][1]
            self.host.run('sh', '-ec', f'PATH={tools}:$PATH; {fix}')
            self.try_gate()
            self.assertEqual(self.examine().of('problem'), [])

    def test_table_that_only_its_owner_may_change(self):
        """firewalld since 2.3. nft 1.0.6 prints other words for flags."""
        owner = self.host.spawn('nft', '-i', stdin=subprocess.PIPE, text=True,
                                stdout=subprocess.DEVNULL)
        try:
            owner.stdin.write('''
                add table inet owned { flags owner; }
                add chain inet owned in { type filter hook input priority 0; }
                add rule inet owned in tcp dport 21829 drop
                ''')
            owner.stdin.flush()
            wait_until(lambda: 'dport 21829 drop' in self.host.run(
                'nft', 'list', 'ruleset').stdout, 'the rules of the owner')
            is_told = '"owner"' in self.host.run('nft', '-j', 'list',
                                                 'tables').stdout
            findings = self.doctor()
            text, remedy = findings.of(
                'problem' if is_told else 'note', 'chain in of the table inet '
                'owned')[0]
            self.assertNotRegex(remedy or '', 'nft (insert|add)')
            self.assertNotIn('  fix: nft', findings.text)
        finally:
            owner.stdin.close()
            owner.wait()

    def test_firewall_that_forwards_nothing(self):
        """Docker's firewall does this. TCP is carried nevertheless."""
        def is_reached():
            return self.net.destination.answers(IPV4.user)

        with self.made('iptables -P FORWARD DROP\niptables -N DOCKER-USER\n'
                       'iptables -A FORWARD -j DOCKER-USER\n'):
            self.assertTrue(self.carries(IPV4))
            self.assertFalse(is_reached())
            findings = self.assert_fine()
            for what, match in (('packets of these users that are not', '-s'),
                                ('connections of other hosts to these', '-d')):
                (text, _), = findings.of(
                    'note', f'^{IPV4.users}: the firewall drops .*{what}')
                self.assertRegex(text, 'chain FORWARD of .*; to let them pass: '
                                 f'iptables -t filter -A FORWARD {match} '
                                 f'{IPV4.users} -j ACCEPT$')
                self.host.run('sh', '-ec', text.split('them pass: ')[1])
            wait_until(is_reached, 'it is reached')
            self.assertEqual(self.examine().of('note', 'forwarded'), [])

    def printed_rules(self, *options, config=None):
        return srcproxy('rules', *options, 'server',
                        write_config(config or self.config)).stdout


class PrivateUsers(HostsExitCase):
    """The exit masquerades users who have private addresses."""

    config = {**HostsExitCase.config, 'acl': [{
        'name': 'alice', 'auth': 'secret',
        'allowed_src_ips': [PRIVATE, PRIVATE6]}]}

    def test_replies_come_to_the_address_of_the_exit(self):
        others = table(chain(
            'postrouting', f'oif out0 ip saddr {PRIVATE} masquerade; '
            f'oif out0 ip6 saddr {PRIVATE6} masquerade',
            kind='nat', priority='100'))
        for options in (), ('--iptables',), ('--simple',):
            with self.subTest(options=options), self.other_rules(*options), \
                    self.made(others):
                for family, user in (IPV4, '10.7.0.5'), (IPV6, 'fd07::5'):
                    self.assertEqual(self.source(family, user=user),
                                     family.exit_out)
                findings = self.doctor()
                self.assertEqual(findings.of('problem'), [])
                for prefix in PRIVATE, PRIVATE6:
                    self.assertTrue(findings.of(
                        'note', f'{prefix}: .* private'), findings.text)


class UsersOnTheLink(HostsExitCase):
    """The users' addresses are of the exit's own link, with no route."""

    # The kernel answers for a prefix only over IPv4.
    users = {'203.0.113.128/25': (IPV4, '203.0.113.200'),
             '2001:db8:dddd::8000/113': (IPV6, '2001:db8:dddd::8005'),
             '2001:db8:dddd::4005/128': (IPV6, '2001:db8:dddd::4005')}
    config = {**HostsExitCase.config, 'acl': [{
        'name': 'alice', 'auth': 'secret', 'allowed_src_ips': list(users)}]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for prefix, (family, _) in cls.users.items():
            cls.host.ip(f'route replace {prefix} via {family.gate_link}',
                        family=family)
        # The kernel waits for up to 0.8 s before it answers for others.
        for version in 'ipv4', 'ipv6':
            cls.host.sysctl(f'{version}/neigh/out0/proxy_delay', 0)

    def forget(self):
        """The router no longer knows who has these addresses."""
        for family in BOTH:
            self.net.destination.ip('neigh flush all', family=family)

    def renews(self, family, user):
        """The router asks again, the host that it knows (RFC 4861, 7.3)."""
        def ask(*words):
            return self.net.destination.run(
                'ip', family.ip_option, 'neigh', *words, user, 'dev',
                'eth0').stdout.split()

        self.net.destination.ip(
            f'neigh change {user} dev eth0 nud probe', family=family)
        wait_until(lambda: ask('show')[-1] != 'PROBE', 'the answer')
        return ask('show')[-1] == 'REACHABLE'

    def test_the_kernel_cannot_answer_for_them(self):
        """It answers for what it forwards to another link."""
        route = f'203.0.113.128/25 via {IPV4.gate_link}'
        with self.broken(f'ip route del {route}', f'ip route add {route}'):
            findings = self.assert_wrong(
                '^203.0.113.128/25: .* it asks on out0 which host',
                '^ask for a route to this host, or answer on the link')
        self.assertNotIn('proxy_arp=1\n', findings.text)

    def test_this_host_answers_for_them(self):
        for family, user in self.users.values():
            self.assert_blocked(family, user=user)
        findings = self.doctor()
        for prefix, (family, _) in self.users.items():
            (text, remedy), = findings.of(
                'problem', f'^{prefix}: the router {family.destination} .* it '
                'asks on out0 which host')
            if f'{text}\n  fix: ' in findings.text:
                self.apply_remedy(findings, f'^{prefix}: the router')
                continue
            self.assertEqual(prefix, '2001:db8:dddd::8000/113')
            # With the sysctl of the other fix, this is enough.
            command = re.search('"(ip -6 neigh add proxy) ADDRESS (.*)"',
                                remedy)
            self.host.run('sh', '-ec', ' 2001:db8:dddd::8005 '.join(
                command.groups()))
        self.forget()
        for prefix, (family, user) in self.users.items():
            self.assertTrue(self.carries(family, user=user), prefix)
            self.assertTrue(self.renews(family, user), prefix)
            self.assert_fine(f'{prefix}: reply packets from the router')


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

