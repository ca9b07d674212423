"""Applies what `srcproxy rules` prints: the firewall and the routes."""

import os
import re
import shutil
import socket
import tempfile
import unittest

import rules
import sandbox
from cases import CLIENT_CONFIG, SERVER_CONFIG, SERVER_PORT, NetworkCase
from daemons import write_config
from families import BOTH, IPV4, IPV6, af_of, endpoint
from hosts import DISCARD_PORT, LAST_ACK
from peers import receive, reset
from test_command import srcproxy
from test_privilege import NOBODY
from waiting import TIMEOUT, wait_until

PREFIXES = [family.users for family in BOTH]
ACL = [{'name': 'alice', 'allowed_src_ips': PREFIXES}]
MARK = 0x1234

# The types of an echo request and of its reply: ping(8).
PING = {socket.AF_INET: (socket.IPPROTO_ICMP, b'\x08', b'\x00'),
        socket.AF_INET6: (socket.IPPROTO_ICMPV6, b'\x80', b'\x81')}

# Rules of other programs, with the same mark and priority, and similar names.
OTHERS = """
    nft -f - <<END
    table inet srcproxy-server-2182 {
        chain prerouting {
            type filter hook prerouting priority mangle
            ip daddr 10.0.0.0/8 meta mark set 5
        }
    }
    table ip srcproxy-server-21829 { }
    table ip6 srcproxy-client-9001 { }
""" + '\nEND\n' + """
    for version in 4 6; do
        ip -$version rule add fwmark 5 table 12182 pref 30000
    done
    ip route add local 10.0.0.0/8 dev lo table 12182
    for tool in iptables ip6tables; do
        $tool -t mangle -N srcproxy-server-2182
        $tool -t mangle -A PREROUTING -p tcp -j srcproxy-server-2182
        $tool -t nat -A PREROUTING -p tcp --dport 9 -j REDIRECT --to-ports 9001
    done
"""
TOOLS = ('iptables', 'ip6tables', 'iptables-restore', 'ip6tables-restore',
         'iptables-save', 'ip6tables-save')
ROUTING = [['ip', option, *words] for option in ('-4', '-6')
           for words in (['rule'], ['route', 'show', 'table', 'all'])]


def variant_of(tool, variant):
    """The name of the tool's variant: iptables-nft-save for iptables-save."""
    command, *action = tool.split('-')
    return '-'.join([command, variant, *action])


def path_with(variant):
    """A PATH in which iptables is that variant."""
    folder = tempfile.mkdtemp(dir=sandbox.WORK)
    for tool in TOOLS:
        os.symlink(shutil.which(variant_of(tool, variant)),
                   os.path.join(folder, tool))
    return folder + ':' + os.environ['PATH']


def path_without(*names):
    """A PATH that lacks programs with these names."""
    folder = tempfile.mkdtemp(dir=sandbox.WORK)
    for directory in os.environ['PATH'].split(':'):
        for tool in os.listdir(directory) if os.path.isdir(directory) else ():
            link = os.path.join(folder, tool)
            if not tool.startswith(names) and not os.path.lexists(link):
                os.symlink(os.path.join(directory, tool), link)
    return folder


def hiding(*files):
    """A wrapper that makes these files and folders look empty."""
    mounts = ''.join(
        f'mount -t tmpfs none {file}; ' if os.path.isdir(file)
        else f'[ ! -e {file} ] || mount --bind /dev/null {file}; '
        for file in files)
    return ('unshare', '--mount', 'sh', '-ec', mounts + 'exec "$@"', 'sh')


def without(program):
    """A wrapper that makes this program of /usr/sbin look not installed."""
    folder, name = os.path.split(shutil.which(program))
    return ('unshare', '--mount', 'sh', '-ec', f"""
        mount --bind {folder} /mnt
        mount -t tmpfs none {folder}
        for program in /mnt/*; do
            [ "$program" = /mnt/{name} ] || ln -s "$program" {folder}
        done
        exec "$@" """, 'sh')


def needs(variant):
    return unittest.skipUnless(
        all(shutil.which(variant_of(tool, variant)) for tool in TOOLS),
        f'needs iptables-{variant}')


