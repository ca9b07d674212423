"""What `srcproxy doctor` finds on a host that is fine, and on broken ones."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import unittest

import rules
from cases import (CLIENT_CONFIG, SERVER, SERVER_CONFIG, SERVER_PORT,
                   NetworkCase, fresh_port)
from cgroup import limit_threads
from daemons import write_config
from families import BOTH, IPV4, IPV6, endpoint
from hosts import join
from peers import background, receive
from sandbox import BINARY
from test_command import srcproxy
from test_privilege import NOBODY
from test_rules import hiding
from wire import auth_digest, encode_request

PREFIXES = [family.users for family in BOTH]
SERVER_WITH_ACL = {**SERVER_CONFIG, 'acl': [
    {'name': 'alice', 'auth': 'secret', 'allowed_src_ips': PREFIXES}]}
CLIENT_WITH_AUTH = {**CLIENT_CONFIG, 'outbound': {
    'server': endpoint(*SERVER), 'auth': 'secret'}}
ONLY_IPV4 = {'acl': [{'allowed_src_ips': [IPV4.users]}]}
MARK = 0x7
USER = '65534:65534'

# What congestion control there is, namespaces have from outside.
OF_THIS_HOST = '^(?!congestion control)'

LINE = re.compile(
    r'(ok|note|problem): (.*)(?:\n  (?:fix|advice): (.*))?')


class Findings:
    """What it printed: triples of kind, text and remedy."""

    def __init__(self, result):
        self.status = result.returncode
        self.text = result.stdout + result.stderr
        self.found = [match.groups() for match in LINE.finditer(result.stdout)]
        lines = sum(2 if remedy else 1 for _, _, remedy in self.found)
        if result.stderr or lines != len(result.stdout.splitlines()):
            raise AssertionError(f'these are no findings: {self.text}')

    def of(self, kind, pattern=''):
        """But what the configuration leaves open: see test_open.py."""
        return [(text, remedy) for found, text, remedy in self.found
                if found == kind and re.search(pattern, text)
                and ': warning: ' not in text]


class DoctorCase(NetworkCase):

    host = role = config = None
    prefixes = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # As README.md has it.
        cls.net.exit.sysctl('ipv4/tcp_fastopen', 3)

    def doctor(self, config=None, wrapper=(), prefixes=None, user=None,
               mode=0o644):
        self.path = write_config({**self.config, **(config or {})})
        os.chmod(self.path, mode)
        return self.examine(wrapper, prefixes, user)

    def examine(self, wrapper=(), prefixes=None, user=None):
        """By the configuration that is there."""
        return Findings(self.host.run(
            *wrapper, BINARY, 'doctor', *(['-u', user] if user else []),
            self.role, self.path,
            *(self.prefixes if prefixes is None else prefixes), check=False))

    def assert_fine(self, *expected, **options):
        """These are among what is fine, and nothing is wrong."""
        findings = self.doctor(**options)
        self.assertEqual((findings.of('problem'), findings.status), ([], 0))
        for pattern in expected:
            self.assertTrue(findings.of('ok', pattern),
                            f'no {pattern} in\n{findings.text}')
        return findings

    def assert_wrong(self, pattern, remedy='.', **options):
        """That is found."""
        findings = self.doctor(**options)
        found = findings.of('problem', pattern)
        self.assertTrue(found, f'no {pattern} in\n{findings.text}')
        self.assertRegex(found[0][1], remedy)
        self.assertEqual(findings.status, 1)
        return findings

    def assert_mends(self, pattern, command, mend, **options):
        """What that breaks is found, and its remedy mends it."""
        with self.broken(command, mend):
            findings = self.assert_wrong(pattern, **options)
            self.apply_remedy(findings, pattern)
            self.assertEqual(self.examine().of('problem'), [])

    def apply_remedy(self, findings, pattern):
        remedy = findings.of('problem', pattern)[0][1]
        # After that there is what to do where that was done before.
        remedy = remedy.split(', if ')[0].split(', then ')[0]
        return self.host.run('sh', '-ec', re.sub(
            '(^|; )srcproxy ', rf'\1{BINARY} ', remedy))

    def assert_note(self, pattern, **options):
        findings = self.doctor(**options)
        self.assertTrue(findings.of('note', pattern),
                        f'no {pattern} in\n{findings.text}')
        self.assertEqual(findings.status, 0)

    @classmethod
    def apply_rules(cls, *options):
        printed = srcproxy('rules', *options, cls.role,
                           write_config(cls.config), *cls.prefixes)
        cls.host.run('sh', input=printed.stdout)

    @contextlib.contextmanager
    def other_rules(self, *options):
        self.apply_rules('--remove')
        self.apply_rules(*options)
        try:
            yield
        finally:
            self.apply_rules('--remove', *options)
            self.apply_rules()

    @contextlib.contextmanager
    def broken(self, command, mend, host=None):
        host = host or self.host
        host.run('sh', '-ec', command)
        try:
            yield
        finally:
            host.run('sh', '-ec', mend)

    @contextlib.contextmanager
    def sysctl(self, name, value, before):
        self.host.sysctl(name, value)
        try:
            yield
        finally:
            self.host.sysctl(name, before)

    @contextlib.contextmanager
    def no_rules(self):
        self.apply_rules('--remove')
        try:
            yield
        finally:
            self.apply_rules()


class ExitCase(DoctorCase):
    """The destination is the router that the exit's default route names."""

    role, config = 'server', SERVER_WITH_ACL

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.net.exit
        for family in BOTH:
            cls.host.ip(f'route add default via {family.destination}',
                        family=family)
        cls.apply_rules()

    def assert_serves(self, family, config=None, **options):
        """A user's connection, which a scripted client half asks for."""
        server = self.start(self.host, 'server',
                            {**self.config, **(config or {})}, **options)
        acl = (config or self.config)['acl']
        listener = self.listen(self.net.destination, family.destination)
        source = (family.user, fresh_port())
        gate = self.connect(self.net.gate, SERVER)
        gate.sendall(encode_request(source, listener.getsockname()[:2],
                                    auth_digest(acl[0].get('auth', ''))))
        destination = self.accept(listener)
        self.assertEqual(destination.getpeername()[:2], source)
        destination.sendall(b'hello')
        self.assertEqual(receive(gate, 5), b'hello')
        server.finish()


