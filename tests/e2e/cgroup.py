"""A control group for one program, to take something away from it."""

import os
import tempfile

# Version 1, and version 2 where the controller is delegated: its folder, and
# what has the limit.
_THREADS = (('/sys/fs/cgroup/pids', 'pids.max'),
            ('/sys/fs/cgroup', 'pids.max'))
_MEMORY = (('/sys/fs/cgroup/memory', 'memory.limit_in_bytes'),
           ('/sys/fs/cgroup', 'memory.max'))


class Cgroup:

    def __init__(self, path):
        self.path = path
        self.wrapper = ('sh', '-c', f'echo $$ >{path}/cgroup.procs; exec "$@"',
                        'sh')

    def write(self, name, value):
        # Do not create it if there is none.
        with open(os.path.join(self.path, name), 'r+') as file:
            file.write(str(value))

    def remove(self):
        os.rmdir(self.path)


def _make_cgroup(limits, value):
    """None where there can be none."""
    for mount, name in limits:
        if not os.path.isdir(mount):
            continue
        cgroup = Cgroup(tempfile.mkdtemp(prefix='srcproxy-test-', dir=mount))
        try:
            cgroup.write(name, value)
            return cgroup
        except OSError:
            cgroup.remove()
    return None


def limit_threads(count):
    return _make_cgroup(_THREADS, count)


def limit_memory(length):
    return _make_cgroup(_MEMORY, length)
