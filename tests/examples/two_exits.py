"""A network with two exits between the gate and the destination."""

from families import BOTH
from hosts import Network, join


class TwoExits(Network):
    """The link and the network behind the exits are switches.

    Both exits are connected to both switches. A subclass gives addresses to
    them, and the destination its way back.
    """

    def __init__(self):
        self._hosts = []
        self.user = self._add('user')
        self.gate = self._add('gate')
        self.first = self._add('first')
        self.second = self._add('second')
        self.destination = self._add('destination')
        self.switch = self._add('switch')
        for bridge in ('near', 'far'):
            self.switch.ip(f'link add {bridge} type bridge',
                           f'link set {bridge} up')
        join(self.gate, 'users0', self.user, 'eth0')
        self._plug(self.gate, 'link0', 'near')
        self._plug(self.destination, 'eth0', 'far')
        for host in (self.first, self.second):
            self._plug(host, 'link0', 'near')
            self._plug(host, 'out0', 'far')
        for family in BOTH:
            self._set_addresses(family)

    def _plug(self, host, name, bridge):
        port = f'{host.name}-{bridge}'
        join(host, name, self.switch, port)
        self.switch.ip(f'link set {port} master {bridge}')

    def _set_addresses(self, family):
        bits = family.length
        self.user.ip(f'addr add {family.user}/{bits} dev eth0',
                     f'route add default via {family.gate_users}')
        self.gate.ip(f'addr add {family.gate_users}/{bits} dev users0',
                     f'addr add {family.gate_link}/{bits} dev link0')
        self.destination.ip(f'addr add {family.destination}/{bits} dev eth0')
