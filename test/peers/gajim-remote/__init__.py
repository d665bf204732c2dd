"""
A plugin of Gajim's, by which a test asks it for what its own windows would: Gajim has no commands by D-Bus any more.

It listens at the Unix socket `remote` in the home folder. A request is a line of JSON, `{"do": NAME, "account": NAME, …}`; the answer is one,
too: `{"done": true}`, or `{"done": false}` when Gajim is not as far yet, or `{"error": TEXT}`.
"""
# Gajim takes the first class that it finds in here by alphabet; so nothing is imported by a name of its own before `AskedByTest`.
import json
import pathlib
import traceback

from gi.repository import Gio as gio
from gi.repository import GLib as glib

from gajim import plugins
from gajim.common import app


class AskedByTest(plugins.GajimPlugin):
    def init(self):
        self.service = gio.SocketService.new()
        address = gio.UnixSocketAddress.new(str(pathlib.Path.home() / 'remote'))
        self.service.add_address(address, gio.SocketType.STREAM, gio.SocketProtocol.DEFAULT, None)
        self.service.connect('incoming', self.incoming)
        self.service.start()

    def incoming(self, _service, connection, _source):
        lines = gio.DataInputStream.new(connection.get_input_stream())

        def read(stream, result):
            line, _length = stream.read_line_finish_utf8(result)
            if line is None:
                return
            answer = json.dumps(self.answer(json.loads(line))) + '\n'
            connection.get_output_stream().write_all(answer.encode(), None)
            stream.read_line_async(glib.PRIORITY_DEFAULT, None, read)

        lines.read_line_async(glib.PRIORITY_DEFAULT, None, read)
        return True

    def answer(self, request):
        try:
            client = app.get_client(request['account'])
            return {'done': getattr(self, request['do'].replace('-', '_'))(client, request)}
        except Exception:
            return {'error': traceback.format_exc()}

    def send_file(self, client, request):
        """What the window does when a file has been chosen."""
        uploads = client.get_module('HTTPUpload')
        if not uploads.available:
            return False
        uploads.send_file(client.get_module('Contacts').get_contact(request['to']), pathlib.Path(request['path']))
        return True
