"""Feeds, spaces and their order: XEP-0472, XEP-0503 with XEP-0462, and XEP-0413, of people of two domains. slixmpp 1.17 has XEP-0462 and
pubsub; the fields and payloads that XEP-0472, XEP-0503 and XEP-0413 add are written here."""
import asyncio
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError

from friend import DOMAIN, OTHER, WAIT, Friend, ok, run

SERVICE = f'pubsub.{DOMAIN}'
PUBSUB = 'http://jabber.org/protocol/pubsub'
FEED = 'urn:xmpp:pubsub-social-feed:1'
GALLERY = 'urn:xmpp:pubsub-social-feed:gallery:1'
MICROBLOG = 'urn:xmpp:microblog:0'
SPACES = 'urn:xmpp:spaces:0'
ORDER = 'urn:xmpp:order-by:1'
ATOM = '{http://www.w3.org/2005/Atom}'
PLUGINS = ['xep_0004', 'xep_0030', 'xep_0045', 'xep_0059', 'xep_0060', 'xep_0115', 'xep_0163', 'xep_0199', 'xep_0313', 'xep_0462']


async def refusal(request):
    try:
        await request
    except IqError as error:
        return error.condition, [child.tag.split('}')[1] for child in error.iq.xml.find('{jabber:client}error') if f'{PUBSUB}#errors' in child.tag]
    return None


def of_type(person, kind, **fields):
    form = person.plugin['xep_0004'].make_form(ftype='submit')
    form.add_field(var='FORM_TYPE', ftype='hidden', value=f'{PUBSUB}#node_config')
    for var, value in {'type': kind, **fields}.items():
        form.add_field(var=f'pubsub#{var}', value=value)
    return form


def entry(title, **link):
    payload = ET.Element(f'{ATOM}entry')
    for name, text in (('id', f'tag:{title}'), ('title', title), ('updated', '2026-12-01T00:00:00Z')):
        ET.SubElement(payload, ATOM + name).text = text
    if link:
        ET.SubElement(payload, f'{ATOM}link', link)
    return payload


async def told(person):
    return (await asyncio.wait_for(person.told.get(), WAIT))['pubsub_event']['items']


async def features(person, jid):
    return (await person.plugin['xep_0030'].get_info(jid=jid))['disco_info']['features']


async def feeds(juliet, romeo):
    pubsub = juliet.plugin['xep_0060']
    ok('XEP-0472: the service announces feeds and galleries', {FEED, GALLERY} <= await features(romeo, SERVICE))
    await pubsub.create_node(SERVICE, 'balcony', of_type(juliet, FEED))
    await romeo.plugin['xep_0060'].subscribe(SERVICE, 'balcony')
    await pubsub.publish(SERVICE, 'balcony', id='night', payload=entry('Good night'))
    heard = await told(romeo)
    ok('… a subscriber of another domain hears of a post, without its text', (heard['item']['id'], len(heard['item'].xml)) == ('night', 0), heard)
    item = (await romeo.plugin['xep_0060'].get_item(SERVICE, 'balcony', 'night'))['pubsub']['items']['item']
    ok('… and fetches it', item['payload'].findtext(f'{ATOM}title') == 'Good night', item)
    found = await refusal(pubsub.publish(SERVICE, 'balcony', id='no', payload=ET.fromstring("<x xmlns='urn:x'/>")))
    ok('… nothing but posts is published there', found == ('bad-request', ['invalid-payload']), found)
    await pubsub.create_node(SERVICE, 'roses', of_type(juliet, GALLERY))
    found = await refusal(pubsub.publish(SERVICE, 'roses', id='no', payload=entry('A rose')))
    ok('… a gallery has pictures only', found == ('bad-request', ['invalid-payload']), found)
    await pubsub.publish(SERVICE, 'roses', id='rose', payload=entry('A rose', rel='enclosure', type='image/png', href='https://verona.example/r.png'))
    item = (await romeo.plugin['xep_0060'].get_item(SERVICE, 'roses', 'rose'))['pubsub']['items']['item']
    ok('… which others see', item['payload'].find(f'{ATOM}link').get('type') == 'image/png', item)


async def microblog(juliet, romeo):
    romeo.send_presence_subscription(pto=juliet.boundjid.bare)
    await romeo.next(romeo.seen, lambda presence: presence['from'] == juliet.boundjid)
    ok('XEP-0472: the account announces a microblog', {FEED, MICROBLOG} <= await features(juliet, juliet.boundjid.bare))
    for number in range(3):
        await juliet.plugin['xep_0060'].publish(juliet.boundjid.bare, MICROBLOG, id=f'post{number}', payload=entry(f'{number}'))
    heard = [(await told(romeo))['item']['id'] for _ in range(3)]
    ok('… contacts that want it hear of posts', heard == ['post0', 'post1', 'post2'], heard)
    found = [item['id'] for item in (await romeo.plugin['xep_0060'].get_items(juliet.boundjid.bare, MICROBLOG))['pubsub']['items']]
    ok('… all of which are kept', found == ['post2', 'post1', 'post0'], found)


