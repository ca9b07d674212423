"""Where users may go: allowed_dst_ips, and what is refused without it."""

import re

from cases import SERVER_PORT, ServerCase, fresh_port
from families import BOTH, IPV4, IPV6, endpoint
from peers import receive_until_reset
from wire import BLANK_AUTH, auth_digest, mapped

ALICE, BOB = auth_digest('of alice'), auth_digest('of bob')


class Destination:

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The metadata service of a cloud. The exit has a route to it.
        bits = cls.family.host_bits
        cls.net.destination.ip(f'addr add {cls.metadata}/{bits} dev eth0')
        cls.net.exit.ip(
            f'route add {cls.metadata} via {cls.family.destination}')

    def assert_refused(self, server, destination, reason, user='-',
                       auth=BLANK_AUTH):
        server.mark()
        client = self.send(self.request(destination=destination, auth=auth))
        self.assertEqual(receive_until_reset(client), b'')
        refused = server.wait_for('refused', reason=re.compile(reason))
        self.assertEqual(refused['user'], user)
        self.assertEqual(refused.level, 'error')

    def assert_nobody_came(self, listener, to):
        """The next connection is the first one that arrives there."""
        probe = self.connect(self.net.exit, to)
        self.assertEqual(self.accept(listener).getpeername(),
                         probe.getsockname())

    def assert_refuses_special(self, config, user):
        """No connection reaches a listener on all addresses of the exit."""
        server = self.start_server(config)
        listener = self.listen(self.net.exit, self.family.any)
        port = listener.getsockname()[1]
        for address, reason in self.special:
            with self.subTest(address=address):
                self.assert_refused(server, (address, port), reason, user)
        self.assert_nobody_came(listener, (self.family.exit_link, port))

    def assert_refuses_metadata(self, config, user):
        server = self.start_server(config)
        listener = self.listen(self.net.destination, self.metadata)
        to = listener.getsockname()[:2]
        for address in (self.metadata, *self.metadata_in_disguise):
            with self.subTest(address=address):
                self.assert_refused(server, (address, to[1]),
                                    self.metadata_reason, user)
        self.assert_nobody_came(listener, to)

    def test_special_destinations_while_the_acl_is_off(self):
        self.assert_refuses_special({}, '-')

    def test_special_destinations_of_a_user(self):
        self.assert_refuses_special({'acl': [{'name': 'alice'}]}, 'alice')

    def test_special_destinations_of_a_user_who_may_go_everywhere(self):
        self.assert_refuses_special(
            {'acl': [{'allowed_dst_ips': ['0.0.0.0/0', '::/0']}]}, 'acl[0]')

    def test_metadata_while_the_acl_is_off(self):
        self.assert_refuses_metadata({}, '-')

    def test_metadata_of_a_user(self):
        self.assert_refuses_metadata({'acl': [{'name': 'alice'}]}, 'alice')

    def test_metadata_for_whom_it_is_named(self):
        self.start_server({'acl': [{'allowed_dst_ips': [self.metadata]}]})
        self.listener = self.listen(self.net.destination, self.metadata)
        self.destination = self.listener.getsockname()[:2]
        self.assert_serves()

    def test_loopback_for_whom_it_is_named(self):
        self.start_server({'acl': [{'allowed_dst_ips': [self.loopback]}]})
        self.listener = self.listen(self.net.exit, self.loopback)
        self.destination = self.listener.getsockname()[:2]
        self.assert_serves()

    def test_loopback_is_nobodys_source(self):
        # Services on the exit would take the user for a local user.
        server = self.start_server()
        self.source = (self.loopback, fresh_port())
        self.assert_refused(server, self.destination, 'loopback source', '-')

    def test_own_listener_by_each_address(self):
        # A loop is refused even if the ACL allows this destination. The same
        # holds for an address that is local only by the rule for replies.
        server = self.start_server({
            'listen': f':{SERVER_PORT}',
            'acl': [{'allowed_dst_ips': ['0.0.0.0/0', '::/0', '127.0.0.0/8',
                                         '::1']}]})
        for address in self.own_addresses:
            with self.subTest(address=address):
                self.assert_refused(server, (address, SERVER_PORT),
                                    'listener', 'acl[0]')
        self.assertFalse(server.events('established'))

    def test_two_users_with_destinations_of_their_own(self):
        server = self.start_server({'acl': [
            {'name': 'alice', 'auth': 'of alice',
             'allowed_dst_ips': [family.destination for family in BOTH]},
            {'name': 'bob', 'auth': 'of bob',
             'allowed_dst_ips': [f'{family.second_destination}/'
                                 f'{family.host_bits}' for family in BOTH]},
        ]})
        self.assert_serves(auth=ALICE)
        self.assert_refused(server, self.destination, 'allowed_dst_ips',
                            'bob', BOB)
        self.listener = self.listen(self.net.destination,
                                    self.family.second_destination)
        self.destination = self.listener.getsockname()[:2]
        self.assert_refused(server, self.destination, 'allowed_dst_ips',
                            'alice', ALICE)
        self.assert_serves(auth=BOB)

    def test_denied_destinations_win_and_are_read_again(self):
        allowed = {'acl': [{'name': 'alice', 'allowed_dst_ips': [
            family.destination for family in BOTH]}]}
        server = self.start_server(allowed)
        self.assert_serves()
        port = self.destination[1]
        for denied, reason in (
                ({**allowed, 'denied_dst_ips': [f':{port}']},
                 'is among denied_dst_ips'),
                ({'acl': [{**allowed['acl'][0], 'denied_dst_ips': [
                    endpoint(*self.destination)]}]},
                 "among the user's denied_dst_ips")):
            with self.subTest(reason=reason):
                server.reload(self.server_config(denied))
                server.wait_for('reloaded')
                self.assert_refused(server, self.destination, reason, 'alice')
        server.reload(self.server_config(
            {**allowed, 'denied_dst_ips': [f':1-{port - 1}']}))
        server.wait_for('reloaded')
        self.assert_serves()

    def test_user_with_an_empty_list_goes_nowhere(self):
        server = self.start_server({'acl': [{'allowed_dst_ips': []}]})
        self.assert_refused(server, self.destination, 'allowed_dst_ips',
                            'acl[0]')
        server.wait_for_line('warning config .*: this user may connect nowhere')


