"""A person with slixmpp of PyPI, whose interface is another one than that of Debian's (`../slixmpp/person.py`).

Each script is run as `SCRIPT PORT DOMAIN`, prints a line 'ok NAME' for each thing seen, and ends with 1 at the first that was not. The
accounts juliet@DOMAIN (password capulet) and romeo@other.DOMAIN (montague) exist.
"""
import asyncio
import os
import ssl
import sys
import traceback

from slixmpp import ClientXMPP

PORT, DOMAIN = int(sys.argv[1]), sys.argv[2]
OTHER = f'other.{DOMAIN}'
WAIT = 10
SCRIPT_WAIT = 55


class Friend(ClientXMPP):
    def __init__(self, jid, password, plugins):
        super().__init__(jid, password)
        for plugin in plugins:
            self.register_plugin(plugin)
        self.enable_direct_tls = False
        self.enable_plaintext = False
        self.roster.auto_authorize = True
        self.roster.auto_subscribe = True
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE  # the certificate of a first start is self-signed
        self.heard = []
        self.seen = []
        self.news = asyncio.Event()
        self.started = asyncio.Event()
        self.add_event_handler('session_start', lambda _: self.started.set())
        self.add_event_handler('message', lambda stanza: self.keep(self.heard, stanza))
        self.add_event_handler('message_error', lambda stanza: self.keep(self.heard, stanza))
        for kind in ('available', 'unavailable', 'away', 'dnd'):
            self.add_event_handler(f'presence_{kind}', lambda stanza: self.keep(self.seen, stanza))

    def keep(self, kept, stanza):
        if all(one is not stanza for one in kept):
            kept.append(stanza)
        self.news.set()

    async def sign_in(self):
        self.connect('127.0.0.1', PORT)
        await asyncio.wait_for(self.started.wait(), WAIT)
        await self.get_roster()
        self.send_presence()
        await self.next(self.seen, lambda presence: presence['from'] == self.boundjid)
        return self

    async def next(self, kept, matches):
        """Takes the first that matches out of what was heard or seen."""
        async def look():
            while True:
                for index, stanza in enumerate(kept):
                    if matches(stanza):
                        return kept.pop(index)
                self.news.clear()
                await self.news.wait()
        try:
            return await asyncio.wait_for(look(), WAIT)
        except asyncio.TimeoutError:
            raise AssertionError(f'{self.boundjid}: none among {[str(one) for one in kept]}') from None

    async def hear(self, ident):
        return await self.next(self.heard, lambda message: message['id'] == ident)

    async def leave(self):
        await asyncio.wait_for(self.disconnect(wait=1), WAIT)


def ok(name, condition=True, found=None):
    print(f'ok {name}' if condition else f'failed {name}: found {found}', flush=True)
    if not condition:
        os._exit(1)


def run(main):
    try:
        asyncio.new_event_loop().run_until_complete(asyncio.wait_for(main(), SCRIPT_WAIT))
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        print('failed', repr(error), getattr(error, 'iq', ''), flush=True)
        os._exit(1)
    print('done', flush=True)
    os._exit(0)
