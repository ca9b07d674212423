"""The server half gets requests, good and bad, in any pieces."""

import random
import re
import resource
import select
import signal
import socket

from cases import SERVER, ServerCase, fresh_port
from families import IPV4, IPV6
from hosts import is_kept_alive
from injection import Injection
from peers import (end_stream, receive, receive_all, receive_until_reset,
                   reset, wait_until_taken)
from waiting import wait_until
from wire import BAD_VERSION, auth_digest, mapped

HANDSHAKE_TIMEOUT = '2s'
DRIP_SECONDS = 0.02
GARBAGE = 64 * 1024
SILENT = 1000


def raise_descriptors():
    """Allows this process as many descriptors as it may have.

    It needs one for each connection.
    """
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class GoodRequest:

    def assert_relays(self, client):
        destination = self.accept(self.listener)
        self.assertEqual(destination.getpeername()[:2], self.source)
        end_stream(client)
        self.assertEqual(receive_all(destination), b'question')
        destination.sendall(b'answer')
        end_stream(destination)
        # This is all: the server half adds nothing of its own.
        self.assertEqual(receive_all(client), b'answer')

    def test_whole_request_in_one_piece(self):
        self.start_server()
        client = self.send(self.request())
        client.sendall(b'question')
        self.assert_relays(client)

    def test_request_one_byte_at_a_time(self):
        self.start_server()
        client = self.send()
        for byte in self.request() + b'question':
            client.sendall(bytes([byte]))
        self.assert_relays(client)

    def test_nothing_waits_for_a_delayed_acknowledgement(self):
        # Nagle's algorithm holds the second piece until the first one is
        # acknowledged. The kernel counts the acknowledgements that its timer
        # sends; a busy half may be later than that, but not each time.
        self.start_server()
        self.assertIn(0, (self.count_delayed() for _ in range(5)))

    def count_delayed(self):
        """Sends five pieces. Returns how many acknowledgements were late."""
        clients = [self.send() for _ in range(5)]
        # By then a thread has set the options of each socket, and waits for
        # the request.
        wait_until(lambda: self.count_kept_alive() == len(clients),
                   'silent peers are kept alive')
        before = self.net.exit.tcp_counter('DelayedACKs')
        for end, client in enumerate(clients, 1):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
            client.sendall(self.request()[:end])
            wait_until_taken(client)
        late = self.net.exit.tcp_counter('DelayedACKs') - before
        for client in clients:
            reset(client)
        wait_until(lambda: self.count_kept_alive() == 0, 'all have ended')
        return late

    def count_kept_alive(self):
        return sum(entry.local == SERVER and is_kept_alive(entry)
                   for entry in self.net.exit.tcp_entries(socket.AF_INET))

    def test_first_bytes_glued_to_the_request(self):
        self.start_server()
        self.assert_relays(self.send(self.request() + b'question'))

    def test_request_stream_and_its_end_at_once(self):
        self.start_server()
        client = self.send()
        # With TCP_CORK all three leave in one segment.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        client.sendall(self.request() + b'question')
        self.assert_relays(client)

    def test_stream_that_looks_like_a_second_request(self):
        self.start_server()
        second = self.request()
        client = self.send(self.request() + second)
        end_stream(client)
        self.assertEqual(receive_all(self.accept(self.listener)), second)

    def test_auth_of_any_length_passes_while_the_acl_is_off(self):
        self.start_server()
        for length in (0, 5, 32, 255):
            with self.subTest(length=length):
                self.assert_serves(auth=b'x' * length)

    def test_source_and_destination_are_logged(self):
        server = self.start_server()
        self.assert_serves()
        server.wait_for('established', user='-')
        server.wait_for('closed', user='-')


class GoodRequestIPv4(GoodRequest, ServerCase):
    family = IPV4

    def test_mapped_source_next_to_a_plain_destination(self):
        self.start_server()
        self.assert_serves(source=(mapped(self.source[0]), self.source[1]))

    def test_plain_source_next_to_a_mapped_destination(self):
        self.start_server()
        address, port = self.destination
        self.assert_serves(destination=(mapped(address), port))

    def test_mapped_source_and_destination(self):
        self.start_server()
        address, port = self.destination
        self.assert_serves(source=(mapped(self.source[0]), self.source[1]),
                           destination=(mapped(address), port))


class GoodRequestIPv6(GoodRequest, ServerCase):
    family = IPV6