class Exit(ExitCase):

    def test_host_as_it_should_be(self):
        findings = self.assert_fine(
            'the address to listen on', 'room for',
            'IP_TRANSPARENT for IPv4 works',
            'IP_FREEBIND for IPv6 works', 'source ports below 1024 works',
            *(f'{prefix}: what has the mark 0x5 is delivered here'
              for prefix in PREFIXES),
            *(f'{prefix}: the firewall gives the mark 0x5$'
              for prefix in PREFIXES),
            *(f'{family.users}: what {family.destination} answers comes back'
              for family in BOTH),
            *(f'{prefix}: the firewall does not rewrite it|{prefix}: not '
              'tracked' for prefix in PREFIXES),
            'nobody listens on all addresses', 'ipv4/ip_forward is on')
        self.assertEqual(len(findings.of('note', OF_THIS_HOST)), 1)

    def test_server_half_may_be_running(self):
        server = self.start(self.net.exit, 'server', self.config)
        self.assert_fine('the address to listen on')
        self.assertEqual(server.warnings(), [])

    def test_host_with_rules_for_iptables(self):
        with self.other_rules('--iptables'):
            self.assert_fine(f'{IPV6.users}: the firewall gives the mark 0x5',
                             f'{IPV4.users}: what {IPV4.destination} answers')

    def test_host_with_simple_rules(self):
        with self.other_rules('--simple'):
            for wrapper in ((), NOBODY):
                self.assert_fine(
                    *(f'{family.users}: all TCP for it is delivered here'
                      for family in BOTH),
                    *(f'{family.users}: what {family.destination} answers '
                      'comes back' for family in BOTH), wrapper=wrapper)

    def test_rules_that_were_never_applied(self):
        with self.no_rules():
            findings = self.assert_wrong(
                IPV4.users + ': no route', r'srcproxy rules server \S+ \| sh')
            self.assertTrue(findings.of('problem', IPV6.users + ': no route'))
            # Its remedy is one.
            remedy = findings.of('problem', IPV4.users)[0][1]
            self.host.run('sh', '-ec', remedy.replace('srcproxy', BINARY, 1))
            self.assert_fine()

    def test_findings_for_scripts(self):
        self.path = write_config(self.config)
        os.chmod(self.path, 0o600)
        with self.no_rules():
            result = self.host.run(BINARY, 'doctor', '--json', 'server',
                                   self.path, check=False)
        findings = json.loads(result.stdout)
        self.assertEqual(result.returncode, 1)
        missing, = [finding for finding in findings
                    if finding['kind'] == 'problem'
                    and finding['text'].startswith(IPV4.users)]
        self.assertEqual(missing['fix'], f'srcproxy rules server {self.path} '
                         '| sh')
        self.assertTrue(any(finding == {'kind': 'ok', 'text': finding['text']}
                            for finding in findings))

    def test_remedy_for_a_path_that_a_shell_would_split(self):
        self.path = write_config(self.config, "alice's  $own exit.json")
        with self.no_rules():
            remedy = self.examine().of('problem', IPV4.users)[0][1]
            self.host.run('sh', '-ec', remedy.replace('srcproxy', BINARY, 1))
            self.assertEqual(self.examine().of('problem'), [])

    def test_host_without_nft(self):
        hidden = hiding(shutil.which('nft'))
        with self.no_rules():
            findings = self.assert_wrong(
                IPV4.users + ': no route', r'^srcproxy rules --iptables server',
                wrapper=hidden)
            remedy = findings.of('problem', IPV4.users)[0][1]
            self.host.run('sh', '-ec', remedy.replace('srcproxy', BINARY, 1))
            try:
                self.assertEqual(self.examine(hidden).of('problem'), [])
            finally:
                self.apply_rules('--iptables', '--remove')

    def test_firewall_without_the_mark(self):
        table = f'inet srcproxy-server-{SERVER_PORT}'
        with self.other_rules(), self.broken(f'nft delete table {table}', ''):
            findings = self.assert_wrong('gives the mark 0x5',
                                         'srcproxy rules server',
                                         config=ONLY_IPV4)
            self.assertTrue(findings.of('problem', 'but not to the socket'))

    def test_masquerade_that_rewrites_users(self):
        for family in BOTH:
            rule = 'POSTROUTING -o out0 -j MASQUERADE'
            tables = family.iptables + ' -t nat'
            with self.broken(f'{tables} -A {rule}', f'{tables} -D {rule}'):
                self.assert_wrong(
                    f'{family.users}: a MASQUERADE or SNAT rule rewrites it: '
                    f'.* see {family.exit_out}: chain POSTROUTING of ',
                    f'{family.iptables} -t nat -I POSTROUTING 1 -s '
                    f'{family.users} -j ACCEPT')

    def test_masquerade_of_other_tools(self):
        table = 'inet others'
        self.assert_mends(
            f'{IPV6.users}: a MASQUERADE or SNAT rule rewrites it', f"""
                nft -f - <<END
                table {table} {{
                    chain out {{
                        type nat hook postrouting priority srcnat
                        meta nfproto ipv6 oifname out0 masquerade
                    }}
                }}
                """ + '\nEND\n', f'nft delete table {table}')

    @unittest.skipUnless(shutil.which('iptables-legacy'),
                         'needs iptables-legacy')
    def test_masquerade_of_iptables_legacy(self):
        nat = 'iptables-legacy -t nat'
        self.assert_mends(
            f'{IPV4.users}: a MASQUERADE or SNAT rule rewrites it',
            f'{nat} -A POSTROUTING -o out0 -j MASQUERADE',
            f'{nat} -F POSTROUTING')

    def test_rule_that_comes_too_late(self):
        table = 100000 + SERVER_PORT
        rule = f'ip rule add fwmark 5 table {table} pref'
        self.assert_mends(
            f'{IPV4.users}: no route .* "pref 32766 lookup 254" decides before '
            '"pref 40000 ',
            f'ip rule del table {table}; {rule} 40000', f"""
                while ip rule del table {table} 2>/dev/null; do :; done
                {rule} 30000""")

    def test_rule_that_is_behind_another_one(self):
        mend = 'ip rule del pref 99; ip rule del pref 100; ' \
            'ip route flush table 50'
        for route in (f'prohibit {IPV4.users}',
                      f'{IPV4.users} via {IPV4.gate_link}'):
            self.assert_mends(
                f'{IPV4.users}: no route .* "pref 100 to {IPV4.users} lookup '
                '50" decides before "pref 30000 ', f"""
                    ip route add {route} table 50
                    ip rule add to {IPV4.users} lookup 50 pref 100""", mend)

    def test_route_for_some_of_the_users(self):
        table = f'dev lo table {100000 + SERVER_PORT}'
        for part, missing in (('198.51.100.0/25', '198.51.100.254'),
                              ('198.51.100.254/32', '198.51.100.1')):
            self.assert_mends(
                f'{IPV4.users}: no route .* such as {missing}$', f"""
                    ip route del local {IPV4.users} {table}
                    ip route add local {part} {table}""",
                f'ip route del local {part} {table}')

    def test_firewall_that_drops_what_users_send(self):
        self.assert_mends(
            f'{IPV4.users}: .* does not leave this host',
            f'iptables -A OUTPUT -s {IPV4.users} -j DROP',
            'iptables -F OUTPUT')
        chain = 'type filter hook output priority 10'
        self.assert_mends(
            f'{IPV6.users}: .* does not leave this host',
            f"nft 'table inet others {{ chain out {{ {chain}; policy drop; "
            f"oif lo accept; tcp sport {SERVER_PORT} accept; "
            f"ip saddr {IPV4.users} accept; "
            f"ip6 saddr {IPV6.exit_out} accept; }}; }}'",
            'nft delete table inet others')

    def test_firewall_that_drops_replies(self):
        for family in BOTH:
            self.assert_mends(
                f'{family.users}: .* takes none of it, .*INPUT',
                f'{family.iptables} -A INPUT -i out0 -p tcp -j DROP',
                f'{family.iptables} -F INPUT')
        chain = 'type filter hook input priority 10'
        self.assert_mends(
            f'{IPV4.users}: .* takes none of it, .*INPUT',
            f"nft 'table ip others {{ chain in {{ {chain}; "
            "iif out0 meta l4proto tcp drop; }; }'",
            'nft delete table ip others')

    def test_firewall_that_marks_others(self):
        chain = f'inet srcproxy-server-{SERVER_PORT} prerouting'
        self.assert_mends(
            f'{IPV4.users}: .* comes to this host, but not to the socket',
            f"""
                nft flush chain {chain}
                nft add rule {chain} ip daddr 10.0.0.0/8 meta mark set 5""",
            '')

    def test_network_that_delivers_by_another_link(self):
        """Which the host would not answer by."""
        destination = self.net.destination
        join(self.host, 'out1', destination, 'eth1')
        self.host.ip('addr add 10.9.9.1/30 dev out1')
        destination.ip('addr add 10.9.9.2/30 dev eth1',
                       f'route add {IPV4.users} via 10.9.9.1')
        destination.sysctl('ipv4/conf/all/rp_filter', 2)
        # Questions of ARP are filtered, too.
        destination.sysctl('ipv4/conf/eth1/arp_announce', 2)
        self.host.sysctl('ipv4/conf/out1/rp_filter', 1)
        try:
            self.assert_mends(
                f'{IPV4.users}: .* by another interface .* rp_filter drops it',
                ':', 'sysctl -qw net.ipv4.conf.all.rp_filter=1')
        finally:
            destination.sysctl('ipv4/conf/all/rp_filter', 1)
            # The other end and its route go with it.
            self.host.ip('link del out1')

    def test_firewall_with_a_check_of_sources(self):
        """That knows nothing of users."""
        self.assert_mends(
            f'{IPV4.users}: .* comes to this host, but not to the socket: .*: '
            'chain in of the table inet others, rule with handle ', """
                nft -f - <<END
                table inet others {
                    chain in {
                        type filter hook prerouting priority raw
                        meta nfproto ipv4 fib daddr . iif type != local drop
                    }
                }
                """ + '\nEND\n', 'nft delete table inet others')

    def test_routing_that_forbids_users(self):
        rule = f'from {IPV4.users} prohibit pref 100'
        with self.broken(f'ip rule add {rule}', f'ip rule del {rule}'):
            findings = self.assert_wrong(
                f'{IPV4.users}: cannot connect from .*: Permission denied',
                '^see which rule or route forbids it: ip rule')
            self.assertFalse(findings.of('note', 'could not be looked at'))

    def test_network_that_does_not_route_the_prefix_here(self):
        route = f'blackhole {IPV4.users}'
        with self.broken(f'ip route add {route}', f'ip route del {route}',
                         self.net.destination):
            self.assert_wrong(
                f'{IPV4.users}: {IPV4.destination} answers this host, but',
                'let the network route the prefix.*proxy_arp=1')

    def test_router_that_answers_nobody(self):
        rule = 'INPUT -p tcp -j DROP'
        with self.broken(f'iptables -A {rule}', f'iptables -D {rule}',
                         self.net.destination):
            self.assert_note(f'{IPV4.users}: the way back was not tried')

    def many(self, count):
        """Users of one address each; so many that their turns would not do."""
        return {'acl': [{'allowed_src_ips': [
            f'198.51.{100 + i // 256}.{i % 256}' for i in range(count)]}]}

    def test_silent_router_for_many_users(self):
        """Side by side: one after another they would take a minute."""
        rule = 'INPUT -p tcp -j DROP'
        with self.other_rules(), self.broken(
                f'iptables -A {rule}', f'iptables -D {rule}',
                self.net.destination):
            self.host.run(*'nft add rule inet'.split(),
                          f'srcproxy-server-{SERVER_PORT}', *(
                              'prerouting ip daddr 198.51.100.0/22 '
                              'socket transparent 1 meta mark set 5').split())
            for count, left in ((40, 0), (600, 1)):
                config = self.many(count)
                self.host.ip('route add local 198.51.100.0/22 dev lo table '
                             f'{100000 + SERVER_PORT}')
                try:
                    findings = self.doctor(config=config)
                finally:
                    self.host.ip('route del local 198.51.100.0/22 dev lo table '
                                 f'{100000 + SERVER_PORT}')
                self.assertEqual(findings.of('problem'), [])
                silent = findings.of('note', 'answers nobody$')
                rest = findings.of('note', '^the way back of .* more prefixes')
                self.assertEqual(len(rest), left)
                tried = count - int(rest[0][0].split()[4] if rest else 0)
                self.assertEqual(len(silent), tried)
                self.assertGreaterEqual(tried, 40)

    def test_one_user_of_many_whose_prefix_is_not_routed_here(self):
        route = 'blackhole 198.51.100.17'
        with self.broken(f'ip route add {route}', f'ip route del {route}',
                         self.net.destination):
            findings = self.doctor(config=self.many(40))
        wrong = findings.of('problem')
        self.assertEqual([text.split(': ')[0] for text, _ in wrong],
                         ['198.51.100.17/32'])
        self.assertRegex(wrong[0][1], 'let the network route the prefix')
        self.assertEqual(len(findings.of('ok', 'comes back here')), 39)

    def test_table_that_takes_all_addresses_and_src_valid_mark(self):
        route = f'local default dev lo table {100000 + SERVER_PORT}'
        with self.sysctl('ipv4/conf/all/src_valid_mark', 1, 0):
            self.assert_fine()
            # As the only one that delivers anything, too.
            self.assert_mends(
                'src_valid_mark is 1',
                'ip route flush table {}; ip route add {}'.format(
                    route.split()[-1], route), '')

    def test_strict_validation_of_sources(self):
        self.assert_note('rp_filter is 1 on link0, out0:')
        with self.sysctl('ipv4/conf/all/rp_filter', 2, 1):
            self.assertFalse(self.assert_fine().of('note', 'rp_filter'))

    @unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv')
    def test_user_without_capabilities(self):
        findings = self.assert_wrong(
            f'{IPV4.users}: without IP_TRANSPARENT',
            'srcproxy rules --simple server', wrapper=NOBODY)
        for pattern in ('IP_TRANSPARENT for IPv4 does not work for this user '
                        r'\(uid 65534\)', 'CAP_NET_BIND',
                        'firewall could not be looked at'):
            self.assertTrue(findings.of('note', pattern), pattern)
        self.assertFalse(findings.of('problem', IPV6.users))

    def test_user_that_the_half_becomes(self):
        findings = self.assert_fine(
            'uid 65534, gid 65534 can read the configuration',
            'IP_TRANSPARENT for IPv4 works', 'source ports below 1024 works',
            *(f'{family.users}: the firewall gives the mark 0x5'
              for family in BOTH),
            *(f'{family.users}: what {family.destination} answers comes back'
              for family in BOTH),
            *(f'{prefix}: the firewall does not rewrite it|{prefix}: not '
              'tracked' for prefix in PREFIXES), user=USER)
        self.assertEqual(len(findings.of('note', OF_THIS_HOST)), 1)

    def test_user_keeps_what_the_half_keeps(self):
        only_ipv6 = {'acl': [{'allowed_src_ips': [IPV6.users]}]}
        findings = self.assert_fine(
            'IP_FREEBIND for IPv6 works', 'source ports below 1024 works',
            config=only_ipv6, user=USER)
        self.assertFalse(findings.of('note', 'IP_TRANSPARENT'))
        # Root has it, and so would not see that these rules want it.
        with self.no_rules(), self.by_hand(rules.deliver_marked):
            self.assert_fine(f'{IPV6.users}: the firewall gives the mark',
                             config=only_ipv6)
            pattern = f'{IPV6.users}: .* but not to the socket'
            findings = self.assert_wrong(pattern, config=only_ipv6, user=USER)
            self.apply_remedy(findings, pattern)
            self.assertEqual(self.examine(user=USER).of('problem'), [])
            self.assert_serves(IPV6, only_ipv6, wrapper=NOBODY)

    def test_configuration_that_the_user_cannot_read_again(self):
        findings = self.assert_wrong(
            'uid 65534, gid 65534 cannot read the configuration again',
            '^chgrp 65534 .* && chmod 640 ', user=USER, mode=0o600)
        self.host.run('sh', '-ec', findings.of('problem')[0][1])
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o640)
        self.assertEqual(self.examine(user=USER).of('problem'), [])

    @contextlib.contextmanager
    def by_hand(self, deliver):
        """Rules that the program did not print."""
        deliver(self.host)
        try:
            yield
        finally:
            rules.withdraw(self.host)

    def test_mark_and_table_that_were_chosen_by_hand(self):
        for mark, table in (('0x1', 100), ('0x10/0xf0', 200)):
            with self.subTest(mark=mark), self.no_rules(), self.by_hand(
                    lambda host: rules.deliver_with_iptables(
                        host, mark, table)):
                self.assert_fine(
                    *(f'{family.users}: what has the mark {mark} is delivered'
                      for family in BOTH),
                    *(f'{family.users}: the firewall gives the mark {mark}$'
                      for family in BOTH),
                    *(f'{family.users}: what {family.destination} answers '
                      'comes back' for family in BOTH))

    def test_rule_for_what_comes_in_by_one_interface(self):
        with self.no_rules(), self.by_hand(
                lambda host: rules.deliver_with_iptables(
                    host, '0x1 iif out0', 100)):
            self.assert_fine(
                *(f'{family.users}: what has the mark 0x1 is delivered'
                  for family in BOTH),
                *(f'{family.users}: what {family.destination} answers comes '
                  'back' for family in BOTH))

    def test_mark_that_only_one_of_two_ways_gives(self):
        """The rules by hand and the printed ones, of which one is broken."""
        table = f'inet srcproxy-server-{SERVER_PORT}'
        with self.by_hand(lambda host: rules.deliver_with_iptables(
                host, '0x1', 100)), self.other_rules():
            self.assert_fine(f'{IPV4.users}: the firewall gives .*0x[15]$')
            with self.broken(f'nft delete table {table}', ''):
                self.assert_fine(f'{IPV6.users}: the firewall gives')

    @unittest.skipUnless(shutil.which('iptables-legacy'),
                         'needs iptables-legacy')
    def test_mark_of_iptables_legacy_next_to_a_firewall_of_nft(self):
        with self.no_rules(), self.by_hand(
                lambda host: rules.deliver_with_iptables(
                    host, '0x1', 100, '-legacy')):
            self.host.run('nft', 'add', 'table', 'inet', 'filter')
            try:
                self.assert_fine(*(f'{family.users}: the firewall gives the '
                                   'mark 0x1$' for family in BOTH))
            finally:
                self.host.run('nft', 'delete', 'table', 'inet', 'filter')

    def test_listener_on_all_addresses(self):
        listener = self.listen(self.host, '0.0.0.0')
        port = listener.getsockname()[1]
        pattern = f'listens there on all addresses: {port}$'
        self.assert_note(pattern)
        self.assert_wrong(pattern, 'specific addresses',
                          config={'source_port': 'strict'})
        self.assert_fine(config={'source_port': 'any'})

    def test_address_to_listen_on_that_is_not_there(self):
        self.assert_wrong('cannot listen on 192.0.2.99', 'ip address add',
                          config={'listen': '192.0.2.99:21829'})

    def test_address_that_is_not_there_where_any_can_be_bound_to(self):
        with self.sysctl('ipv4/ip_nonlocal_bind', 1, 0):
            self.assert_wrong('cannot listen on 192.0.2.99',
                              '^ip address add 192.0.2.99 dev INTERFACE',
                              config={'listen': '192.0.2.99:21829'})

    def test_name_to_listen_on_that_nobody_knows(self):
        self.assert_wrong('cannot listen on exit.invalid', '/etc/hosts',
                          config={'listen': 'exit.invalid:21829'})

    def test_limit_that_leaves_little_room(self):
        self.assert_note('there is room for [0-9]+ connections at once, no '
                         'more, .*: ulimit -n$',
                         wrapper=('prlimit', '--nofile=60:60'))

    def test_limit_of_tasks(self):
        """As TasksMax of systemd sets it."""
        cgroup = limit_threads(20)
        if not cgroup:
            self.skipTest('needs a cgroup for pids')
        self.addCleanup(cgroup.remove)
        self.assert_note(r'there is room for [0-9] connections at once.*pids',
                         wrapper=cgroup.wrapper)
        self.assert_wrong('max_connections is 50, but .*pids.* allows no more',
                          'raise that limit', wrapper=cgroup.wrapper,
                          config={'max_connections': 50})

    def test_limit_that_is_too_low(self):
        self.assert_wrong(
            'max_connections is 4000, but ulimit -n allows no more than',
            'raise that limit', config={'max_connections': 4000},
            wrapper=('prlimit', '--nofile=100'))

    def test_forwarding_that_is_off(self):
        with self.sysctl('ipv4/ip_forward', 0, 1):
            self.assert_note('ip_forward is off')

    @unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv')
    def test_start_is_silent_where_all_is_well(self):
        for options, wrapper in (((), ()), (['--simple'], NOBODY)):
            with self.other_rules(*options):
                server = self.start(self.host, 'server', self.config,
                                    wrapper=wrapper)
            self.assertEqual(server.warnings(), [])
            server.finish()

    def test_any_source_is_allowed(self):
        open_to_all = {'acl': []}
        self.assert_note('name the prefixes', config=open_to_all)
        self.assert_fine(f'{IPV4.users}: what has the mark',
                         config=open_to_all, prefixes=PREFIXES)

    def test_start_warns_of_routes(self):
        with self.no_rules():
            server = self.start(self.host, 'server', self.config)
        warnings = server.warnings()
        self.assertEqual(len(warnings), 2, warnings)
        for prefix, line in zip(PREFIXES, warnings):
            self.assertIn(f'{prefix}: no route delivers', line)
            self.assertIn('fix: srcproxy rules server /run/', line)


