"""How many connections a user may have: acl[].max_connections."""

import socket
import threading

from cases import SERVER, ServerCase, fresh_port
from families import IPV4
from peers import receive, receive_until_reset, reset
from waiting import wait_until
from wire import auth_digest, encode_request

ALICE = {'name': 'alice', 'auth': 'of alice'}
BOB = {'name': 'bob', 'auth': 'of bob', 'max_connections': 3}
HOSTILE_THREADS = 4
ROUND_TRIPS = 200
NOBODY = '203.0.113.200'     # a host on a link of the exit


class UserLimit(ServerCase):
    family = IPV4

    def ask(self, user, destination=None):
        """Sends a request of the user. Returns the gate's end."""
        return self.send(encode_request(
            (self.family.user, fresh_port()), destination or self.destination,
            auth_digest(user['auth'])))

    def open_as(self, user):
        """Opens a connection that carries bytes. Returns both ends."""
        gate = self.ask(user)
        destination = self.accept(self.listener)
        self.assert_carries(gate, destination)
        return gate, destination

    def assert_carries(self, gate, destination):
        gate.sendall(b'question')
        self.assertEqual(receive(destination, 8), b'question')
        destination.sendall(b'answer')
        self.assertEqual(receive(gate, 6), b'answer')

    def assert_at_limit(self, server, user):
        server.mark()
        self.assertEqual(receive_until_reset(self.ask(user)), b'')
        server.wait_for('refused', user=user['name'],
                        reason='the user has reached max_connections')

    def end(self, server, pair):
        server.mark()
        reset(pair[0])
        receive_until_reset(pair[1])
        server.wait_for('closed')

    def reload(self, server, users):
        server.mark()
        server.reload(self.server_config({'acl': users}))
        server.wait_for('reloaded')

    def test_one_more_is_refused_until_one_ends(self):
        server = self.start_server({'acl': [ALICE, BOB]})
        pairs = [self.open_as(BOB) for _ in range(3)]
        self.assert_at_limit(server, BOB)
        self.assert_at_limit(server, BOB)
        self.end(server, pairs.pop())
        pairs.append(self.open_as(BOB))
        self.assert_at_limit(server, BOB)
        for pair in pairs:
            self.assert_carries(*pair)

    def test_whoever_is_refused_for_another_reason_takes_no_place(self):
        server = self.start_server({'acl': [{**BOB, 'max_connections': 1}]})
        for destination in ((self.family.destination, 9),    # nobody listens
                            ('127.0.0.1', 80)):              # denied
            self.assertEqual(receive_until_reset(self.ask(BOB, destination)),
                             b'')
            server.wait_for('refused')
            server.mark()
        self.open_as(BOB)

    def test_connections_that_are_being_made_count(self):
        server = self.start_server({'acl': [{**BOB, 'max_connections': 1}]})
        nowhere = (NOBODY, 80)
        pending = self.ask(BOB, nowhere)
        wait_until(lambda: self.net.exit.is_dialling(nowhere),
                   'the exit is dialling')
        self.assert_at_limit(server, BOB)
        server.mark()
        reset(pending)
        server.wait_for('refused')
        self.open_as(BOB)

    def test_hostile_user_at_the_limit_does_not_disturb_another(self):
        server = self.start_server({'acl': [ALICE, BOB]})
        mine = self.open_as(ALICE)
        bobs = [self.open_as(BOB) for _ in range(3)]
        stopping = threading.Event()
        hostile = [threading.Thread(target=self.storm, args=(stopping,))
                   for _ in range(HOSTILE_THREADS)]
        for thread in hostile:
            thread.start()
        try:
            server.wait_for('refused', user='bob')
            for _ in range(ROUND_TRIPS):
                self.assert_carries(*mine)
            for _ in range(10):
                self.end(server, self.open_as(ALICE))
        finally:
            stopping.set()
            for thread in hostile:
                thread.join()
        for pair in bobs:
            self.assert_carries(*pair)
        # None of these connections kept a place.
        self.end(server, bobs.pop())
        self.open_as(BOB)

    def storm(self, stopping):
        request = encode_request((self.family.user, 1), self.destination,
                                 auth_digest(BOB['auth']))
        while not stopping.is_set():
            with self.net.gate.socket(socket.AF_INET) as gate:
                try:
                    gate.connect(SERVER)
                    gate.sendall(request)
                    gate.recv(1)
                except ConnectionError:
                    pass

    def test_connections_from_before_a_reload_count(self):
        server = self.start_server({'acl': [ALICE, BOB]})
        pairs = [self.open_as(BOB) for _ in range(2)]
        # The user is removed, then comes back with another secret and
        # position.
        self.reload(server, [ALICE])
        changed = {**BOB, 'auth': 'a new one'}
        self.reload(server, [changed, ALICE])
        pairs.append(self.open_as(changed))
        self.assert_at_limit(server, changed)
        for pair in pairs:
            self.assert_carries(*pair)

    def test_user_without_a_name_has_the_same_limit_after_a_reload(self):
        nameless = {'auth': 'of nobody else', 'max_connections': 1}
        server = self.start_server({'acl': [nameless]})
        self.open_as(nameless)
        # A new user at the first position does not use up the other one's
        # places.
        first = {'auth': 'of the first', 'max_connections': 1}
        self.reload(server, [first, nameless])
        self.open_as(first)
        for user, name in ((first, 'acl[0]'), (nameless, 'acl[1]')):
            self.assert_at_limit(server, {**user, 'name': name})

    def test_limit_below_what_is_there_cuts_nobody_off(self):
        server = self.start_server({'acl': [BOB]})
        pairs = [self.open_as(BOB) for _ in range(3)]
        lower = {**BOB, 'max_connections': 1}
        self.reload(server, [lower])
        for left in (3, 2, 1):
            self.assertEqual(len(pairs), left)
            self.assert_at_limit(server, lower)
            for pair in pairs:
                self.assert_carries(*pair)
            self.end(server, pairs.pop())
        self.open_as(lower)

    def test_limit_that_is_raised_or_gone_lets_more_in(self):
        server = self.start_server({'acl': [{**BOB, 'max_connections': 1}]})
        self.open_as(BOB)
        self.assert_at_limit(server, BOB)
        self.reload(server, [{**BOB, 'max_connections': 2}])
        self.open_as(BOB)
        self.assert_at_limit(server, BOB)
        self.reload(server, [{'name': 'bob', 'auth': BOB['auth']}])
        for _ in range(3):
            self.open_as(BOB)
