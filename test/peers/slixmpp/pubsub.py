"""XEP-0060 at pubsub.DOMAIN: nodes, items, subscribers of two domains, affiliations, approval by an owner, options, and the end."""
import asyncio
from xml.etree import ElementTree as ET

from slixmpp.plugins.xep_0059 import Set
from slixmpp.plugins.xep_0060.stanza import Pubsub
from slixmpp.xmlstream import register_stanza_plugin

from person import DOMAIN, Newcomer, Person, jid, ok, refusal, run

OTHER = f'other.{DOMAIN}'
SERVICE = f'pubsub.{DOMAIN}'
NS = 'http://jabber.org/protocol/pubsub'
PLUGINS = ('xep_0050', 'xep_0060')
register_stanza_plugin(Pubsub, Set)  # slixmpp 1.8 has pages of items, and does not say where they are
EVENTS = ('publish', 'retract', 'purge', 'delete', 'config', 'subscription')


def listen(person):
    """Keeps what the service tells: which event, and of which items."""
    for plugin in PLUGINS:
        person.register_plugin(plugin)
    person.told = asyncio.Queue()
    for event in EVENTS:
        person.add_event_handler(f'pubsub_{event}', lambda message, event=event: person.told.put_nowait((event, message)))
    return person


async def hear_of(person, expected):
    event, message = await asyncio.wait_for(person.told.get(), 8)
    assert event == expected, f'{event}: {message}'
    return message['pubsub_event']


def item_ids(found):
    return [item['id'] for item in found['items']]


def form_of(person, kind, **fields):
    form = person['xep_0004'].make_form(ftype='submit')
    form.add_field(var='FORM_TYPE', ftype='hidden', value=f'{NS}#{kind}')
    for var, value in fields.items():
        form.add_field(var=f'pubsub#{var}', ftype='boolean' if isinstance(value, bool) else None, value=value)
    return form


def entry(text):
    payload = ET.Element('{http://www.w3.org/2005/Atom}entry')
    ET.SubElement(payload, '{http://www.w3.org/2005/Atom}title').text = text
    return payload


async def nodes(juliet, twin, romeo):
    pubsub = juliet['xep_0060']
    info = (await romeo['xep_0030'].get_info(SERVICE))['disco_info']
    ok('the service says what it is', ('pubsub', 'service') in {i[:2] for i in info['identities']}, info)
    wanted = {f'{NS}#{name}' for name in ('publish', 'subscribe', 'create-nodes', 'config-node', 'modify-affiliations', 'rsm')}
    ok('… and what it can do', wanted <= info['features'], wanted - info['features'])
    items = {str(item[0]) for item in (await twin['xep_0030'].get_items(DOMAIN))['disco_items']['items']}
    ok('the domain names it', SERVICE in items, items)
    defaults = (await pubsub.get_node_config(SERVICE))['pubsub_owner']['default']['form'].get_values()
    ok('the defaults are a form', defaults.get('pubsub#access_model') == 'open', defaults)
    await pubsub.create_node(SERVICE, 'news', form_of(juliet, 'node_config', title='News', max_items='50', notify_config=True))
    ok('a node is made')
    ok('… once', await refusal(pubsub.create_node(SERVICE, 'news')) == 'conflict')
    ok('… and by people of the domain alone', await refusal(twin['xep_0060'].create_node(SERVICE, 'theirs')) == 'forbidden')
    config = (await pubsub.get_node_config(SERVICE, 'news'))['pubsub_owner']['configure']['form'].get_values()
    ok('its configuration is what was asked for', (config['pubsub#title'], config['pubsub#max_items']) == ('News', '50'), config)
    listed = {tuple(map(str, item)) for item in (await twin['xep_0060'].get_nodes(SERVICE))['disco_items']['items']}
    ok('it is listed', listed == {(SERVICE, 'news', 'News')}, listed)
    ok('another tenant has none', len((await twin['xep_0060'].get_nodes(f'pubsub.{OTHER}'))['disco_items']['items']) == 0)


