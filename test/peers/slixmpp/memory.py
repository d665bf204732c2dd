"""What a server remembers of people of two domains: XEP-0012, XEP-0431, tombstones of XEP-0424 and XEP-0283. `SCRIPT PORT TLS_PORT DOMAIN`:
the archives of DOMAIN can be searched, those of the other domain cannot."""
import asyncio
import os
from xml.etree import ElementTree as ET

from person import DOMAIN, Newcomer, Person, befriend, jid, ok, refusal, run

OTHER = f'other.{DOMAIN}'
CAN_SEARCH = not os.environ.get('SKYLARK_TEST_CLUSTER')  # DynamoDB has no index of words
WORDS = '{urn:xmpp:fulltext:0}fulltext'
RETRACT = 'urn:xmpp:message-retract:1'
MOVED = 'urn:xmpp:moved:1'


def listen(person):
    for plugin in ('xep_0012', 'xep_0060', 'xep_0163'):
        person.register_plugin(plugin)
    return person


async def entries(person, words=None, **query):
    """What is in the own archive, as it was sent. @param words that it has to have, a field which slixmpp 1.8 does not know"""
    archive = person['xep_0313']
    usual = archive._pre_mam_retrieve

    def narrowed(*args):
        request, mask = usual(*args)
        if words is not None:
            form = request['mam']['form']
            form['type'] = 'submit'
            if 'FORM_TYPE' not in form.get_fields():
                form.add_field(var='FORM_TYPE', ftype='hidden', value='urn:xmpp:mam:2')
            form.add_field(var=WORDS, ftype='text-single', value=words)
        return request, mask

    archive._pre_mam_retrieve = narrowed
    try:
        page = await archive.retrieve(rsm={'max': 50}, **query)
    finally:
        archive._pre_mam_retrieve = usual
    return [result['mam_result']['forwarded']['stanza'] for result in page['mam']['results']]


async def bodies(person, words=None, **query):
    return [stanza['body'] for stanza in await entries(person, words, **query)]


async def last_seen(asker, whom):
    return (await asker['xep_0012'].get_last_activity(whom))['last_activity']


async def activity(juliet, romeo, nurse, tybalt):
    uptime = await last_seen(juliet, DOMAIN)
    ok('the host says since when it is up', uptime['seconds'] >= 0 and uptime.xml.get('seconds') is not None, uptime)
    ok('who is there was seen just now', (await last_seen(romeo, jid('juliet')))['seconds'] == 0)
    ok('… also for a contact of the other domain', (await last_seen(tybalt, jid('juliet')))['seconds'] == 0)
    ok('… and not for a stranger', await refusal(nurse['xep_0012'].get_last_activity(jid('juliet'))) == 'forbidden')
    ok('… who is told the same of nobody', await refusal(nurse['xep_0012'].get_last_activity(jid('nobody'))) == 'forbidden')
    juliet.send_presence(ptype='unavailable', pstatus='Good night!')
    for friend in (romeo, tybalt):
        await friend.notice(juliet.boundjid.full, 'unavailable')
        seen = await last_seen(friend, jid('juliet'))
        ok(f'who has gone left a word for {friend.boundjid.bare}', (seen['status'], seen.xml.get('seconds') in ('0', '1', '2')) == (
            'Good night!', True), seen)
    juliet.send_presence()
    await romeo.notice(juliet.boundjid.full)


async def words(juliet, romeo, tybalt):
    for sender, body in ((romeo, 'It is the east, and Juliet is the sun'), (tybalt, 'What, drawn, and talk of peace?'), (romeo, 'Look to the East')):
        sender.send_message(jid('juliet'), body, mtype='chat')
        await juliet.hear(body)
    features = [(await person['xep_0030'].get_info(person.boundjid.bare))['disco_info']['features'] for person in (juliet, tybalt)]
    ok('words can be searched where the tenant wants it', ['urn:xmpp:fulltext:0' in has for has in features] == [CAN_SEARCH, False], features)
    if not CAN_SEARCH:
        ok('nobody searches where the store has no words', await refusal(entries(juliet, 'peace')) == 'feature-not-implemented')
        return
    fields = (await juliet['xep_0313'].get_fields(jid('juliet'))).get_fields()
    ok('… the form of the query has them', WORDS in fields, fields)
    while len(found := await bodies(juliet, 'EAST')) < 2:
        await asyncio.sleep(0.05)  # words are filed when a message was answered
    ok('a word finds all messages that have it', found == ['It is the east, and Juliet is the sun', 'Look to the East'], found)
    ok('two words find what has both', await bodies(juliet, 'sun east') == ['It is the east, and Juliet is the sun'])
    ok('… with somebody', await bodies(juliet, 'peace', with_jid=jid('tybalt', OTHER)) == ['What, drawn, and talk of peace?'])
    ok('… and not with somebody else', await bodies(juliet, 'peace', with_jid=jid('romeo')) == [])
    ok('nobody finds what others said', await bodies(romeo, 'peace') == [])
    ok('signs of a query are only words', await bodies(juliet, 'east" OR "peace') == [] and await bodies(juliet, 'ea*') == [])
    ok('the other tenant does not search', await refusal(entries(tybalt, 'peace')) == 'feature-not-implemented')