class GateCase(DoctorCase):
    """The server half is there, and its log says what it was asked."""

    role, config, prefixes = 'client', CLIENT_WITH_AUTH, PREFIXES

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.net.gate
        cls.apply_rules()
        path = write_config(SERVER_WITH_ACL)
        printed = srcproxy('rules', 'server', path)
        cls.net.exit.run('sh', input=printed.stdout)
        cls.server = cls.start_for_class(cls.net.exit, 'server',
                                         SERVER_WITH_ACL)

    def outbound(self, **values):
        return {'outbound': {**CLIENT_WITH_AUTH['outbound'], **values}}

    def assert_arrives(self, listener):
        """A user's connection, with the user's own address."""
        user = self.connect(self.net.user, listener.getsockname()[:2])
        self.assertEqual(self.accept(listener).getpeername()[:2],
                         user.getsockname()[:2])

    def assert_carries(self, family):
        """Through the client half: its connection is in the server's log."""
        self.server.mark()
        listener = self.listen(self.net.destination, family.destination)
        self.assert_arrives(listener)
        self.server.wait_for('established', destination=endpoint(
            *listener.getsockname()[:2]))


class Gate(GateCase):

    def test_host_as_it_should_be(self):
        findings = self.assert_fine(
            'the address to listen on, any', 'room for',
            f'the server half is reached at {endpoint(*SERVER)}',
            *(f'{prefix}: the firewall redirects to port 9001'
              for prefix in PREFIXES),
            *(f'{family.users}: the server half accepts outbound.auth, and '
              f'connected to {re.escape(endpoint(family.gate_link, 0)[:-1])}'
              for family in BOTH),
            *(f'{prefix}: there is a route' for prefix in PREFIXES))
        self.assertEqual(findings.of('note', OF_THIS_HOST), [])

    def test_host_with_iptables(self):
        with self.other_rules('--iptables'):
            self.assert_fine(f'{IPV6.users}: the firewall redirects')

    def test_user_without_capabilities(self):
        findings = self.assert_fine('is reached', wrapper=NOBODY,
                                    prefixes=[IPV4.users])
        for pattern in ('firewall could not be looked at',
                        'did not refuse a request, but its connection'):
            self.assertTrue(findings.of('note', pattern), pattern)

    def test_user_that_the_half_becomes(self):
        findings = self.assert_fine(
            *(f'{prefix}: the firewall redirects to port 9001'
              for prefix in PREFIXES), 'accepts outbound.auth',
            user=USER)
        self.assertEqual(findings.of('note'), [])
        self.assert_fine('SO_MARK works', 'fwmark can be had', user=USER,
                         config=self.outbound(fwmark=MARK))

    def test_client_half_may_be_running(self):
        client = self.start(self.host, 'client', self.config)
        self.assert_fine()
        self.assertEqual(client.events('refused'), [])
        self.assertEqual(client.warnings(), [])

    def test_prefixes_that_are_not_named(self):
        self.assert_note("name the users' prefixes", prefixes=())

    def test_prefixes_exceptions_and_bypass_of_the_configuration(self):
        config = {**self.config, 'inbound': {
            **self.config['inbound'], 'bypass': [':179', '10.0.0.0/8'],
            'users': PREFIXES + [f'!{f.second_user}' for f in BOTH]}}
        rules = (write_config(config),)
        for options in ((), ('--iptables',)):
            def apply(*more, options=options):
                printed = srcproxy('rules', *options, *more, 'client', *rules)
                self.host.run('sh', input=printed.stdout)

            with self.subTest(options=options), self.no_rules():
                self.assert_wrong('no rule of the firewall redirects',
                                  config=config, prefixes=())
                apply()
                try:
                    self.assert_fine(*(f'{prefix}: the firewall redirects'
                                       for prefix in PREFIXES),
                                     config=config, prefixes=())
                finally:
                    apply('--remove')

    def test_users_with_a_new_prefix(self):
        config = {**self.config, 'inbound': {**self.config['inbound'],
                                             'users': PREFIXES}}
        for address, noted in (('2001:db8:eeee::1/64', True),
                               ('198.18.0.1/24', True),
                               ('fd00:eeee::1/64', False)):
            with self.subTest(address=address), self.broken(
                    f'ip address add {address} dev users0 nodad',
                    f'ip address del {address} dev users0'):
                findings = self.assert_fine(config=config, prefixes=())
                notes = findings.of('note', 'users0, where users are, has the '
                                    f'address {address.split("/")[0]}, which')
                self.assertEqual(len(notes), noted, findings.text)
        findings = self.assert_fine(config=config, prefixes=())
        self.assertEqual(findings.of('note'), [])

    def test_firewall_that_redirects_nobody(self):
        with self.no_rules():
            self.assert_wrong(
                f'{IPV4.users}: no rule of the firewall redirects these '
                'users, who come in by users0 to port 9001$',
                rf'^srcproxy rules client \S+ {" ".join(PREFIXES)} \| sh$')

    def test_firewall_that_redirects_others(self):
        redirect = '-t nat -{} PREROUTING -s {} -p tcp -j REDIRECT ' \
            '--to-port 9001'
        add, delete = (
            f'iptables {redirect.format(action, "203.0.113.0/24")}; '
            f'ip6tables {redirect.format(action, "2001:db8:cccc::/64")}'
            for action in 'AD')
        self.start(self.host, 'client', self.config)
        for family in BOTH:
            with self.no_rules():
                self.assert_carries_after_mending(
                    family, 'no rule of the firewall redirects these users', add, delete)

    def test_firewall_that_drops_what_is_redirected(self):
        pattern = (f'{IPV4.users}: packets that come in to port 9001, .*: the '
                   'firewall drops them: chain ')
        known = 'ct state established accept; iif lo accept;'
        self.assert_mends(
            pattern, 'iptables -A INPUT -m conntrack --ctstate ESTABLISHED '
            '-j ACCEPT; iptables -P INPUT DROP',
            'iptables -P INPUT ACCEPT; iptables -F INPUT')
        others = ('udp dport 9000-9100 accept; tcp dport 30000-32767 accept; '
                  'ip saddr 10.0.0.0/8 accept; iifname lo accept; '
                  'tcp dport vmap { 80 : accept, 443 : accept };')
        for rule in (others, 'ct status dnat accept;',
                     'tcp dport 9001 accept;'):
            table = ('table ip others { chain in { type filter hook input '
                     f'priority 0; policy drop; {known} {rule} }}; }}')
            if rule == others:
                self.assert_mends(pattern, f"nft '{table}'",
                                  'nft delete table ip others')
                continue
            with self.broken(f"nft '{table}'", 'nft delete table ip others'):
                self.assert_fine()

    def test_rule_in_front_of_the_redirection(self):
        table = 'inet srcproxy-client-9001'
        for chain, rule in (('users', f'ip saddr {IPV4.users} return'),
                            ('prerouting', 'counter accept')):
            self.assert_mends(
                f'{IPV4.users}: no rule .* what decides for them is chain '
                f'{chain} of the table {table}, rule with handle ',
                f'nft insert rule {table} {chain} {rule}', '')

    def test_redirection_for_another_interface(self):
        with self.no_rules():
            redirect = ('-t nat -{} PREROUTING -i out0 -p tcp -j REDIRECT '
                        '--to-port 9001')
            add, delete = ('; '.join(f'{tool} {redirect.format(action)}'
                                     for tool in ('iptables', 'ip6tables'))
                           for action in 'AD')
            self.assert_mends(
                f'{IPV6.users}: no rule .* these users, who come in by users0',
                add, delete)

    def test_users_who_are_not_tracked(self):
        """No connection of theirs is redirected, whatever the rules say."""
        self.start(self.host, 'client', self.config)
        pattern = r'a rule keeps the firewall from tracking .* \(notrack\)'
        for family, tool in ((IPV4, 'iptables'), (IPV6, 'ip6tables')):
            self.assert_carries_after_mending(
                family, f'{family.users}: {pattern}',
                f'{tool} -t raw -A PREROUTING -p tcp -j CT --notrack',
                f'{tool} -t raw -F PREROUTING')
        chain = 'type filter hook prerouting priority raw'
        self.assert_carries_after_mending(
            IPV6, pattern,
            f"nft 'table inet others {{ chain first {{ {chain}; notrack; }}; }}'",
            'nft delete table inet others')

    def test_own_connections_that_are_redirected(self):
        self.start(self.host, 'client', self.config)
        pattern = f'{endpoint(*SERVER)}: the firewall redirects this half'
        rule = 'OUTPUT -p tcp {}-j REDIRECT --to-port 9001'
        own = rule.format('')
        with self.broken(f'iptables -t nat -A {own}',
                         f'iptables -t nat -D {own}'):
            findings = self.assert_wrong(pattern, prefixes=())
            self.assertFalse(findings.of('ok', 'is reached'))
            self.apply_remedy(findings, pattern)
            self.assert_fine('is reached', prefixes=())
            self.assert_carries(IPV4)
        self.host.run('iptables', '-t', 'nat', '-F', 'OUTPUT')
        roots = rule.format('-m owner --uid-owner 0 ')
        with self.broken(f'iptables -t nat -A {roots}',
                         f'iptables -t nat -D {roots}'):
            findings = self.assert_wrong(pattern)
            self.assert_fine('the server half accepts', user=USER)
            self.apply_remedy(findings, pattern)
            self.assert_fine('the server half accepts')
            self.assert_carries(IPV4)
        self.host.run('iptables', '-t', 'nat', '-F', 'OUTPUT')
        self.assert_carries_after_mending(
            IPV4, pattern, 'iptables -t nat -A OUTPUT -p tcp -j REDIRECT '
            '--to-port 9001', 'iptables -t nat -F OUTPUT')
        chain = 'type nat hook output priority -100'
        self.assert_carries_after_mending(
            IPV4, pattern, f"nft 'table inet others {{ chain own {{ {chain}; "
            "tcp dport != 22 redirect to :9001; }; }'",
            'nft delete table inet others')

    def assert_carries_after_mending(self, family, pattern, command, mend):
        """That alone is found, and mended a user's connection is carried."""
        listener = self.listen(self.net.destination, family.destination)
        with self.broken(command, mend):
            findings = self.assert_wrong(pattern)
            self.assertEqual(findings.of('problem'),
                             findings.of('problem', pattern))
            for text, _ in findings.of('problem', pattern):
                self.apply_remedy(findings, re.escape(text))
            self.assertEqual(self.examine().of('problem'), [])
            self.assert_arrives(listener)

    def test_redirection_that_no_rule_leads_to(self):
        self.assert_mends(
            f'{IPV6.users}: no rule of the firewall redirects these users',
            'nft delete chain inet srcproxy-client-9001 prerouting', '')

    def test_users_without_a_route(self):
        route = 'unreachable 203.0.113.0/24'
        with self.broken(f'ip route add {route}', f'ip route del {route}'):
            self.assert_wrong('203.0.113.0/24: there is no route',
                              'ip route add', prefixes=['203.0.113.0/24'])

    def test_users_whom_only_the_default_route_leads_to(self):
        """As when their link has lost its addresses."""
        others = ['100.64.0.0/16', '2001:db8:cccc::/64']
        findings = self.doctor(prefixes=PREFIXES + others)
        notes = findings.of('note', 'only the default route .* through link0:')
        self.assertEqual([text.split(': ')[0] for text, _ in notes], others)

    def test_interface_of_the_users_without_an_address(self):
        """REDIRECT drops there, in silence."""
        own = f'{IPV4.gate_users}/{IPV4.length} dev users0'
        route = f'{IPV4.users} dev users0'
        with self.broken(f'ip addr del {own}; ip route add {route}',
                         f'ip route del {route}'):
            findings = self.assert_wrong(
                f'{IPV4.users}: .* users0, which has no IPv4 address',
                '^ip address add ADDRESS dev users0$')
            self.assertFalse(findings.of('problem', IPV6.users))
            listen = {'inbound': {'listen': endpoint(IPV4.gate_link, 9001)}}
            self.assert_fine(f'{IPV4.users}: there is a route', config=listen,
                             prefixes=[IPV4.users])
            self.host.ip(f'addr add {own}')
            self.assert_fine(f'{IPV4.users}: there is a route')

    def test_interface_of_the_users_with_only_a_link_local_address(self):
        """Which REDIRECT takes then."""
        def link_local(host, device):
            shown = host.run('ip', '-6', 'addr', 'show', 'dev', device,
                             'scope', 'link').stdout
            return re.search(r'inet6 (\S+)/', shown)[1]

        own = f'{IPV6.gate_users}/{IPV6.length} dev users0'
        route = (f'{IPV6.users} via {link_local(self.net.user, "eth0")} '
                 'dev users0')
        default = 'default via {} dev eth0'
        router = default.format(link_local(self.host, 'users0'))
        self.start(self.host, 'client', self.config)
        with self.broken(f'ip -6 addr del {own}; ip -6 route add {route}',
                         f'ip -6 route del {route}; ip -6 addr add {own}'), \
                self.broken(f'ip -6 route replace {router}',
                            'ip -6 route replace default via '
                            + IPV6.gate_users, self.net.user):
            self.assert_fine(f'{IPV6.users}: there is a route')
            self.assert_carries(IPV6)

    def test_redirection_that_a_listing_of_both_families_leaves_out(self):
        """In the second family's table, by nft 1.0.6.

        A rule that iptables cannot read keeps it from listing its own table.
        """
        redirect = '-t nat -{} PREROUTING -p tcp -j REDIRECT --to-port 9001'
        add, delete = ('; '.join(f'{tool} {redirect.format(action)}'
                                 for tool in ('iptables', 'ip6tables'))
                       for action in 'AF')
        flush = '; '.join(f'nft flush chain {family} nat PREROUTING'
                          for family in ('ip', 'ip6'))
        with self.no_rules(), self.broken(
                f'{add}; for family in ip ip6; do nft add rule $family nat '
                'PREROUTING fib daddr type local return; done', flush):
            for family in BOTH:
                self.assert_note(f'{family.users}: whether the firewall '
                                 'redirects them to port 9001 cannot be told')

    def test_listener_that_is_not_for_all_users(self):
        only_ipv4 = {'inbound': {'listen': endpoint(IPV4.gate_link, 9001)}}
        findings = self.assert_wrong('inbound.listen has no IPv6 address',
                                     '":PORT"', config=only_ipv4)
        self.assertFalse(findings.of('problem', 'IPv4 address'))

    def test_loopback_listener(self):
        loopback = {'inbound': {'listen': '127.0.0.1:9001'}}
        findings = self.assert_wrong(
            f'{IPV4.users}: inbound.listen is a loopback address',
            '"', config=loopback, prefixes=[IPV4.users])
        self.assertFalse(findings.of('note', 'loopback'))
        remedy, = [remedy for _, remedy in findings.of('problem', 'loopback')]
        listen = re.search('listen: "([^"]*)"', remedy)[1]
        self.assert_fine(config={'inbound': {'listen': listen}})

    def test_loopback_listener_for_the_gates_own_connections(self):
        loopback = {'inbound': {'listen': '127.0.0.1:9001'}}
        own = f'{IPV4.gate_users}/32'
        printed = srcproxy('rules', '--output', 'client', write_config(
            {**self.config, **loopback}), own)
        self.apply_rules('--remove')
        self.host.run('sh', input=printed.stdout)
        try:
            findings = self.doctor(config=loopback, prefixes=[own])
            self.assertTrue(findings.of('note', 'inbound.listen is a loopback'))
            self.assertFalse(findings.of('problem', 'loopback'))
        finally:
            self.apply_rules()

    def test_wrong_auth(self):
        self.assert_wrong(f'{IPV4.users}: the server half refused',
                          "server half's log",
                          config=self.outbound(auth='other'))
        self.server.wait_for('refused', reason='no user has this auth')

    def test_source_that_the_user_may_not_have(self):
        self.assert_wrong(
            '203.0.113.0/24: the server half refused', "server half's log",
            prefixes=['203.0.113.0/24'])

    def test_server_half_that_is_not_running(self):
        server = endpoint(SERVER[0], SERVER_PORT + 1)
        self.assert_wrong(f'{server}: cannot connect: Connection refused',
                          'start the server half',
                          config=self.outbound(server=server))

    def test_server_half_that_there_is_no_route_to(self):
        rule = f'fwmark {MARK} prohibit pref 9'
        with self.broken(f'ip rule add {rule}', f'ip rule del {rule}'):
            self.assert_wrong(
                f'the server half at {SERVER[0]}: this host has no route',
                f'ip route get {SERVER[0]} mark 0x{MARK:x}$',
                config=self.outbound(fwmark=MARK))
            self.assert_fine('is reached')

    def test_server_half_that_no_packet_reaches(self):
        with rules.black_hole(self.net.exit, IPV4, SERVER_PORT):
            self.assert_wrong('cannot connect: Connection timed out',
                              'firewalls')

    def test_something_else_in_place_of_the_server_half(self):
        listener = self.listen(self.net.exit, IPV4.exit_link)
        server = endpoint(*listener.getsockname())

        def greet():
            # First it is only seen whether this is where it leads to.
            self.accept(listener)
            self.accept(listener).sendall(b'SSH-2.0-OpenSSH\r\n')

        greeted = background(greet)
        self.assert_wrong('does not speak the protocol',
                          'a server half', prefixes=[IPV4.users],
                          config=self.outbound(server=server))
        greeted.result()

    def test_server_half_that_refuses_with_an_end_of_stream(self):
        """The implementation in Go does, and ssh and stunnel in between."""
        listener = self.listen(self.net.exit, IPV4.exit_link)
        request_len = 3 + 32 + 2 * (1 + 4 + 2)

        def refuse():
            # First it is only seen whether this is where it leads to.
            self.accept(listener)
            connection = self.accept(listener)
            request = connection.recv(request_len, socket.MSG_WAITALL)
            connection.close()
            return request

        refused = background(refuse)
        findings = self.assert_wrong(
            f'{IPV4.users}: the server half refused a connection',
            "server half's log", prefixes=[IPV4.users],
            config=self.outbound(server=endpoint(*listener.getsockname())))
        self.assertEqual(len(refused.result()), request_len)
        self.assertFalse(findings.of('problem', 'protocol'))

    def test_server_that_is_this_half(self):
        loop = self.outbound(server=endpoint(IPV4.gate_link, 9001))
        self.assert_wrong('own listener: a loop', 'the address of the exit',
                          config=loop)
        client = self.start(self.host, 'client', {**self.config, **loop})
        client.wait_for_line('warning .*own listener: a loop')

    def test_mark_that_is_not_permitted(self):
        self.assert_fine('fwmark can be had', config=self.outbound(
            fwmark=MARK))
        self.assert_wrong('cannot set outbound.fwmark as this user',
                          'CAP_NET_RAW', config=self.outbound(fwmark=MARK),
                          wrapper=NOBODY)

    def test_name_of_the_server_that_nobody_knows(self):
        self.assert_wrong('outbound.server exit.invalid: ', '/etc/resolv.conf',
                          config=self.outbound(server='exit.invalid:21829'))

    def test_service_that_says_nothing_is_not_taken_for_the_server_half(self):
        listener = self.listen(self.net.exit, IPV4.exit_link)
        self.assert_note('did not refuse a request, but',
                         config=self.outbound(
                             server=endpoint(*listener.getsockname())))

    def test_service_that_says_nothing_to_many_users(self):
        """One after another they would take more than a minute."""
        listener = self.listen(self.net.exit, IPV4.exit_link)
        users = [f'198.51.100.{i}' for i in range(40)]
        findings = self.doctor(prefixes=users, config=self.outbound(
            server=endpoint(*listener.getsockname())))
        tried = findings.of('note', 'did not refuse a request')
        (rest, _), = findings.of('note', 'more prefixes were not tried')
        self.assertEqual(len(tried) + int(rest.split()[0]), len(users))

    def test_address_that_is_not_there_where_any_can_be_bound_to(self):
        with self.sysctl('ipv4/ip_nonlocal_bind', 1, 0):
            self.check_local_address('192.0.2.99')

    def check_local_address(self, local, device='link0'):
        """Until this host has it, as the remedy says."""
        config = self.outbound(local_addr=local)
        self.assert_wrong('cannot bind to .*outbound.local_addr',
                          'give this host that interface and address',
                          config=config)
        address = local.split('%')[0]
        if address:
            self.host.ip(f'addr add {address}/24 dev {device}')
        try:
            self.assert_fine('outbound.local_addr and fwmark can be had',
                             config=config)
            client = self.start(self.host, 'client', {**self.config, **config})
            self.assert_carries(IPV4)
            client.finish()
        finally:
            if address:
                self.host.ip(f'addr del {address}/24 dev {device}')

    def test_address_that_is_not_there(self):
        self.check_local_address('192.0.2.99')

    def test_interface_that_is_not_there(self):
        config = self.outbound(local_addr='%nowhere0')
        pattern = 'cannot bind to .*outbound.local_addr'
        self.assert_wrong(pattern, 'give this host that interface',
                          config=config)
        self.host.ip('link add nowhere0 type veth peer name nowhere1')
        try:
            self.assertFalse(self.doctor(config=config).of('problem', pattern))
        finally:
            self.host.ip('link del nowhere0')