class BadRequest:
    """A bad request is reset and logged, and no destination hears of it."""

    def assert_refused(self, data, reason):
        # Use a new server each time: the log shows only the first of many
        # errors.
        server = self.start_server()
        try:
            self.assert_sender_is_reset(data)
            server.wait_for('refused', reason=re.compile(reason))
            self.assert_serves()
        finally:
            server.finish()

    def assert_sender_is_reset(self, data):
        try:
            client = self.send(data)
        except (ConnectionResetError, BrokenPipeError):
            # The reset came before the rest was sent.
            return
        # A version that nobody knows yet gets the status of version 2.
        self.assertIn(receive_until_reset(client),
                      (b'',) if data[0] == 1 else (b'', bytes([BAD_VERSION])))

    def test_wrong_version(self):
        for version in (0, 3, 255):
            with self.subTest(version=version):
                self.assert_refused(self.request(version=version), 'version')

    def test_wrong_opcode(self):
        for opcode in (0, 2, 255):
            with self.subTest(opcode=opcode):
                self.assert_refused(self.request(opcode=opcode), 'opcode')

    def test_wrong_length_of_an_address(self):
        for length in (0, 3, 5, 15, 17, 255):
            odd = (bytes(length), 80)
            with self.subTest(length=length):
                self.assert_refused(self.request(destination=odd),
                                    'destination address')
                self.assert_refused(self.request(source=odd),
                                    'source address')

    def test_source_and_destination_of_different_families(self):
        for source in self.sources_of_the_other_family:
            with self.subTest(source=source):
                self.assert_refused(self.request(source=(source, 1234)),
                                    'same family')

    def test_source_that_nobody_can_have(self):
        for source in self.no_sources:
            with self.subTest(source=source):
                self.assert_refused(self.request(source=(source, 1234)),
                                    'source')

    def test_destination_that_nobody_can_have(self):
        for destination in self.no_destinations:
            with self.subTest(destination=destination):
                self.assert_refused(
                    self.request(destination=(destination, 80)),
                    'destination')

    def test_destination_port_0(self):
        self.assert_refused(
            self.request(destination=(self.family.destination, 0)), 'port 0')

    def test_request_cut_off_anywhere_by_the_end_of_the_stream(self):
        request = self.request()
        server = self.start_server()
        for length in range(len(request)):
            client = self.send(request[:length])
            end_stream(client)
            with self.subTest(length=length):
                self.assertEqual(receive_until_reset(client), b'')
        server.wait_for('refused', reason=re.compile('ended'))
        self.assert_serves()

    def test_garbage(self):
        dice = random.Random(self.family.user)
        garbage = dice.randbytes(GARBAGE)
        for first, reason in ((b'\0', 'version'), (b'\1\0', 'opcode'),
                              (b'\1\1\xff', 'address')):
            with self.subTest(first=first):
                self.assert_refused(first + garbage, reason)

    def test_other_protocols(self):
        for name, data in (
                ('HTTP', b'GET / HTTP/1.1\r\nHost: example.com\r\n\r\n'),
                ('TLS', bytes.fromhex('1603010200010001fc0303') + bytes(200)),
                ('SSH', b'SSH-2.0-OpenSSH_9.2p1\r\n'),
                ('zeros', bytes(65536))):
            with self.subTest(protocol=name):
                self.assert_refused(data, 'version')


class BadRequestIPv4(BadRequest, ServerCase):
    family = IPV4

    def test_those_that_are_not_shown_are_counted_in_the_end(self):
        server = self.start_server()
        for _ in range(13):
            self.assert_sender_is_reset(b'GET')
        server.stop()
        server.wait_for('not-shown', lines='3', of='malformed',
                        user='-')

    sources_of_the_other_family = [IPV6.user, '::']
    no_sources = ['0.0.0.0', '224.0.0.1', '255.255.255.255',
                  mapped('0.0.0.0'), mapped('224.0.0.1')]
    no_destinations = ['0.0.0.0', '224.0.0.1', '255.255.255.255',
                       mapped('0.0.0.0'), mapped('255.255.255.255')]


class BadRequestIPv6(BadRequest, ServerCase):
    family = IPV6
    sources_of_the_other_family = [IPV4.user, mapped(IPV4.user)]
    no_sources = ['::', 'ff02::1', 'ff0e::1']
    no_destinations = ['::', 'ff02::1', 'ff0e::1']


