"""Bookmarks in their three forms (XEP-0402, XEP-0048 in PEP and in private storage), and what was displayed (XEP-0490), in a chat and a room."""
import asyncio

from slixmpp.plugins.xep_0048.stanza import Bookmarks
from slixmpp.xmlstream import ET
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from person import DOMAIN, Person, jid, ok, run

ROOM = f'verona@conference.{DOMAIN}'
ORCHARD = f'orchard@conference.{DOMAIN}'
NATIVE = 'urn:xmpp:bookmarks:1'
OLDER = 'storage:bookmarks'
MDS = 'urn:xmpp:mds:displayed:0'
MARKERS = 'urn:xmpp:chat-markers:0'
SID = 'urn:xmpp:sid:0'
EVENT = 'http://jabber.org/protocol/pubsub#event'


class Device(Person):
    """Knows XEP-0048, and keeps what it is told of the nodes that it wants."""

    def __init__(self, who, wants=(), **options):
        super().__init__(who, **options)
        for plugin in ('xep_0060', 'xep_0163', 'xep_0223', 'xep_0048'):
            self.register_plugin(plugin)
        self['xep_0030'].del_feature(feature=f'{OLDER}+notify')
        self.wants = wants
        self.told = asyncio.Queue()
        # slixmpp raises no event for a message without a body
        for name, child, take in (
            ('told', f'{{{EVENT}}}event', lambda message: self.told.put_nowait(message.xml.find(f'{{{EVENT}}}event/*'))),
            ('marker', f'{{{MARKERS}}}displayed', lambda message: self.keep('message', message)),
        ):
            self.register_handler(Callback(name, MatchXPath(f'{{jabber:client}}message/{child}'), take))

    async def sign_in(self, **options):
        await super().sign_in(presence=False, **options)
        for node in self.wants:
            self['xep_0030'].add_feature(f'{node}+notify')
        await self['xep_0115'].update_caps(broadcast=False)
        await self.get_roster()
        self.send_presence()
        await self.next('presence', lambda p: p['from'] == self.boundjid and p['type'] == 'available')
        await self.settle()
        await self.settle()
        return self

    async def hear_of(self, node):
        items = await asyncio.wait_for(self.told.get(), 8)
        assert items.get('node') == node, ET.tostring(items)
        return items

    async def items(self, node):
        result = await self['xep_0060'].get_items(None, node)
        return {item['id']: item.xml[0] for item in result['pubsub']['items']}

    async def rooms(self, method):
        result = await self['xep_0048'].get_bookmarks(method=method)
        found = result['private'] if method == 'xep_0049' else result['pubsub']['items']['item']
        return {str(room['jid']): room['nick'] for room in found['bookmarks']['conferences']}


def list_of(*rooms):
    bookmarks = Bookmarks()
    for room in rooms:
        bookmarks.add_conference(room, 'juliet', name='A room', autojoin=True)
    return bookmarks


def conference(nick):
    element = ET.Element(f'{{{NATIVE}}}conference', name='A room')
    ET.SubElement(element, f'{{{NATIVE}}}nick').text = nick
    return element


def displayed(person, to, by, stanza_id, mtype):
    """A marker for the other side, with what is for the own devices."""
    message = person.make_message(to, mtype=mtype)
    ET.SubElement(message.xml, f'{{{MARKERS}}}displayed', id='m')
    ET.SubElement(ET.SubElement(message.xml, f'{{{MDS}}}displayed'), f'{{{SID}}}stanza-id', by=by, id=stanza_id)
    message.send()


def has(message, ns):
    return message.xml.find(f'{{{ns}}}displayed') is not None


def stanza_id(message, by):
    return next(e.get('id') for e in message.xml.findall(f'{{{SID}}}stanza-id') if e.get('by') == by)


