"""A person with slixmpp, and what the scripts beside this file need to say what they saw.

Each script is run as `SCRIPT PORT TLS_PORT DOMAIN`, prints a line 'ok NAME' for each thing seen, and ends with 1 at the first that was
not. Accounts juliet (password capulet), romeo (montague) and nurse (angelica) exist.
"""
import asyncio
import os
import ssl
import sys
import traceback

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout

PORT, TLS_PORT, DOMAIN = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
PASSWORDS = {'juliet': 'capulet', 'romeo': 'montague', 'nurse': 'angelica'}
WAIT = 8
SCRIPT_WAIT = 50
PLUGINS = (
    'xep_0004', 'xep_0030', 'xep_0045', 'xep_0049', 'xep_0054', 'xep_0059', 'xep_0077', 'xep_0092', 'xep_0115', 'xep_0191', 'xep_0198',
    'xep_0199', 'xep_0203', 'xep_0249', 'xep_0280', 'xep_0297', 'xep_0313', 'xep_0334', 'xep_0359', 'xep_0441',
)


class Person(ClientXMPP):
    """Keeps what arrives; subscriptions are answered by the script and not by slixmpp."""

    def __init__(self, who, password=None, without=(), config=None, domain=DOMAIN, says_binding=False, **options):
        local = who.split('/')[0]
        jid = (f'{local}@{domain}' if local else domain) + who[len(local):]
        super().__init__(jid, PASSWORDS.get(local) if password is None else password, plugin_config=config or {}, **options)
        for plugin in PLUGINS:
            if plugin not in without:
                self.register_plugin(plugin, (config or {}).get(plugin))
        if not says_binding:
            # slixmpp 1.8 binds to tls-unique alone, which TLS 1.3 does not have, and without it says 'y' for 'n' (RFC 5802 §6), so
            # that a server with -PLUS must refuse it. It ends with PLAIN then.
            mechanisms = self['feature_mechanisms']
            mechanisms.sasl_callback = lambda required, optional: {
                **mechanisms._default_credentials(required, optional - {'channel_binding'}), 'channel_binding': None,
            }
        self.roster.auto_authorize = None
        self.roster.auto_subscribe = None
        self.use_ipv6 = False
        self.ca_certs = None
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self.refused = asyncio.Event()
        self.seen = {'message': [], 'presence': [], 'roster': []}
        self.news = asyncio.Event()
        self.add_event_handler('session_start', lambda _: self.started.set())
        self.add_event_handler('session_resumed', lambda _: self.started.set())
        self.add_event_handler('disconnected', lambda _: self.ended.set())
        self.add_event_handler('failed_all_auth', lambda _: self.refused.set())
        for event in (
            'message', 'groupchat_message', 'groupchat_subject', 'groupchat_direct_invite', 'groupchat_config_status', 'message_error',
        ):
            self.add_event_handler(event, lambda stanza: self.keep('message', stanza))
        for kind in ('available', 'away', 'chat', 'dnd', 'xa', 'unavailable', 'subscribe', 'subscribed', 'unsubscribe', 'unsubscribed', 'error'):
            self.add_event_handler(f'presence_{kind}', lambda stanza: self.keep('presence', stanza))
        self.add_event_handler('groupchat_presence', lambda stanza: self.keep('presence', stanza))  # no presence_… for these
        self.add_event_handler('roster_update', lambda stanza: self.keep('roster', stanza))

    def keep(self, kind, stanza):
        if all(kept is not stanza for kept in self.seen[kind]):  # slixmpp raises two events for some
            self.seen[kind].append(stanza)
        self.news.set()

    def get_ssl_context(self):
        context = ssl.create_default_context()  # the certificate of a first start is self-signed
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    async def sign_in(self, presence=True, direct=False):
        self.started.clear()
        self.ended.clear()
        self.connect(('127.0.0.1', TLS_PORT if direct else PORT), use_ssl=direct)
        await asyncio.wait_for(self.started.wait(), WAIT)
        if presence:
            await self.get_roster()
            self.send_presence()
            await self.next('presence', lambda p: p['from'] == self.boundjid and p['type'] == 'available')
        return self

    async def be_refused(self, direct=False):
        self.connect(('127.0.0.1', TLS_PORT if direct else PORT), use_ssl=direct)
        await asyncio.wait_for(self.refused.wait(), WAIT)

    async def next(self, kind, matches):
        """Takes the first stanza of a kind that matches out of what was seen."""
        async def look():
            while True:
                for index, stanza in enumerate(self.seen[kind]):
                    if matches(stanza):
                        return self.seen[kind].pop(index)
                self.news.clear()
                await self.news.wait()
        try:
            return await asyncio.wait_for(look(), WAIT)
        except asyncio.TimeoutError:
            raise AssertionError(f'{self.boundjid}: no such {kind} among {[str(s) for s in self.seen[kind]]}') from None

    async def hear(self, body):
        return await self.next('message', lambda message: message['body'] == body)

    async def notice(self, address, kind='available', matches=lambda _: True):
        """`address`: bare or full."""
        def is_it(presence):
            return presence['from'] in (address,) and presence['type'] == kind and matches(presence)
        return await self.next('presence', is_it)

    async def settle(self):
        """Whatever was on its way to this person before now has arrived when the server answers."""
        await self['xep_0199'].send_ping(DOMAIN)

    def bodies(self):
        return [message['body'] for message in self.seen['message'] if message['body']]

    def cut(self):
        """The connection is gone without a word, as when a cable is pulled."""
        self.transport.abort()

    async def leave(self):
        if 'xep_0198' in self.plugin and self['xep_0198'].enabled_in:
            self['xep_0198'].send_ack()  # slixmpp closes without; then what was not acknowledged is rightly sent again
        self.disconnect(wait=1)
        await asyncio.wait_for(self.ended.wait(), WAIT)


