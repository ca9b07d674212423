"""The source port that the destination sees."""

import contextlib
import re
import socket

from cases import ProxyCase, ServerCase, fresh_port
from families import IPV4, IPV6, endpoint
from hosts import TIME_WAIT
from peers import end_stream, receive, receive_all, receive_until_reset

IP_FREEBIND = 15    # ip(7)
PRIVILEGED_PORT = 700
ROUNDS = 20
STRICT = {'source_port': 'strict'}
BROADCAST = '203.0.113.255'     # of a link of the exit


class SourcePort:

    def relay(self, destination=None):
        """Opens a connection.

        Returns the ends of the client half and the destination.
        """
        listener = self.listener
        if destination:
            listener = self.listen(self.net.destination, *destination)
        client = self.send(self.request(
            destination=listener.getsockname()[:2]))
        return client, self.accept(listener)

    def end(self, client, destination):
        """Ends both streams, the client first.

        So the exit keeps the connection in TIME_WAIT.
        """
        end_stream(client)
        receive_all(destination)
        destination.close()
        receive_all(client)
        client.close()

    def time_waits(self):
        return [entry for entry in self.net.exit.tcp_entries(self.family.af)
                if entry.state == TIME_WAIT and entry.local == self.source]

    def assert_other_port(self, server, destination):
        address, port = destination.getpeername()[:2]
        self.assertEqual(address, self.source[0])
        self.assertNotEqual(port, self.source[1])
        server.wait_for('established', source=endpoint(*self.source),
                        used=endpoint(address, port))

    def test_port_is_kept(self):
        server = self.start_server()
        _, destination = self.relay()
        self.assertEqual(destination.getpeername()[:2], self.source)
        server.wait_for('established', source=endpoint(*self.source),
                        used=endpoint(*self.source))

    def test_port_below_1024_is_kept(self):
        self.start_server()
        self.source = (self.family.user, PRIVILEGED_PORT)
        _, destination = self.relay()
        self.assertEqual(destination.getpeername()[:2], self.source)

    def test_port_is_kept_towards_two_destinations_at_once(self):
        self.start_server()
        _, first = self.relay()
        _, second = self.relay((self.family.second_destination, 0))
        for destination in (first, second):
            self.assertEqual(destination.getpeername()[:2], self.source)

    def test_port_is_kept_towards_two_ports_of_one_destination(self):
        self.start_server()
        _, first = self.relay()
        _, second = self.relay((self.family.destination, 0))
        for destination in (first, second):
            self.assertEqual(destination.getpeername()[:2], self.source)

    def test_port_is_kept_when_it_is_used_again_at_once(self):
        server = self.start_server()
        for number in range(1, ROUNDS + 1):
            client, destination = self.relay()
            self.assertEqual(destination.getpeername()[:2], self.source)
            self.end(client, destination)
            server.wait_for('closed', id=str(number), end='eof')
            self.assertTrue(self.time_waits(), 'the test is wrong')

    def test_it_is_served_without_timestamps_too(self):
        # Without timestamps the kernel cannot tell old packets from new, so it
        # does not reuse the port at once.
        self.net.exit.sysctl('ipv4/tcp_timestamps', 0)
        self.addCleanup(self.net.exit.sysctl, 'ipv4/tcp_timestamps', 1)
        server = self.start_server()
        for number in range(1, 4):
            client, destination = self.relay()
            self.end(client, destination)
            server.wait_for('closed', id=str(number), end='eof')

    def test_another_port_while_the_same_pair_is_alive(self):
        server = self.start_server()
        _, first = self.relay()
        _, second = self.relay()
        self.assertEqual(first.getpeername()[:2], self.source)
        self.assert_other_port(server, second)

    def test_another_port_where_a_wildcard_listener_has_it(self):
        server = self.start_server()
        self.listen(self.net.exit, self.family.any, self.source[1])
        _, destination = self.relay()
        self.assert_other_port(server, destination)

    def assert_refused(self, server, tried, reason):
        client = self.send(self.request())
        self.assertEqual(receive_until_reset(client), b'')
        server.wait_for('refused', source=endpoint(*self.source),
                        tried=re.compile(tried), reason=re.compile(reason))

    def test_strict_keeps_the_port(self):
        server = self.start_server(STRICT)
        self.assert_serves()
        server.wait_for('established', source=endpoint(*self.source),
                        used=endpoint(*self.source))

    def test_strict_refuses_while_the_same_pair_is_alive(self):
        server = self.start_server(STRICT)
        client, first = self.relay()
        self.assert_refused(server, 'connect', 'port.* in use')
        # The next connection at the destination is this one, so the refused
        # one never arrived.
        second = self.connect(self.net.exit, self.destination)
        self.assertEqual(self.accept(self.listener).getpeername(),
                         second.getsockname())
        client.sendall(b'unharmed')
        self.assertEqual(receive(first, 8), b'unharmed')

    def test_strict_refuses_where_a_wildcard_listener_has_it(self):
        server = self.start_server(STRICT)
        self.listen(self.net.exit, self.family.any, self.source[1])
        self.assert_refused(server, 'bind', 'another socket')

    def test_strict_leaves_the_choice_to_the_kernel_where_none_is_asked(self):
        self.start_server(STRICT)
        self.source = (self.family.user, 0)
        _, destination = self.relay()
        self.assertEqual(destination.getpeername()[0], self.family.user)

    def test_any_takes_another_port_though_it_could_be_kept(self):
        server = self.start_server({'source_port': 'any'})
        _, destination = self.relay()
        self.assert_other_port(server, destination)

    def test_refusal_says_that_no_port_is_left(self):
        one = self.source[1]
        with self.ephemeral_ports(one, one):
            server = self.start_server({'source_port': 'any'})
            self.relay()
            self.assert_refused(server, 'bind',
                                'no port left.*ip_local_port_range')

    def assert_served_among_others(self, config):
        """Another address of users has connections on all of these ports."""
        server = self.start_server(config)
        ports = [fresh_port() for _ in range(4)]
        with self.ephemeral_ports(ports[0], ports[-1]):
            for port in ports:
                other = self.keep(self.net.exit.socket(self.family.af))
                other.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind((self.family.second_user, port))
            self.listen(self.net.exit, self.family.any, self.source[1])
            _, destination = self.relay()
            self.assert_other_port(server, destination)
            self.assertIn(destination.getpeername()[1], ports)

    def test_another_port_of_few_that_others_have(self):
        self.assert_served_among_others({})

    def test_any_port_of_few_that_others_have(self):
        self.assert_served_among_others({'source_port': 'any'})

    @contextlib.contextmanager
    def ephemeral_ports(self, first, last):
        name = 'ipv4/ip_local_port_range'
        self.net.exit.sysctl(name, f'{first} {last}')
        try:
            yield
        finally:
            self.net.exit.sysctl(name, '32768 60999')


