"""What is measured: no proxy, srcproxy, HAProxy, and the user's own commands.

A contender is a command of sh(1) for the gate and one for the exit.
"""

import dataclasses
import functools
import typing

import rules
from daemons import write_config
from families import endpoint
from sandbox import BINARY

NO_PROXY = 'none'
SRCPROXY = 'srcproxy'
TPROXY = 'tproxy'
VERSIONS = {'version-1': 1, 'version-2': 2}     # of the protocol
HAPROXY = 'haproxy'
HAPROXY_SPLICING = 'splicing'
HAPROXY_TFO = 'haproxy-tfo'

EXIT_PORT = 21829
AUTH = 'the benchmark'
USERS = 1000


@dataclasses.dataclass(frozen=True)
class Contender:
    name: str
    gate: str = None    # None: the hosts just route
    exit: str = None
    redirect: typing.Callable = rules.redirect_with_iptables


PLACEHOLDERS = {
    '{gate_port}': 'the port to which the firewall of the gate redirects',
    '{gate}': "the gate's address on the link to the exit",
    '{exit}': "the exit's address on that link",
    '{exit_port}': 'the port on which the exit is expected to listen',
    '{users}': 'the prefix of the users',
}


def brought(name, gate, exit_, family):
    """A contender of the user's commands, which may have placeholders."""
    values = {
        '{gate_port}': rules.REDIRECT_PORT,
        '{gate}': family.gate_link,
        '{exit}': family.exit_link,
        '{exit_port}': EXIT_PORT,
        '{users}': family.users,
    }
    for placeholder, value in values.items():
        gate = gate.replace(placeholder, str(value))
        exit_ = exit_.replace(placeholder, str(value))
    return Contender(name, gate, exit_)


def no_proxy(_family):
    return Contender(NO_PROXY)


def srcproxy(family, mode='redirect', protocol='auto', **leg):
    """Configured as in README.md, but without a log: the others write none.

    mode: of inbound. protocol: of the client half. leg: keys of both halves
    about the leg between them.
    """
    server = endpoint(family.exit_link, EXIT_PORT)
    gate = {
        'inbound': {'mode': mode, 'listen': f':{rules.REDIRECT_PORT}'},
        'outbound': {'server': server, 'auth': AUTH, **leg},
        'log_level': 'error',
        'protocol': protocol,
    }
    others = [{'name': f'user-{number}', 'auth': f'the secret of {number}',
               'allowed_src_ips': [family.users]}
              for number in range(1, USERS)]
    exit_ = {
        'listen': server,
        'acl': [{'name': 'bench', 'auth': AUTH,
                 'allowed_src_ips': [family.users]}, *others],
        'log_level': 'error',
        **leg,
    }
    return Contender(
        SRCPROXY,
        f'exec {BINARY} client {write_config(gate, "gate.json")}',
        f'exec {BINARY} server {write_config(exit_, "exit.json")}')


def srcproxy_by_tproxy(family):
    return dataclasses.replace(srcproxy(family, 'tproxy'), name=TPROXY,
                               redirect=rules.tproxy_with_nft)


def srcproxy_of_version(name, family):
    """It speaks only that version, for the two side by side."""
    return dataclasses.replace(srcproxy(family, protocol=VERSIONS[name]),
                               name=name)


# A pipe for each of 4,000 connections, not for every fourth as by default. A
# limit of 20,000 descriptors does not allow for more.
_HAPROXY = '''
global
	maxconn 5000
	maxpipes 4000
defaults
	mode tcp
	timeout connect 10s
	timeout client 5m
	timeout server 5m
'''


def haproxy(family):
    """HAProxy with the option that its manual recommends. HAProxy 2.6 hardly
    splices with it: perf(1) saw 763 splice(2) to 341,000 recv(2).
    """
    return _haproxy(HAPROXY, family, 'splice-auto')


def haproxy_splicing(family):
    """HAProxy that always splices, which costs it time elsewhere."""
    return _haproxy(HAPROXY_SPLICING, family, 'splice-request',
                    'splice-response')


def haproxy_tfo(family):
    """With its own keyword for TCP Fast Open at both ends of the leg."""
    return _haproxy(HAPROXY_TFO, family, 'splice-auto', tfo='tfo')


def _haproxy(name, family, *options, tfo=''):
    """By the PROXY protocol. IPv4 only: that is what SO_ORIGINAL_DST, for
    which it asks by itself, and a server that stands for any are to it.
    """
    common = _HAPROXY + ''.join(f'\toption {option}\n' for option in options)
    server = f'{family.exit_link}:{EXIT_PORT}'
    gate = common + f'''
listen gate
	bind :{rules.REDIRECT_PORT}
	server exit {server} send-proxy-v2 {tfo}
'''
    exit_ = common + f'''
listen exit
	bind {server} accept-proxy {tfo}
	source 0.0.0.0 usesrc client
	server any 0.0.0.0:0
'''
    return Contender(
        name,
        f'exec haproxy -db -f {write_config(gate, "gate.cfg")}',
        f'exec haproxy -db -f {write_config(exit_, "exit.cfg")}')


KNOWN = {
    NO_PROXY: no_proxy,
    SRCPROXY: srcproxy,
    HAPROXY: haproxy,
    HAPROXY_SPLICING: haproxy_splicing,
    TPROXY: srcproxy_by_tproxy,
    **{name: functools.partial(srcproxy_of_version, name)
       for name in VERSIONS},
}
# TPROXY is another mode, not another program: it is measured when asked for. So
# are the versions of the protocol.
DEFAULT = (NO_PROXY, SRCPROXY, HAPROXY, HAPROXY_SPLICING)
IPV4_ONLY = (HAPROXY, HAPROXY_SPLICING, HAPROXY_TFO)
