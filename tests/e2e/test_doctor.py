"""What `srcproxy doctor` finds on a host that is fine, and on broken ones."""

import contextlib
import re
import shutil
import unittest

import rules
from cases import (CLIENT_CONFIG, SERVER, SERVER_CONFIG, SERVER_PORT,
                   NetworkCase)
from daemons import write_config
from families import BOTH, IPV4, IPV6, endpoint
from peers import background
from sandbox import BINARY
from test_command import srcproxy
from test_privilege import NOBODY

PREFIXES = [family.users for family in BOTH]
SERVER_WITH_ACL = {**SERVER_CONFIG, 'acl': [
    {'name': 'alice', 'auth': 'secret', 'allowed_src_ips': PREFIXES}]}
CLIENT_WITH_AUTH = {**CLIENT_CONFIG, 'outbound': {
    'server': endpoint(*SERVER), 'auth': 'secret'}}
ONLY_IPV4 = {'acl': [{'allowed_src_ips': [IPV4.users]}]}
MARK = 0x7

LINE = re.compile(r'(ok|note|wrong): (.*)(?:\n  mend: (.*))?')


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
        return [(text, remedy) for found, text, remedy in self.found
                if found == kind and re.search(pattern, text)]


class DoctorCase(NetworkCase):

    host = role = config = None
    prefixes = ()

    def doctor(self, config=None, wrapper=(), prefixes=None):
        self.path = write_config({**self.config, **(config or {})})
        return Findings(self.host.run(
            *wrapper, BINARY, 'doctor', self.role, self.path,
            *(self.prefixes if prefixes is None else prefixes), check=False))

    def assert_fine(self, *expected, **options):
        """These are among what is fine, and nothing is wrong."""
        findings = self.doctor(**options)
        self.assertEqual((findings.of('wrong'), findings.status), ([], 0))
        for pattern in expected:
            self.assertTrue(findings.of('ok', pattern),
                            f'no {pattern} in\n{findings.text}')
        return findings

    def assert_wrong(self, pattern, remedy='.', **options):
        """That is found."""
        findings = self.doctor(**options)
        found = findings.of('wrong', pattern)
        self.assertTrue(found, f'no {pattern} in\n{findings.text}')
        self.assertRegex(found[0][1], remedy)
        self.assertEqual(findings.status, 1)
        return findings

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


