"""How the client half gets to the server half: names, addresses, marks."""

import re

import sandbox
from cases import CLIENT_CONFIG, SERVER_PORT, RoutedCase
from families import IPV4, IPV6, endpoint
from hosts import join

NAME = 'exit.example'
MARK = 0x1234
MARK_TABLE = 77
CONNECT_TIMEOUT = '1s'


class OutboundCase(RoutedCase):
    family = IPV4

    def start_client_with(self, **outbound):
        return self.start_client({
            'outbound': {**CLIENT_CONFIG['outbound'], **outbound},
            'timeout': CONNECT_TIMEOUT})

    def start_server_at(self, address):
        return self.start_server({'listen': endpoint(address, SERVER_PORT)})

    def assert_refused(self, client, tried, reason=''):
        self.assert_reset(self.net.user, (self.family.destination, 80))
        refused = client.wait_for('refused', tried=re.compile(tried),
                                  reason=re.compile(reason))
        self.assertEqual(refused.level, 'error')

    def assert_comes_from(self, server, address):
        """The server half sees the client half come from that address."""
        self.assert_proxies()
        peer = re.compile(re.escape(endpoint(address, 0)[:-1]))
        server.wait_for('established', peer=peer)


class ServerByName(OutboundCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(name_server)

    def start_client_by_name(self):
        return self.start_client_with(server=endpoint(NAME, SERVER_PORT))

    def test_name_is_resolved(self):
        name_server(IPV4.exit_link)
        self.start_server_at(IPV4.exit_link)
        self.start_client_by_name()
        self.assert_proxies()

    def test_each_address_is_tried(self):
        # Whichever address is tried first, one of the servers is at the other.
        for pair in ((IPV4.exit_link, IPV4.second_exit_link),
                     (IPV6.exit_link, IPV6.second_exit_link),
                     (IPV4.exit_link, IPV6.exit_link)):
            name_server(*pair)
            for address in pair:
                with self.subTest(names=pair, server=address):
                    self.assert_found_at(address)

    def assert_found_at(self, address):
        halves = [self.start_server_at(address), self.start_client_by_name()]
        try:
            self.assert_proxies()
        finally:
            for half in halves:
                half.finish()

    def test_addresses_that_all_refuse(self):
        name_server(IPV4.exit_link, IPV6.exit_link)
        client = self.start_client_by_name()
        self.assert_refused(client, 'server', 'none of the servers answers')
        self.assertEqual([event['reason'] for event in
                          client.events('server-away')],
                         ['Connection refused'] * 2)

    def test_name_whose_address_changes_leads_new_connections_there(self):
        old = self.start_server_at(IPV4.exit_link)
        new = self.start_server_at(IPV4.second_exit_link)
        name_server(IPV4.exit_link)
        self.start_client_by_name()
        self.assert_proxies()
        old.wait_for('established')
        name_server(IPV4.second_exit_link)
        self.assert_proxies()
        new.wait_for('established')

    def test_name_that_is_not_known_yet(self):
        name_server(IPV4.exit_link)
        self.start_server_at(IPV4.exit_link)
        name_server()
        client = self.start_client_by_name()
        self.assert_refused(client, 'resolve')
        name_server(IPV4.exit_link)
        self.assert_proxies()


def name_server(*addresses):
    """From now on the name has only these addresses."""
    sandbox.write_hosts_file('127.0.0.1 localhost\n' + ''.join(
        f'{address} {NAME}\n' for address in addresses))


class LocalAddress(OutboundCase):
    """A second link between gate and exit is the better way to the server."""

    gate_address, exit_address = '10.0.0.2', '10.0.0.1'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        gate, exit_host = cls.net.gate, cls.net.exit
        join(gate, 'link1', exit_host, 'link1')
        gate.ip(f'addr add {cls.gate_address}/24 dev link1',
                f'route add {IPV4.exit_link}/32 via {cls.exit_address}')
        exit_host.ip(f'addr add {cls.exit_address}/24 dev link1')
        # Loose mode, because packets of a connection may take different links.
        for host in (gate, exit_host):
            host.sysctl('ipv4/conf/all/rp_filter', 2)

    def setUp(self):
        super().setUp()
        self.server = self.start_server()

    def test_none(self):
        self.start_client_with()
        self.assert_comes_from(self.server, self.gate_address)

    def test_address(self):
        self.start_client_with(local_addr=IPV4.second_gate_link)
        self.assert_comes_from(self.server, IPV4.second_gate_link)

    def test_interface(self):
        self.start_client_with(local_addr='%link0')
        self.assert_comes_from(self.server, IPV4.gate_link)

    def test_address_and_interface(self):
        self.start_client_with(local_addr=IPV4.second_gate_link + '%link0')
        self.assert_comes_from(self.server, IPV4.second_gate_link)

    def test_interface_that_does_not_lead_there(self):
        client = self.start_client_with(
            local_addr=IPV4.gate_link + '%users0')
        self.assert_refused(client, 'connect to the server')

    def test_address_of_another_host(self):
        client = self.start_client_with(local_addr=IPV4.exit_link)
        client.wait_for_line('warning cannot bind to outbound.local_addr')
        self.assert_refused(client, 'local_addr', 'assign|available')

    def test_interface_that_is_not_there_yet(self):
        client = self.start_client_with(local_addr='%late0')
        client.wait_for_line('warning cannot bind to the interface')
        self.assert_refused(client, 'interface', 'No such device')
        self.net.gate.ip('link property add dev link0 altname late0')
        self.assert_comes_from(self.server, IPV4.gate_link)


class LinkLocal(OutboundCase):
    gate_address, exit_address = 'fe80::2', 'fe80::1'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.net.gate.ip(f'addr add {cls.gate_address}/64 dev link0')
        cls.net.exit.ip(f'addr add {cls.exit_address}/64 dev link0')

    def test_server_and_local_address_of_the_link(self):
        server = self.start_server_at(f'{self.exit_address}%link0')
        self.start_client_with(
            server=endpoint(f'{self.exit_address}%link0', SERVER_PORT),
            local_addr=f'{self.gate_address}%link0')
        self.assert_comes_from(server, f'{self.gate_address}%link0')


class Fwmark(OutboundCase):
    """Only marked packets have a route to the server."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.net.gate.ip(
            f'route add unreachable {IPV4.exit_link}/32',
            f'route add {IPV4.exit_link}/32 dev link0 table {MARK_TABLE}',
            f'rule add fwmark {MARK} lookup {MARK_TABLE} pref 100')
        # Do not check sources: the server's packets would be dropped, because
        # the route back is unreachable.
        for name in ('all', 'link0'):
            cls.net.gate.sysctl(f'ipv4/conf/{name}/rp_filter', 0)

    def setUp(self):
        super().setUp()
        self.start_server()

    def test_marked(self):
        self.start_client_with(fwmark=MARK)
        self.assert_proxies()

    def test_not_marked(self):
        self.assert_refused(self.start_client_with(), 'connect to the server')

    def test_marked_otherwise(self):
        self.assert_refused(self.start_client_with(fwmark=MARK + 1),
                            'connect to the server')
