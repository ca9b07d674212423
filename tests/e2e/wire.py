"""The wire protocol, version 1, spoken independently of srcproxy's own code."""

import hashlib
import ipaddress
import struct

VERSION = 1
RELAY = 1


def auth_digest(auth):
    return hashlib.sha256(auth.encode()).digest()


BLANK_AUTH = auth_digest('')


def encode_address(to):
    """to is a pair of address and port; the address may be raw bytes, too."""
    address, port = to
    if isinstance(address, str):
        address = ipaddress.ip_address(address).packed
    return bytes([len(address)]) + address + struct.pack('>H', port)


def encode_request(source, destination, auth=BLANK_AUTH, version=VERSION,
                   opcode=RELAY):
    return (bytes([version, opcode, len(auth)]) + auth +
            encode_address(destination) + encode_address(source))


def mapped(address):
    """An IPv4 address, mapped into the 16 bytes of an IPv6 address."""
    return '::ffff:' + address
