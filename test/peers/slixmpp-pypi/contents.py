"""What clients put into messages passes whole: to a contact at another domain, to the sender's other client, and into both archives."""
import xml.etree.ElementTree as ET

from friend import DOMAIN, OTHER, Friend, ok, run

PLUGINS = [
    'xep_0066', 'xep_0085', 'xep_0184', 'xep_0280', 'xep_0308', 'xep_0313', 'xep_0333', 'xep_0334', 'xep_0335', 'xep_0353', 'xep_0359',
    'xep_0372', 'xep_0380', 'xep_0382', 'xep_0385', 'xep_0394', 'xep_0428', 'xep_0444', 'xep_0446', 'xep_0447', 'xep_0461',
]
URL = 'https://files.example/rose.png'
FILE = {'uris': [URL], 'media_type': 'image/png', 'desc': 'A rose & more', 'data': b'a rose'}
# The service adds these, and takes away what somebody else has put there.
OURS = ('{urn:xmpp:sid:0}stanza-id', '{jabber:client}body')


def correct(message, client):
    message['replace']['id'] = 'm-first'


def mark(message, client):
    message['displayed']['id'] = 'm-first'


def markable(message, client):
    message.enable('markable')


def ask_receipt(message, client):
    message['request_receipt'] = True


def give_receipt(message, client):
    message['receipt'] = 'm-first'


def react(message, client):
    client.plugin['xep_0444'].set_reactions(message, 'm-first', ['👍', '🌹'])


def reply(message, client):
    message['reply']['to'] = f'juliet@{DOMAIN}/balcony'
    message['reply']['id'] = 'm-first'
    message['reply'].add_quoted_fallback('Wherefore art thou', 'Juliet')


def send_url(message, client):
    message['oob']['url'] = URL
    message['oob']['desc'] = 'A rose'


def share(message, client):
    message.append(client.plugin['xep_0447'].get_sfs(disposition='inline', path=None, file=None, **FILE))


def share_sims(message, client):
    message.append(client.plugin['xep_0385'].get_sims(**FILE))


def mention(message, client):
    message['reference']['type'] = 'mention'
    message['reference']['uri'] = f'xmpp:romeo@{OTHER}'
    message['reference']['begin'] = '0'
    message['reference']['end'] = '5'


def spoil(message, client):
    message['spoiler'] = 'What happens in the end'


def mark_up(message, client):
    message.append(ET.fromstring("<markup xmlns='urn:xmpp:markup:0'><span start='0' end='4'><emphasis/></span></markup>"))


def encrypt(message, client):
    message['eme']['namespace'] = 'eu.siacs.conversations.axolotl'
    message.append(ET.fromstring(
        "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='27183'><key rid='31415'>QQ==</key><iv>Qg==</iv></header>"
        '<payload>Qw==</payload></encrypted>'))


def encrypt_new(message, client):
    message['eme']['namespace'] = 'urn:xmpp:omemo:2'
    message.append(ET.fromstring(
        f"<encrypted xmlns='urn:xmpp:omemo:2'><header sid='27183'><keys jid='romeo@{OTHER}'><key rid='31415'>QQ==</key></keys></header>"
        '<payload>Qw==</payload></encrypted>'))


def contain(message, client):
    message.append(ET.fromstring('<json xmlns="urn:xmpp:json:0">{"name": "rose", "thorns": [1, 2]}</json>'))


def propose(message, client):
    message['jingle_propose']['id'] = 'call-1'
    message['jingle_propose']['descriptions'] = [('urn:xmpp:jingle:apps:rtp:1', 'audio')]


CONTENTS = [
    ('XEP-0184: a receipt asked for', ask_receipt), ('XEP-0184: a receipt', give_receipt), ('XEP-0308: a correction', correct),
    ('XEP-0333: a message that may be marked', markable), ('XEP-0333: a marker', mark), ('XEP-0444: reactions', react),
    ('XEP-0461 and XEP-0428: a reply, and what older clients show of it', reply), ('XEP-0066: an address', send_url),
    ('XEP-0447 and XEP-0446: a file', share), ('XEP-0385: a file', share_sims), ('XEP-0372: a mention', mention),
    ('XEP-0382: a spoiler', spoil), ('XEP-0394: markup', mark_up), ('XEP-0384 as most clients have it, and XEP-0380', encrypt),
    ('XEP-0384 in its later form', encrypt_new), ('XEP-0335: JSON', contain), ('XEP-0353: a call', propose),
]


def payload(message):
    return sorted(ET.canonicalize(ET.tostring(child, 'unicode')) for child in message.xml if child.tag not in OURS)


async def main():
    juliet = await Friend(f'juliet@{DOMAIN}/balcony', 'capulet', PLUGINS).sign_in()
    sibling = await Friend(f'juliet@{DOMAIN}/chamber', 'capulet', PLUGINS).sign_in()
    await sibling.plugin['xep_0280'].enable()
    copies = []
    sibling.add_event_handler('carbon_sent', lambda message: sibling.keep(copies, message['carbon_sent']))
    romeo = await Friend(f'romeo@{OTHER}/orchard', 'montague', PLUGINS).sign_in()
    expected = {}
    for index, (name, add) in enumerate(CONTENTS):
        message = juliet.make_message(mto=f'romeo@{OTHER}', mbody=f'What is in it: {index}', mtype='chat')
        message['id'] = f'm-{index}'
        add(message, juliet)
        expected[message['id']] = payload(message)
        assert expected[message['id']], name
        message.send()
        heard = await romeo.hear(message['id'])
        ok(f'{name}: with the contact', payload(heard) == expected[message['id']] and heard['body'] == message['body'], heard)
        copy = await sibling.next(copies, lambda one: one['id'] == message['id'])
        ok(f'{name}: with the other client', payload(copy) == expected[message['id']], copy)
    for client in (juliet, romeo):
        kept = {}
        async for result in client.plugin['xep_0313'].iterate(rsm={'max': 50}):
            message = result['mam_result']['forwarded']['stanza']
            kept[message['id']] = payload(message)
        found = {ident: kept.get(ident) for ident in expected}  # the receipts that slixmpp gives by itself are there, too
        ok(f'the archive of {client.boundjid.bare} has all of it', found == expected, found)
    for client in (juliet, sibling, romeo):
        await client.leave()


run(main)