class Handshake(ServerCase):
    """How long a request may take as a whole."""

    family = IPV4
    config = {'handshake_timeout': HANDSHAKE_TIMEOUT}

    def test_silent_peer_is_reset(self):
        server = self.start_server(self.config)
        self.assertEqual(receive_until_reset(self.send()), b'')
        server.wait_for('refused', reason=re.compile('timed out'))
        self.assert_serves()

    def test_silent_peer_that_may_take_any_time_is_kept_alive(self):
        self.start_server({'handshake_timeout': '0'})
        address = self.send().getsockname()
        wait_until(
            lambda: any(entry.remote == address and is_kept_alive(entry)
                        for entry in self.net.exit.tcp_entries(socket.AF_INET)),
            "a keepalive timer of the server half's socket")

    def test_a_thousand_silent_ones_keep_nobody_out(self):
        server = self.start_server({'handshake_timeout': '10m'})
        before = server.descriptors()
        raise_descriptors()
        silent = [self.send() for _ in range(SILENT)]
        wait_until(lambda: server.descriptors() >= before + SILENT,
                   'all of them are accepted')
        self.assert_serves()
        self.assertEqual(server.events('refused'), [])
        for client in silent:
            reset(client)
        wait_until(lambda: server.descriptors() == before,
                   f'{before} descriptors again')
        self.assert_serves()

    def test_half_a_request_is_reset(self):
        server = self.start_server(self.config)
        client = self.send(self.request()[:20])
        self.assertEqual(receive_until_reset(client), b'')
        server.wait_for('refused', reason=re.compile('timed out'))
        self.assert_serves()

    def test_dripping_request_gets_no_more_time_than_any(self):
        server = self.start_server(self.config)
        client = self.send()
        client.settimeout(DRIP_SECONDS)
        # Sent this slowly, the whole request would take five seconds.
        request = self.request(auth=b'x' * 200)
        self.assertLess(self.drip(client, request), len(request))
        server.wait_for('refused', reason=re.compile('timed out'))
        self.assert_serves()

    def drip(self, client, data):
        """Sends a byte at a time.

        Returns how many bytes were sent before the reset.
        """
        for sent, byte in enumerate(data):
            try:
                client.sendall(bytes([byte]))
                client.recv(1)
            except socket.timeout:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return sent
        return len(data)

    def test_silent_peers_do_not_keep_others_from_being_served(self):
        self.start_server()
        for _ in range(100):
            self.send()
        self.assert_serves()

    def test_established_connection_is_not_limited_by_it(self):
        server = self.start_server(self.config)
        client = self.send(self.request())
        destination = self.accept(self.listener)
        # Let the whole time of another connection pass meanwhile.
        self.assertEqual(receive_until_reset(self.send()), b'')
        server.wait_for('refused', reason=re.compile('timed out'))
        destination.sendall(b'late')
        self.assertEqual(client.recv(100), b'late')


