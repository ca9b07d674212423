"""A redirected connection leaves the exit from the user's own address."""

import rules
from cases import SERVER_PORT, ProxyCase, Tproxy
from families import IPV4, IPV6, endpoint
from peers import end_stream, receive_all
from rules import REDIRECT_PORT


class MainJob:

    def test_destination_sees_the_users_address_and_port(self):
        user, destination = self.open()
        self.assertEqual(destination.getpeername(), user.getsockname())
        self.assertEqual(destination.getpeername()[0], self.family.user)

    def test_each_user_keeps_their_own_address(self):
        for address in (self.family.user, self.family.second_user):
            user, destination = self.open(source=(address, 0))
            self.assertEqual(destination.getpeername(), user.getsockname())
            self.assertEqual(destination.getpeername()[0], address)

    def test_bytes_arrive_both_ways(self):
        user, destination = self.open()
        user.sendall(b'question')
        end_stream(user)
        self.assertEqual(receive_all(destination), b'question')
        destination.sendall(b'answer')
        end_stream(destination)
        self.assertEqual(receive_all(user), b'answer')

    def test_log_says_who_went_where_and_how_it_ended(self):
        user, destination = self.open()
        source = endpoint(*user.getsockname()[:2])
        to = endpoint(*destination.getsockname()[:2])
        user.sendall(b'12345')
        end_stream(user)
        receive_all(destination)
        destination.sendall(b'123')
        end_stream(destination)
        for half in (self.client, self.server):
            half.wait_for('established', source=source, destination=to)
            closed = half.wait_for('closed', source=source, destination=to,
                                   sent='5', received='3', end='eof')
            self.assertEqual(closed.level, 'info')
            self.assertGreaterEqual(float(closed['seconds']), 0)
        self.server.wait_for('established', used=source)


class IptablesIPv4(MainJob, ProxyCase):
    family = IPV4


class IptablesIPv6(MainJob, ProxyCase):
    family = IPV6


class NftIPv4(MainJob, ProxyCase):
    family = IPV4
    redirect = staticmethod(rules.redirect_with_nft)


class NftIPv6(NftIPv4):
    family = IPV6


class TproxyIPv4(Tproxy, MainJob, ProxyCase):
    family = IPV4


class TproxyIPv6(TproxyIPv4):
    family = IPV6


class TproxyIptablesIPv4(TproxyIPv4):
    redirect = staticmethod(rules.tproxy_with_iptables)


class TproxyIptablesIPv6(TproxyIptablesIPv4):
    family = IPV6


class ServerOnIPv6:
    """The two halves talk over IPv6, with users of either family."""

    server_config = {'listen': endpoint(IPV6.exit_link, SERVER_PORT)}
    client_config = {
        'outbound': {'server': endpoint(IPV6.exit_link, SERVER_PORT)}}


class ServerOnIPv6UserOnIPv4(ServerOnIPv6, MainJob, ProxyCase):
    family = IPV4


class ServerOnIPv6UserOnIPv6(ServerOnIPv6, MainJob, ProxyCase):
    family = IPV6


class ListenerOfOneFamilyIPv4(MainJob, ProxyCase):
    """The client half listens for one family only."""

    family = IPV4
    client_config = {
        'inbound': {'listen': endpoint(IPV4.gate_users, REDIRECT_PORT)}}


class ListenerOfOneFamilyIPv6(ListenerOfOneFamilyIPv4):
    family = IPV6
    client_config = {
        'inbound': {'listen': endpoint(IPV6.gate_users, REDIRECT_PORT)}}


class TproxyToLoopback(Tproxy, MainJob, ProxyCase):
    """Nobody can connect to this listener directly."""

    family = IPV4
    client_config = {'inbound': {'listen': '127.0.0.1:9001'}}

    @staticmethod
    def redirect(gate):
        gate.run('sh', input=rules.tproxy_commands(
            listen='127.0.0.1:9001', families=[IPV4]))


class TproxyToOneAddress(Tproxy, MainJob, ProxyCase):
    family = IPV6
    address = endpoint(IPV6.gate_link, REDIRECT_PORT)
    client_config = {'inbound': {'listen': address}}

    @classmethod
    def redirect(cls, gate):
        gate.run('sh', input=rules.tproxy_commands(
            '--iptables', listen=cls.address, families=[IPV6]))


class MarkedReturn(MainJob):
    """The exit delivers only the packets of its own transparent sockets."""

    deliver = staticmethod(rules.deliver_marked)

    def test_plain_connection_to_the_user_reaches_the_user(self):
        listener = self.listen(self.net.user, self.family.user)
        caller = self.connect(self.net.destination,
                              listener.getsockname()[:2])
        user = self.accept(listener)
        self.assertEqual(user.getpeername(), caller.getsockname())
        user.sendall(b'hello')
        self.assertEqual(caller.recv(100), b'hello')


class MarkedReturnIPv4(MarkedReturn, ProxyCase):
    family = IPV4


class MarkedReturnIPv6(MarkedReturn, ProxyCase):
    family = IPV6