async def keep_bookmarks(juliet, newer, older):
    await juliet['xep_0048'].set_bookmarks(list_of(ROOM), method='xep_0223')
    ok('XEP-0048 in PEP is kept', await juliet.rooms('xep_0223') == {ROOM: 'juliet'})
    ok('… shows in private storage', await juliet.rooms('xep_0049') == {ROOM: 'juliet'})
    found = await juliet.items(NATIVE)
    ok('… and as items of XEP-0402', list(found) == [ROOM] and found[ROOM].get('autojoin') == 'true', found)
    found = [item.get('id') for item in await newer.hear_of(NATIVE)]
    ok('… of which a newer client is told', found == [ROOM], found)
    await older.hear_of(OLDER)
    await juliet['xep_0060'].publish(None, NATIVE, id=ORCHARD, payload=conference('jule'))
    told = (await older.hear_of(OLDER))[0][0]
    found = {room.get('jid') for room in told}
    ok('an older client is told of what a newer one adds', found == {ROOM, ORCHARD}, found)
    await newer.hear_of(NATIVE)
    for method in ('xep_0223', 'xep_0049'):
        found = await juliet.rooms(method)
        ok(f'… and reads it ({method})', found == {ROOM: 'juliet', ORCHARD: 'jule'}, found)
    await juliet['xep_0060'].retract(None, NATIVE, ROOM)
    ok('what a newer one takes away is gone', await juliet.rooms('xep_0223') == {ORCHARD: 'jule'})
    await older.hear_of(OLDER)
    await newer.hear_of(NATIVE)
    await juliet['xep_0048'].set_bookmarks(list_of(), method='xep_0049')
    found = await juliet.items(NATIVE)
    ok('… and what one of private storage does', found == {}, found)
    await older.hear_of(OLDER)
    await newer.hear_of(NATIVE)


async def read_on(juliet, romeo, newer):
    romeo.send_message(jid('juliet'), 'art thou there', mtype='chat')
    heard = await juliet.hear('art thou there')
    mark = stanza_id(heard, jid('juliet'))
    displayed(juliet, jid('romeo'), jid('juliet'), mark, 'chat')
    got = await romeo.next('message', lambda message: has(message, MARKERS))
    ok('the contact gets the marker alone', not has(got, MDS), got)
    told = await newer.hear_of(MDS)
    ok('the own device is told what was displayed', told[0].get('id') == jid('romeo') and told[0][0][0].get('id') == mark, ET.tostring(told))
    await juliet['xep_0045'].join_muc_wait(ROOM, 'juliet', timeout=8)
    form = await juliet['xep_0045'].get_room_config(ROOM)
    form['type'] = 'submit'
    await juliet['xep_0045'].set_room_config(ROOM, form)
    await romeo['xep_0045'].join_muc_wait(ROOM, 'romeo', timeout=8)
    romeo.send_message(ROOM, 'to all', mtype='groupchat')
    mark = stanza_id(await juliet.hear('to all'), ROOM)
    displayed(juliet, ROOM, ROOM, mark, 'groupchat')
    got = await romeo.next('message', lambda message: message['from'] == f'{ROOM}/juliet' and has(message, MARKERS))
    ok('… and occupants do', not has(got, MDS), got)
    told = await newer.hear_of(MDS)
    ok('… in a room, too', told[0].get('id') == ROOM and told[0][0][0].get('id') == mark, ET.tostring(told))
    found = await juliet.items(MDS)
    ok('all chats are kept', set(found) == {jid('romeo'), ROOM}, found)


async def main():
    juliet = await Device('juliet/balcony').sign_in()
    newer = await Device('juliet/chamber', wants=(NATIVE, MDS)).sign_in()
    older = await Device('juliet/garden', wants=(OLDER,)).sign_in()
    romeo = await Device('romeo/orchard').sign_in()
    features = (await juliet['xep_0030'].get_info(jid('juliet')))['disco_info']['features']
    ok('the account says so', {f'{NATIVE}#compat', f'{NATIVE}#compat-pep', 'urn:xmpp:mds:server-assist:0'} <= set(features), features)
    await keep_bookmarks(juliet, newer, older)
    await read_on(juliet, romeo, newer)
    ok('nothing else was told', newer.told.empty() and older.told.empty() and romeo.told.empty())


run(main)