class WithoutIPv6:
    """Switched off before the rules are applied, and the halves start."""

    wants = None    # what IPv4 users need

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for host in (cls.net.gate, cls.net.exit):
            host.sysctl('ipv6/conf/all/disable_ipv6', 1)

    def test_users_of_both_families(self):
        findings = self.assert_wrong(f'{IPV4.users}: {self.wants}')
        self.assertEqual([text for text, _ in findings.of('problem', IPV6.users)],
                         [])
        self.assertTrue(findings.of('note', '^IPv6 is disabled here: only IPv4'))
        self.apply_remedy(findings, IPV4.users)
        self.addCleanup(self.apply_rules, '--remove')
        for findings in (self.examine(), self.examine(hiding(
                '/proc/sys/net/ipv6'))):
            self.assertEqual((findings.of('problem'), findings.status), ([], 0))
            self.assertTrue(findings.of('note', '^IPv6 is disabled here'))
        half = self.start(self.host, self.role, self.config)
        self.assertEqual(half.warnings(), [])
        self.assert_carries_ipv4()

    def test_all_users_are_of_that_family(self):
        pattern = '^IPv6 is disabled here, and all users'
        findings = self.assert_wrong(
            pattern, '^sysctl -w net.ipv6.conf.all.disable_ipv6=0',
            **self.only_ipv6())
        self.assertEqual(len(findings.of('problem')), 1)
        self.apply_remedy(findings, pattern)
        try:
            self.assertFalse(self.examine(prefixes=[IPV6.users]).of(
                'problem', 'IPv6 is disabled'))
        finally:
            self.host.sysctl('ipv6/conf/all/disable_ipv6', 1)


