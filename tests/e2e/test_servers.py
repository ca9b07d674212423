"""Several servers: which of them is used, and what it costs if one is away."""

import re
import socket

import rules
from cases import CLIENT_CONFIG, SERVER_PORT, RoutedCase
from families import IPV4, IPV6, endpoint
from injection import Injection
from peers import receive, receive_all, receive_until_reset, reset
from sandbox import BINARY
from segments import Segments
from waiting import wait_until
from wire import encode_again

AWAY, BACK = 'server-away', 'server-back'
NO_ANSWER = re.compile('^no answer for 3 s')
REST_SECONDS = 31


class ServersCase(RoutedCase):
    """The exit has two addresses: a server half at each, or at one of them."""

    def setUp(self):
        super().setUp()
        self.first = self.family.exit_link
        self.second = self.family.second_exit_link

    def start_at(self, address, **config):
        return self.start_server({'listen': endpoint(address, SERVER_PORT),
                                  **config})

    def start_gate(self, timeout='20s', options=None, **outbound):
        return self.start_client({
            'outbound': {'server': [endpoint(self.first, SERVER_PORT),
                                    endpoint(self.second, SERVER_PORT)],
                         **outbound},
            'timeout': timeout}, **(options or {}))

    def watch(self):
        segments = Segments(self.net.exit, 'link0')
        self.addCleanup(segments.close)
        return segments

    def silence(self, address):
        """Nobody answers at that address inside the with block."""
        return rules.black_hole(self.net.exit, self.family, SERVER_PORT,
                                address)

    def serve_one(self):
        """Opens a connection and returns its ends, after a byte each way."""
        user, destination = self.open()
        user.sendall(b'?')
        self.assertEqual(receive(destination, 1), b'?')
        destination.sendall(b'!')
        self.assertEqual(receive(user, 1), b'!')
        return user, destination

    def assert_served_by(self, client, address):
        """The next connection is, and both its lines say so."""
        client.mark()
        user, destination = self.serve_one()
        server = endpoint(address, SERVER_PORT)
        self.assertEqual(client.wait_for('established')['server'], server)
        reset(user)
        receive_until_reset(destination)
        self.assertEqual(client.wait_for('closed')['server'], server)

    def serving(self, client):
        """The server of a new connection."""
        client.mark()
        self.serve_one()
        return client.wait_for('established')['server']

    def asked(self, segments):
        """The addresses that got a SYN since the last call, in order."""
        return [segment.destination[0]
                for segment in segments.take_syns(SERVER_PORT)]


