"""The wire protocol, spoken independently of srcproxy's own code."""

import hashlib
import hmac
import ipaddress
import os
import struct
import time

VERSION = 1
RELAY = 1
CHECK = 2  # of version 2
UNSPECIFIED = ('0.0.0.0', 0)

# The status of version 2.
BAD_VERSION, MALFORMED, BAD_OPCODE = 0, 1, 2
NOT_AUTHORIZED = 32
CLOCK_OFF, REPLAY, SOURCE_DENIED, DESTINATION_DENIED, LIMITED = range(40, 45)
EXHAUSTED, NETWORK_FAILURE = 64, 65
REFUSED, UNREACHABLE, TIMED_OUT = 96, 97, 98
CONNECTED = 128


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


def hmac_sha256(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def derive_key(auth):
    return hmac_sha256(auth.encode(), b'srcproxy protocol 2 key')


def derive_hint(auth):
    return hmac_sha256(auth.encode(), b'srcproxy protocol 2 hint')[:8]


def now_ms():
    return time.time_ns() // 10 ** 6


def encode_request_2(source, destination, auth='', opcode=RELAY, time_ms=None,
                     nonce=None, hint=None, key=None):
    message = (bytes([2, opcode]) +
               struct.pack('>Q', now_ms() if time_ms is None else time_ms) +
               (nonce or os.urandom(16)) + (hint or derive_hint(auth)) +
               encode_address(destination) + encode_address(source))
    return message + hmac_sha256(key or derive_key(auth), message)


def encode_again(data, source, destination, auth='', opcode=RELAY):
    """The request that data begins with, made anew, with its time and nonce."""
    if data[0] == 1:
        return encode_request(source, destination, auth_digest(auth))
    return encode_request_2(source, destination, auth, opcode,
                            time_ms=struct.unpack('>Q', data[2:10])[0],
                            nonce=data[10:26])


def mapped(address):
    """An IPv4 address, mapped into the 16 bytes of an IPv6 address."""
    return '::ffff:' + address