class SourcePortIPv4(SourcePort, ServerCase):
    family = IPV4

    def test_broadcast_source_is_refused_before_the_destination_hears(self):
        # The kernel would silently use an address of the exit instead.
        server = self.start_server()
        self.source = (BROADCAST, fresh_port())
        self.assert_refused(server, 'bind', 'a broadcast address')
        server.mark()
        self.listen(self.net.exit, self.family.any, self.source[1])
        self.assert_refused(server, 'bind', 'a broadcast address')
        probe = self.connect(self.net.exit, self.destination)
        self.assertEqual(self.accept(self.listener).getpeername(),
                         probe.getsockname())

    def test_own_address_of_the_exit_that_is_named_is_like_others(self):
        self.start_server({'acl': [
            {'allowed_src_ips': [self.family.exit_out]}]})
        self.source = (self.family.exit_out, fresh_port())
        self.assert_serves()


class SourcePortIPv6(SourcePort, ServerCase):
    family = IPV6


class UserPort:
    """The same tests, seen from the user's side of both halves."""

    def test_port_is_free_again_as_soon_as_the_user_thinks_so(self):
        listener = self.listen_at_destination()
        source = (self.family.user, fresh_port())
        for _ in range(ROUNDS):
            user, destination = self.open(listener, source)
            self.assertEqual(destination.getpeername()[:2], source)
            end_stream(destination)
            receive_all(user)
            user.close()
            receive_all(destination)
            destination.close()

    def test_one_port_to_two_destinations_reaches_both(self):
        source = (self.family.user, fresh_port())
        # The gate's NAT may change the port, so only the address is certain.
        for address in (self.family.destination,
                        self.family.second_destination):
            listener = self.listen(self.net.destination, address)
            _, destination = self.open(listener, source)
            self.assertEqual(destination.getpeername()[0], source[0])


class UserPortIPv4(UserPort, ProxyCase):
    family = IPV4


class UserPortIPv6(UserPort, ProxyCase):
    family = IPV6
