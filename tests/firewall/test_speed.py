"""How long src/firewall takes for a large ruleset, in units of nft's own time.

Processor time is compared, as other programs may keep the machine busy.
FIREWALL_RATIO is the bound: sanitizers slow this program down, not nft.
"""

import os
import resource
import unittest

from hosts import Host
from sandbox import BINARY

RATIO = float(os.environ.get('FIREWALL_RATIO', 3))
ELEMENTS = 20000
CHAINS, RULES, WALKS = 200, 10, 200


def large_ruleset():
    elements = ',\n'.join(f'{1 + i // 65536}.{i // 256 % 256}.{i % 256}.0/25'
                          for i in range(ELEMENTS))
    out = ['table inet large {', ' set blocked {', '  type ipv4_addr',
           '  flags interval', f'  elements = {{ {elements} }}', ' }']
    for chain in range(CHAINS):
        out.append(f' chain c{chain} {{')
        out += [f'  ip saddr 10.{chain}.{rule}.0/24 tcp dport '
                f'{{ 22, {1000 + rule} }} counter accept'
                for rule in range(RULES)] + [' }']
    out += [' chain input {', '  type filter hook input priority 0',
            '  ip saddr @blocked drop']
    out += [f'  tcp dport {20000 + chain} jump c{chain}'
            for chain in range(CHAINS)]
    return '\n'.join(out + ['  tcp dport 9001 drop', ' }', '}', ''])


class Speed(unittest.TestCase):

    def processor_time(self, *command):
        """What the command printed, and the seconds that it took."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        output = self.host.run(*command).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return output, (after.ru_utime - before.ru_utime +
                        after.ru_stime - before.ru_stime)

    def test_large_ruleset(self):
        self.host = Host('large')
        self.addCleanup(self.host.destroy)
        self.host.run('nft', '-f', '-', input=large_ruleset())
        _, listed = self.processor_time('nft', '-n', '-j', 'list', 'ruleset')
        packet = ('from=192.0.2.1', 'to=198.51.100.1', 'dport=9001', 'iif=lo')
        walks = ' input -- '.join([' '.join(packet)] * WALKS) + ' input'
        said, walked = self.processor_time(BINARY, *walks.split())
        self.assertEqual({line.split()[0] for line in said.splitlines()},
                         {'dropped'})
        print(f'# {walked / listed:.2f} times as long as nft', flush=True)
        self.assertLess(walked, RATIO * listed)