async def spaces(juliet, romeo):
    pubsub, room = juliet.plugin['xep_0060'], f'hall@conference.{DOMAIN}'
    await pubsub.create_node(SERVICE, 'house', of_type(juliet, SPACES, title='House of Capulet'))
    await pubsub.create_node(SERVICE, 'vault', of_type(juliet, SPACES, access_model='whitelist'))
    place = ET.Element('{urn:xmpp:bookmarks:1}conference', name='The hall')
    await pubsub.publish(SERVICE, 'house', id=room, payload=place)
    iq = romeo.make_iq_get(ito=SERVICE)
    iq['disco_items']['filter']['included_types'] = [SPACES]
    found = [item[1] for item in (await iq.send())['disco_items']['items']]
    ok('XEP-0503, XEP-0462: spaces are found by their type, and private ones are not', found == ['house'], found)
    info = (await romeo.plugin['xep_0030'].get_info(jid=SERVICE, node='house'))['disco_info']
    found = {field.get('var'): field.findtext('{jabber:x:data}value') for field in info.xml.iter('{jabber:x:data}field')}
    ok('… what they are', (found['pubsub#type'], found['pubsub#title'], found['pubsub#creator']) == (SPACES, 'House of Capulet', juliet.boundjid.bare), found)
    joined = (await romeo.plugin['xep_0060'].subscribe(SERVICE, 'house'))['pubsub']['subscription']
    item = (await romeo.plugin['xep_0060'].get_items(SERVICE, 'house'))['pubsub']['items']['item']
    ok('… somebody of another domain joins, and sees the rooms', (joined['subscription'], item['id'], item['payload'].get('name')) == ('subscribed', room, 'The hall'), item)
    while not romeo.told.empty():
        romeo.told.get_nowait()
    await pubsub.publish(SERVICE, 'house', id=f'cellar@conference.{DOMAIN}', payload=place)
    ok('… and hears of a new one', (await told(romeo))['item']['id'] == f'cellar@conference.{DOMAIN}')
    await juliet.plugin['xep_0045'].join_muc_wait(room, 'juliet', timeout=WAIT)
    form = juliet.plugin['xep_0004'].make_form(ftype='submit')
    form.add_field(var='FORM_TYPE', ftype='hidden', value='http://jabber.org/protocol/muc#roomconfig')
    form.add_field(var='muc#roomconfig_pubsub', value=f'xmpp:{SERVICE}?;node=house')
    await juliet.plugin['xep_0045'].set_room_config(room, form)
    info = (await romeo.plugin['xep_0030'].get_info(jid=room))['disco_info']
    found = {field.get('var'): field.findtext('{jabber:x:data}value') for field in info.xml.iter('{jabber:x:data}field')}
    ok('… the room says to which it belongs', SPACES in info['features'] and found.get('parent') == f'xmpp:{SERVICE}?;node=house', found)


def ordered(by, desc=None):
    return ET.Element(f'{{{ORDER}}}order', {'by': by, **({'desc': desc} if desc else {})})


async def orders(juliet, romeo):
    pubsub = juliet.plugin['xep_0060']
    await pubsub.create_node(SERVICE, 'plays', of_type(juliet, 'urn:x', max_items='20'))
    for name in ('a', 'b', 'c', 'd', 'c', 'a'):
        await pubsub.publish(SERVICE, 'plays', id=name, payload=entry(name))
        await asyncio.sleep(0.005)
    ok('XEP-0413: the service announces it', {ORDER, f'{ORDER}@{PUBSUB}'} <= await features(romeo, SERVICE))
    for by, desc, expected in (('creation', None, 'abcd'), ('creation', 'true', 'dcba'), ('modification', None, 'bdca'), ('modification', '1', 'acdb')):
        iq = romeo.make_iq_get(ito=SERVICE)
        iq['pubsub']['items']['node'] = 'plays'
        iq['pubsub'].append(ordered(by, desc))
        found = ''.join(item['id'] for item in (await iq.send())['pubsub']['items'])
        ok(f'… items by {by}, desc={desc}', found == expected, found)


async def archives(juliet, romeo):
    mam, room = juliet.plugin['xep_0313'], f'hall@conference.{DOMAIN}'
    usual = mam._pre_mam_retrieve

    def newest_first(*args):
        request, mask = usual(*args)
        request['mam'].append(ordered('creation', 'true'))
        return request, mask

    said = [f'The {number}. sonnet' for number in range(7)]
    for number, body in enumerate(said):
        juliet.send_message(romeo.boundjid.bare, body, mtype='chat')
        await romeo.next(romeo.heard, lambda message: message['body'] == body)
        juliet.send_message(room, body, mtype='groupchat')
        await juliet.next(juliet.heard, lambda message: message['body'] == body)
    mam._pre_mam_retrieve = newest_first
    for name, query in (('an account', {'with_jid': romeo.boundjid.bare}), ('a room', {'jid': room})):
        announced = await features(juliet, query.get('jid', juliet.boundjid.bare))
        found = []
        async for result in mam.iterate(rsm={'max': 3}, **query):
            found.append(result['mam_result']['forwarded']['stanza']['body'])
        ok(f'XEP-0413: the archive of {name}, the newest first, in pages of three', found == said[::-1] and f'{ORDER}@urn:xmpp:mam:2' in announced, found)


async def main():
    juliet = Friend(f'juliet@{DOMAIN}/balcony', 'capulet', PLUGINS)
    romeo = Friend(f'romeo@{OTHER}/orchard', 'montague', PLUGINS)
    romeo.told = asyncio.Queue()
    romeo.add_event_handler('pubsub_publish', romeo.told.put_nowait)
    romeo.plugin['xep_0163'].add_interest(MICROBLOG)
    for person in (juliet, romeo):
        await person.sign_in()
    await feeds(juliet, romeo)
    await microblog(juliet, romeo)
    await spaces(juliet, romeo)
    await orders(juliet, romeo)
    await archives(juliet, romeo)
    for client in (juliet, romeo):
        await client.leave()


run(main)
