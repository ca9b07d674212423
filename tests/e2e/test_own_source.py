"""No user sends from the exit's own addresses, unless one is named alone.

A connection from there to the exit would run over lo, which firewalls allow.
"""

import re
import signal

from cases import SERVER_PORT, ServerCase, fresh_port
from families import IPV4, IPV6, endpoint
from peers import receive_until_reset, reset
from sandbox import BINARY

REASON = re.compile("this host's own address")


class OwnSource:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.net.exit.run('nft', '-f', '-', input=f'''
            table inet closed {{
                chain input {{
                    type filter hook input priority 0; policy drop;
                    iifname lo accept
                    meta l4proto {{ icmp, icmpv6 }} accept
                    tcp dport {SERVER_PORT} accept
                    ct state established accept
                }}
            }}''')

    def setUp(self):
        super().setUp()
        self.source = (self.family.exit_out, fresh_port())
        self.listener = self.listen(self.net.exit, self.family.any)
        self.port = self.listener.getsockname()[1]
        self.destination = (self.family.exit_link, self.port)

    def assert_nobody_came(self):
        """The next connection is the first one that arrives there."""
        probe = self.connect(self.net.exit, (self.family.exit_link, self.port))
        self.assertEqual(self.accept(self.listener).getpeername(),
                         probe.getsockname())

    def assert_refused(self, server, source=None):
        server.mark()
        client = self.send(self.request(source=source))
        self.assertEqual(receive_until_reset(client), b'')
        refused = server.wait_for('refused', reason=REASON)
        self.assertEqual(refused.level, 'error')
        self.assertEqual(refused['destination'], endpoint(*self.destination))

    def redirect_output(self, to):
        """Redirects the exit's own connections for the destination."""
        protocol = 'ip6' if ':' in to else 'ip'
        self.destination = (self.family.destination, self.port)
        self.net.exit.run('nft', '-f', '-', input=f'''
            table {protocol} redirected {{
                chain output {{
                    type nat hook output priority -100
                    {protocol} daddr {self.family.destination} \
                        tcp dport {self.port} dnat to {to}
                }}
            }}''')
        self.addCleanup(self.net.exit.run, 'nft', 'delete', 'table', protocol,
                        'redirected')

    def test_without_an_acl(self):
        server = self.start_server()
        for address in (self.family.exit_out, self.family.exit_link,
                        self.family.second_exit_link):
            with self.subTest(address=address):
                self.assert_refused(server, (address, fresh_port()))
        self.assert_nobody_came()

    def test_whatever_port_is_asked_for(self):
        for policy in ('any', 'prefer', 'strict'):
            server = self.start_server({'source_port': policy})
            with self.subTest(policy=policy):
                for port in (0, 1023, fresh_port()):
                    self.assert_refused(server, (self.family.exit_out, port))
            server.finish()
        self.assert_nobody_came()

    def test_port_that_is_taken_is_no_way_around(self):
        server = self.start_server({'source_port': 'prefer'})
        self.assert_refused(server, (self.family.exit_out, self.port))
        self.assert_nobody_came()

    def test_prefix_that_holds_it(self):
        server = self.start_server({'acl': [
            {'name': 'alice', 'allowed_src_ips': [self.own_prefix]}]})
        told = server.wait_for('own-source', user='alice')
        self.assertEqual((told['prefix'], told['address'], told['permitted']),
                         (self.own_prefix, self.family.exit_out, 'no'))
        self.assert_refused(server)
        self.assert_nobody_came()
        server.send_signal(signal.SIGUSR1)
        self.assertEqual(
            server.wait_for('user', user='alice')['own_source'], '1')

    def test_others_of_that_prefix(self):
        self.start_server({'acl': [{'allowed_src_ips': [self.everybody]}]})
        self.source = (self.family.user, fresh_port())
        self.listener = self.listen_at_destination()
        self.destination = self.listener.getsockname()[:2]
        self.assert_serves()

    def test_address_that_comes_later(self):
        server = self.start_server()
        address = self.family.no_user
        client = self.send(self.request(source=(address, fresh_port())))
        server.wait_for('established')
        self.accept(self.listener)
        reset(client)
        server.wait_for('closed')
        change = f'addr {{}} {address}/{self.family.host_bits} dev link0'
        # Until the check for duplicates has ended, an IPv6 address is not in
        # use.
        self.net.exit.ip(change.format('add') + self.at_once)
        self.addCleanup(self.net.exit.ip, change.format('del'))
        self.assert_refused(server, (address, fresh_port()))
        self.assert_nobody_came()

    def test_destination_nat_of_the_exit(self):
        for to in (self.family.exit_link, self.loopback):
            with self.subTest(to=to):
                server = self.start_server()
                self.redirect_output(f'[{to}]' if ':' in to else to)
                self.assert_refused(server)
                server.finish()
                self.doCleanups()
        self.listener = self.listen(self.net.exit, self.family.any, self.port)
        self.assert_nobody_came()

    def test_address_that_is_named_alone(self):
        """This connection works, so the path is not why others fail."""
        for entry in (self.family.exit_out,
                      f'{self.family.exit_out}/{self.family.host_bits}'):
            with self.subTest(entry=entry):
                server = self.start_server({'acl': [
                    {'name': 'alice',
                     'allowed_src_ips': [self.own_prefix, entry]}]})
                server.wait_for_line(
                    'warning own-source user=alice '
                    f'address={self.family.exit_out} permitted=yes')
                self.assert_serves()
                server.finish()

    def test_each_within_a_prefix_is_named_up_to_twenty(self):
        addresses = [self.another % number for number in range(100, 125)]
        for address in addresses:
            change = f'addr {{}} {address}/{self.family.host_bits} dev link0'
            self.net.exit.ip(change.format('add') + self.at_once)
            self.addCleanup(self.net.exit.ip, change.format('del'))
        server = self.start_server({'acl': [
            {'name': 'alice', 'allowed_src_ips': [self.own_prefix]}]})
        server.wait_for_line('warning [0-9]+ more findings like these')
        told = re.findall(r'info own-source user=alice .*address=(\S+)',
                          server.log)
        self.assertEqual(len(set(told)), 20)
        self.assertLessEqual(set(told), {self.family.exit_out, *addresses})

    def test_it_is_said_after_a_reload(self):
        server = self.start_server({'acl': [
            {'name': 'alice', 'allowed_src_ips': [self.family.users]}]})
        self.assertNotIn('own-source', server.log)
        server.reload(self.server_config({'acl': [
            {'name': 'alice', 'allowed_src_ips': [self.own_prefix]}]}))
        told = server.wait_for('own-source', user='alice')
        self.assertEqual(told['address'], self.family.exit_out)

    def test_doctor_names_the_user(self):
        server = self.start_server({'acl': [
            {'name': 'alice', 'allowed_src_ips': [self.own_prefix]},
            {'name': 'bob', 'auth': 'b',
             'allowed_src_ips': [self.family.exit_out]},
            {'name': 'carol', 'auth': 'c',
             'allowed_src_ips': [self.family.users]}]})
        said = self.net.exit.run(BINARY, 'doctor', 'server',
                                 server.config_path, check=False).stdout
        self.assertIn(f'note: user alice: the prefix {self.own_prefix} '
                      f'includes {self.family.exit_out}, an address of this host', said)
        self.assertIn(f'note: user bob may send from {self.family.exit_out}, '
                      'an address of this host', said)
        self.assertNotIn('user carol', said)


class OwnSourceIPv4(OwnSource, ServerCase):
    family = IPV4
    at_once = ''
    own_prefix = '203.0.113.0/24'
    another = '203.0.113.%d'
    everybody = '0.0.0.0/0'
    loopback = '127.0.0.1'


class OwnSourceIPv6(OwnSource, ServerCase):
    family = IPV6
    at_once = ' nodad'
    own_prefix = '2001:db8:dddd::/64'
    another = '2001:db8:dddd::%d'
    everybody = '::/0'
    loopback = '::1'

    def test_anycast_address_of_a_subnet(self):
        server = self.start_server()
        self.assert_refused(server, ('2001:db8:dddd::', fresh_port()))
        self.assert_nobody_came()

    def test_anycast_address_although_any_can_be_bound(self):
        self.net.exit.sysctl('ipv6/ip_nonlocal_bind', 1)
        self.addCleanup(self.net.exit.sysctl, 'ipv6/ip_nonlocal_bind', 0)
        server = self.start_server()
        self.assert_refused(server, ('2001:db8:dddd::', fresh_port()))
        self.assert_nobody_came()
