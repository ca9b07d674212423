"""A control group that limits a resource of one program."""

import os
import shlex
import tempfile

# The folder and the file of the limit: for version 1, then for version 2,
# which works only where the controller is delegated.
_THREADS = (('/sys/fs/cgroup/pids', 'pids.max'),
            ('/sys/fs/cgroup', 'pids.max'))
_MEMORY = (('/sys/fs/cgroup/memory', 'memory.limit_in_bytes'),
           ('/sys/fs/cgroup', 'memory.max'))


class Cgroup:

    def __init__(self, path):
        self.path = path
        self.wrapper = (
            'sh', '-c',
            f'echo $$ >{shlex.quote(path)}/cgroup.procs; exec "$@"', 'sh')

    def write(self, name, value):
        # Do not create the file if it does not exist.
        with open(os.path.join(self.path, name), 'r+') as file:
            file.write(str(value))

    def remove(self):
        os.rmdir(self.path)


def _make_cgroup(limits, value, prefix='srcproxy-test-'):
    """Returns None if no control group can be made here."""
    for mount, name in limits:
        if not os.path.isdir(mount):
            continue
        cgroup = Cgroup(tempfile.mkdtemp(prefix=prefix, dir=mount))
        try:
            cgroup.write(name, value)
            return cgroup
        except OSError:
            cgroup.remove()
    return None


def limit_threads(count, **name):
    return _make_cgroup(_THREADS, count, **name)


def limit_memory(length):
    return _make_cgroup(_MEMORY, length)