def buried(stanzas):
    """The tombstones: which message of mine was taken back, by which one."""
    return [stanza.xml.find(f'{{{RETRACT}}}retracted').get('id') for stanza in stanzas if stanza.xml.find(f'{{{RETRACT}}}retracted') is not None]


async def retraction(juliet, romeo, tybalt):
    for friend in (romeo, tybalt):
        regret = juliet.make_message(friend.boundjid.bare, 'Dost thou love me? I regret it', mtype='chat')
        regret['id'] = f'said-to-{friend.boundjid.user}'
        regret.send()
        await friend.hear('Dost thou love me? I regret it')
        stolen = friend.make_message(jid('juliet'), f'she took it back, says {friend.boundjid.user}', mtype='chat')
        stolen['id'] = f'stolen-by-{friend.boundjid.user}'
        stolen.xml.append(ET.Element(f'{{{RETRACT}}}retract', id=regret['id']))
        stolen.send()
        await juliet.hear(stolen['body'])
        ok(f'{friend.boundjid.bare} cannot take back what another one said', buried(await entries(juliet, with_jid=friend.boundjid.bare)) == [])
        back = juliet.make_message(friend.boundjid.bare, 'I took it back', mtype='chat')
        back['id'] = f'back-from-{friend.boundjid.user}'
        back.xml.append(ET.Element(f'{{{RETRACT}}}retract', id=regret['id']))
        back.send()
        await friend.hear('I took it back')
        ok('… the retraction reaches the other one')
        for archive, peer in ((juliet, friend.boundjid.bare), (friend, jid('juliet'))):
            found = await entries(archive, with_jid=peer)
            ok(f'… a tombstone in the archive of {archive.boundjid.bare}', buried(found) == [back['id']] and all(
                'regret' not in stanza['body'] for stanza in found), found)
    if CAN_SEARCH:
        ok('… no word of it is found any more', await bodies(juliet, 'regret') == [])


async def move(juliet, romeo, tybalt):
    """Tybalt has a new account at the first domain."""
    await befriend(romeo, tybalt)
    new = await listen(Newcomer('mercutio/street', 'a plague')).sign_in()
    statement = ET.Element(f'{{{MOVED}}}moved')
    ET.SubElement(statement, f'{{{MOVED}}}new-jid').text = new.boundjid.bare
    await tybalt['xep_0060'].publish(tybalt.boundjid.bare, MOVED, id='current', payload=statement)
    ask(new, jid('juliet'), tybalt.boundjid.bare)
    await new.notice(jid('juliet'), 'subscribed')
    ok('a contact that has moved is approved without a question', all(p['type'] != 'subscribe' for p in juliet.seen['presence']))
    await tybalt.notice(jid('juliet'), 'unsubscribed')
    ok('… and the old address is a subscriber no more')
    await juliet.get_roster()
    item = juliet.client_roster[new.boundjid.bare]
    ok('… the new one is in the roster', (item['subscription'], item['pending_out']) == ('from', True), item)
    liar = await Newcomer('peter/street', 'a fiddler').sign_in()
    ask(liar, jid('romeo'), tybalt.boundjid.bare)
    await romeo.notice(liar.boundjid.bare, 'subscribe')
    ok('who was not named by the old address has to be asked about')


def ask(person, whom, old):
    request = person.make_presence(pto=whom, ptype='subscribe')
    element = ET.SubElement(request.xml, f'{{{MOVED}}}moved')
    ET.SubElement(element, f'{{{MOVED}}}old-jid').text = old
    request.send()


async def main():
    juliet = await listen(Person('juliet/balcony')).sign_in()
    romeo = await listen(Person('romeo/orchard')).sign_in()
    nurse = await listen(Person('nurse/kitchen')).sign_in()
    tybalt = await listen(Newcomer('tybalt/hall', 'prince of cats', domain=OTHER)).sign_in()
    await befriend(juliet, romeo)
    await befriend(juliet, tybalt)
    await activity(juliet, romeo, nurse, tybalt)
    await words(juliet, romeo, tybalt)
    await retraction(juliet, romeo, tybalt)
    await move(juliet, romeo, tybalt)


run(main)