class Flood(ServerCase):
    """A connection that never sends a request keeps its place only briefly."""

    family = IPV4
    # The timeout is so long that no connection of the flood ends by itself.
    config = {'max_connections': 20, 'handshake_timeout': '10m'}
    SILENT = 60

    def start_flood(self):
        """Opens all connections from one source, the gate."""
        return [self.connect(self.net.gate, SERVER)
                for _ in range(self.SILENT)]

    def serve_from_exit(self, client):
        """A client from another source sends a request, and it is served."""
        client.sendall(self.request() + b'question')
        destination = self.accept(self.listener)
        self.assertEqual(receive(destination, 8), b'question')
        return client, destination

    def test_one_source_does_not_keep_others_out(self):
        server = self.start_server(self.config)
        self.start_flood()
        for _ in range(15):
            self.source = (self.family.user, fresh_port())
            self.serve_from_exit(self.connect(self.net.exit, SERVER))
        server.wait_for('refused', reason=re.compile('make room'),
                        peer=re.compile(re.escape(self.family.gate_link)))

    def test_only_the_source_with_the_most_is_cut_off(self):
        server = self.start_server(self.config)
        slow = [self.connect(self.net.exit, SERVER, (address, 0))
                for address in ('127.0.0.1', '127.0.0.2', '127.0.0.3')]
        flood = self.start_flood()
        # After this number of resets, each of the other connections has had a
        # place.
        for client in flood[:self.SILENT // 2]:
            self.assertEqual(receive_until_reset(client), b'')
        cut_off = select.select(slow, [], [], 0)[0]
        # By bad luck one of them may be counted with the gate. For two this
        # happens once in some hundred thousand runs.
        self.assertLessEqual(len(cut_off), 1)
        self.serve_from_exit(next(
            client for client in slow if client not in cut_off))
        server.wait_for('refused', reason=re.compile('make room'))

    def test_established_connections_are_left_alone(self):
        self.start_server(self.config)
        client, destination = self.serve_from_exit(
            self.connect(self.net.exit, SERVER))
        for silent in self.start_flood()[:self.SILENT // 2]:
            self.assertEqual(receive_until_reset(silent), b'')
        destination.sendall(b'answer')
        self.assertEqual(receive(client, 6), b'answer')


class Strangers(ServerCase):
    """Peers without a secret cannot fill the log.

    Nor can they hide errors of users who have one.
    """

    family = IPV4
    # The log shows ten in this time. A second period may begin during the test.
    PERIOD_SECONDS = 10
    SHOWN = 2 * 10
    MANY = 500

    def start_with_users(self, config=None, **options):
        return self.start_server({**(config or {}), 'acl': [
            {'name': 'alice', 'auth': 'of alice',
             'allowed_src_ips': [self.family.users]},
            {'name': 'bob', 'auth': 'of bob',
             'allowed_src_ips': [self.family.users]}]}, **options)

    def count_refused(self, server, name):
        """The number in the report for peers that are not known as a user."""
        before = len(server.events('reported'))
        server.send_signal(signal.SIGUSR1)
        wait_until(lambda: len(server.events('reported')) > before,
                   'a report')
        return int([event for event in server.events('user')
                    if event['user'] == '-'][-1][name])

    def assert_counted(self, server, count):
        """The log tells of all failed connections, in few lines."""
        server.stop()
        shown = server.events('refused')
        told = server.events('not-shown')
        self.assertLessEqual(len(shown), self.SHOWN)
        self.assertEqual(
            {(event['of'], event['user']) for event in told},
            {('incomplete', '-')})
        self.assertEqual(
            len(shown) + sum(int(event['lines']) for event in told) +
            sum(int(event.get('not_shown', 0)) for event in shown), count)

    def ask(self, auth, destination=None):
        client = self.send(self.request(auth=auth_digest(auth),
                                        destination=destination))
        self.assertEqual(receive_until_reset(client), b'')

    def test_connections_that_end_at_once(self):
        server = self.start_with_users()
        for number in range(self.MANY):
            client = self.send(b'\1'[:number % 2])
            (reset if number % 3 else socket.socket.close)(client)
        # This connection is accepted after all of them.
        self.assert_serves(auth=auth_digest('of alice'))
        # A stream that ends without a byte asks whether somebody listens.
        count = sum(bool(number % 6) for number in range(self.MANY))
        wait_until(lambda: self.count_refused(server, 'incomplete') == count,
                   'all others are counted')
        self.assert_counted(server, count)

    def test_connections_that_are_cut_off(self):
        server = self.start_with_users({'max_connections': 20,
                                        'handshake_timeout': '10m'})
        clients = [self.connect(self.net.gate, SERVER) for _ in range(60)]
        # Which of them counts as the oldest depends on whose worker ran first.
        wait_until(lambda: len(select.select(clients, [], [], 0)[0]) >= 40,
                   '40 of 60 are cut off')
        cut_off = select.select(clients, [], [], 0)[0]
        for client in cut_off:
            self.assertEqual(receive_until_reset(client), b'')
        for client in set(clients).difference(cut_off):
            reset(client)
        self.assert_serves(auth=auth_digest('of alice'))
        self.assert_counted(server, 60)

    def test_denial_of_a_user_among_those_of_strangers(self):
        server = self.start_with_users()
        for _ in range(15):
            self.ask('of a stranger')
            receive_until_reset(self.send(b'GET'))
            reset(self.send())
        self.ask('of alice', ('127.0.0.1', 80))
        server.wait_for('refused', user='alice', reason=re.compile('loopback'))

    def test_denial_of_a_user_among_those_of_another_one(self):
        server = self.start_with_users()
        for _ in range(15):
            self.ask('of alice', ('127.0.0.1', 80))
        self.ask('of bob', ('127.0.0.1', 80))
        server.wait_for('refused', user='bob', reason=re.compile('loopback'))
        server.stop()
        server.wait_for('not-shown', lines='5', of='denied', user='alice')

    def test_those_that_are_not_shown_are_told_of_soon(self):
        """The half reports them soon, even if nothing more happens."""
        injection = Injection()
        injection.limit_log()
        server = self.start_with_users(**injection.options)
        for _ in range(13):
            self.ask('of a stranger')
        self.assertEqual(server.events('not-shown'), [])
        injection.let_pass(self.PERIOD_SECONDS)
        server.wait_for('not-shown', lines='3', of='denied', user='-')
