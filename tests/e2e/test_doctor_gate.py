"""The findings of `srcproxy doctor` on a good gate and on broken ones."""

import contextlib
import os
import re
import signal
import socket
import struct

import rules
from cases import SERVER, SERVER_PORT
from daemons import write_config
from doctor_case import MARK, OF_THIS_HOST, PREFIXES, USER, GateCase
from families import BOTH, IPV4, IPV6, endpoint
from hosts import join
from peers import background, receive_request, reset
from sandbox import WORK
from test_command import srcproxy
from test_privilege import NOBODY
from waiting import wait_until
from wire import CHECK, CONNECTED, now_ms


class Gate(GateCase):

    def test_host_as_it_should_be(self):
        findings = self.assert_fine(
            'the address to listen on, any', 'room for',
            f'the server half is reached at {endpoint(*SERVER)}',
            *(f'{prefix}: the firewall redirects connections'
              for prefix in PREFIXES),
            *(f'{family.users}: the server half accepted a test request '
              f'and connected to {re.escape(endpoint(family.gate_link, 0)[:-1])}'
              for family in BOTH),
            *(f'{prefix}: this host has a route' for prefix in PREFIXES))
        self.assertEqual(findings.of('note', OF_THIS_HOST), [])

    def test_host_with_iptables(self):
        with self.other_rules('--iptables'):
            self.assert_fine(f'{IPV6.users}: the firewall redirects')

    def test_user_without_capabilities(self):
        findings = self.assert_fine('is reached', wrapper=NOBODY,
                                    prefixes=[IPV4.users])
        for pattern in ('firewall was not examined',
                        'did not refuse a test request, but its connection'):
            self.assertTrue(findings.of('note', pattern), pattern)

    def test_user_that_the_half_becomes(self):
        findings = self.assert_fine(
            *(f'{prefix}: the firewall redirects connections'
              for prefix in PREFIXES), 'accepted a test request',
            user=USER)
        self.assertEqual(findings.of('note'), [])
        self.assert_fine('SO_MARK works', 'outbound.fwmark work', user=USER,
                         config=self.outbound(fwmark=MARK))

    def test_client_half_may_be_running(self):
        client = self.start(self.host, 'client', self.config)
        self.assert_fine()
        self.assertEqual(client.events('refused'), [])
        self.assertEqual(client.warnings(), [])

    def test_prefixes_that_are_not_named(self):
        self.assert_note("add the prefixes to the command", prefixes=())

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
                self.assert_wrong('no firewall rule redirects',
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
                notes = findings.of('note', "users' link users0 has the "
                                    f'address {address.split("/")[0]}, which')
                self.assertEqual(len(notes), noted, findings.text)
        findings = self.assert_fine(config=config, prefixes=())
        self.assertEqual(findings.of('note'), [])

    def test_firewall_that_redirects_nobody(self):
        with self.no_rules():
            self.assert_wrong(
                f'{IPV4.users}: no firewall rule redirects connections of '
                'these users, which arrive on users0, to port 9001$',
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
                    family, 'no firewall rule redirects connections', add, delete)

    def test_firewall_that_drops_what_is_redirected(self):
        self.start(self.host, 'client', self.config)
        pattern = (f'{IPV4.users}: the firewall drops redirected packets of '
                   'these users to port 9001: chain ')
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
        self.start(self.host, 'client', self.config)
        table = 'inet srcproxy-client-9001'
        for chain, rule in (('users', f'ip saddr {IPV4.users} return'),
                            (f'prerouting-ip-{IPV4.length}', 'counter accept')):
            self.assert_mends(
                f'{IPV4.users}: no firewall .*; the rule that decides is chain '
                f'{chain} of the table {table}, rule with handle ',
                f'nft insert rule {table} {chain} {rule}', '')

    def test_redirection_for_another_interface(self):
        self.start(self.host, 'client', self.config)
        with self.no_rules():
            redirect = ('-t nat -{} PREROUTING -i out0 -p tcp -j REDIRECT '
                        '--to-port 9001')
            add, delete = ('; '.join(f'{tool} {redirect.format(action)}'
                                     for tool in ('iptables', 'ip6tables'))
                           for action in 'AD')
            self.assert_mends(
                f'{IPV6.users}: no firewall rule .*, which arrive on users0,',
                add, delete, IPV6)

    def test_users_who_are_not_tracked(self):
        """These users are not redirected, whatever the rules say."""
        self.start(self.host, 'client', self.config)
        pattern = r'a rule exempts these users from .* \(notrack\)'
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
            self.assert_fine('the server half accepted', user=USER)
            self.apply_remedy(findings, pattern)
            self.assert_fine('the server half accepted')
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

    def test_redirection_that_no_rule_leads_to(self):
        self.start(self.host, 'client', self.config)
        self.assert_mends(
            f'{IPV6.users}: no firewall rule redirects connections',
            'nft delete chain inet srcproxy-client-9001 '
            f'prerouting-ip6-{IPV6.length}', '', IPV6)

    def test_users_without_a_route(self):
        route = 'unreachable 203.0.113.0/24'
        with self.broken(f'ip route add {route}', f'ip route del {route}'):
            self.assert_wrong('203.0.113.0/24: this host has no route',
                              'ip route add', prefixes=['203.0.113.0/24'])

    def test_users_whom_only_the_default_route_leads_to(self):
        """The users' link may have lost its addresses."""
        others = ['100.64.0.0/16', '2001:db8:cccc::/64']
        findings = self.doctor(prefixes=PREFIXES + others)
        notes = findings.of('note', 'only route .* the default route, through link0:')
        self.assertEqual([text.split(': ')[0] for text, _ in notes], others)

    def test_interface_of_the_users_without_an_address(self):
        """Without an address on the interface, REDIRECT drops silently."""
        own = f'{IPV4.gate_users}/{IPV4.length} dev users0'
        route = f'{IPV4.users} dev users0'
        with self.broken(f'ip addr del {own}; ip route add {route}',
                         f'ip route del {route}'):
            findings = self.assert_wrong(
                f'{IPV4.users}: .* on users0, which has no IPv4 address',
                'ip address add ADDRESS dev users0$')
            self.assertFalse(findings.of('problem', IPV6.users))
            listen = {'inbound': {'listen': endpoint(IPV4.gate_link, 9001)}}
            self.assert_fine(f'{IPV4.users}: this host has a route', config=listen,
                             prefixes=[IPV4.users])
            self.host.ip(f'addr add {own}')
            self.assert_fine(f'{IPV4.users}: this host has a route')

    def test_interface_of_the_users_with_only_a_link_local_address(self):
        """REDIRECT uses the link-local address then."""
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
            self.assert_fine(f'{IPV6.users}: this host has a route')
            self.assert_carries(IPV6)

    def test_redirection_that_a_listing_of_both_families_leaves_out(self):
        """If nft 1.0.6 lists both families, the second lacks the redirection.

        A rule that iptables cannot read keeps iptables from listing its own
        table.
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
                self.assert_note(f'{family.users}: cannot tell whether the '
                                 'firewall redirects')

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
        listen = re.search('listen to "([^"]*)"', remedy)[1]
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
                          'outbound.auth here one of acl',
                          config=self.outbound(auth='other'))
        self.server.wait_for('refused',
                             reason='no user has the key of this request')

    def test_source_that_the_user_may_not_have(self):
        self.assert_wrong(
            '203.0.113.0/24: the server half refused', 'allowed_src_ips there',
            prefixes=['203.0.113.0/24'])

    def test_server_half_that_is_not_running(self):
        server = endpoint(SERVER[0], SERVER_PORT + 1)
        self.assert_wrong(f'{server}: cannot connect: Connection refused',
                          'start the server half',
                          config=self.outbound(server=server))

    def test_each_of_several_servers(self):
        second = endpoint(SERVER[0], SERVER_PORT + 1)
        findings = self.assert_wrong(
            f'{second}: cannot connect: Connection refused',
            config=self.outbound(server=[endpoint(*SERVER), second]))
        self.assertEqual(len(findings.of('problem')), 1)
        self.assertTrue(findings.of(
            'ok', f'the server half is reached at {endpoint(*SERVER)}'))
        findings = self.assert_wrong(
            'cannot resolve outbound.server nowhere.invalid',
            config=self.outbound(
                server=['nowhere.invalid:1', endpoint(*SERVER)]))
        self.assertEqual(len(findings.of('problem')), 1)

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
                              'firewalls on the way')

    def test_something_else_in_place_of_the_server_half(self):
        listener = self.listen(self.net.exit, IPV4.exit_link)
        server = endpoint(*listener.getsockname())

        def greet():
            # The first connection only shows whether the firewall redirects
            # it.
            self.accept(listener)
            self.accept(listener).sendall(b'SSH-2.0-OpenSSH\r\n')

        greeted = background(greet)
        self.assert_wrong('does not speak',
                          'a server half', prefixes=[IPV4.users],
                          config=self.outbound(server=server))
        greeted.result()

    def test_server_half_that_refuses_with_an_end_of_stream(self):
        """The implementation in Go refuses like this.

        So does ssh or stunnel between the halves.
        """
        listener = self.listen(self.net.exit, IPV4.exit_link)
        request_len = 3 + 32 + 2 * (1 + 4 + 2)
        check_len = 2 + 8 + 16 + 8 + 2 * (1 + 4 + 2) + 32

        def refuse():
            # The other connections try what is on the way, and end without a
            # whole request.
            lengths = []
            while len(lengths) < 2:
                connection = self.accept(listener)
                with contextlib.suppress(ConnectionResetError):
                    first = connection.recv(1, socket.MSG_PEEK)
                    whole = check_len if first == b'\x02' else request_len
                    request = connection.recv(whole, socket.MSG_WAITALL)
                    lengths += [whole] * (len(request) == whole)
                connection.close()
            return lengths

        refused = background(refuse)
        findings = self.assert_wrong(
            f'{IPV4.users}: the server half refused a test request to .*: it '
            'ended the stream$', 'server half.s log.*"no user has this auth".*allowed_src_ips.*'
            'allowed_dst_ips.*doctor server', prefixes=[IPV4.users],
            config=self.outbound(server=endpoint(*listener.getsockname())))
        self.assertEqual(refused.result(), [check_len, request_len])
        self.assertFalse(findings.of('problem', 'protocol'))

    def refuse_once(self, answer):
        """A scripted server half. Returns its address, and what it got."""
        listener = self.listen(self.net.exit, IPV4.exit_link)

        def refuse():
            # The first connection only shows whether the firewall redirects
            # it.
            self.accept(listener)
            connection = self.accept(listener)
            request = receive_request(connection)
            connection.sendall(answer)
            connection.close()
            return request

        return (self.outbound(server=endpoint(*listener.getsockname())),
                background(refuse))

    def test_server_half_that_says_why_it_refuses(self):
        """A check of version 2 has it say so; no list of causes is needed."""
        for answer, problem, advice in (
                (bytes([32]), 'not authorized', r'acl..\.auth'),
                (bytes([42]), 'source not allowed', 'allowed_src_ips'),
                (bytes([40]) + struct.pack('>Q', now_ms() - 100_000),
                 'the clocks differ too much: this host is 1[0-9]{2}.* s ahead',
                 'NTP')):
            config, refused = self.refuse_once(answer)
            with self.subTest(problem=problem):
                self.assert_wrong(
                    f'{IPV4.users}: the server half refused a test request to '
                    f'.*: {problem}', advice, prefixes=[IPV4.users],
                    config=config)
                self.assertEqual(refused.result()[:2], bytes([2, CHECK]))

    def answer_each(self, *answers, **config):
        """A scripted server half, which treats each request in turn.

        It listens until the last request is there: what comes after the
        answer to that one is refused.
        Returns the configuration, and the versions of what it got.
        """
        listener = self.listen(self.net.exit, IPV4.exit_link)

        def receive():
            request = b''
            while not request:
                connection = self.accept(listener)
                # Other connections try what is on the way, and end without a
                # whole request.
                with contextlib.suppress(ConnectionResetError, IndexError):
                    request = receive_request(connection)
            return connection, request[0]

        def answer(step, connection):
            if isinstance(step, bytes):
                connection.sendall(step)
                connection.close()
            else:
                step(connection)

        def answer_all():
            versions = []
            for step in answers:
                connection, version = receive()
                versions.append(version)
                if len(versions) == len(answers):
                    listener.close()
                answer(step, connection)
            return versions

        outbound = self.outbound(server=endpoint(*listener.getsockname()))
        return {**outbound, **config}, background(answer_all)

    def stay_silent(self, connection):
        pass

    def test_check_that_is_not_answered_although_version_2_must_be(self):
        old = 'version 2, as one that speaks version 1 only$'
        for answer, problem, advice in (
                (b'', f'ended the stream at a check of {old}', 'update'),
                (reset, f'reset the connection at a check of {old}', 'update'),
                (self.stay_silent, 'did not answer a check of version 2 within '
                 '2 s$', 'whether a server half listens')):
            # No user gets version 1 because of another one.
            config, versions = self.answer_each(answer, answer, protocol=2)
            with self.subTest(problem=problem):
                findings = self.assert_wrong(problem, advice, config=config)
                self.assertEqual(len(findings.of('problem', problem)), 2)
                self.assertEqual(versions.result(), [2, 2])

    def test_server_half_whose_way_swallows_version_2(self):
        listener = self.listen(self.net.exit, IPV4.exit_link)

        def serve():
            silent, request = [], b''
            while request[:1] != bytes([1]):
                silent.append(self.accept(listener))
                with contextlib.suppress(ConnectionResetError, IndexError):
                    request = receive_request(silent[-1])
            address, port = struct.unpack('>4sH', request[36:42])
            # The SYN is enough for doctor, which then closes its listener.
            with contextlib.suppress(ConnectionError):
                self.connect(self.net.exit, (socket.inet_ntoa(address), port))

        served = background(serve)
        self.assert_fine(
            'accepted a test request and .* from there, in version 1: a check '
            'of version 2 got no answer$', prefixes=[IPV4.users],
            config=self.outbound(server=endpoint(*listener.getsockname())))
        served.result()

    def test_request_that_is_reset(self):
        config, versions = self.answer_each(reset, reset)
        self.assert_wrong(
            f'{IPV4.users}: the server half refused a test request to .*: it '
            'reset the connection$', prefixes=[IPV4.users], config=config)
        self.assertEqual(versions.result(), [2, 1])

    def test_refusal_of_one_user_says_nothing_of_the_next(self):
        config, versions = self.answer_each(bytes([42]), reset)
        findings = self.assert_wrong(
            f'{IPV6.users}: the server half refused a test request to .*: it '
            'reset the connection$', config=config)
        self.assertTrue(findings.of(
            'problem', f'{IPV4.users}: .*: source not allowed$'))
        self.assertEqual(versions.result(), [2, 2])

    def test_server_half_that_goes_away_meanwhile(self):
        config, versions = self.answer_each(bytes([CONNECTED]))
        self.assert_wrong('cannot connect: Connection refused', 'start',
                          prefixes=[IPV4.users], config=config)
        self.assertEqual(versions.result(), [2])

    def test_reset_that_is_quicker_than_connect(self):
        """It says nothing of the way: the next attempt tells."""
        listener = self.listen(self.net.exit, IPV4.exit_link)
        server = listener.getsockname()
        pid = os.path.join(WORK, 'doctor.pid')
        rule = f'INPUT -p tcp --dport {server[1]} -j DROP'
        on, off = (('iptables', *f'-{what} {rule}'.split()) for what in 'AD')

        def process():
            with open(pid) as file:
                return int(file.read())

        def interrupt():
            """Stops doctor in connect(2), and lets the connection be made."""
            wait_until(lambda: self.net.gate.is_dialling(server), 'a SYN')
            os.kill(process(), signal.SIGSTOP)
            self.net.exit.run(*off)
            return self.accept(listener)

        self.net.exit.run(*on)
        findings = background(
            self.doctor, self.outbound(server=endpoint(*server)),
            ('sh', '-c', f'echo $$ >{pid}; exec "$@"', 'sh'), [])
        interrupt()
        self.net.exit.run(*on)
        os.kill(process(), signal.SIGCONT)
        reset(interrupt())
        wait_until(lambda: not any(entry.remote == server for entry in
                                   self.net.gate.tcp_entries(IPV4.af)),
                   'the reset')
        os.kill(process(), signal.SIGCONT)
        findings = findings.result()
        self.assertTrue(findings.of('ok', 'the server half is reached'),
                        findings.text)

    def test_server_that_is_this_half(self):
        loop = self.outbound(server=endpoint(IPV4.gate_link, 9001))
        self.assert_wrong('own listener, so', 'the address of the exit',
                          config=loop)
        client = self.start(self.host, 'client', {**self.config, **loop})
        client.wait_for_line('warning .*own listener, so')

    def test_mark_that_is_not_permitted(self):
        self.assert_fine('outbound.fwmark work', config=self.outbound(
            fwmark=MARK))
        self.assert_wrong('cannot set outbound.fwmark as this user',
                          'CAP_NET_RAW', config=self.outbound(fwmark=MARK),
                          wrapper=NOBODY)

    def test_name_of_the_server_that_nobody_knows(self):
        self.assert_wrong('cannot resolve outbound.server exit.invalid: ', '/etc/resolv.conf',
                          config=self.outbound(server='exit.invalid:21829'))

    def test_service_that_says_nothing_is_not_taken_for_the_server_half(self):
        listener = self.listen(self.net.exit, IPV4.exit_link)
        self.assert_note('did not refuse a test request, but.* a check of '
                         'version 2 got no answer either$',
                         config=self.outbound(
                             server=endpoint(*listener.getsockname())))

    def test_service_that_says_nothing_to_many_users(self):
        """One after another, these users would take more than a minute."""
        listener = self.listen(self.net.exit, IPV4.exit_link)
        users = [f'198.51.100.{i}' for i in range(40)]
        findings = self.doctor(prefixes=users, config=self.outbound(
            server=endpoint(*listener.getsockname())))
        tried = findings.of('note', 'did not refuse a test request')
        (rest, _), = findings.of('note', 'more prefixes were not tried')
        self.assertEqual(len(tried) + int(rest.split()[0]), len(users))

    def test_address_that_is_not_there_where_any_can_be_bound_to(self):
        with self.sysctl('ipv4/ip_nonlocal_bind', 1, 0):
            self.check_local_address('192.0.2.99')

    def check_local_address(self, local, device='link0'):
        """doctor complains until this host has the address."""
        config = self.outbound(local_addr=local)
        self.assert_wrong('cannot bind to .*outbound.local_addr',
                          'give this host that interface and address',
                          config=config)
        address = local.split('%')[0]
        if address:
            self.host.ip(f'addr add {address}/24 dev {device}')
        try:
            self.assert_fine('outbound.local_addr and outbound.fwmark work',
                             config=config)
            client = self.start(self.host, 'client', {**self.config, **config})
            self.assert_carries(IPV4)
            client.finish()
        finally:
            if address:
                self.host.ip(f'addr del {address}/24 dev {device}')

    def test_configuration_that_a_reload_cannot_read(self):
        client = self.start(self.host, 'client', self.config,
                            flags=['-u', USER])
        self.path = client.config_path
        os.chmod(self.path, 0o600)
        client.send_signal(signal.SIGHUP)
        client.wait_for('reload-failed')
        pattern = 'a reload would fail, because uid 65534, gid 65534 cannot'
        findings = self.examine(user=USER)
        self.apply_remedy(findings, pattern)
        self.assertEqual(self.examine(user=USER).of('problem'), [])
        client.send_signal(signal.SIGHUP)
        client.wait_for('reloaded')
        os.chmod(os.path.dirname(self.path), 0o700)
        (_, advice), = self.examine(user=USER).of('problem', pattern)
        self.assertRegex(advice, '^let this user search the folders')

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
