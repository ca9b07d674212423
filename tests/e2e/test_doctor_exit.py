"""The findings of `srcproxy doctor` on a good exit and on broken ones."""

import contextlib
import json
import os
import shutil
import socket
import struct
import unittest

import rules
from cases import SERVER_PORT
from cgroup import limit_threads
from daemons import write_config
from doctor_case import OF_THIS_HOST, ONLY_IPV4, PREFIXES, USER, ExitCase
from families import BOTH, IPV4, IPV6
from hosts import join
from sandbox import BINARY
from test_command import srcproxy
from test_privilege import NOBODY
from test_rules import hiding
from waiting import wait_until


class Exit(ExitCase):

    def test_host_as_it_should_be(self):
        findings = self.assert_fine(
            'the address to listen on', 'room for',
            'IP_TRANSPARENT for IPv4 works',
            'IP_FREEBIND for IPv6 works', 'source ports below 1024 works',
            *(f'{prefix}: packets with the firewall mark 0x50/0x50 are '
              'delivered on this host'
              for prefix in PREFIXES),
            *(f'{prefix}: the firewall sets the mark 0x50/0x50 on reply '
              'packets$' for prefix in PREFIXES),
            *(f'{family.users}: reply packets from the router '
              f'{family.destination} come back'
              for family in BOTH),
            *(f'{prefix}: the firewall does not (rewrite|track) these '
              'addresses' for prefix in PREFIXES),
            'no service listens on all addresses', 'ipv4/ip_forward is 1')
        self.assertEqual(findings.of('note', OF_THIS_HOST), [])

    def test_server_half_may_be_running(self):
        server = self.start(self.net.exit, 'server', self.config)
        self.assert_fine('the address to listen on')
        self.assertEqual(server.warnings(), [])

    def test_host_with_rules_for_iptables(self):
        with self.other_rules('--iptables'):
            self.assert_fine(f'{IPV6.users}: the firewall sets the mark 0x50',
                             f'{IPV4.users}: reply packets from the router '
                             f'{IPV4.destination} come')

    def test_host_with_simple_rules(self):
        with self.other_rules('--simple'):
            for wrapper in ((), NOBODY):
                self.assert_fine(
                    *(f'{family.users}: all TCP packets to it are delivered'
                      ' on this host'
                      for family in BOTH),
                    *(f'{family.users}: reply packets from the router '
                      f'{family.destination} come back' for family in BOTH),
                    wrapper=wrapper)

    def test_rules_that_were_never_applied(self):
        with self.no_rules():
            findings = self.assert_wrong(
                IPV4.users + ': reply packets to these users',
                r'srcproxy rules server \S+ \| sh')
            self.assertTrue(findings.of(
                'problem', IPV6.users + ': reply packets to these users'))
            # One remedy mends both.
            with self.served():
                for family in BOTH:
                    self.assert_blocked(family)
                self.apply_remedy(findings, IPV4.users)
                self.assertTrue(all(map(self.carries, BOTH)))
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
            self.apply_remedy(self.examine(), IPV4.users)
            self.assertEqual(self.examine().of('problem'), [])

    def test_host_without_nft(self):
        hidden = hiding(shutil.which('nft'))
        with self.no_rules():
            findings = self.assert_wrong(
                IPV4.users + ': reply packets to these users',
                r'^srcproxy rules --iptables server',
                wrapper=hidden)
            self.apply_remedy(findings, IPV4.users)
            try:
                with self.served():
                    self.assertTrue(all(map(self.carries, BOTH)))
                self.assertEqual(self.examine(hidden).of('problem'), [])
            finally:
                self.apply_rules('--iptables', '--remove')

    def test_firewall_without_the_mark(self):
        table = f'inet srcproxy-server-{SERVER_PORT}'
        with self.other_rules(), self.broken(f'nft delete table {table}', ''):
            findings = self.assert_wrong('sets the mark 0x50/0x50 on reply packets',
                                         'srcproxy rules server',
                                         config=ONLY_IPV4)
            self.assertTrue(findings.of(
                'problem', 'but do not reach the socket'))

    def test_masquerade_that_rewrites_users(self):
        for family in BOTH:
            rule = 'POSTROUTING -o out0 -j MASQUERADE'
            tables = family.iptables + ' -t nat'
            with self.broken(f'{tables} -A {rule}', f'{tables} -D {rule}'):
                self.assert_wrong(
                    f'{family.users}: a MASQUERADE or SNAT rule rewrites these '
                    'addresses: '
                    f'.* see {family.exit_out}: chain POSTROUTING of ',
                    f'{family.iptables} -t nat -I POSTROUTING 1 -s '
                    f'{family.users} -j ACCEPT')

    def test_masquerade_of_other_tools(self):
        table = 'inet others'
        self.assert_mends(
            f'{IPV6.users}: a MASQUERADE or SNAT rule rewrites these', f"""
                nft -f - <<END
                table {table} {{
                    chain out {{
                        type nat hook postrouting priority srcnat
                        meta nfproto ipv6 oifname out0 masquerade
                    }}
                }}
                """ + '\nEND\n', f'nft delete table {table}', IPV6)

    @unittest.skipUnless(shutil.which('iptables-legacy'),
                         'needs iptables-legacy')
    def test_masquerade_of_iptables_legacy(self):
        nat = 'iptables-legacy -t nat'
        self.assert_mends(
            f'{IPV4.users}: a MASQUERADE or SNAT rule rewrites these',
            f'{nat} -A POSTROUTING -o out0 -j MASQUERADE',
            f'{nat} -F POSTROUTING')

    def test_rule_that_comes_too_late(self):
        table = 100000 + SERVER_PORT
        rule = f'ip rule add fwmark 0x50/0x50 table {table} pref'
        self.assert_mends(
            f'{IPV4.users}: reply packets .* "pref 32766 lookup 254" decides '
            'before '
            '"pref 40000 ',
            f'ip rule del table {table}; {rule} 40000', '')

    def test_rule_that_is_behind_another_one(self):
        mend = 'ip rule del pref 50; ip route flush table 50'
        for route in (f'prohibit {IPV4.users}',
                      f'{IPV4.users} via {IPV4.gate_link}'):
            self.assert_mends(
                f'{IPV4.users}: reply packets .* "pref 50 to {IPV4.users} '
                'lookup '
                '50" decides before "pref 90 ', f"""
                    ip route add {route} table 50
                    ip rule add to {IPV4.users} lookup 50 pref 50""", mend)
            self.apply_rules()

    def test_route_for_some_of_the_users(self):
        table = f'dev lo table {100000 + SERVER_PORT}'
        for part, missing in (('198.51.100.0/25', '198.51.100.254'),
                              ('198.51.100.254/32', '198.51.100.1')):
            self.assert_mends(
                f'{IPV4.users}: reply packets .* such as {missing}, ', f"""
                    ip route del local {IPV4.users} {table}
                    ip route add local {part} {table}""",
                f'ip route del local {part} {table}', user=missing)

    def test_firewall_that_drops_what_users_send(self):
        self.assert_mends(
            f'{IPV4.users}: .* do not leave this host',
            f'iptables -A OUTPUT -s {IPV4.users} -j DROP',
            'iptables -F OUTPUT')
        chain = 'type filter hook output priority 10'
        self.assert_mends(
            f'{IPV6.users}: .* do not leave this host',
            f"nft 'table inet others {{ chain out {{ {chain}; policy drop; "
            f"oif lo accept; tcp sport {SERVER_PORT} accept; "
            f"ip saddr {IPV4.users} accept; "
            f"ip6 saddr {IPV6.exit_out} accept; }}; }}'",
            'nft delete table inet others', IPV6)

    def test_firewall_that_drops_replies(self):
        for family in BOTH:
            self.assert_mends(
                f'{family.users}: .* reach no socket, .*INPUT',
                f'{family.iptables} -A INPUT -i out0 -p tcp -j DROP',
                f'{family.iptables} -F INPUT', family)
        chain = 'type filter hook input priority 10'
        self.assert_mends(
            f'{IPV4.users}: .* reach no socket, .*INPUT',
            f"nft 'table ip others {{ chain in {{ {chain}; "
            "iif out0 meta l4proto tcp drop; }; }'",
            'nft delete table ip others')

    def test_firewall_that_marks_others(self):
        chain = f'inet srcproxy-server-{SERVER_PORT} prerouting'
        self.assert_mends(
            f'{IPV4.users}: .* arrive on this host, but do not reach '
            'the socket',
            f"""
                nft flush chain {chain}
                nft add rule {chain} ip daddr 10.0.0.0/8 meta mark set 0x50""",
            '')

    @contextlib.contextmanager
    def second_link(self):
        """The network delivers by a link that the host would not answer by."""
        destination = self.net.destination
        join(self.host, 'out1', destination, 'eth1')
        self.host.ip('addr add 10.9.9.1/30 dev out1')
        destination.ip('addr add 10.9.9.2/30 dev eth1',
                       f'route add {IPV4.users} via 10.9.9.1')
        destination.sysctl('ipv4/conf/all/rp_filter', 2)
        # The check of sources also filters ARP requests.
        destination.sysctl('ipv4/conf/eth1/arp_announce', 2)
        self.host.sysctl('ipv4/conf/out1/rp_filter', 1)
        try:
            yield
        finally:
            destination.sysctl('ipv4/conf/all/rp_filter', 1)
            # This also removes the other end and its route.
            self.host.ip('link del out1')

    def test_network_that_delivers_by_another_link(self):
        with self.second_link():
            self.assert_mends(
                f'{IPV4.users}: .* on another interface .* rp_filter drops '
                'them',
                ':', 'sysctl -qw net.ipv4.conf.all.rp_filter=1')

    def test_firewall_for_the_link_of_the_replies(self):
        """The rule that drops them is not one for the link of the requests."""
        with self.second_link(), self.sysctl('ipv4/conf/all/rp_filter', 2, 1):
            self.assert_mends(
                f'{IPV4.users}: .* do not reach the socket: .*: chain INPUT of '
                'the table ip filter',
                'iptables -A INPUT -i out1 -j DROP', 'iptables -F INPUT')

    def test_packets_that_something_else_drops(self):
        """The printed rules are there, and to apply them again is no help."""
        policy = f'dir in dst {IPV4.users}'
        with self.broken(f'ip xfrm policy add {policy} action block',
                         f'ip xfrm policy del {policy}'):
            findings = self.assert_wrong(
                f'{IPV4.users}: .* do not reach the socket',
                '^the routes and the firewall .*ip xfrm policy')
        self.assertNotIn('  fix:', findings.text)

    def test_firewall_with_a_check_of_sources(self):
        """The check of sources does not know the users."""
        self.assert_mends(
            f'{IPV4.users}: .* arrive on this host, but do not reach '
            'the socket: .*: '
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
        rule = f'from {IPV4.users} lookup 77 pref 100'
        route = 'prohibit default table 77'
        with self.broken(f'ip rule add {rule}; ip route add {route}',
                         f'ip rule del {rule}; ip route del {route}'):
            findings = self.assert_wrong(
                f'{IPV4.users}: cannot connect from .*: Permission denied: '
                f'the routing rule "pref 100 from {IPV4.users} lookup 77"',
                '^find the routing rule or route that forbids it: ip rule')
            self.assertFalse(findings.of('note', 'cannot examine'))

    def test_network_that_does_not_route_the_prefix_here(self):
        route = f'blackhole {IPV4.users}'
        with self.broken(f'ip route add {route}', f'ip route del {route}',
                         self.net.destination):
            self.assert_wrong(
                f'{IPV4.users}: the router {IPV4.destination} replies to this '
                'host, but',
                'let the network route the prefix to this host')

    def test_router_that_answers_nobody(self):
        rule = 'INPUT -p tcp -j DROP'
        with self.broken(f'iptables -A {rule}', f'iptables -D {rule}',
                         self.net.destination):
            self.assert_note(f'{IPV4.users}: the return path was not tested')

    def many(self, count):
        """A configuration with many users of one address each.

        Probing them one after another would take too long.
        """
        return {'acl': [{'allowed_src_ips': [
            f'198.51.{100 + i // 256}.{i % 256}' for i in range(count)]}]}

    def test_silent_router_for_many_users(self):
        """The users are probed at the same time.

        One after another they would take a minute.
        """
        rule = 'INPUT -p tcp -j DROP'
        with self.other_rules(), self.broken(
                f'iptables -A {rule}', f'iptables -D {rule}',
                self.net.destination):
            self.host.run(*'nft add rule inet'.split(),
                          f'srcproxy-server-{SERVER_PORT}', *(
                              'prerouting ip daddr 198.51.100.0/22 '
                              'socket transparent 1 meta mark set 0x50').split())
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
                silent = findings.of('note', 'not even to this host$')
                rest = findings.of('note', '^the return path of .* more')
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
        self.assertEqual(len(findings.of('ok', 'come back to this host')), 39)

    def test_table_that_takes_all_addresses_and_src_valid_mark(self):
        route = f'local default dev lo table {100000 + SERVER_PORT}'
        with self.sysctl('ipv4/conf/all/src_valid_mark', 1, 0):
            self.assert_fine()
            # The same holds if this table is the only one that delivers
            # packets.
            self.assert_mends(
                'src_valid_mark is 1',
                'ip route flush table {}; ip route add {}'.format(
                    route.split()[-1], route), '')

    def test_table_of_tproxy_on_the_same_host(self):
        """It takes all addresses, too, but has "throw" routes."""
        self.host.run('sh', input=rules.tproxy_commands())
        try:
            with self.sysctl('ipv4/conf/all/src_valid_mark', 1, 0):
                self.assert_fine()
        finally:
            self.host.run('sh', input=rules.tproxy_commands('--remove'))

    def test_table_of_another_proxy_on_the_same_host(self):
        """Its packets are dropped, and the users' are not."""
        mark = 'PREROUTING -i link0 -p tcp -j MARK --set-mark 1'
        with self.broken(
                f'iptables -t mangle -A {mark}; ip rule add fwmark 1 table '
                '100; ip route add local default dev lo table 100',
                f'iptables -t mangle -D {mark}; ip rule del fwmark 1 table '
                '100; ip route flush table 100'), \
                self.sysctl('ipv4/conf/all/src_valid_mark', 1, 0):
            self.assert_fine(f'{IPV4.users}: reply packets from the router')

    def test_strict_validation_of_sources(self):
        """Replies come by the link that leads to their sender."""
        self.assertFalse(self.assert_fine().of('note', 'rp_filter'))

    @unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv')
    def test_user_without_capabilities(self):
        findings = self.assert_wrong(
            f'{IPV4.users}: .* it lacks IP_TRANSPARENT',
            'srcproxy rules --simple server', wrapper=NOBODY)
        for pattern in ('IP_TRANSPARENT for IPv4 does not work for this user '
                        r'\(uid 65534\)', 'CAP_NET_BIND',
                        'firewall was not examined'):
            self.assertTrue(findings.of('note', pattern), pattern)
        self.assertFalse(findings.of('problem', IPV6.users))
        try:
            with self.served(wrapper=NOBODY):
                self.assert_blocked(IPV4)
                self.apply_remedy(findings, IPV4.users)
                self.assertTrue(self.carries(IPV4))
            self.assertEqual(self.examine(NOBODY).of('problem'), [])
        finally:
            self.apply_rules('--remove', '--simple')
            self.apply_rules()

    def test_user_that_the_half_becomes(self):
        findings = self.assert_fine(
            'uid 65534, gid 65534 can read the configuration',
            'IP_TRANSPARENT for IPv4 works', 'source ports below 1024 works',
            *(f'{family.users}: the firewall sets the mark 0x50'
              for family in BOTH),
            *(f'{family.users}: reply packets from the router '
              f'{family.destination} come back'
              for family in BOTH),
            *(f'{prefix}: the firewall does not (rewrite|track) these '
              'addresses' for prefix in PREFIXES), user=USER)
        self.assertEqual(findings.of('note', OF_THIS_HOST), [])

    def test_user_keeps_what_the_half_keeps(self):
        only_ipv6 = {'acl': [{**self.config['acl'][0],
                              'allowed_src_ips': [IPV6.users]}]}
        findings = self.assert_fine(
            'IP_FREEBIND for IPv6 works', 'source ports below 1024 works',
            config=only_ipv6, user=USER)
        self.assertFalse(findings.of('note', 'IP_TRANSPARENT'))
        # Root has this capability, so as root doctor would not see that these
        # rules need it.
        with self.no_rules(), self.by_hand(rules.deliver_marked):
            self.assert_fine(f'{IPV6.users}: the firewall sets the mark',
                             config=only_ipv6)
            pattern = f'{IPV6.users}: .* but do not reach the socket'
            findings = self.assert_wrong(pattern, config=only_ipv6, user=USER)
            with self.served(only_ipv6, wrapper=NOBODY):
                self.assert_blocked(IPV6)
                self.apply_remedy(findings, pattern)
                self.assertTrue(self.carries(IPV6))
            self.assertEqual(self.examine(user=USER).of('problem'), [])

    def test_configuration_that_the_user_cannot_read_again(self):
        findings = self.assert_wrong(
            'uid 65534, gid 65534 cannot read the configuration',
            '^chgrp 65534 .* && chmod 640 ', user=USER, mode=0o600)
        self.host.run('sh', '-ec', findings.of('problem')[0][1])
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o640)
        self.assertEqual(self.examine(user=USER).of('problem'), [])

    @contextlib.contextmanager
    def by_hand(self, deliver):
        """Applies rules that the program did not print."""
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
                    *(f'{family.users}: packets with the firewall mark '
                      f'{mark} are delivered'
                      for family in BOTH),
                    *(f'{family.users}: the firewall sets the mark {mark} on'
                      for family in BOTH),
                    *(f'{family.users}: reply packets from the router '
                      f'{family.destination} come back' for family in BOTH))

    def test_rule_for_what_comes_in_by_one_interface(self):
        with self.no_rules(), self.by_hand(
                lambda host: rules.deliver_with_iptables(
                    host, '0x1 iif out0', 100)):
            self.assert_fine(
                *(f'{family.users}: packets with the firewall mark 0x1 are '
                  'delivered'
                  for family in BOTH),
                *(f'{family.users}: reply packets from the router '
                  f'{family.destination} come back' for family in BOTH))

    def test_mark_that_only_one_of_two_ways_gives(self):
        """The host has the printed rules and others; one set is broken."""
        table = f'inet srcproxy-server-{SERVER_PORT}'
        with self.by_hand(lambda host: rules.deliver_with_iptables(
                host, '0x1', 100)), self.other_rules():
            self.assert_fine(f'{IPV4.users}: the firewall sets .*0x(1|50/0x50) on')
            with self.broken(f'nft delete table {table}', ''):
                self.assert_fine(f'{IPV6.users}: the firewall sets')

    @unittest.skipUnless(shutil.which('iptables-legacy'),
                         'needs iptables-legacy')
    def test_mark_of_iptables_legacy_next_to_a_firewall_of_nft(self):
        with self.no_rules(), self.by_hand(
                lambda host: rules.deliver_with_iptables(
                    host, '0x1', 100, '-legacy')):
            self.host.run('nft', 'add', 'table', 'inet', 'filter')
            try:
                self.assert_fine(*(f'{family.users}: the firewall sets the '
                                   'mark 0x1 on' for family in BOTH))
            finally:
                self.host.run('nft', 'delete', 'table', 'inet', 'filter')

    def test_listener_on_all_addresses(self):
        listener = self.listen(self.host, '0.0.0.0')
        port = listener.getsockname()[1]
        pattern = f'listen there on all addresses: {port}$'
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
                              'ip address add 192.0.2.99 dev INTERFACE',
                              config={'listen': '192.0.2.99:21829'})

    def test_name_to_listen_on_that_nobody_knows(self):
        self.assert_wrong('cannot listen on exit.invalid', '/etc/hosts',
                          config={'listen': 'exit.invalid:21829'})

    def test_limit_that_leaves_little_room(self):
        self.assert_note('there is room for only [0-9]+ connections at a time: '
                         '.*limit ulimit -n$',
                         wrapper=('prlimit', '--nofile=60:60'))

    def test_limit_of_tasks(self):
        """systemd sets the same limit by TasksMax."""
        cgroup = limit_threads(20)
        if not cgroup:
            self.skipTest('needs a cgroup for pids')
        self.addCleanup(cgroup.remove)
        self.assert_note(r'there is room for only [0-9] connections.*pids',
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
            self.assert_note(
                'ip_forward is 0: .*: sysctl -w net/ipv4/ip_forward=1$')

    def announce(self):
        """The router offers itself as the default route (RFC 4861, 4.2)."""
        announcement = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0)
        with self.net.destination.inside():
            router = socket.socket(IPV6.af, socket.SOCK_RAW,
                                   socket.IPPROTO_ICMPV6)
            index = socket.if_nametoindex('eth0')
        with router:
            # Receivers ignore announcements that a router has forwarded.
            router.setsockopt(socket.IPPROTO_IPV6,
                              socket.IPV6_MULTICAST_HOPS, 255)
            router.sendto(announcement, ('ff02::1', 0, 0, index))

    def test_forwarding_with_an_announced_default_route(self):
        """The kernel would drop that route, and IPv6 users with it."""
        default = f'default via {IPV6.destination}'

        def announced():
            return self.host.run('ip', '-6', 'route', 'show', 'default',
                                 'proto', 'ra').stdout

        with self.broken(f'ip -6 route del {default}; '
                         'sysctl -qw net.ipv6.conf.all.forwarding=0',
                         'ip -6 route flush proto ra; '
                         f'ip -6 route replace {default}; sysctl -qw '
                         'net.ipv6.conf.all.forwarding=1 '
                         'net.ipv6.conf.out0.accept_ra=1'):
            self.announce()
            wait_until(announced, 'the announced route')
            findings = self.doctor()
            (text, _), = findings.of('note', 'conf/all/forwarding is 0')
            self.host.run('sh', '-ec', text.split('to forward it: ')[1])
            # Whether to run it is for the owner; so is whether to keep it.
            self.assertEqual(findings.of('note', 'may be lost at reboot'), [])
            self.assertTrue(announced())
            with self.served():
                self.assertTrue(self.carries(IPV6))

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
        self.assert_note("add the users' prefixes", config=open_to_all)
        self.assert_fine(f'{IPV4.users}: packets with the firewall mark',
                         config=open_to_all, prefixes=PREFIXES)

    def test_start_warns_of_routes(self):
        with self.no_rules():
            server = self.start(self.host, 'server', self.config)
        warnings = server.warnings()
        self.assertEqual(len(warnings), 2, warnings)
        for prefix, line in zip(PREFIXES, warnings):
            self.assertIn(f'{prefix}: reply packets to these users', line)
            self.assertIn('fix: srcproxy rules server /run/', line)