class Several:

    def test_first_is_preferred(self):
        self.start_at(self.first)
        self.start_at(self.second)
        client = self.start_gate()
        segments = self.watch()
        self.assert_served_by(client, self.first)
        self.assert_served_by(client, self.first)
        self.assertEqual(self.asked(segments), [self.first] * 2)
        self.assertEqual(client.events(AWAY), [])

    def test_first_that_refuses(self):
        self.start_at(self.second)
        client = self.start_gate()
        segments = self.watch()
        self.assert_served_by(client, self.second)
        away = client.wait_for(AWAY, server=endpoint(self.first, SERVER_PORT))
        self.assertEqual(away['reason'], 'Connection refused')
        self.assert_served_by(client, self.second)
        self.assertEqual(self.asked(segments),
                         [self.first, self.second, self.second])
        self.assertEqual(client.events(AWAY), [])

    def test_first_that_is_silent(self):
        """It costs 300 ms once; then only the gate's own look asks it."""
        self.start_at(self.first)
        self.start_at(self.second)
        client = self.start_gate()
        segments = self.watch()
        with self.silence(self.first):
            self.assert_served_by(client, self.second)
            client.wait_for(AWAY, reason=NO_ANSWER,
                            server=endpoint(self.first, SERVER_PORT))
            self.asked(segments)
            for _ in range(3):
                self.assert_served_by(client, self.second)
            self.assertEqual(self.asked(segments), [self.second] * 3)
            self.assertEqual(client.events(AWAY), [])

    def test_first_that_is_back(self):
        injection = Injection()
        self.start_at(self.second)
        client = self.start_gate(options=injection.options)
        self.assert_served_by(client, self.second)
        server = self.start_at(self.first)
        self.assert_served_by(client, self.second)
        injection.let_pass(REST_SECONDS)
        # This connection makes the gate look, and does not wait for it.
        self.assert_served_by(client, self.second)
        client.wait_for(BACK, server=endpoint(self.first, SERVER_PORT))
        self.assert_served_by(client, self.first)
        # The look is no connection for the server half.
        self.assertEqual(server.events('refused'), [])

    def test_lost_packet_is_no_reason(self):
        """A SYN is lost: the second serves that user, and the log is quiet."""
        self.start_at(self.first)
        self.start_at(self.second)
        client = self.start_gate()
        protocol = 'ip6' if ':' in self.first else 'ip'
        # Only the first SYN is lost: a second one would be late.
        with rules.dropping(self.net.exit, f'{protocol} daddr {self.first} '
                            f'tcp dport {SERVER_PORT} limit rate 1/day '
                            'burst 1 packets'):
            user = self.connect(self.net.user, (self.family.destination, 9))
            # Nobody listens there, so that it ends at once.
            client.wait_for_refusal(server=endpoint(self.second, SERVER_PORT))
        wait_until(lambda: self.first_is_used(client), 'it is used again')
        self.assertNotIn(AWAY, client.log)
        reset(user)

    def first_is_used(self, client):
        client.mark()
        user, _ = self.serve_one()
        reset(user)
        return client.wait_for('established')['server'] == \
            endpoint(self.first, SERVER_PORT)

    def test_all_that_refuse(self):
        client = self.start_gate()
        for _ in range(3):
            self.assert_reset(self.net.user, (self.family.destination, 80))
        refused = client.wait_for('refused', id='3')
        self.assertEqual(refused.level, 'error')
        self.assertIn('none of the servers answers', refused['reason'])
        self.assertEqual(len(client.events(AWAY)), 2)
        # The first to come back is used at once.
        self.start_at(self.second)
        self.assert_served_by(client, self.second)
        self.assertEqual(len(client.events(BACK)), 1)

    def test_all_that_refuse_a_slow_gate(self):
        """The time that a server has begins when it is asked."""
        injection = Injection()
        client = self.start_gate(options=injection.options)
        self.assert_reset(self.net.user, (self.family.destination, 80))
        self.start_at(self.second)
        injection.let_pass_at_connect(1)
        self.assert_served_by(client, self.second)

    def test_all_that_are_silent(self):
        """Users who come later are reset while the first one still waits."""
        client = self.start_gate(timeout='5s')
        with self.silence(self.first), self.silence(self.second):
            first = self.connect(self.net.user, (self.family.destination, 80))
            for address in self.first, self.second:
                client.wait_for(AWAY, reason=NO_ANSWER,
                                server=endpoint(address, SERVER_PORT))
            self.assertEqual(client.events('refused'), [])
            self.assert_reset(self.net.user, (self.family.destination, 80))
            refused = client.wait_for('refused', id='2')
            self.assertEqual([event['id'] for event in
                              client.events('refused')], ['2'])
            self.assertIn('none of the servers', refused['reason'])
            self.assertEqual(receive_until_reset(first), b'')
        self.assertEqual(len(client.events(AWAY)), 2)

    def test_user_who_gives_up_during_the_race(self):
        client = self.start_gate()
        with self.silence(self.first), self.silence(self.second):
            user = self.connect(self.net.user, (self.family.destination, 80))
            wait_until(
                lambda: self.net.gate.is_dialling((self.second, SERVER_PORT)),
                'the second is asked')
            reset(user)
            refused = client.wait_for('refused')
            self.assertEqual(refused.level, 'info')
        wait_until(lambda: not self.net.gate.is_dialling(
            (self.first, SERVER_PORT)), 'both attempts are given up')

    def start_with_cookie(self, address):
        """A server that takes data with SYNs, and knows this gate."""
        self.net.exit.sysctl('ipv4/tcp_fastopen', 3)
        self.addCleanup(self.net.exit.sysctl, 'ipv4/tcp_fastopen', 1)
        server = self.start_at(address)
        one = self.start_gate(server=endpoint(address, SERVER_PORT))
        self.serve_one()
        one.finish()
        return server

    def start_with_cookies(self):
        return [self.start_with_cookie(at) for at in (self.first, self.second)]

    def test_first_gets_the_request_alone_with_its_syn(self):
        """Two servers must not get the bytes of one user."""
        _, second = self.start_with_cookies()
        client = self.start_gate()
        segments = self.watch()
        self.assert_served_by(client, self.first)
        request = segments.take_syns(SERVER_PORT)[-1].payload
        self.assertEqual(len(request), len(encode_again(
            request, (self.family.user, 1), (self.family.destination, 80))))
        with self.silence(self.first):
            self.assert_served_by(client, self.second)
            syns = segments.take_syns(SERVER_PORT)
        self.assertEqual({syn.payload for syn in syns
                          if syn.destination[0] == self.second}, {b''})
        wait_until(lambda: second.events('established'), 'it has the request')

    def test_answer_that_is_late_repeats_nothing(self):
        """The first server got the request, and the second one all."""
        first, _ = self.start_with_cookies()
        client = self.start_gate()
        listener = self.listen_at_destination()
        to = listener.getsockname()[:2]
        family = 'ip6' if ':' in self.first else 'ip'
        with rules.dropping(self.net.gate,
                            f'{family} saddr {self.first} '
                            'tcp flags & (syn | ack) == (syn | ack)'):
            user = self.connect(self.net.user, to)
            user.sendall(b'once')
            ends = [self.accept(listener), self.accept(listener)]
            # Either server may be the quicker one.
            used = first.wait_for('established',
                                  destination=endpoint(*to))['used']
            ends.sort(key=lambda end: endpoint(*end.getpeername()[:2]) != used)
            ends[1].sendall(b'!')
            self.assertEqual(receive(user, 1), b'!')
            client.wait_for('established',
                            server=endpoint(self.second, SERVER_PORT))
        user.shutdown(socket.SHUT_WR)
        # The first one ends without a byte, by a reset.
        self.assertEqual(receive_until_reset(ends[0]), b'')
        self.assertEqual(receive_all(ends[1]), b'once')
        first.wait_for('closed', end='reset')

    def test_path_that_drops_syns_with_data(self):
        """An ordinary SYN is answered, so Fast Open is what is given up."""
        self.start_with_cookies()
        client = self.start_gate()

        def is_off():
            self.serve_one()
            return any(event.matches('fast-open-off', {'server': endpoint(
                self.first, SERVER_PORT)})
                       for event in client.events('fast-open-off'))

        with rules.dropping_data(self.net.exit, self.family):
            wait_until(is_off, 'two in a row are enough')
            wait_until(lambda: self.serving(client) == endpoint(
                self.first, SERVER_PORT), 'an ordinary SYN is enough there')
        self.assertEqual(client.events(AWAY), [])

    def test_next_one_gets_the_request_in_its_own_version(self):
        """The first one, of version 2, refuses the SYN that has its request."""
        first = self.start_with_cookie(self.first)
        self.start_at(self.second, protocol=1)
        servers = [endpoint(self.first, SERVER_PORT),
                   endpoint(self.second, SERVER_PORT),
                   endpoint(self.second, SERVER_PORT + 1)]
        client = self.start_client({
            'protocol': 'auto', 'outbound': {'server': servers}})
        for server, version in zip(servers, '21'):
            client.wait_for('server-version', server=server, version=version)
        first.stop()
        self.assert_served_by(client, self.second)

    def test_last_one_left_gets_the_request_with_its_syn(self):
        self.start_with_cookie(self.second)
        client = self.start_gate()
        segments = self.watch()
        self.assert_served_by(client, self.second)
        self.assertNotEqual(segments.take_syns(SERVER_PORT)[-1].payload, b'')

    def test_local_address_and_mark(self):
        server = self.start_at(self.second)
        client = self.start_gate(local_addr=self.family.second_gate_link,
                                 fwmark=7, congestion='reno')
        self.assert_served_by(client, self.second)
        peer = re.compile(
            re.escape(endpoint(self.family.second_gate_link, 0)[:-1]))
        server.wait_for('established', peer=peer)


