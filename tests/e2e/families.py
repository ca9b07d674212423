"""IPv4 and IPv6, and the addresses of the four hosts in each of them.

    user ----- users ----- gate ----- link ----- exit ----- out --- destination
"""

import dataclasses
import socket


@dataclasses.dataclass(frozen=True)
class Family:
    af: int
    ip_option: str      # of ip(8)
    iptables: str       # the command for this family
    any: str
    users: str          # the prefix that all users are in
    user: str
    second_user: str    # another address of the same host
    no_user: str        # no host has this address
    gate_users: str     # the gate's address on that link
    gate_link: str
    second_gate_link: str
    exit_link: str
    second_exit_link: str
    exit_out: str
    destination: str
    second_destination: str
    unreachable: str    # the exit has an unreachable route for it
    length: int         # of the prefix of a link, in bits
    host_bits: int      # prefix length of a single address


IPV4 = Family(
    af=socket.AF_INET,
    ip_option='-4',
    iptables='iptables',
    any='0.0.0.0',
    users='198.51.100.0/24',
    user='198.51.100.10',
    second_user='198.51.100.11',
    no_user='198.51.100.77',
    gate_users='198.51.100.1',
    gate_link='192.0.2.2',
    second_gate_link='192.0.2.4',
    exit_link='192.0.2.1',
    second_exit_link='192.0.2.3',
    exit_out='203.0.113.1',
    destination='203.0.113.80',
    second_destination='203.0.113.81',
    unreachable='203.0.113.99',
    length=24,
    host_bits=32,
)

IPV6 = Family(
    af=socket.AF_INET6,
    ip_option='-6',
    iptables='ip6tables',
    any='::',
    users='2001:db8:aaaa::/64',
    user='2001:db8:aaaa::10',
    second_user='2001:db8:aaaa::11',
    no_user='2001:db8:aaaa::77',
    gate_users='2001:db8:aaaa::1',
    gate_link='2001:db8:bbbb::2',
    second_gate_link='2001:db8:bbbb::4',
    exit_link='2001:db8:bbbb::1',
    second_exit_link='2001:db8:bbbb::3',
    exit_out='2001:db8:dddd::1',
    destination='2001:db8:dddd::80',
    second_destination='2001:db8:dddd::81',
    unreachable='2001:db8:dddd::99',
    length=64,
    host_bits=128,
)

BOTH = (IPV4, IPV6)


def af_of(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def endpoint(address, port):
    """The form that configurations and logs use."""
    return f'[{address}]:{port}' if ':' in address else f'{address}:{port}'