async def items(juliet, twin, romeo):
    pubsub = juliet['xep_0060']
    for person in (romeo, twin):
        found = (await person['xep_0060'].subscribe(SERVICE, 'news'))['pubsub']['subscription']
        ok(f'{person.boundjid.bare} subscribes', found['subscription'] == 'subscribed' and found['subid'], found)
    found = (await pubsub.publish(SERVICE, 'news', id='one', payload=entry('Hark')))['pubsub']['publish']['item']
    ok('an item is published', found['id'] == 'one', found)
    for person in (romeo, twin):
        event = await hear_of(person, 'publish')
        item = event['items']['item']
        found = (item['id'], item['publisher'], item['payload'][0].text)
        ok(f'{person.boundjid.bare} hears of it', found == ('one', juliet.boundjid.bare, 'Hark'), found)
    ok('who is not subscribed does not', juliet.told.empty())
    found = await refusal(twin['xep_0060'].publish(SERVICE, 'news', id='mine', payload=entry('mine')))
    ok('others publish nothing', found == 'forbidden', found)
    options = form_of(juliet, 'publish-options', access_model='whitelist')
    found = await refusal(pubsub.publish(SERVICE, 'news', id='two', payload=entry('two'), options=options))
    ok('a precondition that is not met refuses an item', found == 'conflict', found)
    for number in range(25):
        await pubsub.publish(SERVICE, 'news', id=f'i{number}', payload=entry(f'{number}'))
    found = [(await hear_of(twin, 'publish'))['items']['item']['id'] for _ in range(25)]
    ok('25 items arrive in order', found == [f'i{number}' for number in range(25)], found)
    found = []
    async for page in twin['xep_0060'].get_items(SERVICE, 'news', iterator=True):
        found += item_ids(page['pubsub'])
    ok('26 items are read in pages, the newest first', found == [f'i{number}' for number in range(24, -1, -1)] + ['one'], found)
    found = item_ids((await twin['xep_0060'].get_items(SERVICE, 'news', max_items=2))['pubsub'])
    ok('… or the last two', found == ['i24', 'i23'], found)
    found = (await twin['xep_0060'].get_item(SERVICE, 'news', 'one'))['pubsub']['items']['item']
    ok('… or one', found['payload'][0].text == 'Hark', found)
    await pubsub.retract(SERVICE, 'news', 'one', notify=True)
    event = await hear_of(twin, 'retract')
    ok('a retraction is told', event['items']['retract']['id'] == 'one', event)
    await pubsub.purge(SERVICE, 'news')
    ok('a purge is told', (await hear_of(twin, 'purge'))['purge']['node'] == 'news')
    ok('… and has emptied the node', item_ids((await twin['xep_0060'].get_items(SERVICE, 'news'))['pubsub']) == [])


async def people(juliet, twin, romeo):
    pubsub = juliet['xep_0060']
    await pubsub.modify_affiliations(SERVICE, 'news', affiliations=[(twin.boundjid.bare, 'publisher'), (jid('romeo'), 'outcast')])
    found = (await pubsub.get_node_affiliations(SERVICE, 'news'))['pubsub_owner']['affiliations']
    found = {(str(one['jid']), one['affiliation']) for one in found}
    expected = {(jid('juliet'), 'owner'), (twin.boundjid.bare, 'publisher'), (jid('romeo'), 'outcast')}
    ok('affiliations are what the owner says', found == expected, found)
    await twin['xep_0060'].publish(SERVICE, 'news', id='abroad', payload=entry('from abroad'))
    event = await hear_of(twin, 'publish')
    ok('a publisher of another domain publishes', event['items']['item']['publisher'] == twin.boundjid.bare, event)
    found = await refusal(romeo['xep_0060'].get_items(SERVICE, 'news'))
    ok('an outcast reads nothing', found == 'forbidden', found)
    found = (await pubsub.get_node_subscriptions(SERVICE, 'news'))['pubsub_owner']['subscriptions']
    found = [str(one['jid']) for one in found]
    ok('… and is subscribed no more', found == [twin.boundjid.bare], found)
    found = (await twin['xep_0060'].get_affiliations(SERVICE))['pubsub']['affiliations']
    ok('people see what they are', [(one['node'], one['affiliation']) for one in found] == [('news', 'publisher')], found)
    found = (await twin['xep_0060'].get_subscriptions(SERVICE))['pubsub']['subscriptions']
    ok('… and what they are subscribed to', [(one['node'], one['subscription']) for one in found] == [('news', 'subscribed')], found)
    found = await refusal(pubsub.modify_affiliations(SERVICE, 'news', affiliations=[(jid('juliet'), 'none')]))
    ok('the last owner stays', found == 'not-acceptable', found)


