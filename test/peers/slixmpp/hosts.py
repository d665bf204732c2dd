"""What a client asks of the host and of its own account: XEP-0030, 0115, 0199, 0092, 0054, 0049, 0191; resource binding."""
from slixmpp.plugins.xep_0048 import Bookmarks

from person import DOMAIN, Person, jid, ok, refusal, run


async def main():
    juliet = await Person('juliet/balcony').sign_in()
    romeo = await Person('romeo/orchard').sign_in()

    ok('bind: the chosen resource', juliet.boundjid.full == jid('juliet/balcony'), juliet.boundjid)
    generated = await Person('juliet').sign_in()
    ok('bind: a generated resource', len(generated.boundjid.resource) >= 8 and generated.boundjid.bare == jid('juliet'), generated.boundjid)
    other = await Person('juliet/balcony').sign_in(presence=False)
    if other.boundjid.resource == 'balcony':
        await juliet.ended.wait()
    ok('bind: a resource in use', other.boundjid.resource != 'balcony' or juliet.ended.is_set(), other.boundjid)
    print('   ', 'the new one got', other.boundjid.resource, 'and the old one', 'was closed' if juliet.ended.is_set() else 'stays')
    juliet = generated

    info = (await juliet['xep_0030'].get_info(DOMAIN))['disco_info']
    ok('disco info of the host', ('server', 'im') in {(i[0], i[1]) for i in info['identities']}, info)
    wanted = {
        'http://jabber.org/protocol/disco#info', 'http://jabber.org/protocol/disco#items', 'urn:xmpp:ping', 'jabber:iq:version',
        'urn:xmpp:blocking', 'urn:xmpp:carbons:2', 'vcard-temp', 'jabber:iq:register', 'msgoffline', 'urn:xmpp:time',
    }
    ok('… with the features', wanted <= set(info['features']), wanted - set(info['features']))
    items = (await juliet['xep_0030'].get_items(DOMAIN))['disco_items']['items']
    services = {f'{name}.{DOMAIN}' for name in ('conference', 'pubsub', 'upload')}
    ok('disco items of the host', {str(item[0]) for item in items} == services, items)
    info = (await juliet['xep_0030'].get_info(f'conference.{DOMAIN}'))['disco_info']
    ok('disco info of the rooms’ host', 'http://jabber.org/protocol/muc' in info['features'], info)
    info = (await juliet['xep_0030'].get_info(jid('juliet')))['disco_info']
    own = {'urn:xmpp:mam:2', 'urn:xmpp:mam:2#extended', 'urn:xmpp:sid:0'}
    ok('disco info of the own account', own <= set(info['features']) and ('account', 'registered') in {i[:2] for i in info['identities']}, info)
    ok('disco of a stranger is refused', await refusal(juliet['xep_0030'].get_info(jid('romeo'))) == 'service-unavailable')
    ok('disco of nobody is refused alike', await refusal(juliet['xep_0030'].get_info(jid('nobody'))) == 'service-unavailable')
    info = (await juliet['xep_0030'].get_info(jid('romeo/orchard')))['disco_info']
    ok('disco of another client goes to it', 'urn:xmpp:ping' in info['features'], info)

    # slixmpp checks the hash against what disco answers before it caches it (XEP-0115 §5.4).
    verstring = await juliet['xep_0115'].get_verstring(DOMAIN)
    ok('caps of the host in the stream features', verstring is not None)
    cached = await juliet['xep_0115'].get_caps(verstring=verstring)
    ok('… whose hash is that of disco', cached is not None and 'urn:xmpp:ping' in cached['features'], cached)

    ok('ping', await juliet['xep_0199'].ping(DOMAIN) >= 0)
    ok('ping between clients', await juliet['xep_0199'].ping(jid('romeo/orchard')) >= 0)
    version = (await juliet['xep_0092'].get_version(DOMAIN))['software_version']
    ok('version', version['name'] == 'Skylark' and version['version'] != '', version)

    card = juliet['xep_0054'].make_vcard()
    card['FN'] = 'Juliet Capulet'
    card['PHOTO']['TYPE'] = 'image/png'
    card['PHOTO']['BINVAL'] = b'\x89PNG\r\n' * 100
    await juliet['xep_0054'].publish_vcard(card)
    read = (await romeo['xep_0054'].get_vcard(jid('juliet')))['vcard_temp']
    ok('vCard, read by another', read['FN'] == 'Juliet Capulet' and read['PHOTO']['BINVAL'] == b'\x89PNG\r\n' * 100, read)
    ok('vCard of who has none', await refusal(juliet['xep_0054'].get_vcard(jid('nurse'))) == 'service-unavailable')

    for person in (juliet, romeo):
        person.register_plugin('xep_0048')
    bookmarks = Bookmarks()
    bookmarks.add_conference(f'verona@conference.{DOMAIN}', nick='juliet', name='Verona')
    juliet['xep_0049'].register(Bookmarks)
    await juliet['xep_0049'].store(bookmarks)
    read = await juliet['xep_0049'].retrieve('bookmarks')
    ok('private XML is kept', read['private']['bookmarks']['conferences'][0]['nick'] == 'juliet', read)
    romeo['xep_0049'].register(Bookmarks)
    read = await romeo['xep_0049'].retrieve('bookmarks')
    ok('… for its owner', len(read['private']['bookmarks']['conferences']) == 0, read)

    phone = await Person('romeo/phone').sign_in()
    await phone['xep_0191'].get_blocked()
    pushes = []
    phone.add_event_handler('blocked', pushes.append)
    phone.add_event_handler('unblocked', pushes.append)
    await romeo['xep_0191'].block([jid('juliet')])
    blocked = (await romeo['xep_0191'].get_blocked())['blocklist']['items']
    ok('blocking: the list', {str(item) for item in blocked} == {jid('juliet')}, blocked)
    await phone.settle()
    ok('blocking: pushed to the other resource', len(pushes) == 1 and {str(i) for i in pushes[0]['block']['items']} == {jid('juliet')}, pushes)
    juliet.send_message(jid('romeo'), 'do you hear me', mtype='chat')
    error = await juliet.next('message', lambda message: message['type'] == 'error')
    ok('blocking: what comes in is refused', error['error']['condition'] == 'service-unavailable', error)
    romeo.send_message(jid('juliet'), 'nor do I speak', mtype='chat')
    error = await romeo.next('message', lambda message: message['type'] == 'error')
    ok('blocking: what goes out is not acceptable', error['error']['condition'] == 'not-acceptable' and '{urn:xmpp:blocking:errors}blocked' in [
        child.tag for child in error['error'].xml], error)
    ok('blocking: also requests', await refusal(juliet['xep_0199'].send_ping(jid('romeo/orchard'))) == 'service-unavailable')
    await romeo['xep_0191'].unblock([jid('juliet')])
    juliet.send_message(jid('romeo'), 'and now', mtype='chat')
    await romeo.hear('and now')
    ok('unblocking')
    await phone.settle()
    ok('… pushed too', len(pushes) == 2, pushes)
    for person in (juliet, romeo, phone):
        await person.leave()


run(main)