class Newcomer(Person):
    """Makes its account before it signs in."""

    def __init__(self, who, password, **options):
        super().__init__(who, password, **options)
        self._always_send_everything = True  # else slixmpp 1.8 holds back the request until there is a session
        self.condition = None
        self.fields = None
        self.add_event_handler('register', self.register)

    async def register(self, form):
        self.fields = form['register']['fields'] or [child.tag.split('}')[1] for child in form['register'].xml]
        request = self.make_iq_set(ito=self.boundjid.host)
        request['register']['username'] = self.boundjid.user
        request['register']['password'] = self.password
        try:
            await request.send()
        except IqError as error:
            self.condition = error.condition


def jid(who, domain=DOMAIN):
    local = who.split('/')[0]
    return f'{local}@{domain}' + who[len(local):]


def ok(name, condition=True, found=None):
    print(f'ok {name}' if condition else f'failed {name}: found {found}', flush=True)
    if not condition:
        os._exit(1)


async def refusal(request):
    """The condition of the error that a request is answered with, or None."""
    try:
        await request
    except IqError as error:
        return error.condition
    return None


async def befriend(one, other):
    """Subscriptions both ways, each asked for and granted."""
    for asks, grants in ((one, other), (other, one)):
        asks.send_presence(pto=grants.boundjid.bare, ptype='subscribe')
        await grants.notice(asks.boundjid.bare, 'subscribe')
        grants.send_presence(pto=asks.boundjid.bare, ptype='subscribed')
        await asks.notice(grants.boundjid.full)


def run(main):
    try:
        asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), SCRIPT_WAIT))
    except (AssertionError, IqError, IqTimeout, asyncio.TimeoutError) as error:
        traceback.print_exc(file=sys.stdout)
        print('failed', repr(error), getattr(error, 'iq', ''), flush=True)
        os._exit(1)
    print('done', flush=True)
    os._exit(0)  # slixmpp leaves tasks behind that complain at the end
