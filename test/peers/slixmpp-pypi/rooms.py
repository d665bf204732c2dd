"""What rooms have that slixmpp of Debian does not know: XEP-0249, XEP-0317, XEP-0410, XEP-0421, XEP-0424, XEP-0425, XEP-0433, XEP-0463,
XEP-0486 and XEP-0500, for people of two domains. The forms of hats, search and slow mode are written here, since slixmpp has none."""
import asyncio
import hashlib
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from friend import DOMAIN, OTHER, WAIT, Friend, ok, run

SERVICE = f'conference.{DOMAIN}'
ROOM = f'hall@{SERVICE}'
MUC = 'http://jabber.org/protocol/muc'
TEACHER = 'http://verona.example/hats#teacher'
SEARCH = 'urn:xmpp:channel-search:0:search'
PLUGINS = [
    'xep_0004', 'xep_0030', 'xep_0045', 'xep_0050', 'xep_0054', 'xep_0153', 'xep_0199', 'xep_0249', 'xep_0313', 'xep_0317', 'xep_0359',
    'xep_0410', 'xep_0421', 'xep_0424', 'xep_0425', 'xep_0463',
]


def form(person, kind, **fields):
    made = person.plugin['xep_0004'].make_form(ftype='submit')
    made.add_field(var='FORM_TYPE', ftype='hidden', value=kind)
    for var, value in fields.items():
        made.add_field(var=var, value=value)
    return made


def configure(owner, **fields):
    named = {f'muc#roomconfig_{name}': value for name, value in fields.items()}
    return owner.plugin['xep_0045'].set_room_config(ROOM, form(owner, f'{MUC}#roomconfig', **named))


async def say(person, body, **fields):
    """Waits until the room has sent it back. @returns what it sent"""
    message = person.make_message(mto=ROOM, mbody=body, mtype='groupchat')
    for name, value in fields.items():
        message[name] = value
    message.send()
    return await person.next(person.heard, lambda heard: heard['from'].bare == ROOM and heard['body'] == body)


async def enter(juliet, romeo):
    await juliet.plugin['xep_0045'].join_muc_wait(ROOM, 'Juliet', timeout=WAIT)
    await configure(juliet, persistentroom='1', roomname='The hall', roomdesc='Dances of Verona')
    invited = asyncio.Queue()
    romeo.add_event_handler('groupchat_direct_invite', invited.put_nowait)
    juliet.plugin['xep_0249'].send_invitation(romeo.boundjid.full, ROOM, reason='a feast')
    invite = (await asyncio.wait_for(invited.get(), WAIT))['groupchat_invite']
    ok('XEP-0249: an invitation from one to another', (invite['jid'], invite['reason']) == (ROOM, 'a feast'), invite)
    await romeo.plugin['xep_0045'].join_muc_wait(invite['jid'], 'Romeo', timeout=WAIT)


async def identity(juliet, romeo):
    one = (await say(romeo, 'Did my heart love till now?'))['occupant-id']['id']
    await romeo.plugin['xep_0045'].set_self_nick(ROOM, 'Montague', timeout=WAIT)
    two = (await say(romeo, 'Forswear it, sight!'))['occupant-id']['id']
    other = (await say(juliet, 'Good pilgrim'))['occupant-id']['id']
    ok('XEP-0421: an occupant is known by another nick, too', (one == two != other, bool(one)) == (True, True), (one, two, other))
    features = (await juliet.plugin['xep_0030'].get_info(jid=ROOM))['disco_info']['features']
    ok('… as the room announces', 'urn:xmpp:occupant-id:0' in features, features)
    ping = romeo.plugin['xep_0410'].send_self_ping
    found = [(await ping(f'{ROOM}/{nick}')).name for nick in ('Montague', 'Romeo')]
    ok('XEP-0410: who is inside is told so', found[0] == 'JOINED', found)
    romeo.plugin['xep_0045'].leave_muc(ROOM, 'Montague')
    await romeo.next(romeo.seen, lambda presence: presence['from'] == f'{ROOM}/Montague' and presence['type'] == 'unavailable')
    found = (await ping(f'{ROOM}/Montague')).name
    ok('… and who is not, too', found == 'DISCONNECTED', found)
    await romeo.plugin['xep_0045'].join_muc_wait(ROOM, 'Romeo', timeout=WAIT)