class Exit(DoctorCase):
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

    def test_host_as_it_should_be(self):
        findings = self.assert_fine(
            'the address to listen on', 'room for',
            'IP_TRANSPARENT is permitted for IPv4',
            *(f'{prefix}: what has the mark 0x5 is delivered here'
              for prefix in PREFIXES),
            r'gives the mark 0x5 \(IPv4\)', r'gives the mark 0x5 \(IPv6\)',
            *(f'{family.users}: what {family.destination} answers comes back'
              for family in BOTH),
            *(f'{prefix}: the firewall does not rewrite it|{prefix}: not '
              'tracked' for prefix in PREFIXES),
            'nobody listens on all addresses', 'ipv4/ip_forward is on')
        self.assertEqual(len(findings.of('note')), 1)

    def test_server_half_may_be_running(self):
        server = self.start(self.net.exit, 'server', self.config)
        self.assert_fine('the address to listen on')
        self.assertNotIn(' warning ', server.log)

    def test_host_with_rules_for_iptables(self):
        with self.other_rules('--iptables'):
            self.assert_fine(r'gives the mark 0x5 \(IPv6\)',
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
            self.assertTrue(findings.of('wrong', IPV6.users + ': no route'))
            # Its remedy is one.
            remedy = findings.of('wrong', IPV4.users)[0][1]
            self.host.run('sh', '-ec', remedy.replace('srcproxy', BINARY, 1))
            self.assert_fine()

    def test_firewall_without_the_mark(self):
        table = f'inet srcproxy-server-{SERVER_PORT}'
        with self.other_rules(), self.broken(f'nft delete table {table}', ''):
            findings = self.assert_wrong('gives the mark 0x5',
                                         'srcproxy rules server',
                                         config=ONLY_IPV4)
            self.assertTrue(findings.of('wrong', 'does not come back'))

    def test_masquerade_that_rewrites_users(self):
        for family in BOTH:
            rule = 'POSTROUTING -o out0 -j MASQUERADE'
            tables = family.iptables + ' -t nat'
            with self.broken(f'{tables} -A {rule}', f'{tables} -D {rule}'):
                self.assert_wrong(
                    f'{family.users}: a MASQUERADE or SNAT rule rewrites it: '
                    f'.* see {family.exit_out}$',
                    f'{family.iptables} -t nat -I POSTROUTING -s '
                    f'{family.users} -j ACCEPT')

    def test_network_that_does_not_route_the_prefix_here(self):
        route = f'blackhole {IPV4.users}'
        with self.broken(f'ip route add {route}', f'ip route del {route}',
                         self.net.destination):
            self.assert_wrong(
                f'{IPV4.users}: {IPV4.destination} answers this host, but',
                'let the network route the prefix')

    def test_router_that_answers_nobody(self):
        rule = 'INPUT -p tcp -j DROP'
        with self.broken(f'iptables -A {rule}', f'iptables -D {rule}',
                         self.net.destination):
            self.assert_note(f'{IPV4.users}: the way back was not tried')

    def test_table_that_takes_all_addresses_and_src_valid_mark(self):
        route = f'local default dev lo table {100000 + SERVER_PORT}'
        with self.sysctl('ipv4/conf/all/src_valid_mark', 1, 0):
            self.assert_fine()
            with self.broken(f'ip route add {route}', f'ip route del {route}'):
                self.assert_wrong('src_valid_mark is 1',
                                  f'^ip route del {route}')

    def test_strict_validation_of_sources(self):
        self.assert_note('rp_filter is 1 on link0, out0:')
        with self.sysctl('ipv4/conf/all/rp_filter', 2, 1):
            self.assertFalse(self.assert_fine().of('note', 'rp_filter'))

    @unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv')
    def test_user_without_capabilities(self):
        findings = self.assert_wrong(
            f'{IPV4.users}: without IP_TRANSPARENT',
            'srcproxy rules --simple server', wrapper=NOBODY)
        for pattern in ('IP_TRANSPARENT is not permitted', 'CAP_NET_BIND',
                        'firewall could not be looked at'):
            self.assertTrue(findings.of('note', pattern), pattern)
        self.assertFalse(findings.of('wrong', IPV6.users))

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
            self.assertNotIn(' warning ', server.log)
            server.finish()

    def test_any_source_is_allowed(self):
        open_to_all = {'acl': []}
        self.assert_note('name the prefixes', config=open_to_all)
        self.assert_fine(f'{IPV4.users}: what has the mark',
                         config=open_to_all, prefixes=PREFIXES)

    def test_start_warns_of_routes(self):
        with self.no_rules():
            server = self.start(self.host, 'server', self.config)
        warnings = [line for line in server.log.splitlines()
                    if ' warning ' in line]
        self.assertEqual(len(warnings), 2, warnings)
        for prefix, line in zip(PREFIXES, warnings):
            self.assertIn(f'{prefix}: no route delivers', line)
            self.assertIn('to mend it: srcproxy rules server /run/', line)


class Gate(DoctorCase):
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
        self.assertEqual(findings.of('note'), [])

    def test_host_with_iptables(self):
        with self.other_rules('--iptables'):
            self.assert_fine(f'{IPV6.users}: the firewall redirects')

    def test_user_without_capabilities(self):
        findings = self.assert_fine('accepts outbound.auth', wrapper=NOBODY,
                                    prefixes=[IPV4.users])
        self.assertTrue(findings.of('note', 'could not be looked at'))

    def test_client_half_may_be_running(self):
        client = self.start(self.host, 'client', self.config)
        self.assert_fine()
        self.assertEqual(client.events('refused'), [])
        self.assertNotIn(' warning ', client.log)

    def test_prefixes_that_are_not_named(self):
        self.assert_note("name the users' prefixes", prefixes=())

    def test_firewall_that_redirects_nobody(self):
        with self.no_rules():
            self.assert_wrong(
                f'{IPV4.users}: no rule of the firewall redirects to port '
                '9001',
                rf'^srcproxy rules client \S+ {" ".join(PREFIXES)} \| sh$')

    def test_firewall_that_redirects_others(self):
        self.assert_wrong('203.0.113.0/24: rules .* but not these users',
                          prefixes=['203.0.113.0/24'])

    def test_users_without_a_route(self):
        route = 'unreachable 203.0.113.0/24'
        with self.broken(f'ip route add {route}', f'ip route del {route}'):
            self.assert_wrong('203.0.113.0/24: there is no route',
                              'ip route add', prefixes=['203.0.113.0/24'])

    def test_listener_that_is_not_for_all_users(self):
        only_ipv4 = {'inbound': {'listen': endpoint(IPV4.gate_link, 9001)}}
        findings = self.assert_wrong('inbound.listen has no IPv6 address',
                                     '":PORT"', config=only_ipv4)
        self.assertFalse(findings.of('wrong', 'IPv4 address'))
        loopback = {'inbound': {'listen': '127.0.0.1:9001'}}
        self.assert_note('inbound.listen is a loopback', config=loopback,
                         prefixes=[IPV4.users])

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

    def test_server_half_that_no_packet_reaches(self):
        with rules.black_hole(self.net.exit, IPV4, SERVER_PORT):
            self.assert_wrong('cannot connect: Connection timed out',
                              'firewalls')

    def test_something_else_in_place_of_the_server_half(self):
        listener = self.listen(self.net.exit, IPV4.exit_link)
        server = endpoint(*listener.getsockname())

        def greet():
            self.accept(listener).sendall(b'SSH-2.0-OpenSSH\r\n')

        greeted = background(greet)
        self.assert_wrong('does not speak the protocol',
                          'a server half', prefixes=[IPV4.users],
                          config=self.outbound(server=server))
        greeted.result()

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

    def test_interface_and_address_that_are_not_there(self):
        for local in ('%nowhere0', '192.0.2.99'):
            self.assert_wrong('cannot bind to .*outbound.local_addr',
                              config=self.outbound(local_addr=local))


class Usage(unittest.TestCase):

    def test_mistakes_on_the_command_line(self):
        path = write_config(CLIENT_WITH_AUTH)
        for arguments in (['doctor'], ['doctor', 'client'],
                          ['doctor', '-t', 'client', path],
                          ['doctor', '--simple', 'client', path],
                          ['doctor', 'client', path, '198.51.100.0/33']):
            result = srcproxy(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ''),
                             arguments)
            self.assertIn('srcproxy: ', result.stderr)
