"""Somebody comes by the address of an invite (XEP-0445), invites others (XEP-0401), and becomes a contact without asking (XEP-0379).

The fourth argument is the address of the invite, the fifth a domain where juliet has an account, the sixth an account that was made elsewhere.
"""
import re
import sys
from xml.etree import ElementTree as ET

from slixmpp.exceptions import IqError

from person import DOMAIN, Newcomer, Person, jid, ok, run

URI, OTHER, MADE = sys.argv[4], sys.argv[5], sys.argv[6]
COMMANDS = 'http://jabber.org/protocol/commands'
PREAUTH = 'urn:xmpp:pars:0'


def token_of(uri):
    return re.search(r'[?;]preauth=([^;]+)', uri).group(1)


def preauth(token):
    return ET.Element('{%s}preauth' % PREAUTH, {'token': token})


async def invite(person):
    request = person.make_iq_set(ito=DOMAIN)
    request.append(ET.Element('{%s}command' % COMMANDS, {'node': 'urn:xmpp:invite#invite', 'action': 'execute'}))
    return re.search(r'>(xmpp:[^<]+)<', str(await request.send())).group(1)


class Invited(Newcomer):
    """Shows the token of its invite before it asks how to register."""

    def __init__(self, who, password, uri):
        super().__init__(who, password)
        self.shown = None
        plugin = self['xep_0077']
        ask = plugin.get_registration

        async def show_and_ask(*args, **options):
            request = self.make_iq_set(ito=self.boundjid.host)
            request.append(preauth(token_of(uri)))
            try:
                await request.send()
                self.shown = 'result'
            except IqError as error:
                self.shown = error.condition
                self.refused.set()
                await self.ended.wait()
            return await ask(*args, **options)

        plugin.get_registration = show_and_ask


async def main():
    domain = re.match(r'xmpp:([^@?]+@)?([^?]+)\?', URI).group(2)
    ok('the address names the domain', domain == DOMAIN, URI)
    paris = await Invited('paris/hall', 'county', URI).sign_in()
    ok('the invite lets a stream register', paris.shown == 'result', paris.shown)
    ok('the account is made and signs in', paris.condition is None and paris.boundjid.bare == jid('paris'), paris.condition)
    late = Invited('rosaline/hall', 'x', URI)
    await late.be_refused()
    ok('the invite is good once', late.shown == 'item-not-found', late.shown)
    late.abort()

    uris = [await invite(paris)]
    ok('a member invites', uris[0].startswith(f'xmpp:{jid("paris")}?roster;preauth=') and uris[0].endswith(';ibr=y'), uris)
    rosaline = await Invited('rosaline/garden', 'capulet', uris[0]).sign_in()
    item = rosaline.client_roster[jid('paris')]
    ok('who comes by it has the inviter as a contact', item['subscription'] == 'both', str(item))
    await paris.next('roster', lambda iq: jid('rosaline') in str(iq))
    await paris.notice(jid('rosaline/garden'))
    ok('and the inviter sees them come', paris.client_roster[jid('rosaline')]['subscription'] == 'both')
    await rosaline.notice(jid('paris/hall'))
    ok('and they see the inviter')

    uris.append(await invite(paris))
    juliet = await Person('juliet/balcony', domain=OTHER).sign_in()
    juliet.send_presence(pto=jid('paris'), ptype='subscribed')
    asking = juliet.make_presence(pto=jid('paris'), ptype='subscribe')
    asking.append(preauth(token_of(uris[1])))
    asking.send()
    await juliet.notice(jid('paris'), 'subscribed')
    ok('a request with the token is approved without asking')
    await paris.notice(f'juliet@{OTHER}/balcony')
    ok('and the inviter sees the contact, who had approved in advance')
    ok('nobody was asked', not [p for p in paris.seen['presence'] + juliet.seen['presence'] if p['type'] == 'subscribe'])

    made = await Person(f'{MADE}/browser', 'chosen in the browser').sign_in()
    ok('an account that was made in the browser signs in', made.boundjid.bare == jid(MADE))
    for person in (paris, rosaline, juliet, made):
        await person.leave()


run(main)