class Half:
    """The rules of one half on one host, printed with these options."""

    def __init__(self, host, role, config, prefixes=(), options=(),
                 environment=None, wrapper=()):
        self._host = host
        self._environment = environment
        self._wrapper = wrapper
        self._arguments = [*options, role, write_config(config), *prefixes]

    def commands(self, *options):
        result = srcproxy('rules', *options, *self._arguments)
        if result.returncode or result.stderr:
            raise AssertionError(f'rules {self._arguments}: {result.stderr}')
        return result.stdout

    def _sh(self, *options):
        ran = self._host.run(*self._wrapper, 'sh',
                             input=self.commands(*options),
                             env=self._environment)
        if ran.stdout or ran.stderr:
            raise AssertionError(f'rules {self._arguments}: {ran.stdout}'
                                 f'{ran.stderr}')

    def apply(self):
        self._sh()

    def remove(self):
        self._sh('--remove')

    def state(self):
        """The whole firewall and all routes."""
        def lines(*command):
            return self._host.run(*command, env=self._environment
                                  ).stdout.splitlines()

        if self._environment:
            # The built-in chains stay after the first use of iptables.
            firewall = [line for tool in ('iptables-save', 'ip6tables-save')
                        for line in lines('sh', '-c', tool)
                        if line.startswith('-A') or ' - [' in line]
        else:
            firewall = lines('nft', '-s', 'list', 'ruleset')
        return firewall + [line for command in ROUTING
                           for line in lines(*command)]