async def regret(juliet, romeo):
    """XEP-0424, XEP-0425: what is in the archive afterwards."""
    spam = await say(romeo, 'A plague on both your houses')
    back = await say(romeo, 'Too rude')
    gone = asyncio.Queue()
    juliet.add_event_handler('moderated_message', gone.put_nowait)
    try:
        await romeo.plugin['xep_0425'].moderate(spam['from'], (await say(juliet, 'Peace'))['stanza_id']['id'])
        ok('XEP-0425: a participant moderates nobody', False)
    except IqError as error:
        ok('XEP-0425: a participant moderates nobody', error.condition == 'forbidden', error)
    await juliet.plugin['xep_0425'].moderate(spam['from'], spam['stanza_id']['id'], 'no plagues')
    retract = (await asyncio.wait_for(gone.get(), WAIT))['retract']
    found = (retract['id'], retract['reason'], bool(retract['moderated']))
    ok('… a moderator takes back what others said', found == (spam['stanza_id']['id'], 'no plagues', True), retract)
    romeo.plugin['xep_0424'].send_retraction(ROOM, back['stanza_id']['id'], mtype='groupchat')
    await juliet.next(juliet.heard, lambda message: message['retract']['id'] == back['stanza_id']['id'] and not message['retract'].xml.findall('*'))
    kept = {}
    async for result in juliet.plugin['xep_0313'].iterate(jid=ROOM, rsm={'max': 50}):
        kept[result['mam_result']['id']] = result['mam_result']['forwarded']['stanza']
    for name, message in (('XEP-0425', spam), ('XEP-0424', back)):
        tomb = kept[message['stanza_id']['id']]
        ok(f'{name}: the archive has a tombstone', tomb['body'] == '' and '<retracted ' in str(tomb), tomb)


async def hats(juliet, romeo):
    async def command(name, **fields):
        iq = juliet.make_iq_set(ito=ROOM)
        iq['command']['node'] = f'urn:xmpp:hats:commands:{name}'
        iq['command']['action'] = 'execute'
        iq['command'].append(form(juliet, 'urn:xmpp:hats:commands', **{f'hats#{field}': value for field, value in fields.items()}))
        return (await iq.send())['command']['status']

    found = [await command('create', uri=TEACHER, title='Teacher', hue='327.25'), await command('assign', jid=romeo.boundjid.bare, uri=TEACHER)]
    ok('XEP-0317: an owner makes a hat and gives it', found == ['completed', 'completed'], found)
    presence = await juliet.next(juliet.seen, lambda one: one['from'] == f'{ROOM}/Romeo' and len(one['hats']) > 0)
    hat = next(iter(presence['hats']))
    ok('… which all see', (hat['uri'], hat['title'], float(hat['hue'])) == (TEACHER, 'Teacher', 327.25), presence)


async def search(romeo):
    iq = romeo.make_iq_get(ito=SERVICE)
    query = ET.Element(f'{{{SEARCH}}}search')
    query.append(form(romeo, 'urn:xmpp:channel-search:0:search-params', q='dances', sindescription='true').xml)
    iq.append(query)
    found = [(item.get('address'), item.findtext(f'{{{SEARCH}}}name')) for item in (await iq.send()).xml.iter(f'{{{SEARCH}}}item')]
    ok('XEP-0433: a room is found by what it is about', found == [(ROOM, 'The hall')], found)


