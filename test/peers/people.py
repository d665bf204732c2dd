"""Two accounts talk with slixmpp: STARTTLS, SCRAM, roster, subscription, chat, carbons, archive, blocking, vCard, room, SM.

Prints one line 'ok NAME' per thing seen; exits 1 with the first that was not.
"""
import asyncio
import ssl
import sys

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError

PORT = int(sys.argv[1])
DOMAIN = sys.argv[2]
WAIT = 15


class Person(ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password)
        for plugin in ('xep_0030', 'xep_0045', 'xep_0049', 'xep_0054', 'xep_0092', 'xep_0191', 'xep_0198', 'xep_0199', 'xep_0280', 'xep_0313'):
            self.register_plugin(plugin)
        self.auto_authorize = True
        self.auto_subscribe = True
        self.use_ipv6 = False
        self.ca_certs = None
        self.started = asyncio.Event()
        self.messages = asyncio.Queue()
        self.add_event_handler('session_start', self.start)
        self.add_event_handler('message', self.messages.put_nowait)
        self.add_event_handler('failed_all_auth', lambda _: self.fail('sign-in'))

    def get_ssl_context(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def fail(self, what):
        print(f'failed {what}', flush=True)
        sys.exit(1)

    async def start(self, _):
        await self.get_roster()
        self.send_presence()
        self.started.set()

    async def sign_in(self):
        self.connect((('127.0.0.1'), PORT))
        await asyncio.wait_for(self.started.wait(), WAIT)
        return self

    async def hear(self, body):
        while True:
            message = await asyncio.wait_for(self.messages.get(), WAIT)
            if message['body'] == body:
                return message


def ok(name, condition=True):
    print(('ok ' if condition else 'failed ') + name, flush=True)
    if not condition:
        sys.exit(1)


async def until(condition):
    for _ in range(WAIT * 20):
        if condition():
            return True
        await asyncio.sleep(0.05)
    return False


async def main():
    juliet = await Person(f'juliet@{DOMAIN}/balcony', 'capulet').sign_in()
    ok('sign-in over STARTTLS with SCRAM')
    romeo = await Person(f'romeo@{DOMAIN}/orchard', 'montague').sign_in()
    phone = await Person(f'romeo@{DOMAIN}/phone', 'montague').sign_in()
    ok('two resources of one account')

    juliet.send_presence_subscription(f'romeo@{DOMAIN}', ptype='subscribe')
    both = lambda: juliet.client_roster[f'romeo@{DOMAIN}']['subscription'] == 'both'
    ok('subscription both ways', await until(both))
    ok('presence of both resources', await until(lambda: len(juliet.client_roster[f'romeo@{DOMAIN}'].resources) == 2))

    await phone['xep_0280'].enable()
    copies = asyncio.Queue()
    phone.add_event_handler('carbon_received', lambda m: copies.put_nowait(m))
    juliet.send_message(f'romeo@{DOMAIN}/orchard', 'to the orchard', mtype='chat')
    heard = await romeo.hear('to the orchard')
    ok('chat', heard['from'].full == f'juliet@{DOMAIN}/balcony')
    copy = await asyncio.wait_for(copies.get(), WAIT)
    ok('carbon', copy['carbon_received']['body'] == 'to the orchard')

    results = []
    async for entry in romeo['xep_0313'].iterate(with_jid=f'juliet@{DOMAIN}', rsm={'max': 10}):
        results.append(entry['mam_result']['forwarded']['stanza']['body'])
    ok('archive', 'to the orchard' in results)

    card = juliet['xep_0054'].make_vcard()
    card['FN'] = 'Juliet Capulet'
    await juliet['xep_0054'].publish_vcard(card)
    read = await romeo['xep_0054'].get_vcard(f'juliet@{DOMAIN}')
    ok('vCard', read['vcard_temp']['FN'] == 'Juliet Capulet')

    info = await juliet['xep_0030'].get_info(DOMAIN)
    ok('disco of the host', 'urn:xmpp:ping' in info['disco_info']['features'])
    version = await juliet['xep_0092'].get_version(DOMAIN)
    ok('version', version['software_version']['name'] == 'Skylark')
    ok('ping', await juliet['xep_0199'].ping(DOMAIN) is not None)

    await romeo['xep_0191'].block(f'juliet@{DOMAIN}')
    errors = asyncio.Queue()
    juliet.add_event_handler('message_error', lambda m: errors.put_nowait(m))
    juliet.send_message(f'romeo@{DOMAIN}', 'do you hear me', mtype='chat')
    error = await asyncio.wait_for(errors.get(), WAIT)
    ok('blocking', error['error']['condition'] == 'service-unavailable')
    await romeo['xep_0191'].unblock(f'juliet@{DOMAIN}')

    room = f'verona@conference.{DOMAIN}'
    await juliet['xep_0045'].join_muc_wait(room, 'juliet', timeout=WAIT)
    form = await juliet['xep_0045'].get_room_config(room)
    form['type'] = 'submit'
    await juliet['xep_0045'].set_room_config(room, form)
    await romeo['xep_0045'].join_muc_wait(room, 'romeo', timeout=WAIT)
    juliet.send_message(room, 'two households', mtype='groupchat')
    inside = await romeo.hear('two households')
    ok('room', inside['from'].full == f'{room}/juliet')
    await juliet['xep_0045'].set_affiliation(room, 'member', jid=f'romeo@{DOMAIN}')
    members = await juliet['xep_0045'].get_affiliation_list(room, 'member')
    ok('affiliations', f'romeo@{DOMAIN}' in [str(jid) for jid in members])
    await juliet['xep_0045'].destroy(room)
    ok('destroy')

    ok('stream management', juliet['xep_0198'].enabled_in)
    ghost = Person(f'juliet@{DOMAIN}/x', 'wrong')
    failed = asyncio.Event()
    ghost.fail = lambda _what: failed.set()
    ghost.connect(('127.0.0.1', PORT))
    await asyncio.wait_for(failed.wait(), WAIT)
    ok('a wrong password is refused')
    for person in (juliet, romeo, phone):
        await person.disconnect(wait=1)


try:
    asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 100))
except IqError as error:
    print('failed', error.iq, flush=True)
    sys.exit(1)
