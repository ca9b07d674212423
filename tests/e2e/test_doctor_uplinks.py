"""doctor on an exit with two uplinks: it asks the router of the users."""

import re

from doctor_hosts import HostsExitCase
from families import BOTH, IPV4, IPV6
from hosts import Host, join

# The second uplink, and its router's link to the destination.
NETWORKS = {IPV4: ('198.18.5.{}', '198.18.6.{}'),
            IPV6: ('2001:db8:5::{}', '2001:db8:6::{}')}


def link_local(host, device):
    shown = host.run('ip', '-6', 'addr', 'show', 'dev', device, 'scope',
                     'link').stdout
    return re.search(r'inet6 (\S+)/', shown)[1]


class Uplinks(HostsExitCase):
    """Only the second provider takes packets from users' addresses.

    The router of the first one answers on its own link only.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        second = Host('second')
        cls.addClassCleanup(second.destroy)
        destination = cls.net.destination
        join(cls.host, 'out1', second, 'eth0')
        join(second, 'eth1', destination, 'eth1')
        second.sysctl('ipv4/ip_forward', 1)
        second.sysctl('ipv6/conf/all/forwarding', 1)
        for family, networks in NETWORKS.items():
            uplink, beyond = (
                [network.format(i) for i in (1, 2)] for network in networks)
            bits = family.length
            cls.host.ip(f'addr add {uplink[0]}/{bits} dev out1',
                        f'route replace default via '
                        f'{family.second_destination}', family=family)
            second.ip(f'addr add {uplink[1]}/{bits} dev eth0',
                      f'addr add {beyond[0]}/{bits} dev eth1',
                      f'route add {family.users} via {uplink[0]}',
                      f'route add {family.destination} via {beyond[1]}',
                      f'route add {family.second_destination} via '
                      f'{beyond[1]}', family=family)
            destination.ip(f'addr add {beyond[1]}/{bits} dev eth1',
                           f'route add {family.users} via {beyond[0]}',
                           family=family)
            for rule in (f'-i eth0 -s {family.users}',
                         f'-i eth1 -d {family.second_destination}'):
                destination.run(family.iptables, '-A', 'INPUT',
                                *rule.split(), '-j', 'DROP')

    def second_uplink(self):
        return '\n'.join(
            f'ip {family.ip_option} route replace default via '
            f'{NETWORKS[family][0].format(2)} table 100\n'
            f'ip {family.ip_option} rule add from {family.users} table 100 '
            'pref 100' for family in BOTH)

    def test_second_uplink_for_the_users(self):
        with self.made(self.second_uplink()):
            for family in BOTH:
                self.assertTrue(self.carries(family), family)
            self.assert_fine(*(
                f'{family.users}: reply packets from the router '
                f'{NETWORKS[family][0].format(2)} come back'
                for family in BOTH))

    def test_first_uplink_has_a_link_local_router(self):
        router = link_local(self.net.destination, 'eth0')
        default = f'default via {router} dev out0'
        with self.made(self.second_uplink()), self.broken(
                f'ip -6 route replace {default} metric 10',
                f'ip -6 route del {default} metric 10'):
            self.assertTrue(self.carries(IPV6))
            self.assert_fine(
                f'{IPV6.users}: reply packets from the router '
                f'{NETWORKS[IPV6][0].format(2)} come back')

    def test_default_route_of_the_users_only(self):
        """The main table leads to no outside host."""
        with self.made(self.second_uplink()), self.broken(
                'ip route del default', 'ip route add default via '
                + IPV4.second_destination):
            self.assertTrue(self.carries(IPV4))
            self.assert_fine(f'{IPV4.users}: reply packets from the router',
                             f'{IPV4.users}: the firewall does not ')

    def test_users_by_the_uplink_that_drops_them(self):
        self.assert_blocked(IPV4)
        self.assert_wrong(
            f'{IPV4.users}: the router {IPV4.second_destination} replies to '
            'this host, but its replies to', 'let the network route')
