"""XEP-0357: the phone is away, a message comes, and its app server is told once. XEP-0215: servers for calls. Both by slixmpp's own stanzas.
XEP-0492: a contact that is not to ring does not.

Run as `SCRIPT PORT DOMAIN COMPONENT_PORT COMPONENT SECRET`: the app server is a component of the other tenant.
"""
import asyncio
import sys
import xml.etree.ElementTree as ET

from slixmpp import ComponentXMPP
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher import StanzaPath

from friend import DOMAIN, OTHER, WAIT, Friend, ok, run

COMPONENT_PORT, COMPONENT, SECRET = int(sys.argv[3]), sys.argv[4], sys.argv[5]
OPTIONS = ("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>"
           "<field var='secret'><value>rosebud</value></field></x>")


class AppServer(ComponentXMPP):
    def __init__(self):
        super().__init__(COMPONENT, SECRET, '127.0.0.1', COMPONENT_PORT)
        self.register_plugin('xep_0060')
        self.started = asyncio.Event()
        self.pushed = asyncio.Queue()
        self.add_event_handler('session_start', lambda _: self.started.set())
        self.register_handler(CoroutineCallback('publish', StanzaPath('iq@type=set/pubsub/publish'), self.take))

    async def take(self, iq):
        iq.reply().send()
        await self.pushed.put(iq)


async def silence(client, chat):
    for plugin in ('xep_0060', 'xep_0402', 'xep_0492'):
        client.register_plugin(plugin)
    bookmark = client.plugin['xep_0402'].stanza.Conference()
    bookmark['extensions']['notify'].configure('never', client_type='phone')
    bookmark['extensions']['notify'].configure('always')
    await client.plugin['xep_0060'].publish(client.boundjid.bare, 'urn:xmpp:bookmarks:1', id=chat, payload=bookmark)


async def main():
    server = AppServer()
    server.connect()
    await asyncio.wait_for(server.started.wait(), WAIT)
    juliet = await Friend(f'juliet@{DOMAIN}/phone', 'capulet', ['xep_0030', 'xep_0199']).sign_in()
    romeo = await Friend(f'romeo@{OTHER}/orchard', 'montague', ['xep_0199']).sign_in()
    features = (await juliet.plugin['xep_0030'].get_info(jid=juliet.boundjid.bare))['disco_info']['features']
    ok('push is announced', 'urn:xmpp:push:0' in features, features)
    enable = juliet.make_iq_set()
    enable.append(ET.fromstring(f"<enable xmlns='urn:xmpp:push:0' jid='{COMPONENT}' node='phone-1'>{OPTIONS}</enable>"))
    await enable.send()
    ok('an app server is enabled')

    ask = juliet.make_iq_get(ito=DOMAIN)
    ask.append(ET.fromstring("<services xmlns='urn:xmpp:extdisco:2'/>"))
    found = [service.attrib for service in (await ask.send()).xml.iter('{urn:xmpp:extdisco:2}service')]
    turn = [service for service in found if service['type'] == 'turn']
    ok('XEP-0215: the servers for calls', len(turn) == 1 and turn[0]['host'] == 'turn.verona.example' and turn[0].get('password'), found)

    await juliet.leave()
    for state in ('composing', 'paused'):
        romeo.send_raw(f"<message type='chat' to='juliet@{DOMAIN}'><{state} xmlns='http://jabber.org/protocol/chatstates'/></message>")
    message = romeo.make_message(mto=f'juliet@{DOMAIN}', mbody='It is the east', mtype='chat')
    message.send()
    push = await asyncio.wait_for(server.pushed.get(), WAIT)
    publish = push.xml.find('.//{http://jabber.org/protocol/pubsub}publish')
    values = {field.get('var'): field.findtext('{jabber:x:data}value') for field in push.xml.iter('{jabber:x:data}field')}
    ok('the app server is told, at the node that was named', publish.get('node') == 'phone-1', push)
    ok('… by the account itself', push['from'].bare == f'juliet@{DOMAIN}', push)
    ok('… of one message, with what the client wanted sent back', (values.get('message-count'), values.get('secret')) == ('1', 'rosebud'), push)
    ok('… and not of its text', 'It is the east' not in str(push), push)
    await asyncio.sleep(2)
    ok('… once', server.pushed.empty(), server.pushed)

    juliet = await Friend(f'juliet@{DOMAIN}/phone', 'capulet', ['xep_0199']).sign_in()
    await juliet.next(juliet.heard, lambda one: one['body'] == 'It is the east')
    ok('the message waits for the phone')
    await silence(juliet, f'romeo@{OTHER}')
    await juliet.leave()
    romeo.make_message(mto=f'juliet@{DOMAIN}', mbody='Arise, fair sun', mtype='chat').send()
    await romeo.plugin['xep_0199'].send_ping(OTHER)
    await asyncio.sleep(1.5)
    ok('XEP-0492: a contact whose bookmark says never wakes nobody', server.pushed.empty(), server.pushed)
    juliet = await Friend(f'juliet@{DOMAIN}/phone', 'capulet', ['xep_0199']).sign_in()
    await juliet.next(juliet.heard, lambda one: one['body'] == 'Arise, fair sun')
    ok('… and the message waits')
    disable = juliet.make_iq_set()
    disable.append(ET.fromstring(f"<disable xmlns='urn:xmpp:push:0' jid='{COMPONENT}'/>"))
    await disable.send()
    await juliet.leave()
    romeo.make_message(mto=f'juliet@{DOMAIN}', mbody='and Juliet is the sun', mtype='chat').send()
    await romeo.plugin['xep_0199'].send_ping(OTHER)
    await asyncio.sleep(2)
    ok('an app server that is disabled is told nothing', server.pushed.empty(), server.pushed)
    await romeo.leave()


run(main)
