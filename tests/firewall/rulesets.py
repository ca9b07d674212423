"""Random firewall rules of the kinds that hosts have.

All of them are about the connection of test_property.py, or about others: the
sender `near`, the host `own`, its port 9001, and the link eth0.
"""

import dataclasses

PORT = 9001
BEYOND_PORT = 80


@dataclasses.dataclass(frozen=True)
class Places:
    name: str           # in nft: ip or ip6
    option: str         # of ip(8)
    iptables: str
    near: str
    second: str
    net: str
    own: str
    beyond: str         # beyond the host, which routes to it by eth1
    gateway: str        # the host's address there
    user: str           # an address of the host that is not on a link
    other: str
    other_net: str
    bits: int


IPV4 = Places('ip', '-4', 'iptables', '10.77.0.1', '10.77.0.200',
              '10.77.0.0/24', '10.77.0.2', '203.0.113.5', '203.0.113.1',
              '198.51.100.9', '192.0.2.7',
              '192.0.2.0/24', 24)
IPV6 = Places('ip6', '-6', 'ip6tables', 'fd77::1', 'fd77::200', 'fd77::/64',
              'fd77::2', '2001:db8:5::5', '2001:db8:5::1', '2001:db8:9::9',
              '2001:db8::7', '2001:db8::/64', 64)


