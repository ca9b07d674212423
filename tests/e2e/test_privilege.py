"""The privileges of srcproxy: started without them, and after -u."""

import platform
import pwd
import re
import shutil
import sys
import unittest

import forbid_netlink
import rules
from cases import SERVER_PORT, RoutedCase, ServerCase, fresh_port
from daemons import write_config
from families import BOTH, IPV4, IPV6, endpoint
from forbid_netlink import NUMBERS
from hosts import Host
from names import name_server
from peers import receive_until_reset
from sandbox import BINARY

NOBODY = ('setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups',
          '--inh-caps', '-all', '--bounding-set', '-all')
AMBIENT = ('setpriv', '--reuid', '65534', '--regid', '65534',
           '--clear-groups', '--inh-caps', '-all,+net_raw,+net_bind_service',
           '--ambient-caps', '-all,+net_raw,+net_bind_service')
ONLY_NET_ADMIN = ('setpriv', '--reuid', '65534', '--regid', '65534',
                  '--clear-groups', '--inh-caps', '-all,+net_admin',
                  '--ambient-caps', '-all,+net_admin',
                  '--bounding-set', '-all,+net_admin')
WITHOUT_NETLINK = (sys.executable, forbid_netlink.__file__)
ONLY_ROOT_READS = ('sh', '-c', 'eval chmod 600 \\${$#}; exec "$@"', 'sh')
PRIVILEGED_PORT = 700

CAP_NET_BIND_SERVICE = 1 << 10
CAP_NET_ADMIN = 1 << 12
CAP_NET_RAW = 1 << 13

# The value of Seccomp in /proc/PID/status for a process with a filter.
SECCOMP_FILTER = '2'

MARK = 0x7
BROADCAST = '203.0.113.255'     # of a link of the exit


def deliver_locally(exit_host):
    """Adds the prefix to the table local.

    Then no socket needs IP_TRANSPARENT.
    """
    for family in BOTH:
        exit_host.ip(f'route add local {family.users} dev lo', family=family)


@unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv of util-linux')
class Unprivileged(ServerCase):

    def start_server(self, config=None, **options):
        return super().start_server(config, wrapper=NOBODY, **options)

    def assert_refused(self):
        server = self.start_server()
        client = self.send(self.request())
        self.assertEqual(receive_until_reset(client), b'')
        server.wait_for('refused', reason=re.compile('CAP_NET_RAW'))


class Serves:
    """The halves work with these privileges."""

    def test_source_is_kept(self):
        server = self.start_server()
        self.assert_serves()
        server.wait_for('established', source=endpoint(*self.source),
                        used=endpoint(*self.source))

    def test_start_says_what_may_be_missing(self):
        server = self.start_server()
        server.wait_for('sources', ipv4='freebind', ipv6='freebind')
        server.wait_for_line('CAP_NET_RAW.*ip route add local PREFIX dev lo')

    def test_another_port_instead_of_one_below_1024(self):
        server = self.start_server()
        self.source = (self.family.user, PRIVILEGED_PORT)
        self.send(self.request())
        address, port = self.accept(self.listener).getpeername()[:2]
        self.assertEqual(address, self.family.user)
        self.assertGreaterEqual(port, 1024)
        server.wait_for('established', source=endpoint(*self.source),
                        used=endpoint(address, port))

    def test_strict_refuses_a_port_below_1024(self):
        server = self.start_server({'source_port': 'strict'})
        self.source = (self.family.user, PRIVILEGED_PORT)
        client = self.send(self.request())
        self.assertEqual(receive_until_reset(client), b'')
        server.wait_for('refused', reason=re.compile('CAP_NET_BIND_SERVICE'))


class UnprivilegedIPv6(Serves, Unprivileged):
    family = IPV6


class UnprivilegedIPv6LocalTable(Serves, Unprivileged):
    family = IPV6
    deliver = staticmethod(deliver_locally)


class UnprivilegedIPv4LocalTable(Serves, Unprivileged):
    family = IPV4
    deliver = staticmethod(deliver_locally)


class UnprivilegedIPv4(Unprivileged):
    family = IPV4

    def test_refusal_names_what_is_missing(self):
        self.assert_refused()