async def approval(juliet, twin):
    pubsub = juliet['xep_0060']
    await pubsub.create_node(SERVICE, 'secrets', form_of(juliet, 'node_config', access_model='authorize'))
    found = (await twin['xep_0060'].subscribe(SERVICE, 'secrets'))['pubsub']['subscription']
    ok('who subscribes to some nodes waits', found['subscription'] == 'pending', found)
    message = await juliet.next('message', lambda m: m['from'] == SERVICE and m['form'].get_values().get('pubsub#subscriber_jid'))
    asked = message['form'].get_values()
    [form_type], [subid] = asked['FORM_TYPE'], asked['pubsub#subid']
    found = (form_type, asked['pubsub#node'], asked['pubsub#subscriber_jid'])
    ok('the owner gets a form', found == (f'{NS}#subscribe_authorization', 'secrets', twin.boundjid.bare), asked)
    answer = juliet.make_message(SERVICE)
    answer.append(form_of(
        juliet, 'subscribe_authorization', node='secrets', subid=subid, subscriber_jid=twin.boundjid.bare, allow=True))
    answer.send()
    event = await hear_of(twin, 'subscription')
    ok('who was allowed is told', event['subscription']['subscription'] == 'subscribed', event)
    await pubsub.publish(SERVICE, 'secrets', id='s', payload=entry('hush'))
    ok('… and hears of items', (await hear_of(twin, 'publish'))['items']['item']['id'] == 's')


async def options(juliet, twin):
    def iq(kind):
        request = twin.make_iq(ito=SERVICE, itype=kind)
        request['pubsub']['options']['node'] = 'news'
        request['pubsub']['options']['jid'] = twin.boundjid.bare
        return request
    found = (await iq('get').send())['pubsub']['options']['options'].get_values()
    ok('the options of a subscription are a form', found['pubsub#deliver'] is True, found)
    request = iq('set')  # slixmpp 1.8 sends them in a request of type `get`
    request['pubsub']['options'].append(form_of(twin, 'subscribe_options', deliver=False))
    await request.send()
    await juliet['xep_0060'].publish(SERVICE, 'news', id='unheard', payload=entry('unheard'))
    await juliet['xep_0060'].publish(SERVICE, 'secrets', id='t', payload=entry('heard'))
    found = await hear_of(twin, 'publish')
    ok('a subscription that sleeps hears nothing', found['items']['node'] == 'secrets', found)
    request = iq('set')
    request['pubsub']['options'].append(form_of(twin, 'subscribe_options', deliver=True))
    await request.send()


async def the_end(juliet, twin):
    pubsub = juliet['xep_0060']
    await pubsub.set_node_config(SERVICE, 'news', form_of(juliet, 'node_config', title='Old news'))
    event = await hear_of(twin, 'config')
    ok('a new configuration is told', event['configuration']['node'] == 'news', event)
    found = await refusal(twin['xep_0060'].delete_node(SERVICE, 'news'))
    ok('others delete no node', found == 'forbidden', found)
    await pubsub.delete_node(SERVICE, 'news')
    ok('the end of a node is told', (await hear_of(twin, 'delete'))['delete']['node'] == 'news')
    found = await refusal(twin['xep_0060'].get_items(SERVICE, 'news'))
    ok('… and it is gone', found == 'item-not-found', found)
    await twin['xep_0060'].unsubscribe(SERVICE, 'secrets')
    await pubsub.publish(SERVICE, 'secrets', id='u', payload=entry('u'))
    await twin.settle()
    ok('who has unsubscribed hears nothing', twin.told.empty())


async def main():
    juliet = await listen(Person('juliet/balcony')).sign_in()
    romeo = await listen(Person('romeo/orchard')).sign_in()
    twin = await listen(Newcomer('juliet/balcony', 'of another house', domain=OTHER)).sign_in()
    await nodes(juliet, twin, romeo)
    await items(juliet, twin, romeo)
    await people(juliet, twin, romeo)
    await approval(juliet, twin)
    await options(juliet, twin)
    await the_end(juliet, twin)


run(main)