async def versions(juliet, romeo):
    """XEP-0463: who comes back is told who has become what."""
    await juliet.plugin['xep_0045'].set_affiliation(ROOM, 'member', jid=romeo.boundjid.bare)
    await configure(juliet, whois='anyone')

    lists = []
    romeo.register_handler(Callback('affiliations', StanzaPath('message/muc/mav'), lists.append))

    async def come(since=None):
        romeo.send_presence(pto=f'{ROOM}/Romeo', ptype='unavailable')
        await romeo.next(romeo.seen, lambda one: one['from'] == f'{ROOM}/Romeo' and one['type'] == 'unavailable')
        lists.clear()
        romeo.seen.clear()
        presence = romeo.make_presence(pto=f'{ROOM}/Romeo')
        presence.enable('muc_join')
        presence['muc_join'].enable('mav')
        if since:
            presence['muc_join']['mav']['since'] = since
        presence.send()
        own = await romeo.next(romeo.seen, lambda one: one['type'] == 'available' and 110 in one['muc']['status_codes'])
        return own['muc']['mav']['until'], {item.get('jid'): item.get('affiliation') for one in lists for item in one.xml.iter(f'{{{MUC}#user}}item')}

    version, everybody = await come()
    ok('XEP-0463: who comes is told the affiliations, and their version', everybody.get(juliet.boundjid.bare) == 'owner' and bool(version), everybody)
    await juliet.plugin['xep_0045'].set_affiliation(ROOM, 'admin', jid=f'nurse@{DOMAIN}')
    later, changed = await come(version)
    ok('… and later what has changed', changed == {f'nurse@{DOMAIN}': 'admin'} and later != version, (version, later, changed))


async def avatar(juliet, romeo):
    rose = b'\x89PNG\r\n\x1a\n' + b'a rose ' * 50
    told = []
    romeo.register_handler(Callback('avatars', StanzaPath('presence/vcard_temp_update'), lambda presence: romeo.keep(told, presence)))
    await juliet.plugin['xep_0153'].set_avatar(jid=ROOM, avatar=rose, mtype='image/png')
    await romeo.next(told, lambda one: one['from'] == ROOM and one['vcard_temp_update']['photo'] == hashlib.sha1(rose).hexdigest())
    ok('XEP-0486, XEP-0153: an owner sets the avatar of the room, and all inside hear of it')
    card = (await romeo.plugin['xep_0054'].get_vcard(ROOM))['vcard_temp']
    ok('… and fetch it', card['PHOTO']['BINVAL'] == rose, card)


async def slowly(juliet, romeo):
    await juliet.plugin['xep_0045'].set_affiliation(ROOM, 'none', jid=romeo.boundjid.bare)
    await configure(juliet, slow_mode_duration='60')
    info = (await romeo.plugin['xep_0030'].get_info(jid=ROOM))['disco_info']
    ok('XEP-0500: a room says how slow it is', 'muc#roominfo_slow_mode_duration' in str(info), info)
    await say(romeo, 'Swear not by the moon')
    romeo.send_message(ROOM, 'the inconstant moon', mtype='groupchat')
    error = await romeo.next(romeo.heard, lambda one: one['type'] == 'error')
    ok('… and refuses what comes too soon', error['error']['type'] == 'wait' and 'wait 60 s' in error['error']['text'], error)
    await say(juliet, 'What shall I swear by?')
    await say(juliet, 'Do not swear at all')
    ok('… but for its owner')


async def main():
    juliet = await Friend(f'juliet@{DOMAIN}/balcony', 'capulet', PLUGINS).sign_in()
    romeo = await Friend(f'romeo@{OTHER}/orchard', 'montague', PLUGINS).sign_in()
    for person in (juliet, romeo):
        person.add_event_handler('groupchat_presence', lambda stanza, person=person: person.keep(person.seen, stanza))
    await enter(juliet, romeo)
    await identity(juliet, romeo)
    await regret(juliet, romeo)
    await hats(juliet, romeo)
    await search(romeo)
    await versions(juliet, romeo)
    await avatar(juliet, romeo)
    await slowly(juliet, romeo)
    for client in (juliet, romeo):
        await client.leave()


run(main)