class DestinationIPv4(Destination, ServerCase):
    family = IPV4
    special = [('127.0.0.1', 'loopback'), ('127.8.9.10', 'loopback'),
               (mapped('127.0.0.1'), 'loopback'),
               ('0.0.0.0', 'this destination'),
               (mapped('0.0.0.0'), 'this destination'),
               ('0.0.0.1', 'unspecified'), ('240.0.0.1', 'reserved')]
    loopback = '127.0.0.1'
    metadata = '169.254.169.254'
    metadata_in_disguise = [mapped(metadata)]
    metadata_reason = 'link-local'
    own_addresses = [IPV4.exit_link, IPV4.second_exit_link, IPV4.exit_out,
                     IPV4.no_user, '127.0.0.1', '127.8.9.10',
                     mapped(IPV4.exit_out), mapped('127.0.0.1')]


class DestinationIPv6(Destination, ServerCase):
    family = IPV6
    special = [('::1', 'loopback'), ('::', 'this destination'),
               ('fe80::1', 'link-local'), ('::127.0.0.1', 'compatible'),
               ('64:ff9b::127.0.0.1', 'loopback'),
               ('2002:7f00:1::1', 'loopback')]
    loopback = '::1'
    metadata = 'fd00:ec2::254'
    metadata_in_disguise = []
    metadata_reason = 'metadata'
    own_addresses = [IPV6.exit_link, IPV6.second_exit_link, IPV6.exit_out,
                     IPV6.no_user, '::1']
