"""What an account keeps for its owner and shows others: XEP-0222, XEP-0223, XEP-0292; and what a message asks not to be kept (XEP-0334)."""
import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError
from slixmpp.xmlstream import ElementBase

from friend import DOMAIN, OTHER, Friend, ok, run

PLUGINS = [
    'xep_0004', 'xep_0030', 'xep_0060', 'xep_0163', 'xep_0199', 'xep_0222', 'xep_0223', 'xep_0280', 'xep_0292', 'xep_0313', 'xep_0334',
]


class Thing(ElementBase):
    name = plugin_attrib = 'thing'
    namespace = 'urn:example:thing'
    interfaces = {'name'}


def thing(name):
    made = Thing()
    made['name'] = name
    return made


async def refusal(request):
    try:
        await request
    except IqError as error:
        return error.condition
    return None


async def nodes(juliet, romeo):
    mine, theirs = juliet.boundjid.bare, romeo.plugin['xep_0060']
    for text in ('a dagger', 'a vial'):
        await juliet.plugin['xep_0223'].store(thing(text), 'urn:example:private', id=text)
    items = (await juliet.plugin['xep_0223'].retrieve('urn:example:private'))['pubsub']['items']
    ok('XEP-0223: what is private is kept, the last of it unless the node is configured', [item['id'] for item in items] == ['a vial'], items)
    found = await refusal(theirs.get_items(mine, 'urn:example:private'))
    ok('… for its owner alone', found == 'not-allowed', found)
    await juliet.plugin['xep_0222'].store(thing('a rose'), 'urn:example:public', id='rose')
    romeo.send_presence_subscription(pto=mine)
    await romeo.next(romeo.seen, lambda presence: presence['from'] == juliet.boundjid)
    item = (await theirs.get_items(mine, 'urn:example:public'))['pubsub']['items']['item']
    ok('XEP-0222: what is public is kept for contacts', (item['id'], item['payload'].get('name')) == ('rose', 'a rose'), item)
    await juliet.plugin['xep_0292'].publish_vcard(full_name='Juliet Capulet', given='Juliet', note='The sun')
    card = (await juliet.plugin['xep_0292'].retrieve_vcard(mine))['pubsub']['items']['item']['payload']
    ok('XEP-0292: a vCard in PEP', (card.findtext('.//{*}fn/{*}text'), card.findtext('.//{*}note/{*}text')) == ('Juliet Capulet', 'The sun'), ET.tostring(card))


async def hints(juliet, sibling, romeo):
    copies = []
    await sibling.plugin['xep_0280'].enable()
    sibling.add_event_handler('carbon_sent', lambda message: sibling.keep(copies, message['carbon_sent']))
    for body, hint in (('no copy', 'no-copy'), ('no store', 'no-store'), ('no permanent store', 'no-permanent-store'), ('usual', None)):
        message = juliet.make_message(mto=romeo.boundjid.bare, mbody=body, mtype='chat')
        if hint:
            message.enable(hint)
        message.send()
        await romeo.next(romeo.heard, lambda heard: heard['body'] == body)
    mark = juliet.make_message(mto=romeo.boundjid.full, mtype='chat')
    mark['id'] = 'mark'
    mark.append(ET.Element('{urn:example:mark}mark'))
    mark.enable('store')
    mark.send()
    await sibling.next(copies, lambda copy: copy['body'] == 'usual')
    ok('XEP-0334: a message without a copy is carbon-copied to nobody', [copy['body'] for copy in copies if copy['body'] == 'no copy'] == [], copies)
    for person in (juliet, romeo):
        kept = []
        async for result in person.plugin['xep_0313'].iterate(rsm={'max': 50}):
            message = result['mam_result']['forwarded']['stanza']
            kept.append(message['body'] or message['id'])
        ok(f'… the archive of {person.boundjid.bare} has what may be kept', kept == ['no copy', 'usual', 'mark'], kept)


async def main():
    juliet = await Friend(f'juliet@{DOMAIN}/balcony', 'capulet', PLUGINS).sign_in()
    sibling = await Friend(f'juliet@{DOMAIN}/chamber', 'capulet', PLUGINS).sign_in()
    romeo = await Friend(f'romeo@{OTHER}/orchard', 'montague', PLUGINS).sign_in()
    await nodes(juliet, romeo)
    await hints(juliet, sibling, romeo)
    for client in (juliet, sibling, romeo):
        await client.leave()


run(main)
