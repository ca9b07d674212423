"""The ACL of the server: which account may use which source."""

import re

from cases import ServerCase
from families import BOTH, IPV4, IPV6
from peers import receive_until_reset
from wire import BLANK_AUTH, auth_digest, mapped

AUTH = 'the secret of one user'
FOREIGN = {IPV4: '192.0.2.200', IPV6: '2001:db8:bbbb::200'}

# One user has addresses of their own, and another one has no secret.
ONE_USER = {'auth': AUTH, 'name': 'alice',
            'allowed_src_ips': [family.users for family in BOTH]}
ONLY_NEIGHBOUR = {'auth': AUTH,
                  'allowed_src_ips': [family.second_user for family in BOTH]}
BLANK_USER = {'auth': '', 'allowed_src_ips': []}


class Acl:

    def assert_permitted(self, users, user, auth=BLANK_AUTH, **addresses):
        server = self.start_server({'acl': users})
        try:
            self.assert_serves(auth=auth, **addresses)
            server.wait_for('established', user=user)
        finally:
            server.finish()

    def assert_denied(self, users, user, reason, auth=BLANK_AUTH, **addresses):
        server = self.start_server({'acl': users})
        try:
            client = self.send(self.request(auth=auth, **addresses))
            self.assertEqual(receive_until_reset(client), b'')
            refused = server.wait_for('refused', reason=re.compile(reason))
            self.assertEqual(refused['user'], user)
            self.assert_nobody_came()
        finally:
            server.finish()

    def assert_nobody_came(self):
        """The next connection is the first that the destination sees."""
        probe = self.connect(self.net.exit, self.destination)
        self.assertEqual(self.accept(self.listener).getpeername(),
                         probe.getsockname())

    def test_right_auth_and_source(self):
        self.assert_permitted([ONE_USER], 'alice', auth=auth_digest(AUTH))

    def test_user_without_a_name_is_known_by_the_position(self):
        users = [BLANK_USER, {'auth': AUTH}]
        self.assert_permitted(users, 'acl[1]', auth=auth_digest(AUTH))

    def test_wrong_auth(self):
        self.assert_denied([ONE_USER], '-', 'auth', auth=auth_digest('wrong'))

    def test_right_auth_and_wrong_source(self):
        self.assert_denied([ONE_USER], 'alice', 'allowed_src_ips',
                           auth=auth_digest(AUTH),
                           source=(FOREIGN[self.family], 1234))

    def test_single_address_instead_of_a_prefix(self):
        self.assert_denied([ONLY_NEIGHBOUR], 'acl[0]', 'allowed_src_ips',
                           auth=auth_digest(AUTH))

    def test_blank_auth_matches_a_blank_one(self):
        self.assert_permitted([ONE_USER, BLANK_USER], 'acl[1]')

    def test_blank_auth_matches_nothing_else(self):
        self.assert_denied([ONE_USER], '-', 'auth')
        self.assert_denied([BLANK_USER], '-', 'auth', auth=auth_digest(AUTH))

    def test_absent_auth_is_a_blank_one(self):
        self.assert_permitted([{'name': 'bob'}], 'bob')

    def test_auth_of_another_length_matches_nobody(self):
        for auth in (b'', auth_digest(AUTH)[:31], auth_digest(AUTH) + b'x',
                     AUTH.encode()):
            with self.subTest(length=len(auth)):
                self.assert_denied([ONE_USER, BLANK_USER], '-', 'auth',
                                   auth=auth)

    def test_absent_sources_permit_any(self):
        self.assert_permitted([{'auth': AUTH}], 'acl[0]',
                              auth=auth_digest(AUTH))

    def test_empty_acl_is_off(self):
        self.assert_permitted([], '-', auth=auth_digest('anything'))

    def test_each_of_several_secrets(self):
        server = self.start_server({'acl': [
            {**ONE_USER, 'auth': ['the old secret of alice', AUTH]}]})
        for auth in ('the old secret of alice', AUTH):
            self.assert_serves(auth=auth_digest(auth))
            server.wait_for('established', user='alice')
        self.send(self.request(auth=auth_digest('another one')))
        server.wait_for('refused', user='-', reason=re.compile('auth'))

    def test_auth_is_never_logged(self):
        server = self.start_server({'acl': [ONE_USER]})
        self.assert_serves(auth=auth_digest(AUTH))
        self.send(self.request(auth=auth_digest('wrong')))
        server.wait_for('refused')
        for secret in (AUTH, auth_digest(AUTH).hex()):
            self.assertNotIn(secret, server.log)


class AclIPv4(Acl, ServerCase):
    family = IPV4

    def test_mapped_source_in_the_prefix(self):
        self.assert_permitted([ONE_USER], 'alice', auth=auth_digest(AUTH),
                              source=(mapped(self.source[0]), self.source[1]))

    def test_mapped_source_outside_the_prefix(self):
        self.assert_denied([ONE_USER], 'alice', 'allowed_src_ips',
                           auth=auth_digest(AUTH),
                           source=(mapped(FOREIGN[IPV4]), 1234))

    def test_ipv6_prefix_does_not_open_the_door_to_a_mapped_source(self):
        users = [{'auth': AUTH, 'allowed_src_ips': ['::/0']}]
        self.assert_denied(users, 'acl[0]', 'allowed_src_ips',
                           auth=auth_digest(AUTH),
                           source=(mapped(self.source[0]), self.source[1]))


class AclIPv6(Acl, ServerCase):
    family = IPV6
