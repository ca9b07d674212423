"""The main task, with programs that are not made for these tests."""

import os
import shutil
import subprocess
import tempfile
import unittest

from cases import ProxyCase
from families import IPV4, IPV6, endpoint
from sandbox import WORK
from waiting import TIMEOUT

PORT = 80
PAGE_BYTES = 4 * 1024 * 1024

# Every path is below the prefix given on the command line, so nginx uses no
# file of the host.
NGINX_CONFIG = '''
daemon off;
master_process off;
user root;
pid nginx.pid;
error_log error.log;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    default_type text/plain;
    server {
        listen %s;
        root .;
        location = /who { return 200 "$remote_addr $remote_port"; }
    }
}
'''


def start_nginx(host, address):
    directory = tempfile.mkdtemp(dir=WORK)
    with open(os.path.join(directory, 'nginx.conf'), 'w') as file:
        file.write(NGINX_CONFIG % endpoint(address, PORT))
    with open(os.path.join(directory, 'page'), 'wb') as file:
        file.write(os.urandom(PAGE_BYTES))
    process = host.spawn('nginx', '-p', directory, '-c', 'nginx.conf',
                         '-e', 'error.log', stdin=subprocess.DEVNULL)
    host.wait_for_listener(PORT)
    return process, os.path.join(directory, 'page')


@unittest.skipUnless(shutil.which('nginx') and shutil.which('curl'),
                     'needs nginx and curl')
class Web:

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        process, cls.page = start_nginx(cls.net.destination,
                                        cls.family.destination)
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.terminate)

    def fetch(self, path, *options):
        host = endpoint(self.family.destination, PORT)
        return self.net.user.run('curl', '-gsS', '--max-time', str(TIMEOUT),
                                 *options, f'http://{host}/{path}').stdout

    def test_nginx_sees_the_address_and_port_that_curl_has(self):
        seen, had = self.fetch(
            'who', '-w', '\n%{local_ip} %{local_port}').splitlines()
        self.assertEqual(seen, had)
        self.assertEqual(seen.split()[0], self.family.user)

    def test_page_of_many_buffers_arrives_whole(self):
        copy = self.page + '.copy'
        self.fetch('page', '-o', copy)
        with open(self.page, 'rb') as page, open(copy, 'rb') as arrived:
            self.assertEqual(arrived.read(), page.read())


class WebIPv4(Web, ProxyCase):
    family = IPV4


class WebIPv6(Web, ProxyCase):
    family = IPV6
