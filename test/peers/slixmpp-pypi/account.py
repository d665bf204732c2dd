"""What an account has that slixmpp of Debian does not know: client state, reports, the time, who has access."""
import asyncio
from datetime import datetime, timedelta, timezone

from slixmpp.exceptions import IqError

from friend import DOMAIN, OTHER, Friend, ok, run

PLUGINS = [
    'xep_0030', 'xep_0060', 'xep_0085', 'xep_0191', 'xep_0199', 'xep_0202', 'xep_0352', 'xep_0377', 'xep_0402', 'xep_0455', 'xep_0492',
    'xep_0494',
]


async def befriend(one, other):
    one.send_presence_subscription(pto=other.boundjid.bare)
    await other.next(other.seen, lambda presence: presence['from'] == one.boundjid)
    await one.next(one.seen, lambda presence: presence['from'] == other.boundjid)


async def client_state(juliet, romeo):
    """XEP-0352: presence and chat states wait while the client is inactive, and a message does not."""
    features = await juliet.plugin['xep_0030'].get_info(jid=juliet.boundjid.bare)
    ok('the account is known', features['disco_info']['identities'])
    await befriend(juliet, romeo)
    juliet.plugin['xep_0352'].send_inactive()
    await juliet.plugin['xep_0199'].send_ping(DOMAIN)
    juliet.seen.clear()
    for number in range(5):
        romeo.send_presence(pstatus=f'the {number}. sonnet')
    state = romeo.make_message(mto=juliet.boundjid, mtype='chat')
    state['chat_state'] = 'composing'
    state.send()
    await romeo.plugin['xep_0199'].send_ping(OTHER)
    await asyncio.sleep(1)
    ok('XEP-0352: an inactive client is told of no presence', not juliet.seen, juliet.seen)
    message = romeo.make_message(mto=juliet.boundjid, mbody='It is the east', mtype='chat')
    message['id'] = 'east'
    message.send()
    await juliet.hear('east')
    statuses = [presence['status'] for presence in juliet.seen if presence['from'] == romeo.boundjid]
    ok('… a message comes at once, and before it what waited: of each contact the last', statuses == ['the 4. sonnet'], statuses)
    juliet.seen.clear()
    romeo.send_presence(pstatus='envious moon')
    await romeo.plugin['xep_0199'].send_ping(OTHER)
    await asyncio.sleep(0.5)
    ok('… it waits again', not juliet.seen, juliet.seen)
    juliet.plugin['xep_0352'].send_active()
    await juliet.next(juliet.seen, lambda presence: presence['status'] == 'envious moon')
    ok('… and comes when the client is active')


async def reports(juliet, romeo):
    await juliet.plugin['xep_0377'].report(f'mercutio@{OTHER}', reason='spam')
    blocked = await juliet.plugin['xep_0191'].get_blocked()
    items = [item.get('jid') for item in blocked.xml.iter('{urn:xmpp:blocking}item')]
    ok('XEP-0377: whoever is reported is blocked', items == [f'mercutio@{OTHER}'], blocked)


async def time(juliet):
    answer = await juliet.plugin['xep_0202'].get_entity_time(DOMAIN)
    # slixmpp 1.17 reads no time of XEP-0082: it puts a second Z behind it.
    utc = answer.xml.find('.//{urn:xmpp:time}utc').text
    lag = abs(datetime.now(timezone.utc) - datetime.fromisoformat(utc.replace('Z', '+00:00')))
    ok('XEP-0202: the time of the host', lag < timedelta(seconds=30), answer)


async def access(juliet):
    clients = await juliet.plugin['xep_0494'].get_clients()
    ok('XEP-0494: the clients with access', any(client['connected'] for client in clients), clients)
    iq = juliet.make_iq_set()  # slixmpp 1.17 asks by `get`
    iq['revoke']['id'] = 'nobody'
    try:
        await iq.send()
        ok('… of one that there is not', False)
    except IqError as error:
        ok('… of one that there is not', error.condition == 'item-not-found', error)


async def contacts(juliet):
    info = (await juliet.plugin['xep_0030'].get_info(jid=DOMAIN))['disco_info']
    forms = [form for form in info.xml.findall('{jabber:x:data}x')]
    values = {field.get('var'): [value.text for value in field.findall('{jabber:x:data}value')] for form in forms for field in form}
    ok('XEP-0157: where abuse is reported', values.get('abuse-addresses') == ['mailto:abuse@verona.example'], values)
    addresses = await juliet.plugin['xep_0455'].get_external_status_addresses(DOMAIN)
    ok('XEP-0455: where outages are announced', list(addresses) == ['https://status.verona.example/xmpp.json'], addresses)


async def notifications(juliet):
    """XEP-0492 in a bookmark of XEP-0402."""
    conference = juliet.plugin['xep_0402'].stanza.Conference()
    conference['name'] = 'Balcony'
    conference['extensions']['notify'].configure('never')
    conference['extensions']['notify'].configure('always', client_type='pc')
    await juliet.plugin['xep_0060'].publish(juliet.boundjid.bare, 'urn:xmpp:bookmarks:1', id=f'balcony@conference.{DOMAIN}', payload=conference)
    items = await juliet.plugin['xep_0060'].get_items(juliet.boundjid.bare, 'urn:xmpp:bookmarks:1')
    found = items['pubsub']['items']['item']['conference']['extensions']['notify']
    ok('XEP-0492: what rings of a room, by kind of client', (found.get_config(), found.get_config('pc')) == ('never', 'always'), items)


async def main():
    juliet = await Friend(f'juliet@{DOMAIN}/balcony', 'capulet', PLUGINS).sign_in()
    romeo = await Friend(f'romeo@{OTHER}/orchard', 'montague', PLUGINS).sign_in()
    await client_state(juliet, romeo)
    await reports(juliet, romeo)
    await time(juliet)
    await access(juliet)
    await contacts(juliet)
    await notifications(juliet)
    for client in (juliet, romeo):
        await client.leave()


run(main)
