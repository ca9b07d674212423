"""The client half's requests, seen by a server that is not srcproxy's."""

from cases import SERVER, RoutedCase
from daemons import PROTOCOL
from families import IPV4, IPV6, endpoint
from peers import (data_segments_received, end_stream, receive_all,
                   receive_request, receive_until_reset, reset,
                   wait_until_taken)
from rules import black_hole
from waiting import wait_until
from wire import CONNECTED, encode_again

AUTH = '613200f2-0af9-40e3-9dc2-a5d6f365db1b'
PORT = 443      # of a destination that is never contacted
USER_PORT = 40001


class Request:
    # What comes before the stream.
    accepts = bytes([CONNECTED]) if PROTOCOL == 2 else b''

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.net.exit.listen(*SERVER)
        cls.addClassCleanup(cls.server.close)

    def start_client_with(self, outbound, **config):
        self.start_client({
            'outbound': {'server': endpoint(*SERVER), **outbound}, **config})

    def open_to_server(self, source_port=0):
        """Opens a connection. Returns the user's end and the server's end."""
        user = self.connect(self.net.user, (self.family.destination, PORT),
                            (self.family.user, source_port))
        return user, self.accept(self.server)

    def assert_request(self, server, auth, user_port):
        data = server.recv(1000)
        self.assertEqual(data, encode_again(
            data, (self.family.user, user_port),
            (self.family.destination, PORT), auth))

    def test_request_is_exact_to_the_byte(self):
        """test_documents.py does this for version 2, with fixed nonces."""
        self.start_client_with({'auth': AUTH}, protocol=1)
        _, server = self.open_to_server(USER_PORT)
        # The bytes were written by hand, so a fault of an encoder cannot hide
        # itself.
        self.assertEqual(server.recv(1000).hex(' '), self.request_in_hex)

    def test_request_tells_the_users_port(self):
        self.start_client_with({'auth': AUTH})
        user, server = self.open_to_server()
        self.assert_request(server, AUTH, user.getsockname()[1])

    def test_request_comes_in_one_segment(self):
        self.start_client()
        _, server = self.open_to_server()
        receive_request(server)
        self.assertEqual(data_segments_received(server), 1)

    def test_what_the_user_has_said_by_then_is_in_the_same_segment(self):
        self.start_client()
        with black_hole(self.net.exit, IPV4, SERVER[1]):
            user = self.connect(self.net.user, (self.family.destination, PORT))
            wait_until(lambda: self.net.gate.is_dialling(SERVER),
                       'the server is dialled')
            user.sendall(b'early')
            end_stream(user)
            wait_until_taken(user)
        server = self.accept(self.server)
        receive_request(server)
        self.assertEqual(receive_all(server), b'early')
        self.assertEqual(data_segments_received(server), 1)

    def test_what_the_user_has_said_by_then_comes_before_their_reset(self):
        client = self.start_client()
        with black_hole(self.net.exit, IPV4, SERVER[1]):
            user = self.connect(self.net.user, (self.family.destination, PORT))
            wait_until(lambda: self.net.gate.is_dialling(SERVER),
                       'the server is dialled')
            early = bytes(range(256)) * 100
            user.sendall(early)
            wait_until_taken(user)
        server = self.accept(self.server)
        receive_request(server)
        reset(user)
        self.assertEqual(receive_until_reset(server), early)
        self.assertEqual(client.wait_for('closed')['sent'], str(len(early)))

    def test_blank_auth_is_the_digest_of_the_empty_string(self):
        self.start_client_with({'auth': ''})
        user, server = self.open_to_server()
        self.assert_request(server, '', user.getsockname()[1])

    def test_no_auth_is_a_blank_one(self):
        self.start_client()
        user, server = self.open_to_server()
        self.assert_request(server, '', user.getsockname()[1])

    def test_stream_follows_the_request_unchanged_both_ways(self):
        self.start_client()
        user, server = self.open_to_server()
        user.sendall(b'\x01\x01 from the user')
        end_stream(user)
        receive_request(server)
        self.assertEqual(receive_all(server), b'\x01\x01 from the user')
        server.sendall(self.accepts + b'\x01\x01 from the server')
        end_stream(server)
        self.assertEqual(receive_all(user), b'\x01\x01 from the server')

    def test_user_hears_the_server_before_saying_a_word(self):
        self.start_client()
        user, server = self.open_to_server()
        receive_request(server)
        server.sendall(self.accepts + b'220 ready')
        self.assertEqual(user.recv(100), b'220 ready')

    def test_reset_by_the_server_is_a_reset_for_the_user(self):
        self.start_client()
        user, server = self.open_to_server()
        receive_request(server)
        reset(server)
        self.assertEqual(receive_until_reset(user), b'')


class RequestIPv4(Request, RoutedCase):
    family = IPV4
    # version, opcode, digest; 203.0.113.80:443; 198.51.100.10:40001. Both
    # addresses have 4 bytes, though the listener takes IPv6 as well.
    request_in_hex = (
        '01 01 20 '
        '70 03 2a 0d 71 30 76 1d 1d 9f d6 70 d1 67 ef fd '
        '2e 99 c7 71 ef 6f c8 9a ca 0f b9 0a 56 ab 36 3a '
        '04 cb 00 71 50 01 bb '
        '04 c6 33 64 0a 9c 41')


class RequestIPv6(Request, RoutedCase):
    family = IPV6
    # [2001:db8:dddd::80]:443 and [2001:db8:aaaa::10]:40001
    request_in_hex = (
        '01 01 20 '
        '70 03 2a 0d 71 30 76 1d 1d 9f d6 70 d1 67 ef fd '
        '2e 99 c7 71 ef 6f c8 9a ca 0f b9 0a 56 ab 36 3a '
        '10 20 01 0d b8 dd dd 00 00 00 00 00 00 00 00 00 80 01 bb '
        '10 20 01 0d b8 aa aa 00 00 00 00 00 00 00 00 00 10 9c 41')