class Nft:
    """Rulesets for nft -f, which flush what was there."""

    tool = 'nft'

    def __init__(self, random, places):
        self.random = random
        self.places = places
        self.pick = random.choice

    def load(self, host, text):
        return host.run('nft', '-f', '-', input=text, check=False)

    def clear(self, host):
        host.run('nft', 'flush', 'ruleset')

    def port(self):
        return self.pick(['22', '9001', '9001', '{ 22, 80 }', '{ 22, 9001 }',
                          '9000-9100', '{ 80, 9000-9010 }', '@ports', '!= 22',
                          '!= 9001', '443', '> 9000', '< 1024', '>= 9001',
                          '!= { 22, 9001 }', '!= 9000-9002', '80'])

    def match(self):
        at, pick = self.places, self.pick
        return pick([
            lambda: f'tcp dport {self.port()}',
            lambda: f'tcp dport {self.port()}',
            lambda: f'{at.name} saddr {at.net} tcp dport {self.port()}',
            lambda: f'{at.name} saddr {at.other_net} tcp dport {self.port()}',
            lambda: f'{at.name} saddr {at.near}',
            lambda: f'{at.name} saddr {at.other}',
            lambda: f'{at.name} saddr {{ {at.other_net}, {at.near} }}',
            lambda: f'{at.name} saddr != {at.net}',
            lambda: f'{at.name} daddr {at.own}',
            lambda: f'{at.name} saddr @friends',
            lambda: f'{at.name} saddr . tcp dport @pairs',
            lambda: f'{at.name} saddr . tcp dport '
                    f'{{ {at.near} . 9001, {at.other} . 22 }}',
            lambda: 'ct state established,related',
            lambda: 'ct state { new, invalid }',
            lambda: 'ct state invalid',
            lambda: 'ct state != new',
            lambda: 'ct state new',
            lambda: f'ct state new tcp dport {self.port()}',
            lambda: 'ct direction reply',
            lambda: 'ct mark 0x3',
            lambda: f'ct original {at.name} daddr {at.own}',
            lambda: 'ct original proto-dst 0x2329',
            lambda: 'ct status dnat',
            lambda: 'meta mark 0x3',
            lambda: 'meta mark & 0xff == 0x3',
            lambda: 'meta mark != 0',
            lambda: 'iif lo',
            lambda: 'iif != lo',
            lambda: 'iifname "eth0"',
            lambda: 'iifname "wg*"',
            lambda: 'iifname "et*"',
            lambda: 'iifname @links',
            lambda: 'oifname "eth0"',
            lambda: 'iifname "eth0" oifname "eth1"',
            lambda: 'iifname "eth1" ct state established,related',
            lambda: f'{at.name} daddr {at.beyond}',
            lambda: f'{at.name} daddr @friends',
            lambda: 'ct zone 7',
            lambda: 'oifname != "eth1"',
            lambda: 'ip protocol icmp',
            lambda: 'meta l4proto { icmp, ipv6-icmp }',
            lambda: f'meta l4proto tcp th dport {pick(["9001", "22"])}',
            lambda: 'udp dport 53',
            lambda: 'tcp sport 1024-65535',
            lambda: 'tcp flags & (fin|syn|rst|ack) == syn',
            lambda: 'tcp flags syn',
            lambda: 'meta nfproto ipv4',
            lambda: 'meta nfproto ipv6',
            lambda: 'meta protocol ip',
            lambda: 'meta protocol ip6',
            lambda: 'fib daddr type local',
            lambda: 'fib daddr type != { local, broadcast }',
            lambda: 'meta pkttype host',
            lambda: 'limit rate 100/second' if self.random.random() < .2
                    else 'ip6 nexthdr tcp',
        ])()

    def verdict(self, chains):
        return self.pick(['accept'] * 5 + ['drop'] * 3 + ['reject', 'return']
                         + [f'{self.pick(["jump", "jump", "goto"])} {chain}'
                            for chain in chains] * 2)

    def rule(self, chains):
        """No rule changes what another packet has left with every packet.

        The outcome would depend on the number of packets.
        """
        if self.random.random() < .12:
            last = chains[0] if chains else None
            return self.pick([
                'ct state vmap { established : accept, related : accept, '
                'invalid : drop }',
                'tcp dport vmap { 22 : accept, 9001 : accept }',
                'tcp dport vmap { 22 : accept, 9001 : drop }',
                'tcp dport vmap { 22 : accept, 9000-9005 : drop, * : return }',
                'tcp dport vmap @verdicts',
                'iifname vmap { "lo" : accept, "eth0" : '
                + (f'jump {last}' if last else 'accept') + ' }',
                'log prefix "drop: "', 'counter comment "accept all"',
                'meta mark set 0x3', 'ct mark set meta mark | 0x3',
                'meta mark set ct mark', 'meta mark set meta mark | 0x3',
                'meta mark set meta mark & 0xfffffff0',
                'tcp dport 9001 meta mark set 0x3',
                f'meta mark set {self.places.name} saddr map '
                f'{{ {self.places.near} : 0x3 }}'])
        extra = self.pick(['', '', '', 'counter ', 'log prefix "fw drop " '])
        comment = self.pick(['', '', '', ' comment "let ssh in"',
                             ' comment "drop the rest"'])
        return f'{self.match()} {extra}{self.verdict(chains)}{comment}'

    def table(self, name='inet filter', hook='input'):
        at, pick, random = self.places, self.pick, self.random
        kind = 'ipv4_addr' if at.name == 'ip' else 'ipv6_addr'
        ports = pick(['9001', '22, 80', '9000-9100'])
        friends = pick([at.near, at.other, f'{at.other}, {at.net}'])
        pairs = pick([f'{at.net} . 9001', f'{at.near} . 22-80',
                      f'{at.other} . 9001, {at.near} . 9000-9010'])
        out = [f'table {name} {{',
               f' set ports {{ type inet_service; flags interval; '
               f'elements = {{ {ports} }} }}',
               f' set friends {{ type {kind}; flags interval; '
               f'elements = {{ {friends} }} }}',
               f' set pairs {{ type {kind} . inet_service; flags interval; '
               f'elements = {{ {pairs} }} }}',
               ' set links { type ifname; flags interval; '
               'elements = { %s } }' % pick(['"eth0"', '"wg*"', '"eth*"']),
               ' map verdicts { type inet_service : verdict; '
               'elements = { 22 : drop, 9001 : %s } }'
               % pick(['accept', 'drop', 'return'])]
        for chain in ('two', 'one'):
            onward = ['two'] if chain == 'one' else []
            out += [f' chain {chain} {{']
            out += ['  ' + self.rule(onward)
                    for _ in range(random.randint(0, 3))] + [' }']
        out += [f' chain {hook} {{', '  type filter hook %s priority %s; '
                'policy %s;' % (hook, pick(['filter', '0', '-10', 'mangle']),
                                pick(['drop', 'accept'] if hook == 'input' else
                                     ['drop', 'accept', 'accept', 'accept']))]
        if hook != 'input' and random.random() < .6:
            out.append('  ct state established,related accept')
        out += ['  ' + self.rule(['one', 'two'])
                for _ in range(random.randint(1, 6))]
        if random.random() < .3:
            out.append('  ' + pick(['drop', 'counter drop', 'accept', 'reject',
                                    'log prefix "end " drop']))
        out.append(' }')
        others = {'input': {'prerouting': .3, 'output': .2},
                  'forward': {'prerouting': .3, 'postrouting': .3},
                  'output': {'prerouting': .3, 'postrouting': .3,
                             'input': .3}}[hook]
        for hook, share in others.items():
            if random.random() < share:
                out += [f' chain {hook} {{',
                        f'  type filter hook {hook} priority %s; '
                        'policy accept;' % pick(['raw', 'mangle', '-250',
                                                 'filter', '-150']),
                        '  ' + self.rule([]),
                        '  ' + pick([self.rule([]), 'meta mark set 0x3',
                                     'counter', 'ct mark set 0x3']), ' }']
        return out + ['}']

    def filter(self):
        random = self.random
        out = ['flush ruleset'] + self.table()
        if random.random() < .15:
            out += ['table netdev early {', ' chain in {',
                    '  type filter hook ingress device "%s" priority 0; '
                    'policy accept;' % self.pick(['eth0', 'eth0', 'lo']),
                    f'  {self.places.name} saddr '
                    + self.pick([self.places.net, self.places.other_net])
                    + self.pick([' tcp dport 9001', ' tcp dport 22', '']) + ' '
                    + self.pick(['drop', 'accept']), ' }', '}']
        if random.random() < .25:
            out += ['table %s other {' % self.pick([self.places.name, 'inet']),
                    ' set ports { type inet_service; elements = { 22 } }',
                    ' set friends { type %s; elements = { %s } }'
                    % ('ipv4_addr' if self.places.name == 'ip'
                       else 'ipv6_addr', self.places.near),
                    ' chain in2 {', '  type filter hook input priority '
                    + self.pick(['10', '-20', '0']) + '; policy accept;',
                    '  ' + self.pick(['', 'counter '])
                    + self.pick(['tcp dport 9001', 'tcp dport @ports',
                                 f'{self.places.name} saddr @friends',
                                 'ct state new', 'meta mark 0x3'])
                    + ' ' + self.pick(['drop', 'accept']), ' }', '}']
        return '\n'.join(out) + '\n'

    def path(self, hook):
        """Rules of all kinds for packets that go out by eth1."""
        at, pick, random = self.places, self.pick, self.random
        out = ['flush ruleset'] + self.table(hook=hook)
        if random.random() < .5:
            match = pick(['', 'oifname "eth1"', 'oifname "eth0"', 'ct zone 7',
                          f'{at.name} saddr {at.near}', 'meta mark 0x3',
                          f'{at.name} saddr {at.user}', 'tcp dport 9001',
                          f'{at.name} daddr != {at.other_net}',
                          'fib saddr type local', 'meta l4proto tcp'])
            out += [f'table {at.name} nat {{', ' chain post {',
                    '  type nat hook postrouting priority srcnat; '
                    'policy accept;',
                    f'  {pick(["", self.nat_match()])} '
                    + pick(['counter', 'return', 'accept']),
                    f'  {match} ' + pick(['masquerade', 'masquerade',
                                          f'snat to {at.gateway}']),
                    ' }', '}']
        if random.random() < .25:
            zone = pick(['ct zone set 7', 'ct zone set 7', 'notrack'])
            links = pick([('iifname "eth0"', 'iifname "eth1"'),
                          ('tcp dport 9001', 'tcp sport 9001'),
                          ('iifname "eth1"',), ('tcp dport 9001',)])
            for at_hook in ('prerouting', 'output'):
                out += [f'table {at.name} raw{at_hook} {{', ' chain r {',
                        f'  type filter hook {at_hook} priority raw; '
                        'policy accept;']
                out += [f'  {link} {zone}' for link in links
                        if at_hook == 'prerouting' or 'iif' not in link]
                out += [' }', '}']
        if random.random() < .3:
            restore = pick(['meta mark set ct mark',
                            'meta mark set ct mark & 0xff'])
            out += [f'table {at.name} marks {{', ' chain in {',
                    '  type filter hook prerouting priority mangle; '
                    'policy accept;', f'  {restore}', ' }', ' chain out {',
                    '  type filter hook postrouting priority mangle; '
                    'policy accept;', '  ' + pick(
                        ['ct mark set 0x3', 'meta mark set 0x3',
                         'ct mark set meta mark | 0x3']), ' }', ' chain late {',
                    f'  type filter hook {pick(["forward", "input"])} '
                    'priority 20; policy accept;', '  ' + pick(
                        ['meta mark 0x3 drop', 'ct mark 0x3 drop',
                         'meta mark & 0x1 != 0 ct direction reply drop']),
                    ' }', '}']
        for hook in ('ingress', 'egress'):
            if random.random() < .15:
                out += [f'table netdev n{hook} {{', ' chain c {',
                        f'  type filter hook {hook} device "%s" priority 0; '
                        'policy accept;' % pick(['eth0', 'eth1']),
                        f'  {at.name} {pick(["saddr", "daddr"])} '
                        + pick([at.beyond, at.near, at.user, at.other_net])
                        + pick([' tcp dport 9001', ' tcp sport 9001', ''])
                        + ' ' + pick(['drop', 'drop', 'accept']), ' }', '}']
        return '\n'.join(out) + '\n'

    def forward(self):
        return self.path('forward')

    def outgoing(self):
        return self.path('output')

    def intake(self):
        return self.filter()

    def nat_match(self):
        at = self.places
        return self.pick([
            '', '', f'{at.name} saddr {at.net}', f'{at.name} saddr {at.near}',
            f'{at.name} saddr {at.other_net}', 'iifname "eth0"',
            'iifname "eth1"', f'{at.name} saddr != {at.other_net}',
            f'{at.name} saddr != {at.net}', f'{at.name} daddr {at.beyond}',
            f'{at.name} daddr != {at.other_net}', 'tcp dport 80',
            'tcp dport { 80, 443 }', f'{at.name} saddr @users',
            'fib daddr type != local', 'meta mark 0x1', 'udp dport 53',
            'ct state new', 'ct state untracked'])

    def take(self):
        at = self.places
        own = f'[{at.own}]' if ':' in at.own else at.own
        return self.pick(
            ['redirect to :9001'] * 5
            + ['redirect to :9002', f'dnat to {own}:9001',
               'redirect to :tcp dport map { 80 : 9001, 443 : 9002 }',
               'redirect to :tcp dport map { 443 : 9001 }'])

    def nat(self):
        at, pick, random = self.places, self.pick, self.random
        kind = 'ipv4_addr' if at.name == 'ip' else 'ipv6_addr'
        out = ['flush ruleset', f'table {at.name} nat {{',
               f' set users {{ type {kind}; flags interval; elements = '
               f'{{ {pick([at.net, at.other_net])} }} }}',
               ' chain take {',
               f'  meta l4proto tcp {self.nat_match()} {self.take()}', ' }',
               ' chain pre {', '  type nat hook prerouting priority '
               + pick(['dstnat', 'dstnat', '-250', '10'])
               + '; policy accept;']
        for _ in range(random.randint(0, 2)):
            out.append(f'  {self.nat_match()} ' + pick(
                ['return', 'accept', 'return', 'jump take', 'counter']))
        out.append('  ' + pick([
            'jump take', f'meta l4proto tcp {self.nat_match()} {self.take()}',
            f'meta l4proto tcp {self.nat_match()} {self.take()}',
            f'{self.nat_match()} jump take']))
        out += [' }', '}']
        if random.random() < .25:
            out += [f'table {at.name} early {{', ' chain p {',
                    '  type filter hook prerouting priority '
                    + pick(['raw', 'mangle', '-110', 'filter'])
                    + '; policy accept;', '  ' + pick([
                        f'{at.name} saddr {at.net} notrack',
                        'tcp dport 80 notrack', 'tcp dport 80 drop',
                        f'{at.name} saddr {at.other_net} notrack',
                        'meta mark set 0x1', 'tcp dport 9001 drop',
                        'ct state new meta mark set 0x1']), ' }', '}']
        if random.random() < .15:
            out += [f'table {at.name} second {{', ' chain p {',
                    '  type nat hook prerouting priority '
                    + pick(['dstnat - 5', 'dstnat', 'dstnat + 5'])
                    + '; policy accept;',
                    f'  meta l4proto tcp {pick(["tcp dport 80 ", ""])}'
                    + pick(['redirect to :9001', 'redirect to :9002',
                            'accept']), ' }', '}']
        return '\n'.join(out) + '\n'


