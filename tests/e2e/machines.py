"""Hosts with an init system of their own.

A machine has the programs of this host. It has its own root file system,
processes and cgroups. Without it the tests would need a virtual machine or a
container.
"""

import glob
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest

from sandbox import BINARY, WORK
from waiting import TIMEOUT, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
CONTRIB = ROOT + '/contrib'
UNPACKED = ROOT + '/build-packages'     # see contrib/packages
# Another version of OpenRC, unpacked, with the libraries that it needs.
OPENRC = os.environ.get('OPENRC', UNPACKED)

# No test takes this long.
LONG_S = 3600

# This process 1 only waits for orphans.
REAPER = "exec bash -c 'sleep infinity & while :; do wait; done'"
SYSTEMD = ('exec env -i container=other PATH=/usr/sbin:/usr/bin '
           '/usr/lib/systemd/systemd --log-target=console')

# The shell enters its own cgroup first, and then a cgroup namespace, so that
# this cgroup becomes the root that it sees.
_ENTER = '''
set -e
echo $$ >"$1/cgroup.procs"
exec unshare --mount --pid --ipc --uts --cgroup --fork --kill-child \\
    sh -ec "$3" sh "$2"
'''
_BOOT = '''
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
pivot_root . mnt
umount -l /mnt
'''

USER = 'srcproxy'
USER_ID = 990


