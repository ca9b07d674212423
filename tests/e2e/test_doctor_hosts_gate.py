"""Gates that others set up: what doctor says, and what its fix does."""

import contextlib
import re
import socket

from cases import SERVER, SERVER_PORT
from daemons import write_config
from doctor_case import PREFIXES
from doctor_hosts import PATIENCE, HostsGateCase, chain, table
from families import BOTH, IPV4, IPV6, endpoint
from hosts import Host, join
from sandbox import BINARY
from test_rules import without
from waiting import TIMEOUT

LAN, LAN_HOST, LAN_GATE = '10.7.0.0/24', '10.7.0.2', '10.7.0.1'
NEW_GATE, NEW_PREFIX = '2001:db8:eeee::1', '2001:db8:eeee::/64'

# Docker does this.
FORWARD_DROP = '''
iptables -P FORWARD DROP
iptables -N DOCKER-USER
iptables -A FORWARD -j DOCKER-USER
'''


class HostsGate(HostsGateCase):

    def users(self, *prefixes, **inbound):
        return {'inbound': {**self.config['inbound'],
                            'users': list(prefixes), **inbound}}

    @contextlib.contextmanager
    def lan(self):
        lan = Host('lan')
        join(self.host, 'lan0', lan, 'eth0')
        try:
            self.host.ip(f'addr add {LAN_GATE}/24 dev lan0')
            lan.ip(f'addr add {LAN_HOST}/24 dev eth0',
                   f'route add default via {LAN_GATE}')
            yield lan
        finally:
            self.host.ip('link del lan0')
            lan.destroy()

    def reaches(self, listener, patience=TIMEOUT):
        """The user's connection arrives with the user's address."""
        listener.settimeout(patience)
        with self.net.user.socket(IPV4.af) as user:
            user.settimeout(patience)
            try:
                user.connect(listener.getsockname()[:2])
                return self.keep(listener.accept()[0]).getpeername()[0] == \
                    IPV4.user
            except OSError:
                return False

    def test_other_network_of_the_gate(self):
        """Users' connections to it go to the exit, until it is a bypass."""
        with self.lan() as lan, self.made(''):
            listener = self.listen(lan, LAN_HOST)
            self.assertFalse(self.reaches(listener, PATIENCE))
            findings = self.assert_fine()
            found = findings.of('note', f'^{IPV4.users}: connections .* '
                                rf'network {LAN} \(lan0\) go to the exit')
            self.assertEqual(len(found), 1, findings.text)
            self.path = write_config({**self.config, **self.users(
                *PREFIXES, bypass=[LAN])})
            note, = self.examine().of('note', 'go to the exit')
            command = note[0].split('and run: ')[1]
            self.host.run('sh', '-ec', command.replace('srcproxy', BINARY, 1))
            self.assertTrue(self.reaches(listener))
            self.assertEqual(self.examine().of('note', 'go to the exit'), [])

    def test_users_with_a_prefix_in_place_of_the_old_one(self):
        old = f'{IPV6.gate_users}/64 dev users0'
        new = f'{NEW_GATE}/64 dev users0 nodad'
        with self.broken(f'ip addr del {old}; ip addr add {new}',
                         f'ip addr del {new}; ip addr add {old}'):
            self.assert_blocked(IPV6)
            found = (f"the users' link users0 has the address {NEW_GATE}, and "
                     'no prefix of inbound.users is on this link')
            self.assert_wrong(found, '^add the prefix to inbound.users',
                              config=self.users(*PREFIXES), prefixes=())
            findings = self.doctor(
                config=self.users(IPV4.users, NEW_PREFIX), prefixes=())
            self.assertEqual(findings.of('problem', "users' link"), [])

    def test_gate_with_the_last_address_of_the_users_prefix(self):
        """Routers that share an address (VRRP) often choose that."""
        last = {IPV4: '198.51.100.254/32',
                IPV6: '2001:db8:aaaa:0:ffff:ffff:ffff:fffe/128'}
        add, delete = ('; '.join(
            f'ip {family.ip_option} addr {verb} {last[family]} dev users0'
            for family in BOTH) for verb in ('add', 'del'))
        with self.broken(add, delete):
            self.assert_sound('', IPV6)
            for family in BOTH:
                self.assert_found(
                    table(chain('input', 'iifname "users0" meta l4proto tcp '
                                'drop')),
                    f'{family.users}: the firewall drops redirected packets',
                    family)

    def test_connections_of_the_gate_itself(self):
        own = f'{IPV4.gate_users}/32'
        with self.made(''):
            self.apply_rules('--remove')
            self.assert_blocked(IPV4, host=self.host,
                                source=IPV4.gate_users)
            pattern = f'{own}: no firewall rule redirects'
            findings = self.assert_wrong(pattern, prefixes=[own])
            self.apply_remedy(findings, pattern)
            self.assertTrue(self.carries(IPV4, self.host, IPV4.gate_users))
            self.assertEqual(self.examine(prefixes=[own]).of('problem'), [])

    def test_rules_in_front_where_nft_is_not_installed(self):
        """Each fix spares the rules that another one counts."""
        halves = ['198.51.100.0/25', '198.51.100.128/25']
        with self.made(''.join(
                f'iptables -t nat -A PREROUTING -s {half} -p tcp -j ACCEPT\n'
                for half in halves)):
            self.apply_rules('--remove')
            before = self.host.run('iptables-save', '-t', 'nat').stdout
            self.assert_blocked(IPV4)
            findings = self.assert_wrong(
                'no firewall rule', wrapper=without('nft'), prefixes=halves)
            for half in halves:
                self.apply_remedy(findings, f'{half}: no firewall rule')
            self.assertTrue(self.carries(IPV4))
            self.assertEqual(self.examine(
                without('nft'), halves).of('problem'), [])
            self.apply_rules('--iptables', '--remove')
            after = self.host.run('iptables-save', '-t', 'nat').stdout
            self.assertEqual(*(
                [line for line in saved.splitlines() if line.startswith('-A')]
                for saved in (before, after)))

    def test_drops_on_the_way(self):
        for family, commands, found in (
                (IPV4, 'iptables -t raw -A PREROUTING -i users0 -p tcp -j DROP',
                 f'{IPV4.users}: the firewall drops packets of these users: '),
                (IPV6, table(chain('ingress', f'ip6 saddr {IPV6.users} tcp dport '
                                   '!= 22 drop', priority='0').replace(
                                       'hook ingress', 'hook ingress device '
                                       'users0'), 'netdev'),
                 f'{IPV6.users}: the firewall drops packets of these users: '),
                (IPV6, 'ip6tables -A INPUT -i users0 -p tcp -j REJECT',
                 f'{IPV6.users}: the firewall drops redirected packets '),
                (IPV6, table(chain('output', 'oifname link0 accept', 'drop')),
                 f'{IPV6.users}: the firewall drops reply packets '),
                (IPV4, 'iptables -P OUTPUT DROP; iptables -A OUTPUT -o link0 '
                 '-j ACCEPT',
                 f'{IPV4.users}: the firewall drops reply packets '),
                (IPV4, 'iptables -A OUTPUT -o link0 -p tcp --dport 443 -j '
                 'ACCEPT; iptables -A OUTPUT -o link0 -j REJECT',
                 f"{SERVER[0]}/32: the firewall drops this half's packets to "
                 'the server half'),
                (IPV4, 'iptables -A INPUT -i link0 -p tcp -j DROP',
                 f"{SERVER[0]}/32: the firewall drops the server half's "
                 'replies: ')):
            with self.subTest(commands):
                self.assert_found(commands, found, family)

    def test_rule_that_is_in_front_of_this_hosts_addresses(self):
        """Hosts with VRFs look up the table local late."""
        for family in BOTH:
            rule = f'ip {family.ip_option} rule'
            self.assert_found(
                f'{rule} add pref 32765 lookup local; {rule} del pref 0; '
                f'{rule} add iif users0 lookup 101 pref 100; ip '
                f'{family.ip_option} route replace unreachable default '
                'table 101',
                f'{family.users}: packets of these users, which have the mark '
                '0x0, are not delivered on this host: the routing rule "pref '
                '100 iif users0 lookup 101" decides', family)

    def test_rule_that_redirects_elsewhere_in_front(self):
        self.assert_found(
            table(chain('prerouting', 'iifname "users0" meta l4proto tcp '
                        'redirect to :8443', kind='nat', priority='-150')),
            f'{IPV4.users}: no firewall rule redirects .* decides is chain '
            'prerouting of the table inet others')

    def test_rules_of_others_that_spare_the_users(self):
        """The redirection is behind an accept in the same chain."""
        self.apply_rules('--remove')
        self.assert_found(
            table(chain('prerouting', f'ip saddr {IPV4.users} ip protocol '
                        'tcp accept; meta l4proto tcp redirect to :9001',
                        kind='nat', priority='-100')),
            f'{IPV4.users}: no firewall rule redirects .*; the rule that '
            'decides is chain prerouting of the table inet others')

    def sends_to(self, sender, receiver, address, patience=TIMEOUT):
        """A datagram arrives."""
        with sender.inside(), socket.socket(IPV4.af, socket.SOCK_DGRAM) as out:
            with receiver.inside():
                taker = socket.socket(IPV4.af, socket.SOCK_DGRAM)
            with taker:
                taker.bind((address, 53))
                taker.settimeout(patience)
                out.sendto(b'?', (address, 53))
                try:
                    return taker.recv(1) == b'?'
                except TimeoutError:
                    return False

    def test_firewall_that_forwards_nothing(self):
        """Docker's firewall does this: TCP is carried, DNS is not."""
        asked = (self.net.user, self.net.destination, IPV4.destination)
        back = (self.net.destination, self.net.user, IPV4.user)
        with self.made(FORWARD_DROP):
            self.assertTrue(self.carries(IPV4))
            self.assertFalse(self.sends_to(*asked, PATIENCE))
            self.assertFalse(self.sends_to(*back, PATIENCE))
            notes = self.assert_fine().of(
                'note', f'{IPV4.users}: the firewall drops forwarded')
            self.assertEqual(len(notes), 2, notes)
            for text, _ in notes:
                self.host.run('sh', '-ec', text.split('them pass: ')[1])
            self.assertTrue(self.sends_to(*asked))
            self.assertTrue(self.sends_to(*back))
            self.assertEqual(self.examine().of('note', 'forwarded'), [])

    def test_loopback_listener(self):
        """Nobody but the gate itself can be redirected there."""
        config = {**self.config, 'inbound': {'listen': '127.0.0.1:9002'}}
        client = self.start(self.host, 'client', config)
        rules = write_config(config)
        self.host.run('sh', '-ec', f'{BINARY} rules client {rules} '
                      f'{IPV4.users} | sh')
        with self.made(''):
            self.host.run('nft', 'delete', 'table', 'inet',
                          'srcproxy-client-9001')
            self.assert_blocked(IPV4)
            self.assert_wrong(
                f'{IPV4.users}: inbound.listen is a loopback address',
                'set inbound.listen to ":9002"', config=config,
                prefixes=[IPV4.users])
        client.finish()

    def test_name_with_an_address_that_is_a_black_hole(self):
        names = write_config({}, 'names')
        with open(names, 'w') as file:
            file.write(f'{IPV6.exit_link} exit.example\n'
                       f'{SERVER[0]} exit.example\n')
        wrapper = ('unshare', '-m', 'sh', '-ec',
                   'mount --bind "$0" /etc/hosts; exec "$@"', names)
        drop = f'INPUT -p tcp --dport {SERVER_PORT} -j DROP'
        with self.broken(f'ip6tables -I {drop}', f'ip6tables -D {drop}',
                         self.net.exit):
            findings = self.assert_wrong(
                re.escape(endpoint(IPV6.exit_link, SERVER_PORT))
                + ': cannot connect: Connection timed out',
                'take this address out of the name', wrapper=wrapper,
                config=self.outbound(server=f'exit.example:{SERVER_PORT}'))
            self.assertTrue(findings.of('ok', 'the server half is reached at '
                                        + endpoint(*SERVER)))