class Iptables(Nft):
    """The same for iptables-restore, of either variant."""

    hook = 'INPUT'

    def __init__(self, random, places, variant):
        super().__init__(random, places)
        self.tool = f'{places.iptables}-{variant}'

    def load(self, host, text):
        return host.run(self.tool + '-restore', input=text, check=False)

    def clear(self, host):
        host.run(self.tool + '-restore', input=''.join(
            f'*{table}\n{chains}\nCOMMIT\n' for table, chains in (
                ('filter', ':INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT'),
                ('mangle', ':PREROUTING ACCEPT\n:POSTROUTING ACCEPT'),
                ('raw', ':PREROUTING ACCEPT\n:OUTPUT ACCEPT'),
                ('nat', ':PREROUTING ACCEPT\n:POSTROUTING ACCEPT'))),
            check=False)

    def port(self):
        return self.pick(['--dport 22', '--dport 9001', '--dport 9001',
                          '--dport 9000:9100', '-m multiport --dports 22,80',
                          '-m multiport --dports 22,9001:9005', '! --dport 22',
                          '! --dport 9001', '--dport 443', '--sport 1024:',
                          '-m multiport ! --dports 22,9001'])

    def match(self):
        at = self.places
        state = '-m conntrack --ctstate '
        return self.pick([lambda: '-p tcp ' + self.port()] * 4 + [
            lambda: f'-s {at.net} -p tcp {self.port()}',
            lambda: f'-s {at.other_net} -p tcp {self.port()}',
            lambda: '-i eth0' if self.hook != 'OUTPUT' else '-o eth1',
            lambda: '-i wg+' if self.hook != 'OUTPUT' else '-o wg+',
            lambda: '-i et+' if self.hook != 'OUTPUT' else '-o et+',
            lambda: '-i eth0 -o eth1' if self.hook == 'FORWARD' else '-p tcp',
            lambda: '-i lo' if self.hook != 'OUTPUT' else '-o eth1',
            lambda: '! -i lo' if self.hook != 'OUTPUT' else '! -o lo',
            lambda: f'-s {at.other}', lambda: f'-d {at.beyond}',
            lambda: f'! -s {at.net}', lambda: f'-d {at.own}',
            lambda: state + 'ESTABLISHED,RELATED', lambda: state + 'INVALID',
            lambda: f'{state}NEW -p tcp {self.port()}',
            lambda: '-m state --state NEW,INVALID',
            lambda: f'-m conntrack ! --ctstate NEW',
            lambda: f'-m conntrack --ctorigdst {at.own}',
            lambda: '-m conntrack --ctdir REPLY',
            lambda: '-m conntrack --ctstate DNAT',
            lambda: '-p udp --dport 53', lambda: '-p tcp', lambda: '! -p tcp',
            lambda: '-m addrtype --dst-type LOCAL',
            lambda: '-m addrtype ! --dst-type LOCAL',
            lambda: '-m mark --mark 0x3', lambda: '-m mark --mark 0x3/0xff',
            lambda: '-m mark ! --mark 0x0', lambda: '-m connmark --mark 0x3',
            lambda: f'-m iprange --src-range {at.near}-{at.second}',
            lambda: '-p tcp --syn', lambda: '-p tcp ! --syn',
            lambda: '-p tcp --tcp-flags SYN,ACK SYN',
            lambda: '-m limit --limit 100/s' if self.random.random() < .2
                    else '-p sctp'])()

    def verdict(self, chains):
        return self.pick(['-j ACCEPT'] * 5 + ['-j DROP'] * 3 + ['-j RETURN']
                         + [f'{self.pick(["-j", "-j", "-g"])} {chain}'
                            for chain in chains] * 2)

    def rule(self, chains):
        comment = self.pick(['', '', '', ' -m comment --comment "drop it"',
                             ' -m comment --comment "let \\"ssh\\" in"'])
        return f'{self.match()}{comment} {self.verdict(chains)}'

    def filter(self):
        pick, random = self.pick, self.random
        out = ['*filter', f':INPUT {pick(["DROP", "ACCEPT"])} [0:0]',
               ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]',
               ':one - [0:0]', ':two - [0:0]']
        if random.random() < .6:
            out.append('-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED '
                       '-j ACCEPT')
        out += [f'-A INPUT {self.rule(["one", "two"])}'
                for _ in range(random.randint(1, 5))]
        if random.random() < .4:
            out.append('-A INPUT -j ' + pick(
                ['DROP', 'REJECT', 'LOG --log-prefix "drop "']))
        out += [f'-A one {self.rule(["two"])}'
                for _ in range(random.randint(0, 3))]
        out += [f'-A two {self.rule([])}' for _ in range(random.randint(0, 2))]
        out += ['COMMIT', '*mangle', ':PREROUTING ACCEPT [0:0]']
        if random.random() < .4:
            out.append(f'-A PREROUTING {self.match()} ' + pick([
                '-j MARK --set-mark 0x3', '-j MARK --or-mark 0x3',
                '-j CONNMARK --set-mark 0x3', '-j DROP',
                '-j MARK --set-xmark 0x1/0x1']))
            out.append('-A PREROUTING ' + pick([
                '-j CONNMARK --save-mark', '-j CONNMARK --restore-mark',
                '-j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xf0',
                '-j MARK --and-mark 0xfffffff0']))
        out += ['COMMIT', '*raw', ':PREROUTING ACCEPT [0:0]']
        if random.random() < .1:
            out.append(f'-A PREROUTING {self.match()} '
                       + pick(['-j DROP', '-j ACCEPT', '-j CT --notrack']))
        return '\n'.join(out + ['COMMIT', ''])

    def path(self, hook):
        """As Docker and others write them; see Nft.path()."""
        at, pick, random = self.places, self.pick, self.random
        self.hook = hook
        accept = '-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT'
        out = ['*filter'] + [
            f':{name} {pick(["DROP", "ACCEPT"]) if name == hook else "ACCEPT"}'
            ' [0:0]' for name in ('INPUT', 'FORWARD', 'OUTPUT')]
        out += [f':{name} - [0:0]' for name in ('DOCKER', 'DOCKER-USER', 'one',
                                                'two')]
        if hook == 'FORWARD' and random.random() < .5:
            out += ['-A FORWARD -j DOCKER-USER',
                    f'-A FORWARD -o {pick(["docker0", "eth1"])} {accept}',
                    f'-A FORWARD -o {pick(["docker0", "eth1"])} -j DOCKER',
                    '-A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
                    '-A DOCKER-USER -j RETURN',
                    f'-A DOCKER {self.rule([])}']
        if random.random() < .6:
            out.append(f'-A {hook} {accept}')
        out += [f'-A {hook} {self.rule(["one", "two"])}'
                for _ in range(random.randint(1, 4))]
        out += [f'-A one {self.rule(["two"])}'
                for _ in range(random.randint(0, 2))]
        if hook == 'OUTPUT' and random.random() < .4:
            self.hook = 'INPUT'
            out += [f'-A INPUT {self.rule([])}']
        out += ['COMMIT', '*mangle', ':PREROUTING ACCEPT [0:0]',
                ':POSTROUTING ACCEPT [0:0]']
        if random.random() < .3:
            mask = pick(['', ' --nfmask 0xf --ctmask 0xf'])
            out += [f'-A PREROUTING -j CONNMARK --restore-mark{mask}',
                    '-A PREROUTING ' + pick(['-m mark --mark 0x3 -j DROP',
                                             '-m mark ! --mark 0 -j ACCEPT']),
                    '-A POSTROUTING ' + pick([
                        '-j MARK --set-xmark 0x3/0x3', '-o eth1 -j MARK '
                        '--set-mark 0x13', '-j CONNMARK --set-mark 0x3']),
                    f'-A POSTROUTING -j CONNMARK --save-mark{mask}']
        if random.random() < .3:
            out.append(f'-A POSTROUTING {pick(["-o eth1", "-p tcp", "-o eth0"])}'
                       f' {pick(["-d", "-s"])} '
                       + pick([at.near, at.user, at.beyond, at.other_net])
                       + ' -j ' + pick(['DROP', 'ACCEPT']))
        out += ['COMMIT', '*raw', ':PREROUTING ACCEPT [0:0]',
                ':OUTPUT ACCEPT [0:0]']
        if random.random() < .25:
            zone = pick(['CT --zone 7', 'CT --zone 7', 'CT --notrack'])
            out += [f'-A PREROUTING {match} -j {zone}' for match in pick([
                ['-i eth0', '-i eth1'], ['-i eth1'], ['-p tcp']])]
            if random.random() < .5:
                out.append(f'-A OUTPUT -p tcp -j {zone}')
        out += ['COMMIT', '*nat', ':POSTROUTING ACCEPT [0:0]']
        if random.random() < .5:
            out.append('-A POSTROUTING ' + pick([
                '-o eth0', '-d ' + at.beyond, '-m mark --mark 0x3',
                f'-s {at.user}', '-m addrtype --src-type LOCAL'])
                + ' -j ' + pick(['RETURN', 'ACCEPT']))
        if random.random() < .5:
            out.append('-A POSTROUTING ' + pick([
                '-o eth1', f'! -d {at.other_net}', f'-s {at.near}', '-p tcp',
                f'-s {at.user}', f'-m iprange --src-range {at.near}-{at.second}',
                '-m mark --mark 0x3/0x3', '-o lo']) + ' '
                + pick(['-p tcp ', '']) + pick(
                    ['-j MASQUERADE', '-p tcp -j MASQUERADE --to-ports '
                     '20000-30000', f'-j SNAT --to-source {at.gateway}']))
        return '\n'.join(line.replace('-p tcp -p tcp', '-p tcp')
                         for line in out + ['COMMIT', ''])

    def forward(self):
        return self.path('FORWARD')

    def outgoing(self):
        return self.path('OUTPUT')

    def nat_match(self):
        at = self.places
        return self.pick([
            '', '', f'-s {at.net}', f'-s {at.near}', f'-s {at.other_net}',
            '-i eth0', '-i eth1', f'! -s {at.net}', f'! -s {at.other_net}',
            f'-d {at.beyond}', f'! -d {at.other_net}',
            '-m addrtype ! --dst-type LOCAL', '-m mark --mark 0x1',
            '-m conntrack --ctstate NEW'])

    def nat(self):
        at, pick, random = self.places, self.pick, self.random
        own = f'[{at.own}]' if ':' in at.own else at.own
        take = ['REDIRECT --to-ports 9001'] * 4 + [
            'REDIRECT --to-ports 9002', f'DNAT --to-destination {own}:9001']
        out = ['*nat', ':PREROUTING ACCEPT [0:0]', ':take - [0:0]']
        out += [f'-A PREROUTING {self.nat_match()} -j '
                + pick(['RETURN', 'ACCEPT', 'take'])
                for _ in range(random.randint(0, 2))]
        out.append('-A PREROUTING ' + pick(['-j take', '-p tcp '
                   + f'{self.nat_match()} -j {pick(take)}',
                   f'{self.nat_match()} -j take']))
        out.append(f'-A take -p tcp {self.nat_match()} -j {pick(take)}')
        out += ['COMMIT', '*raw', ':PREROUTING ACCEPT [0:0]']
        if random.random() < .3:
            out.append('-A PREROUTING ' + pick([
                f'-s {at.net} -j CT --notrack', '-p tcp --dport 80 -j DROP',
                f'-s {at.other_net} -j CT --notrack',
                '-p tcp -j CT --notrack', '-p udp -j CT --notrack']))
        out += ['COMMIT', '*mangle', ':PREROUTING ACCEPT [0:0]']
        if random.random() < .4:
            out.append('-A PREROUTING ' + pick([
                '-j MARK --set-mark 0x1', '-p udp -j MARK --set-mark 0x1',
                '-j MARK --set-xmark 0x1/0x1']))
        return '\n'.join(out + ['COMMIT', ''])