class Machine:
    """A machine on a Host, whose network it uses. Prepare it, then boot it.

    A bare machine has no trace of srcproxy and an empty, writable /usr/local.
    """

    def __init__(self, host, init=REAPER, is_bare=False):
        self.host = host
        self._init = init
        self._is_bare = is_bare
        self._process = None
        self.root = f'{WORK}/machine-{host.name}'
        self._cgroups = f'{WORK}/cgroups-{host.name}'
        for name in ('usr', 'etc/default', 'var', 'run', 'tmp', 'root', 'mnt',
                     'dev', 'proc', 'sys', 'layer/usr/sbin', self._cgroups):
            os.makedirs(os.path.join(self.root, name))
        for name in ('bin', 'sbin', 'lib', 'lib64'):
            os.symlink('usr/' + name, f'{self.root}/{name}')
        for name in ('null', 'zero', 'full', 'random', 'urandom', 'tty'):
            status = os.stat('/dev/' + name)
            os.mknod(f'{self.root}/dev/{name}', status.st_mode,
                     status.st_rdev)
            os.chmod(f'{self.root}/dev/{name}', stat.S_IMODE(status.st_mode))
        self._copy_settings()
        if not is_bare:
            self._add_srcproxy()

    def _add_srcproxy(self):
        shutil.copy(BINARY, self.root + '/layer/usr/sbin/srcproxy')
        self.write('/etc/passwd', f'{USER}:x:{USER_ID}:{USER_ID}::/:'
                   '/usr/sbin/nologin\n', mode='a')
        self.write('/etc/group', f'{USER}:x:{USER_ID}:\n', mode='a')

    def _copy_settings(self):
        for pattern in ('passwd', 'group', 'login.defs', 'nsswitch.conf',
                        'ld.so.*', 'alternatives'):
            for path in glob.glob('/etc/' + pattern):
                subprocess.run(['cp', '-a', path, self.root + '/etc'],
                               check=True)
        # The package leaves its user on this host, with another number.
        for name in ('passwd', 'group'):
            with open(f'/etc/{name}') as file:
                self.write(f'/etc/{name}', ''.join(
                    line for line in file if not line.startswith(USER + ':')))

    def write(self, path, text, mode='w'):
        path = self.root + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, mode) as file:
            file.write(text)

    def install(self, source, path, mode=0o644):
        """Installs a file of contrib."""
        path = self.root + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(f'{CONTRIB}/{source}', path)
        os.chmod(path, mode)

    def add_programs(self, directory):
        """Adds the programs of an unpacked package to those of this host."""
        for name in ('usr/.', 'bin', 'sbin', 'lib'):
            if os.path.exists(f'{directory}/{name}'):
                subprocess.run(['cp', '-a', f'{directory}/{name}',
                                self.root + '/layer/usr'], check=True)

    def boot(self):
        self._mount('-t', 'cgroup2', 'cgroup2', self._cgroups)
        # The machines of all runs see the same cgroups there, also those that
        # killed runs left behind.
        remove_old_cgroups(self._cgroups)
        self._cgroup = tempfile.mkdtemp(prefix='srcproxy-test-',
                                        dir=self._cgroups)
        os.chmod(self._cgroup, 0o755)
        self._mount('--bind', self.root, self.root)
        self._mount('-t', 'overlay', '-o',
                    f'lowerdir={self.root}/layer/usr:/usr', 'overlay',
                    self.root + '/usr')
        if self._is_bare:
            self._mount('-t', 'tmpfs', 'tmpfs', self.root + '/usr/local')
        self._process = self.host.spawn(
            'sh', '-c', _ENTER, 'sh', self._cgroup, self.root,
            _BOOT + self._init, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self._process_1() and self.runs('test -d /layer'),
                   'a machine that has booted')

    @staticmethod
    def _mount(*arguments):
        subprocess.run(['mount', *arguments], check=True)

    def _process_1(self):
        number = self._process.pid
        with open(f'/proc/{number}/task/{number}/children') as file:
            return file.read().strip()

    def run(self, *command, **options):
        """Like Host.run(), but inside the machine."""
        return self.host.run('nsenter', '-t', self._process_1(), '-m', '-p',
                             '-i', '-u', '--', *command, **options)

    def runs(self, command):
        """Tells whether the command succeeds."""
        return self.run('sh', '-c', command, check=False).returncode == 0

    def shut_down(self):
        """Stops the machine as a power failure does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(TIMEOUT)
        for directory, _, _ in os.walk(self._cgroup, topdown=False):
            wait_until(lambda: _remove_cgroup(directory), 'an empty cgroup')
        subprocess.run(['umount', '--recursive', self.root], check=True)
        subprocess.run(['umount', self._cgroups], check=True)
        shutil.rmtree(self.root)
        os.rmdir(self._cgroups)


def remove_old_cgroups(mount):
    for path in glob.glob(f'{mount}/srcproxy-test-*'):
        if os.stat(path).st_mtime < time.time() - LONG_S:
            for directory, _, _ in os.walk(path, topdown=False):
                _remove_cgroup(directory)


def _remove_cgroup(path):
    try:
        os.rmdir(path)
    except OSError:
        return False
    return True


def _exists_in(root, *paths):
    return any(os.path.exists(root + path) for path in paths)


# $PATH does not tell this: it may contain programs that are only unpacked.
_OPENRC = '/usr/sbin/openrc-run', '/sbin/openrc-run'
_SYSTEMD = '/usr/lib/systemd/systemd', '/lib/systemd/systemd'


def _needs(is_there, name):
    missing = [program for program in ('pivot_root', 'nsenter', 'pgrep', 'nft')
               if shutil.which(program) is None]
    if not os.path.islink('/lib'):
        name = 'a merged /usr, for programs to be where they are expected'
    elif missing:
        name = ' and '.join(missing)
    elif is_there:
        return lambda test: test
    return unittest.skip('needs ' + name)


needs_openrc = _needs(
    _exists_in('', *_OPENRC) or _exists_in(OPENRC, *_OPENRC), 'OpenRC')
needs_sysvinit = _needs(
    _exists_in('', '/usr/lib/lsb/init-functions'), 'sysvinit-utils')
needs_systemd = _needs(
    _exists_in('', *_SYSTEMD) or _exists_in(UNPACKED, *_SYSTEMD), 'systemd')


def make_openrc_machine(host, **options):
    machine = Machine(host, **options)
    if not _exists_in('', *_OPENRC):
        machine.add_programs(OPENRC)
        subprocess.run(['cp', '-a', OPENRC + '/etc/.',
                        machine.root + '/etc'], check=True)
    # Make OpenRC believe that the machine has booted. No service brings the
    # network up, because it is there already, as in a container.
    machine.write('/etc/rc.conf', '')
    machine.write('/run/openrc/softlevel', '')
    return machine


def make_systemd_machine(host, **options):
    machine = Machine(host, SYSTEMD, **options)
    if not _exists_in('', *_SYSTEMD):
        machine.add_programs(UNPACKED)
    # Start none of the services that this host starts at boot.
    machine.write('/etc/systemd/system/default.target',
                  '[Unit]\nDescription=all\n')
    machine.write('/etc/machine-id', '')
    return machine


def wait_for_systemd(machine):
    wait_until(lambda: machine.runs('systemctl is-system-running'), 'systemd')
