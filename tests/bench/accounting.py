"""Processor time and memory of the processes of a host.

A control group also counts what the kernel needs for its processes: threads,
sockets, page tables. Version 2 always counts processor time, and one of the
two versions memory (cgroups(7)); otherwise the numbers come from /proc.
"""

import glob
import os
import secrets
import subprocess

from sandbox import WORK

# What the kernel needs for a thread and, roughly, for a socket with its inode
# and file. Used only where no group counts them.
THREAD_BYTES = 16 * 1024
SOCKET_BYTES = 4 * 1024

TICKS_PER_SECOND = os.sysconf('SC_CLK_TCK')

# Enters the groups named before "--" and becomes the command after it.
_ENTER = ('while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; '
          'shift; exec "$@"')


class Accounting:
    """Finds the control groups, and opens an account for each host.

    All groups are siblings in a group of the benchmark. None of them has the
    cpu controller, so that the scheduler does not share by group.
    """

    def __init__(self, caretaker):
        self._caretaker = caretaker
        self._name = f'srcproxy-bench-{secrets.token_hex(4)}'
        self._serial = 0
        mounts = _mounted_hierarchies()
        self._cpu = self._own_group(
            mounts.get('cgroup2') or _mount('cgroup2'))
        if self._cpu and _delegate_memory(self._cpu):
            self._memory = self._cpu
        else:
            self._memory = self._own_group(
                mounts.get('memory') or _mount('cgroup', 'memory'))

    def _own_group(self, hierarchy):
        """Returns the path of the group, or None if there can be none."""
        if hierarchy is None:
            return None
        self._caretaker.adopt(hierarchy, self._name)
        return _make_group(hierarchy, self._name)

    @property
    def method(self):
        """Describes where the numbers come from."""
        return '; '.join((
            'processor time of control groups (cpu.stat)' if self._cpu else
            'processor time of /proc/PID/stat',
            'memory of control groups, with what the kernel needs'
            if self._memory else
            'memory ESTIMATED: Pss, and so much per thread and socket'))

    def open(self, host):
        self._serial += 1
        name = f'{self._serial}-{host.name}'
        return Account(host, _make_group(self._cpu, name),
                       _make_group(self._memory, name))


class Account:
    """The account of one host's processes."""

    def __init__(self, host, cpu_group, memory_group):
        self._host = host
        self._cpu_group = cpu_group
        self._memory_group = memory_group
        self._groups = sorted({cpu_group, memory_group} - {None})

    def close(self):
        """All processes must have ended."""
        for group in self._groups:
            try:
                os.rmdir(group)
            except OSError:
                pass    # of a straggler, which the caretaker waits for

    def spawn(self, *command, **options):
        return self._host.spawn('sh', '-c', _ENTER, 'sh', *self._groups, '--',
                                *command, **options)

    def cpu_seconds(self):
        if self._cpu_group is None:
            return sum(map(_process_cpu_seconds, self._processes()))
        usage = _read(f'{self._cpu_group}/cpu.stat').split()
        return int(usage[usage.index('usage_usec') + 1]) / 1e6

    def memory_bytes(self):
        if self._memory_group is None:
            return sum(map(_process_memory_bytes, self._processes()))
        try:
            return int(_read(f'{self._memory_group}/memory.current'))
        except FileNotFoundError:
            # Version 1 counts the socket buffers apart.
            return sum(int(_read(f'{self._memory_group}/memory.{name}'))
                       for name in ('usage_in_bytes',
                                    'kmem.tcp.usage_in_bytes'))

    def _processes(self):
        """Returns the /proc directories of the processes."""
        network = os.stat(f'/run/netns/{self._host.name}').st_ino
        return [process for process in glob.glob('/proc/[0-9]*')
                if os.stat(f'{process}/ns/net').st_ino == network]


def _read(path):
    with open(path) as file:
        return file.read()


def _mounted_hierarchies():
    """Returns the mount points of version 2 and of version 1 with memory."""
    found = {}
    for line in _read('/proc/self/mountinfo').splitlines():
        mount, _, filesystem = line.partition(' - ')
        kind, _, options = filesystem.split(maxsplit=2)
        if kind == 'cgroup2':
            found[kind] = mount.split()[4]
        elif kind == 'cgroup' and 'memory' in options.split(','):
            found['memory'] = mount.split()[4]
    return found


def _mount(kind, *options):
    """Mounts it in the sandbox only. Returns the mount point, or None."""
    path = f'{WORK}/{kind}'
    os.mkdir(path)
    named = ['-o', ','.join(options)] if options else []
    mounted = subprocess.run(['mount', '-t', kind, *named, 'none', path],
                             stderr=subprocess.DEVNULL)
    return path if mounted.returncode == 0 else None


def _make_group(parent, name):
    if parent is None:
        return None
    path = f'{parent}/{name}'
    try:
        os.mkdir(path)
    except OSError:     # such as EROFS in a container
        return None
    return path


def _delegate_memory(group):
    """Gives the groups in it the controller, if version 2 has it."""
    try:
        with open(f'{group}/cgroup.subtree_control', 'w') as file:
            file.write('+memory')
    except OSError:
        return False
    return True


def _process_cpu_seconds(process):
    fields = _read(f'{process}/stat').rpartition(')')[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / TICKS_PER_SECOND


def _process_memory_bytes(process):
    rollup = _read(f'{process}/smaps_rollup').split()
    pss = int(rollup[rollup.index('Pss:') + 1]) * 1024
    threads = len(os.listdir(f'{process}/task'))
    sockets = sum(os.readlink(link).startswith('socket:')
                  for link in glob.glob(f'{process}/fd/*'))
    return pss + threads * THREAD_BYTES + sockets * SOCKET_BYTES