class SeveralIPv4(Several, ServersCase):
    family = IPV4


class SeveralIPv6(Several, ServersCase):
    family = IPV6


class One(ServersCase):
    family = IPV4

    def start_alone(self, **options):
        return self.start_gate(server=endpoint(self.first, SERVER_PORT),
                               **options)

    def assert_waits(self):
        """The server is silent for 3 s, and the user is served after all."""
        client = self.start_alone(timeout='10m')
        with self.silence(self.first):
            user = self.connect(self.net.user, self.to)
            user.sendall(b'?')
            client.wait_for(AWAY, reason=NO_ANSWER)
            self.assertEqual(client.events('refused'), [])
            self.connect(self.net.user, self.to)
        # The kernel sends the SYN again.
        self.assertEqual(receive(self.accept_of(user), 1), b'?')
        client.wait_for(BACK)
        self.assertEqual(len(client.events(AWAY)), 1)

    def accept_of(self, user):
        while True:
            destination = self.accept(self.listener)
            if destination.getpeername() == user.getsockname():
                return destination

    def test_silence_is_said_while_the_first_user_waits(self):
        self.listener = self.listen_at_destination()
        self.to = self.listener.getsockname()[:2]
        self.start_at(self.first)
        self.assert_waits()

    def test_silence_of_a_server_that_takes_data_with_the_syn(self):
        self.net.exit.sysctl('ipv4/tcp_fastopen', 3)
        self.addCleanup(self.net.exit.sysctl, 'ipv4/tcp_fastopen', 1)
        self.start_at(self.first)
        client = self.start_alone()
        self.serve_one()
        client.finish()
        self.listener = self.listen_at_destination()
        self.to = self.listener.getsockname()[:2]
        self.assert_waits()

    def test_server_on_this_host_that_is_not_there(self):
        own = endpoint(IPV4.gate_link, SERVER_PORT)
        problem = f'outbound.server {own} is this host itself, and nobody ' \
            'listens there; '
        client = self.start_gate(server=own)
        client.wait_for_line(f'error {re.escape(problem)}|'
                             f'warning {re.escape(problem)}')
        client.finish()
        self.listen(self.net.gate, IPV4.gate_link, SERVER_PORT)
        client = self.start_gate(server=own)
        self.assertNotIn('nobody listens', client.log)

    def test_name_without_an_address(self):
        name = endpoint('nowhere.invalid', SERVER_PORT)
        client = self.start_gate(server=name)
        unknown = client.wait_for('server-unknown')
        self.assertEqual(unknown.level, 'warning')
        self.assertEqual(unknown['name'], 'nowhere.invalid')
        checked = self.net.gate.run(BINARY, '-t', 'client', client.config_path)
        self.assertIn('warning: outbound.server: nowhere.invalid: ',
                      checked.stderr)
        self.assertIn('the configuration is fine', checked.stdout)

    def test_line_has_no_field_for_it(self):
        self.start_at(self.first)
        client = self.start_alone()
        self.serve_one()
        self.assertNotIn('server', client.wait_for('established'))
