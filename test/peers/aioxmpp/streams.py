"""aioxmpp: the -PLUS mechanisms with both channel bindings, and XEP-0198 in the direction that slixmpp does not have.

Run as `streams.py PORT TLS_PORT DOMAIN`, prints a line 'ok NAME' for each thing seen, and ends with 1 at the first that was not. The
accounts juliet (password capulet) and romeo (montague) exist, and the server's certificate is an RSA one: aiosasl finds the hash of
tls-server-end-point in no other.
"""
import asyncio
import logging
import os
import sys
import traceback
from datetime import timedelta

import aiosasl
import aioxmpp
import aioxmpp.connector
import aioxmpp.dispatcher
import aioxmpp.security_layer
from aiosasl.channel_binding import ChannelBindingProvider, TLSServerEndPoint

PORT, TLS_PORT, DOMAIN = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
PASSWORDS = {'juliet': 'capulet', 'romeo': 'montague'}
WAIT = 8
COUNT = 40


def ok(name, condition=True, found=None):
    print(f'ok {name}' if condition else f'failed {name}: found {found}', flush=True)
    if not condition:
        os._exit(1)


class TLSExporter(ChannelBindingProvider):
    """RFC 9266, which aiosasl leaves to its users."""

    def __init__(self, connection):
        self._connection = connection

    @property
    def cb_name(self):
        return b'tls-exporter'

    def extract_cb_data(self):
        return self._connection.export_keying_material(b'EXPORTER-Channel-Binding', 32, b'')


class Wrong(TLSExporter):
    """What a server sees when somebody sits between."""

    def extract_cb_data(self):
        return bytes(32)


class Bound(aioxmpp.security_layer.SASLProvider):
    """aioxmpp itself signs in unbound; this gives it aiosasl's SCRAMPLUS with one binding and one mechanism."""

    def __init__(self, password, binding, mechanism):
        self._password, self._binding, self._mechanism = password, binding, mechanism
        self.used = None

    async def execute(self, client_jid, features, xmlstream, tls_transport):
        async def credentials():
            return client_jid.localpart, self._password
        offered = features[aioxmpp.security_layer.SASLMechanisms].get_mechanism_list()
        token = aiosasl.SCRAMPLUS.any_supported([name for name in offered if name == self._mechanism])
        assert token is not None, offered
        self.used = token
        mechanism = aiosasl.SCRAMPLUS(credentials, self._binding(tls_transport.get_extra_info('ssl_object')))
        return await self._execute(aioxmpp.sasl.SASLXMPPInterface(xmlstream), mechanism, token)


class Cable:
    """Between a client and the server; may be cut at any byte."""

    async def lay(self):
        self._writers = set()
        self._server = await asyncio.start_server(self._join, '127.0.0.1', 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def cut(self):
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _join(self, reader, writer):
        there_reader, there_writer = await asyncio.open_connection('127.0.0.1', PORT)
        self._writers |= {writer, there_writer}
        await asyncio.gather(self._pass(reader, there_writer), self._pass(there_reader, writer), return_exceptions=True)

    async def _pass(self, reader, writer):
        while data := await reader.read(1500):
            writer.write(data)
        writer.close()


def client(who, provider=None, direct=False, port=None):
    async def password(_jid, attempt):
        return PASSWORDS[who.split('/')[0]] if attempt == 0 else None
    layer = aioxmpp.make_security_layer(password, no_verify=True)
    if provider is not None:
        layer = layer._replace(sasl_providers=[provider])
    local, resource = who.split('/')
    connector = aioxmpp.connector.XMPPOverTLSConnector() if direct else aioxmpp.connector.STARTTLSConnector()
    port = port or (TLS_PORT if direct else PORT)
    made = aioxmpp.PresenceManagedClient(
        aioxmpp.JID(local, DOMAIN, resource), layer, override_peer=[('127.0.0.1', port, connector)], max_initial_attempts=1,
    )
    made.backoff_start = timedelta(milliseconds=50)
    return made


def say(to, body):
    message = aioxmpp.Message(type_=aioxmpp.MessageType.CHAT, to=aioxmpp.JID(to, DOMAIN, None))
    message.body[None] = body
    return message


async def mechanisms():
    for direct in (False, True):
        transport = 'direct TLS' if direct else 'STARTTLS'
        for mechanism in ('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS'):
            for binding, name in ((TLSExporter, 'tls-exporter'), (TLSServerEndPoint, 'tls-server-end-point')):
                juliet = client('juliet/balcony', Bound('capulet', binding, mechanism), direct)
                async with juliet.connected():
                    ok(f'{transport}, {mechanism}, {name}', juliet.local_jid.resource == 'balcony')
            juliet = client('juliet/balcony', Bound('capulet', Wrong, mechanism), direct)
            refused = None
            try:
                async with juliet.connected():
                    pass
            except aiosasl.AuthenticationFailure as error:
                refused = error.xmpp_error if hasattr(error, 'xmpp_error') else str(error)
            ok(f'{transport}, {mechanism}, another channel is refused', refused is not None and 'not-authorized' in refused, refused)


async def take(queue):
    """COUNT bodies, or as many as come in time."""
    got = []
    try:
        while len(got) < COUNT:
            got.append((await asyncio.wait_for(queue.get(), WAIT)).body.any())
    except asyncio.TimeoutError:
        pass
    return got


async def resumption():
    cable = await Cable().lay()
    juliet, romeo = client('juliet/balcony', port=cable.port), client('romeo/orchard')
    heard = asyncio.Queue()
    async with juliet.connected() as stream, romeo.connected():
        dispatcher = romeo.summon(aioxmpp.dispatcher.SimpleMessageDispatcher)
        dispatcher.register_callback(aioxmpp.MessageType.CHAT, None, heard.put_nowait)
        back = asyncio.Queue()
        juliet.summon(aioxmpp.dispatcher.SimpleMessageDispatcher).register_callback(aioxmpp.MessageType.CHAT, None, back.put_nowait)
        ok('XEP-0198 is enabled, with resumption', stream.sm_enabled and stream.sm_resumable)
        for round_ in range(3):
            resumed = asyncio.Event()
            juliet.on_stream_resumed.connect(resumed.set, juliet.on_stream_resumed.STRONG)
            said = [f'{round_} line {number}' for number in range(COUNT)]
            tokens = []
            for body in said:
                tokens.append(juliet.enqueue(say('romeo', body)))
                romeo.enqueue(say('juliet', f'back {body}'))
            # The cut comes while these are on their way; aioxmpp ends itself when it happens to write just then.
            await asyncio.sleep(0.003 * round_)
            cable.cut()
            await asyncio.wait_for(resumed.wait(), WAIT)
            ok(f'round {round_}: resumed')
            got = await take(heard)
            # aioxmpp 0.13 sends again from the last to the first.
            ok(f'round {round_}: from it, each once', sorted(got) == sorted(said) and heard.empty(), got)
            got = await take(back)
            ok(f'round {round_}: to it, each once and in order', got == [f'back {body}' for body in said] and back.empty(), got)
            for token in tokens:
                await asyncio.wait_for(token, WAIT)  # aioxmpp: done when acknowledged
            ok(f'round {round_}: all acknowledged', {token.state for token in tokens} == {aioxmpp.stream.StanzaState.ACKED})


async def main():
    logging.disable()  # it tells of each refusal and cut that is made here
    await mechanisms()
    await resumption()


try:
    asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 50))
except BaseException as error:
    traceback.print_exc(file=sys.stdout)
    print('failed', repr(error), flush=True)
    os._exit(1)
print('done', flush=True)
os._exit(0)