class DropCase:
    """Root starts both halves, and they become nobody."""

    def setUp(self):
        super().setUp()
        self.nobody = pwd.getpwnam('nobody')

    def start_as_nobody(self, start, config=None):
        return start(config, flags=('-u', 'nobody'))

    def assert_privileges(self, daemon, capabilities):
        """Checks every thread; at least one of them serves a connection."""
        self.assertGreater(daemon.threads(), 1)
        for key, expected in (
                ('Uid', '\t'.join([str(self.nobody.pw_uid)] * 4)),
                ('Gid', '\t'.join([str(self.nobody.pw_gid)] * 4)),
                ('Groups', str(self.nobody.pw_gid)),
                ('CapEff', f'{capabilities:016x}'),
                ('CapPrm', f'{capabilities:016x}'),
                ('CapInh', f'{0:016x}'),
                ('CapBnd', f'{0:016x}'),
                ('CapAmb', f'{0:016x}'),
                ('NoNewPrivs', '1')):
            self.assertEqual(daemon.thread_status(key), {expected}, key)

    def test_proxies_with_what_it_needs_and_no_more(self):
        server = self.start_as_nobody(
            self.start_server, {'acl': [{'allowed_src_ips':
                                         [self.family.users]}]})
        client = self.start_as_nobody(self.start_client)
        user, destination = self.open(source=(self.family.user,
                                              PRIVILEGED_PORT))
        self.assertEqual(destination.getpeername()[:2],
                         (self.family.user, PRIVILEGED_PORT))
        self.assert_privileges(server, self.server_capabilities)
        self.assert_privileges(client, 0)
        server.wait_for('privileges', user='nobody',
                        capabilities=self.server_capability_names)
        client.wait_for('privileges', user='nobody', capabilities='none')


class DropIPv4(DropCase, RoutedCase):
    family = IPV4
    deliver = staticmethod(rules.deliver_marked)
    server_capabilities = CAP_NET_BIND_SERVICE | CAP_NET_RAW
    server_capability_names = 'net_bind_service,net_raw'

    def test_gate_keeps_what_a_mark_takes(self):
        self.start_server()
        client = self.start_as_nobody(self.start_client, {
            'outbound': {'server': endpoint(IPV4.exit_link, SERVER_PORT),
                         'fwmark': MARK, 'local_addr': '%link0'}})
        self.assert_proxies()
        self.assert_privileges(client, CAP_NET_RAW)


@unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv of util-linux')
class Given(RoutedCase):
    """A service manager starts them as another user with capabilities."""

    family = IPV4

    def capabilities_of(self, daemon):
        return [daemon.thread_status(key)
                for key in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb')]

    def test_what_the_configuration_does_not_need_is_given_up(self):
        server = self.start_server(wrapper=AMBIENT)
        client = self.start_client(wrapper=AMBIENT)
        self.assert_proxies()
        both = f'{CAP_NET_BIND_SERVICE | CAP_NET_RAW:016x}'
        none = f'{0:016x}'
        self.assertEqual(self.capabilities_of(server),
                         [{both}, {both}, {none}, {none}])
        self.assertEqual(self.capabilities_of(client), [{none}] * 4)
        client.wait_for('privileges', uid='65534', capabilities='none')


    def test_other_one_that_permits_a_mark_and_transparent_sockets(self):
        client = self.start_client(
            {'outbound': {'server': endpoint(IPV4.exit_link, SERVER_PORT),
                          'fwmark': MARK}}, wrapper=ONLY_NET_ADMIN)
        server = self.start_server(wrapper=ONLY_NET_ADMIN)
        server.wait_for('sources', ipv4='transparent')
        self.assert_proxies()
        for half in (client, server):
            kept = f'{CAP_NET_ADMIN:016x}'
            self.assertEqual(self.capabilities_of(half),
                             [{kept}, {kept}, {f'{0:016x}'}, {f'{0:016x}'}])
            half.wait_for('privileges', capabilities='net_admin')


@unittest.skipUnless(platform.machine() in NUMBERS,
                     'the number of socket(2) is not known here')
class NoNetlink(ServerCase):
    """The unit's RestrictAddressFamilies= does not name AF_NETLINK."""

    family = IPV4

    def setUp(self):
        super().setUp()
        self.server = self.start_server(
            {'acl': [{'allowed_src_ips': [self.family.users, BROADCAST]}]},
            wrapper=WITHOUT_NETLINK)
        self.client = self.start_client(wrapper=WITHOUT_NETLINK)

    def test_it_is_said_once(self):
        self.assert_proxies()
        for half in (self.server, self.client):
            warning, = half.warnings()
            self.assertRegex(warning,
                             'AF_NETLINK.*RestrictAddressFamilies=')

    def test_port_of_a_listener_elsewhere_is_served(self):
        for port in (SERVER_PORT, rules.REDIRECT_PORT):
            self.open(self.listen(self.net.destination,
                                  self.family.destination, port))

    def assert_refused(self, half, reason):
        half.wait_for('refused', reason=re.compile(reason))
        self.assertNotIn('Address family', half.log)

    def test_own_listener_is_refused(self):
        self.assert_reset(self.net.user, (self.family.exit_out, SERVER_PORT))
        self.assert_refused(self.server, 'the destination is this listener')
        self.assert_reset(self.net.user, (self.family.gate_link,
                                          rules.REDIRECT_PORT))
        self.assert_refused(self.client, 'this listener')

    def test_broadcast_source_is_refused(self):
        self.source = (BROADCAST, fresh_port())
        client = self.send(self.request())
        self.assertEqual(receive_until_reset(client), b'')
        self.assert_refused(self.server, 'a broadcast address')


class DropIPv6(DropCase, RoutedCase):
    """The server half keeps no capability for transparent sockets.

    It needs no transparent socket here.
    """

    family = IPV6
    deliver = staticmethod(rules.deliver_bound)
    server_capabilities = CAP_NET_BIND_SERVICE
    server_capability_names = 'net_bind_service'


    def test_configuration_that_nobody_may_read_is_named(self):
        server = self.start_server(flags=('-u', 'nobody'),
                                   wrapper=ONLY_ROOT_READS)
        server.wait_for_line(r'server\.json: Permission denied as user nobody')


class Sandboxed(RoutedCase):
    """The sandbox is always on, except in a build with sanitizers."""

    family = IPV4

    def assert_sandboxed(self, daemon):
        sandbox = daemon.wait_for('sandbox')
        if sandbox['seccomp'].startswith('off: built without'):
            self.skipTest('built without a sandbox')
        self.assertEqual(sandbox['seccomp'], 'on')
        self.assertEqual(daemon.thread_status('Seccomp'), {SECCOMP_FILTER})
        self.assertEqual(daemon.thread_status('NoNewPrivs'), {'1'})

    def test_all_threads_are_inside(self):
        server, client = self.start_server(), self.start_client()
        self.open()
        self.assert_sandboxed(server)
        self.assert_sandboxed(client)

    def test_names_are_still_resolved(self):
        self.start_server()
        client = self.start_client(
            {'outbound': {'server': f'exit.example:{SERVER_PORT}'}},
            flags=('-u', 'nobody'))
        self.assert_sandboxed(client)
        with name_server(self.net.gate, IPV4.exit_link):
            self.assert_proxies()


class CannotDrop(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.host = Host('alone')
        cls.addClassCleanup(cls.host.destroy)

    def assert_refused(self, flags, pattern, wrapper=()):
        path = write_config('{"listen": "127.0.0.1:21829"}')
        result = self.host.run(*wrapper, BINARY, *flags, 'server', path,
                               check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, pattern)

    def test_unknown_user(self):
        self.assert_refused(('-u', 'no-such-user'),
                            '-u no-such-user: there is no such user')

    def test_unknown_group(self):
        self.assert_refused(('--user', 'nobody:no-such-group'),
                            'there is no such group')

    def test_user_is_checked_with_the_configuration(self):
        self.assert_refused(('-t', '-u', 'no-such-user'),
                            'there is no such user')

    @unittest.skipUnless(shutil.which('setpriv'), 'needs setpriv')
    def test_not_root(self):
        self.assert_refused(('-u', 'nobody'), 'start as root', NOBODY)
