"""The TCP segments that pass a link, as a socket of that host sees them."""

import collections
import ipaddress
import socket
import struct

ETH_P_ALL = 3
FIN, SYN, RST, ACK = 1, 2, 4, 16
FAST_OPEN_OPTION = 34

Segment = collections.namedtuple('Segment',
                                 'source destination flags options payload')


class Segments:
    """Collects segments that arrive at or leave the interface from now on."""

    def __init__(self, host, interface):
        with host.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                         socket.htons(ETH_P_ALL))
            self._socket.bind((interface, ETH_P_ALL))
        self._socket.setblocking(False)

    def close(self):
        self._socket.close()

    def take(self):
        """Returns all segments since the last call."""
        taken = []
        while True:
            try:
                packet = self._socket.recv(1 << 16)
            except BlockingIOError:
                return taken
            segment = _parse(packet)
            if segment:
                taken.append(segment)

    def take_syns(self, port):
        """Like take(), but only segments that open a connection to port."""
        return [segment for segment in self.take()
                if segment.flags & (SYN | ACK) == SYN
                and segment.destination[1] == port]


def _parse(packet):
    """Returns None if the packet is not TCP.

    Packets with extension headers are not expected.
    """
    if packet[0] >> 4 == 4:
        start, protocol, addresses = (packet[0] & 15) * 4, packet[9], \
            (packet[12:16], packet[16:20])
        packet = packet[:struct.unpack_from('>H', packet, 2)[0]]
    else:
        start, protocol, addresses = 40, packet[6], \
            (packet[8:24], packet[24:40])
    if protocol != socket.IPPROTO_TCP:
        return None
    ports = struct.unpack_from('>HH', packet, start)
    end = start + (packet[start + 12] >> 4) * 4
    source, destination = ((str(ipaddress.ip_address(address)), port)
                           for address, port in zip(addresses, ports))
    return Segment(source, destination, packet[start + 13],
                   _option_kinds(packet[start + 20:end]), packet[end:])


def _option_kinds(options):
    kinds = []
    while options and options[0]:
        kinds.append(options[0])
        options = options[1:] if options[0] == 1 else options[options[1]:]
    return kinds