class Applied(NetworkCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rules.forbid_direct(cls.net.gate)
        # Some VPNs set this: then validation of sources considers the mark.
        cls.net.exit.sysctl('ipv4/conf/all/src_valid_mark', 1)
        for host in (cls.net.gate, cls.net.exit):
            host.run('sh', '-ec', OTHERS)
        for host in (cls.net.user, cls.net.destination):
            host.sysctl('ipv4/ping_group_range', '0 0')

    def assert_talks(self, one, other):
        one.sendall(b'hello')
        self.assertEqual(receive(other, 5), b'hello')
        other.sendall(b'world')
        self.assertEqual(receive(one, 5), b'world')

    def assert_connects(self, host, to_host, address, source=None):
        """The connection arrives with its own address, proxied or not.

        Returns both ends. The ports may differ: REDIRECT may choose another
        port if the firewall still knows an earlier connection from the same
        one.
        """
        listener = self.listen(to_host, address)
        one = self.connect(host, listener.getsockname()[:2], source)
        other = self.accept(listener)
        self.assertEqual(other.getpeername()[0], one.getsockname()[0])
        self.assert_talks(one, other)
        return one, other

    def assert_proxies(self, host, source):
        """A connection from that address of the host is proxied.

        Returns both ends.
        """
        family = IPV6 if ':' in source else IPV4
        ends = self.assert_connects(host, self.net.destination,
                                    family.destination, (source, 0))
        self.client.wait_for('established',
                             source=endpoint(*ends[1].getpeername()[:2]))
        return ends

    def assert_pinged(self, host, address):
        protocol, request, reply = PING[af_of(address)]
        with host.inside():
            ping = self.keep(socket.socket(af_of(address), socket.SOCK_DGRAM,
                                           protocol))
        ping.settimeout(TIMEOUT)
        ping.sendto(request + bytes(7), (address, 0))
        self.assertEqual(ping.recv(64)[:1], reply)

    def assert_port_unreachable(self, host, address):
        """Sends a datagram to a closed port. UDP is never proxied."""
        with host.inside():
            asking = self.keep(socket.socket(af_of(address),
                                             socket.SOCK_DGRAM))
        asking.settimeout(TIMEOUT)
        asking.connect((address, DISCARD_PORT))
        asking.send(b'anybody?')
        with self.assertRaises(ConnectionRefusedError):
            asking.recv(1)

    def assert_reachable(self, family):
        """The users' hosts can be reached.

        Packets that are not TCP pass in both directions.
        """
        self.assert_connects(self.net.destination, self.net.user, family.user)
        for host, address in ((self.net.destination, family.user),
                              (self.net.user, family.destination)):
            self.assert_pinged(host, address)
            self.assert_port_unreachable(host, address)

    def assert_works(self, own=False, reachable=True):
        """own: the gate's own connections are proxied, too.

        reachable: other hosts reach the users' hosts.
        """
        self.client.mark()
        ends = []
        for family in BOTH:
            ends.append(self.assert_proxies(self.net.user, family.user))
            if own:
                self.assert_proxies(self.net.gate, family.gate_users)
            if reachable:
                self.assert_reachable(family)
            # Examples are ssh to the gate, and from the gate to a user's host.
            self.assert_connects(self.net.user, self.net.gate,
                                 family.gate_link)
            self.assert_connects(self.net.gate, self.net.user, family.user)
        self.assertEqual(len(self.client.events('refused')), 0)
        return ends

    def check(self, client, server, client_options=(), server_options=(),
              environment=None, wrapper=(), **expected):
        """Checks all that the rules of these two configurations promise."""
        def halves(client, server):
            return (Half(self.net.exit, 'server', server, (), server_options,
                         environment),
                    Half(self.net.gate, 'client', client, PREFIXES,
                         client_options, environment))

        ours = halves(client, server)
        theirs = halves({**client, 'inbound': {'listen': ':9002'}},
                        {**server, 'listen': ':21830'})
        before = [half.state() for half in ours]
        for half in ours:
            half.remove()
            half.apply()
        self.start(self.net.exit, 'server', server, wrapper=wrapper)
        self.client = self.start(self.net.gate, 'client', client)
        applied = [half.state() for half in ours]
        ends = self.assert_works(**expected)
        for half in ours + theirs:
            half.apply()
        for half in theirs:
            half.remove()
        self.assertEqual([half.state() for half in ours], applied)
        for one, other in ends:
            self.assert_talks(one, other)
        self.assert_works(**expected)
        for half in ours * 2:
            half.remove()
            self.assertIn(half.state(), before)
        self.assertEqual([half.state() for half in ours], before)

    def check_iptables(self, variant, client):
        environment = {**os.environ, 'PATH': path_with(variant)}
        options = ['--iptables']
        self.check(client, {**SERVER_CONFIG, 'acl': ACL},
                   [*options, '--output'], options, environment, own=True)

    def from_a_user(self, **outbound):
        """The proxy's connections look like connections to redirect."""
        return {**CLIENT_CONFIG, 'outbound': {
            'server': endpoint(IPV4.exit_link, SERVER_PORT),
            'local_addr': IPV4.gate_users, **outbound}}

    def test_nft(self):
        self.check(self.from_a_user(fwmark=MARK, server='exit.test:21829'),
                   {**SERVER_CONFIG, 'acl': ACL}, ['--output'], own=True)

    @needs('nft')
    def test_iptables_nft(self):
        self.check_iptables('nft', self.from_a_user())

    @needs('legacy')
    def test_iptables_legacy(self):
        self.check_iptables('legacy', self.from_a_user(
            server='exit.test:21829'))

    def check_without_capabilities(self, options):
        """An exit with only IPv6 users works without capabilities."""
        server = {**SERVER_CONFIG, 'acl': [{'allowed_src_ips': [IPV6.users]}]}
        halves = (Half(self.net.exit, 'server', server, (), options),
                  Half(self.net.gate, 'client', CLIENT_CONFIG, PREFIXES))
        for half in halves:
            half.apply()
            self.addCleanup(half.remove)
        self.start(self.net.exit, 'server', server, wrapper=NOBODY)
        self.client = self.start(self.net.gate, 'client', CLIENT_CONFIG)
        self.assert_proxies(self.net.user, IPV6.user)
        self.assert_connects(self.net.destination, self.net.user, IPV6.user)

    def test_nft_for_ipv6_users_of_an_exit_without_capabilities(self):
        self.check_without_capabilities(())

    def test_iptables_for_ipv6_users_of_an_exit_without_capabilities(self):
        self.check_without_capabilities(['--iptables'])

    def test_exit_without_ip_transparent(self):
        self.check({**CLIENT_CONFIG, 'inbound': {'listen': 'gate.test:9001'}},
                   {**SERVER_CONFIG, 'acl': ACL}, (), ['--simple'],
                   wrapper=NOBODY, reachable=False)

    def test_host_without_names_of_protocols_and_services(self):
        """A host without Debian's package netbase lacks these names."""
        wrapper = hiding('/etc/protocols', '/etc/services')
        server = {**SERVER_CONFIG, 'acl': ACL}
        for options in ((), ('--iptables',), ('--simple',)):
            half = Half(self.net.exit, 'server', server, (), options,
                        wrapper=wrapper)
            before = [line for line in half.state() if 'srcproxy' in line]
            half.apply()
            half.apply()
            for version in '46':
                routes = self.net.exit.run(
                    'ip', f'-{version}', 'route', 'show', 'table', 'all')
                self.assertIn(f'table {100000 + SERVER_PORT}'
                              if '--simple' not in options or version == '6'
                              else f'metric {100000 + SERVER_PORT}',
                              routes.stdout)
            half.remove()
            self.assertEqual([line for line in half.state()
                              if 'srcproxy' in line], before)
        tproxy = {**CLIENT_CONFIG, 'inbound': {
            **CLIENT_CONFIG['inbound'], 'mode': 'tproxy'}}
        for config, *options in ((CLIENT_CONFIG, '--output'),
                                 (CLIENT_CONFIG, '--output', '--iptables'),
                                 (tproxy,), (tproxy, '--iptables')):
            half = Half(self.net.gate, 'client', config, PREFIXES,
                        options, wrapper=wrapper)
            half.apply()
            half.apply()
            half.remove()


class FromTheConfiguration(NetworkCase):
    """Rules need only inbound.users and inbound.bypass."""

    mode = 'redirect'

    def client_config(self, users):
        return {**CLIENT_CONFIG, 'inbound': {
            **CLIENT_CONFIG['inbound'], 'mode': self.mode, 'users': users,
            'bypass': [f':{self.bypass[IPV4]}',
                       f'[{IPV6.destination}]:{self.bypass[IPV6]}']}}

    def connect_through(self, family, source, port):
        """The connection arrives with the user's address, proxied or not.

        The gate logs it as established once the destination sends.
        """
        user = self.connect(self.net.user, (family.destination, port),
                            (source, 0))
        destination = self.accept(self.listeners[family, port])
        self.assertEqual(destination.getpeername()[:2],
                         user.getsockname()[:2])
        destination.sendall(b'hello')
        self.assertEqual(receive(user, 5), b'hello')
        return endpoint(*user.getsockname()[:2])

    def check(self, *options):
        self.listeners, self.bypass, proxied = {}, {}, {}
        for family in BOTH:
            for ports in (self.bypass, proxied):
                listener = self.listen(self.net.destination,
                                       family.destination)
                ports[family] = listener.getsockname()[1]
                self.listeners[family, ports[family]] = listener
        server = {**SERVER_CONFIG, 'acl': ACL}
        client = self.client_config(
            PREFIXES + [f'!{family.second_user}' for family in BOTH])
        halves = [Half(self.net.exit, 'server', server, (), options),
                  Half(self.net.gate, 'client', client, (), options)]
        before = [half.state() for half in halves]
        for half in halves:
            half.apply()
            self.addCleanup(half.remove)
        applied = [half.state() for half in halves]
        for half in halves:
            half.apply()
        self.assertEqual([half.state() for half in halves], applied)
        self.start(self.net.exit, 'server', server)
        daemon = self.start(self.net.gate, 'client', client)
        for family in BOTH:
            self.connect_through(family, family.user, self.bypass[family])
            self.connect_through(family, family.second_user, proxied[family])
            source = self.connect_through(family, family.user,
                                          proxied[family])
            daemon.wait_for('established', source=source)
        self.assertEqual(len(daemon.events('established')), len(BOTH))
        daemon.reload(self.client_config([f'{IPV4.second_user}']))
        daemon.wait_for('reloaded')
        for family in BOTH:
            daemon.mark()
            self.assert_reset(self.net.user,
                              (family.destination, proxied[family]))
            daemon.wait_for('refused', reason=re.compile('inbound.users'))
        for half in halves:
            half.remove()
        self.assertEqual([[line for line in half.state() if 'srcproxy' in line]
                          for half in halves],
                         [[line for line in state if 'srcproxy' in line]
                          for state in before])

    def test_nft(self):
        self.check()

    def test_iptables(self):
        self.check('--iptables')


class OverlappingUsers(NetworkCase):
    """Two instances on the gate: the longer prefix gets the connection."""

    def serve(self, source, daemon):
        """The connection from that address is the daemon's."""
        family = IPV6 if ':' in source else IPV4
        daemon.mark()
        listener = self.listen(self.net.destination, family.destination)
        user = self.keep(self.net.user.socket(family.af))
        user.settimeout(TIMEOUT)
        user.bind((source, 0))
        user.connect(listener.getsockname()[:2])
        self.accept(listener).sendall(b'hello')
        self.assertEqual(receive(user, 5), b'hello')
        daemon.wait_for('established', source=endpoint(
            *user.getsockname()[:2]))

    def check(self, *options, mode='redirect'):
        server = {**SERVER_CONFIG, 'acl': ACL}
        self.start(self.net.exit, 'server', server)
        delivery = Half(self.net.exit, 'server', server)
        delivery.apply()
        self.addCleanup(delivery.remove)
        configs = [{**CLIENT_CONFIG, 'inbound': {
            'mode': mode, 'listen': listen, 'users': users}}
                   for listen, users in (
                       (':9001', PREFIXES),
                       (':9002', [family.second_user for family in BOTH]))]
        daemons = [self.start(self.net.gate, 'client', config)
                   for config in configs]
        halves = [Half(self.net.gate, 'client', config, (), options)
                  for config in configs]
        before = halves[0].state()
        wide, narrow = halves
        # Some VPNs set this. One's packets are then spoofed to the other's
        # routes, if these are for all addresses.
        self.net.gate.sysctl('ipv4/conf/all/src_valid_mark', 1)
        for order in (wide, narrow, wide), (narrow, wide, narrow, wide):
            for half in order:
                half.apply()
                self.addCleanup(half.remove)
            for family in BOTH:
                self.serve(family.user, daemons[0])
                self.serve(family.second_user, daemons[1])
            narrow.remove()
            for family in BOTH:
                self.serve(family.second_user, daemons[0])
            wide.remove()
            self.assertEqual([line for line in halves[0].state()
                              if 'srcproxy' in line],
                             [line for line in before if 'srcproxy' in line])

    def test_nft(self):
        self.check()

    def test_iptables(self):
        self.check('--iptables')

    def test_tproxy_by_nft(self):
        self.check(mode='tproxy')

    def test_tproxy_by_iptables(self):
        self.check('--iptables', mode='tproxy')


class FromTheConfigurationByTproxy(FromTheConfiguration):
    mode = 'tproxy'


class LinkLocalListener(NetworkCase):

    def check(self, mode, *options):
        server = {**SERVER_CONFIG, 'acl': ACL}
        self.start(self.net.exit, 'server', server)
        Half(self.net.exit, 'server', server).apply()
        # The number, as "srcproxy rules" runs where the name is unknown.
        link = self.net.gate.run(
            'ip', 'link', 'show', 'dev', 'users0').stdout.split(':')[0]
        self.net.gate.ip('addr replace fe80::7/64 dev users0 nodad')
        self.addCleanup(self.net.gate.ip, 'addr del fe80::7/64 dev users0')
        config = {**CLIENT_CONFIG, 'inbound': {
            'mode': mode, 'listen': f'[fe80::7%{link}]:9001',
            'users': [IPV6.users]}}
        half = Half(self.net.gate, 'client', config, (), options)
        half.apply()
        self.addCleanup(half.remove)
        client = self.start(self.net.gate, 'client', config)
        listener = self.listen(self.net.destination, IPV6.destination)
        user = self.connect(self.net.user, listener.getsockname()[:2])
        self.accept(listener).sendall(b'hello')
        self.assertEqual(receive(user, 5), b'hello')
        client.wait_for('established', source=endpoint(
            *user.getsockname()[:2]))

    def test_nft(self):
        self.check('redirect')

    def test_iptables(self):
        self.check('redirect', '--iptables')

    def test_nft_by_tproxy(self):
        self.check('tproxy')

    def test_iptables_by_tproxy(self):
        self.check('tproxy', '--iptables')


class ChangedMode(NetworkCase):
    """The gate's rules for one mode are applied, then those for the other."""

    def check(self, *options):
        server = {**SERVER_CONFIG, 'acl': ACL}
        self.start(self.net.exit, 'server', server)
        Half(self.net.exit, 'server', server).apply()
        for modes in ('redirect', 'tproxy'), ('tproxy', 'redirect'):
            configs = [{**CLIENT_CONFIG, 'inbound': {
                'mode': mode, 'listen': ':9001', 'users': PREFIXES}}
                       for mode in modes]
            first, second = [
                Half(self.net.gate, 'client', config, (), options)
                for config in configs]
            before = first.state()
            first.apply()
            second.apply()
            client = self.start(self.net.gate, 'client', configs[1])
            for family in BOTH:
                listener = self.listen(self.net.destination,
                                       family.destination)
                user = self.keep(self.net.user.socket(family.af))
                user.settimeout(TIMEOUT)
                user.connect(listener.getsockname()[:2])
                self.accept(listener).sendall(b'hello')
                self.assertEqual(receive(user, 5), b'hello')
                reset(user)
            client.stop()
            first.apply()
            second.apply()
            second.remove()
            # The built-in chains stay.
            self.assertEqual([line for line in second.state()
                              if re.search('srcproxy|20000', line)],
                             [line for line in before
                              if re.search('srcproxy|20000', line)])

    def test_nft(self):
        self.check()

    def test_iptables(self):
        self.check('--iptables')


class RuleOfRouting(NetworkCase):
    """It stays when systemd-networkd removes the rules of others."""

    def rules(self, option):
        return self.net.exit.run('ip', '-details', option, 'rule', 'list',
                                 'table', '121829').stdout.splitlines()

    def test_protocol(self):
        half = Half(self.net.exit, 'server', {
            **SERVER_CONFIG, 'listen': ':21829', 'acl': ACL})
        half.apply()
        self.addCleanup(half.remove)
        for option in '-4', '-6':
            rule, = self.rules(option)
            self.assertRegex(rule, ' proto kernel *$')
            # As an earlier version has made it.
            words = re.sub(r'(\d+):(.*) proto kernel *', r'\2 pref \1', rule)
            for command in 'del', 'add':
                self.net.exit.run('ip', option, 'rule', command,
                                  *words.split())
            self.assertNotIn('kernel', *self.rules(option))
        for _ in range(2):
            half.apply()
            for option in '-4', '-6':
                rule, = self.rules(option)
                self.assertRegex(rule, ' proto kernel *$')


class LostAcknowledgement(NetworkCase):
    """The last acknowledgement of a connection is lost.

    The destination sends its FIN again. The exit, in TIME_WAIT, must then send
    the acknowledgement again.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rules.forbid_direct(cls.net.gate)
        Half(cls.net.gate, 'client', CLIENT_CONFIG, PREFIXES).apply()
        cls.start_for_class(cls.net.exit, 'server',
                            {**SERVER_CONFIG, 'acl': ACL})
        cls.start_for_class(cls.net.gate, 'client', CLIENT_CONFIG)

    def dropped(self, family):
        """How many packets the destination's only rule has dropped."""
        listed = self.net.destination.run(family.iptables, '-vnxL', 'INPUT')
        return int(listed.stdout.splitlines()[2].split()[0])

    def states(self, family, local, remote):
        return [entry.state
                for entry in self.net.destination.tcp_entries(family.af)
                if (entry.local, entry.remote) == (local, remote)]

    def check_family(self, family):
        host = self.net.destination
        listener = self.listen(host, family.destination)
        user = self.connect(self.net.user, listener.getsockname()[:2])
        destination = self.accept(listener)
        ends = destination.getsockname()[:2], destination.getpeername()[:2]
        user.shutdown(socket.SHUT_WR)
        self.assertEqual(destination.recv(1), b'')
        rule = ('INPUT', '-p', 'tcp', '--dport', str(ends[0][1]),
                '--tcp-flags', 'ALL', 'ACK', '-m', 'statistic', '--mode',
                'nth', '--every', '1000', '--packet', '0', '-j', 'DROP')
        host.run(family.iptables, '-A', *rule)
        try:
            destination.close()
            self.assertEqual(user.recv(1), b'')
            wait_until(lambda: self.dropped(family) == 1,
                       'the last acknowledgement is lost')
            wait_until(lambda: not self.states(family, *ends),
                       f'{ends} leaves the state LAST-ACK ({LAST_ACK})')
            self.assertEqual(self.dropped(family), 1)
        finally:
            host.run(family.iptables, '-D', *rule)

    def check(self, *options):
        half = Half(self.net.exit, 'server', {**SERVER_CONFIG, 'acl': ACL},
                    (), options)
        half.apply()
        self.addCleanup(half.remove)
        for family in BOTH:
            with self.subTest(family=family.ip_option):
                self.check_family(family)

    def test_nft(self):
        self.check()

    def test_iptables(self):
        self.check('--iptables')

    def test_simple(self):
        self.check('--simple')


class WithoutIPv6(NetworkCase):
    """IPv6 is switched off on both hosts after the commands were printed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rules.forbid_direct(cls.net.gate)
        for host in (cls.net.gate, cls.net.exit):
            host.sysctl('ipv6/conf/all/disable_ipv6', 1)

    def halves(self, options=(), environment=None, wrapper=(),
               prefixes=PREFIXES):
        server_options = [option for option in options if option != '--output']
        client_options = [option for option in options if option != '--simple']
        return (Half(self.net.exit, 'server', SERVER_CONFIG, prefixes,
                     server_options, environment, wrapper),
                Half(self.net.gate, 'client', CLIENT_CONFIG, prefixes,
                     client_options, environment, wrapper))

    def apply(self, half, host, shell=('sh', '-e'), environment=None,
              wrapper=()):
        self.addCleanup(half.remove)
        return host.run(*wrapper, *shell, input=half.commands(),
                        env=environment, check=False)

    def assert_left_out(self, ran, why='IPv6 is disabled on this host'):
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (
            0, '', f'srcproxy: {why}: the rules for IPv6 users are left out\n'))

    def assert_carries(self):
        """Connects from the only address that IPv4 users may use."""
        listener = self.listen(self.net.destination, IPV4.destination)
        user = self.connect(self.net.user, listener.getsockname()[:2])
        self.assertEqual(self.accept(listener).getpeername()[:2],
                         user.getsockname()[:2])

    def check(self, *options, environment=None):
        for shell in ('sh',), ('sh', '-e'):
            exit_half, gate_half = self.halves(options, environment)
            self.assert_left_out(self.apply(exit_half, self.net.exit, shell,
                                            environment))
            ran = self.apply(gate_half, self.net.gate, shell, environment)
            if '--iptables' in options:
                self.assert_left_out(ran)
            else:
                self.assertEqual((ran.returncode, ran.stderr), (0, ''))
            server = self.start(self.net.exit, 'server', SERVER_CONFIG)
            client = self.start(self.net.gate, 'client', CLIENT_CONFIG)
            self.assert_carries()
            client.finish()
            server.finish()
            for half in exit_half, gate_half:
                half.remove()
            with self.assertRaises(ConnectionRefusedError):
                self.assert_carries()

    def test_nft(self):
        self.check()

    def test_simple(self):
        self.check('--simple')

    @needs('nft')
    def test_iptables_nft(self):
        self.check('--iptables', environment={
            **os.environ, 'PATH': path_with('nft')})

    @needs('legacy')
    def test_iptables_legacy(self):
        self.check('--iptables', environment={
            **os.environ, 'PATH': path_with('legacy')})

    def test_all_users_are_of_the_family_that_is_missing(self):
        exit_half, gate_half = self.halves(['--iptables'],
                                           prefixes=[IPV6.users])
        for half, host in ((exit_half, self.net.exit),
                           (gate_half, self.net.gate)):
            ran = self.apply(half, host, ('sh',))
            self.assertEqual(ran.returncode, 1)
            self.assertIn('IPv6 is disabled on this host', ran.stderr)

    def test_failure_for_the_other_family(self):
        """A failure for IPv4 counts, even where IPv6 is left out."""
        folder = tempfile.mkdtemp(dir=sandbox.WORK)
        for tool in 'ip', 'iptables-restore':
            os.symlink(shutil.which('false'), os.path.join(folder, tool))
        broken = {**os.environ, 'PATH': folder + ':' + os.environ['PATH']}
        exit_half, gate_half = self.halves(['--iptables'])
        for half, host in ((exit_half, self.net.exit),
                           (gate_half, self.net.gate)):
            for shell in ('sh',), ('sh', '-e'):
                ran = self.apply(half, host, shell, broken)
                self.assertNotEqual(ran.returncode, 0)


class HalfAFirewall(NetworkCase):
    """Hosts with IPv6 that lack programs or modules for the commands."""

    def apply(self, half, **options):
        self.addCleanup(half.remove)
        return self.net.exit.run('sh', '-e', input=half.commands(),
                                 check=False, **options)

    def exit_half(self, *options, **others):
        return Half(self.net.exit, 'server', {**SERVER_CONFIG, 'acl': ACL}, (),
                    options, **others)

    def routes(self, version):
        return self.net.exit.run('ip', f'-{version}', 'route', 'show', 'table',
                                 str(100000 + SERVER_PORT),
                                 check=False).stdout

    def test_host_without_ip6tables(self):
        environment = {**os.environ, 'PATH': path_without('ip6tables')}
        ran = self.apply(self.exit_half('--iptables'), env=environment)
        self.assertEqual((ran.returncode, ran.stderr), (
            0, 'srcproxy: ip6tables is not installed: the rules for IPv6 '
            'users are left out\n'))
        self.assertIn(IPV4.users, self.routes(4))
        self.assertEqual(self.routes(6), '')

    def test_kernel_without_ipv6(self):
        """The kernel was booted with ipv6.disable=1."""
        ran = self.net.exit.run(
            *hiding('/proc/sys/net/ipv6'), 'sh', '-e', check=False,
            input=self.exit_half().commands())
        self.addCleanup(self.exit_half().remove)
        self.assertEqual((ran.returncode, ran.stderr), (
            0, 'srcproxy: IPv6 is disabled on this host: the rules for IPv6 '
            'users are left out\n'))
        self.assertIn(IPV4.users, self.routes(4))
        self.assertEqual(self.routes(6), '')

    def test_failure_for_ipv6_where_it_is_there(self):
        folder = tempfile.mkdtemp(dir=sandbox.WORK)
        path = os.path.join(folder, 'ip')
        with open(path, 'w') as file:
            file.write('#!/bin/sh\ncase $* in -6\\ route*) exit 2 ;; esac\n'
                       f'exec {shutil.which("ip")} "$@"\n')
        os.chmod(path, 0o755)
        ran = self.apply(self.exit_half(), env={
            **os.environ, 'PATH': folder + ':' + os.environ['PATH']})
        self.assertNotEqual(ran.returncode, 0)


@needs('nft')
class NativeChains(NetworkCase):
    """Rules of iptables that nft listed and loaded again as its own."""

    def check(self, host, half, family, table):
        """Nothing is left except what others have in the same table."""
        half.remove()
        left = host.run('nft', 'list', 'table', family, table).stdout
        self.assertNotIn('srcproxy', left)
        self.assertIn('dport 9 ', left)

    def test_chains_that_were_saved_and_loaded(self):
        host = self.net.gate
        half = Half(host, 'client', CLIENT_CONFIG, PREFIXES,
                    ['--iptables', '--output'],
                    {**os.environ, 'PATH': path_with('nft')})
        half.apply()
        host.run('sh', '-ec', """
            for tool in iptables ip6tables; do
                $tool -t nat -A OUTPUT -p tcp --dport 9 -j ACCEPT
            done
            for family in ip ip6; do
                saved=$(nft list table $family nat)
                nft delete table $family nat
                echo "$saved" | nft -f -
            done""")
        listed = host.run('iptables', '-t', 'nat', '-S',
                          'srcproxy-client-9001', check=False)
        self.assertNotEqual(listed.returncode, 0, 'it is no native chain')
        for family in 'ip', 'ip6':
            self.check(host, half, family, 'nat')

    def test_chains_as_newer_versions_list_them(self):
        """The newer versions of nft know -m socket."""
        host, name = self.net.exit, f'srcproxy-server-{SERVER_PORT}'
        half = Half(host, 'server', {**SERVER_CONFIG, 'acl': ACL}, (),
                    ['--iptables'])
        host.run('nft', '-f', '-', input=f"""
            table ip6 mangle {{
                chain {name} {{
                    ip6 daddr {IPV6.users} socket wildcard 0 \\
                        counter meta mark set 0x5
                }}
                chain PREROUTING {{
                    type filter hook prerouting priority mangle
                    meta l4proto tcp counter jump {name}
                    tcp dport 9 counter jump {name}0
                    meta l4proto icmpv6 counter goto {name}
                }}
                chain {name}0 {{ }}
            }}""".replace(name + '0', 'others'))
        self.check(host, half, 'ip6', 'mangle')


def setUpModule():
    sandbox.write_hosts_file(
        f'{IPV4.exit_link} exit.test\n'
        f'{IPV4.gate_link} gate.test\n{IPV6.gate_link} gate.test\n')