class ExitWithoutIPv6(WithoutIPv6, ExitCase):

    wants = 'no route delivers'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.apply_rules('--remove')

    def only_ipv6(self):
        return {'config': {'acl': [{'allowed_src_ips': [IPV6.users]}]}}

    def assert_carries_ipv4(self):
        self.test_daemons[-1].finish()
        self.assert_serves(IPV4)


class GateWithoutIPv6(WithoutIPv6, GateCase):

    wants = 'no rule of the firewall redirects'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.apply_rules('--remove')

    def only_ipv6(self):
        return {'prefixes': [IPV6.users]}

    def assert_carries_ipv4(self):
        self.assert_carries(IPV4)


class Usage(unittest.TestCase):

    def test_mistakes_on_the_command_line(self):
        path = write_config(CLIENT_WITH_AUTH)
        for arguments in (['doctor'], ['doctor', 'client'],
                          ['doctor', '-t', 'client', path],
                          ['doctor', '--simple', 'client', path],
                          ['--json', 'client', path],
                          ['rules', '-u', '0', 'client', path],
                          ['doctor', 'client', path, '198.51.100.0/33']):
            result = srcproxy(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            # What the configuration leaves open is said before.
            self.assertFalse([line for line in result.stdout.splitlines()
                              if ': warning: ' not in line], arguments)
            self.assertIn('srcproxy: ', result.stderr)

    @unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv')
    def test_only_root_can_become_another_user(self):
        result = subprocess.run(
            [*NOBODY, BINARY, 'doctor', '-u', '65534:65534', 'server',
             write_config(SERVER_WITH_ACL)], capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn('-u works for root only', result.stderr)
