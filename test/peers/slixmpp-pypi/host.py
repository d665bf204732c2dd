"""What a host says of itself: its limits (XEP-0478), what it does with data (XEP-0504), and whom it talks with (XEP-0485). slixmpp 1.17 knows
none of the three; the elements are declared here, and everything else is its own."""
import asyncio

from slixmpp.exceptions import IqError
from slixmpp.stanza import StreamFeatures
from slixmpp.xmlstream import ElementBase, register_stanza_plugin

from friend import DOMAIN, OTHER, WAIT, Friend, ok, run


class Limits(ElementBase):
    name = 'limits'
    namespace = 'urn:xmpp:stream-limits:0'
    plugin_attrib = 'limits'
    interfaces = sub_interfaces = {'max-bytes', 'idle-seconds'}


register_stanza_plugin(StreamFeatures, Limits)


async def limits():
    """XEP-0478: before and behind the sign-in, and what comes of heeding it and of not."""
    told = []
    juliet = Friend(f'juliet@{DOMAIN}/balcony', 'capulet', ['xep_0199'])
    juliet.register_feature('limits', lambda features: told.append(features['limits']), restart=False, order=1)
    await juliet.sign_in()
    first, *rest = [(int(one['max-bytes']), int(one['idle-seconds'])) for one in told]  # slixmpp looks at the features behind SASL twice
    most = rest[0][0]
    ok('XEP-0478: limits are announced before the sign-in and behind it, where they are larger', 10_000 <= first[0] < most and set(rest) == {rest[0]}, told)
    message = juliet.make_message(mto=f'romeo@{OTHER}', mbody='', mtype='chat')
    message['body'] = 'a'
    empty = len(str(message).encode())
    message['body'] = 'a' * (most - empty - 200)
    romeo = await Friend(f'romeo@{OTHER}/orchard', 'montague', ['xep_0199']).sign_in()
    message.send()
    heard = await romeo.next(romeo.heard, lambda one: one['from'] == juliet.boundjid)
    ok('… a message that is not larger arrives', len(heard['body']) == len(message['body']))
    errors = asyncio.Queue()
    juliet.add_event_handler('stream_error', errors.put_nowait)
    message['body'] = 'a' * most
    message.send()
    error = await asyncio.wait_for(errors.get(), WAIT)
    ok('… and a larger one ends the stream', (error['condition'], str(most) in error['text']) == ('policy-violation', True), error)
    return romeo


def values(form):
    return {field.get('var'): [value.text for value in field.findall('{jabber:x:data}value')] for field in form.iter('{jabber:x:data}field')}


async def host(romeo):
    disco = romeo.plugin['xep_0030']
    info = (await disco.get_info(jid=DOMAIN))['disco_info']
    forms = {values(form)['FORM_TYPE'][0]: values(form) for form in info.xml.iter('{jabber:x:data}x')}
    data = forms.get('urn:xmpp:data-policy:0', {})
    expected = {
        'data_retention': ['720'], 'full_erasure': ['true'], 'tos': ['https://verona.example/terms'], 'access_policy': ['admins', 'government'],
        'encryption_at_rest': ['true'],
    }
    ok('XEP-0504: what becomes of data', {name: data.get(name) for name in expected} == expected, data)
    other = (await disco.get_info(jid=OTHER))['disco_info']
    ok('… of another tenant nothing is said', 'urn:xmpp:data-policy:0' not in str(other), other)

    node = forms.get('http://jabber.org/network/serverinfo', {}).get('serverinfo-pubsub-node')
    ok('XEP-0485: where a domain says with whom it talks', node == [f'xmpp:pubsub.{DOMAIN}?;node=serverinfo'], forms)
    ok('… if its tenant wants it', ['urn:xmpp:serverinfo:0' in one['features'] for one in (info, other)] == [True, False], other)
    items = []
    while len(items) == 0:  # the host says it a moment after it was allowed to, or the script ends
        try:
            items = (await romeo.plugin['xep_0060'].get_items(f'pubsub.{DOMAIN}', 'serverinfo'))['pubsub']['items']
        except IqError as error:
            assert error.condition == 'item-not-found', error
        await asyncio.sleep(0.1)
    domain = items['item']['payload'].find('{urn:xmpp:serverinfo:0}domain')
    ok('… at an open node', (domain.get('name'), domain.find('{urn:xmpp:serverinfo:0}federation') is not None) == (DOMAIN, True), items)


async def main():
    romeo = await limits()
    for plugin in ('xep_0030', 'xep_0060'):
        romeo.register_plugin(plugin)
    await host(romeo)
    await romeo.leave()


run(main)
