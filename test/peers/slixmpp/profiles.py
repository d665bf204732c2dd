"""Avatars and vCards kept as one: XEP-0054, XEP-0084, XEP-0153, XEP-0292 and XEP-0398, for contacts and in a room."""
import hashlib
from xml.etree import ElementTree

from person import DOMAIN, Person, befriend, jid, ok, refusal, run

ROSE = b'\x89PNG\r\n\x1a\n' + b'a rose ' * 500
LILY = b'\xff\xd8\xff\xe0' + b'a lily ' * 500
ROOM = f'verona@conference.{DOMAIN}'
VCARD4 = 'urn:ietf:params:xml:ns:vcard-4.0'
UPDATE = '{vcard-temp:x:update}'


def digest(image):
    return hashlib.sha1(image).hexdigest()


def photo(presence):
    found = presence.xml.find(f'{UPDATE}x/{UPDATE}photo')
    return None if found is None else (found.text or '')


class Face(Person):
    def __init__(self, who, **options):
        super().__init__(who, **options)
        for plugin in ('xep_0060', 'xep_0163', 'xep_0084', 'xep_0153', 'xep_0172'):
            self.register_plugin(plugin)


async def main():
    juliet = await Face('juliet/balcony').sign_in()
    romeo = await Person('romeo/orchard').sign_in()
    nurse = await Person('nurse/house').sign_in()
    await befriend(juliet, romeo)

    features = (await juliet['xep_0030'].get_info(jid('juliet')))['disco_info']['features']
    ok('the account converts', 'urn:xmpp:pep-vcard-conversion:0' in features, features)

    # by XEP-0153, as an old client does it
    await juliet['xep_0153'].set_avatar(avatar=ROSE, mtype='image/png')
    await romeo.notice(juliet.boundjid.full, matches=lambda p: photo(p) == digest(ROSE))
    ok('an avatar that was set in the vCard is in the presence for a contact')
    item = (await juliet['xep_0084'].retrieve_avatar(jid('juliet'), digest(ROSE)))['pubsub']['items']['item']
    ok('… and in PEP', item['avatar_data']['value'] == ROSE, item)

    # in a room
    await juliet['xep_0045'].join_muc_wait(ROOM, 'juliet', timeout=8)
    form = await juliet['xep_0045'].get_room_config(ROOM)
    form['type'] = 'submit'
    await juliet['xep_0045'].set_room_config(ROOM, form)
    await nurse['xep_0045'].join_muc_wait(ROOM, 'nurse', timeout=8)
    await nurse.next('presence', lambda p: p['from'] == f'{ROOM}/juliet' and photo(p) == digest(ROSE))
    ok('a stranger in a room sees the hash')
    card = (await nurse['xep_0054'].get_vcard(f'{ROOM}/juliet'))['vcard_temp']
    ok('… and gets the picture', card['PHOTO']['BINVAL'] == ROSE, card)

    # by XEP-0084, for everybody
    options = juliet['xep_0004'].make_form(ftype='submit')
    options.add_field(var='FORM_TYPE', ftype='hidden', value='http://jabber.org/protocol/pubsub#publish-options')
    options.add_field(var='pubsub#access_model', value='open')
    await juliet['xep_0084'].publish_avatar(LILY, options=options)
    info = {'id': digest(LILY), 'type': 'image/jpeg', 'bytes': len(LILY)}
    await juliet['xep_0084'].publish_avatar_metadata([info], options=options)
    await romeo.notice(juliet.boundjid.full, matches=lambda p: photo(p) == digest(LILY))
    ok('an avatar that was published is in the presence for a contact')
    card = (await nurse['xep_0054'].get_vcard(jid('juliet')))['vcard_temp']
    ok('… and in the vCard, for strangers too', (card['PHOTO']['BINVAL'], card['PHOTO']['TYPE']) == (LILY, 'image/jpeg'), card)

    # XEP-0292, which slixmpp 1.8 does not know
    payload = ElementTree.fromstring(
        f"<vcard xmlns='{VCARD4}'><fn><text>Juliet Capulet</text></fn><n><surname>Capulet</surname></n></vcard>")
    await juliet['xep_0060'].publish(jid('juliet'), 'urn:xmpp:vcard4', id='current', payload=payload)
    card = (await nurse['xep_0054'].get_vcard(jid('juliet')))['vcard_temp']
    ok('the name of a vCard4 is in the vCard', (card['FN'], card['N']['FAMILY']) == ('Juliet Capulet', 'Capulet'), card)
    own = juliet['xep_0054'].make_vcard()
    own['FN'] = 'J. C.'
    await juliet['xep_0054'].publish_vcard(own)
    found = (await juliet['xep_0060'].get_items(jid('juliet'), 'urn:xmpp:vcard4'))['pubsub']
    ok('… and the other way round', 'J. C.' in str(found) and 'Capulet' not in str(found), found)
    await romeo.notice(juliet.boundjid.full, matches=lambda p: photo(p) == '')
    ok('a vCard without a photo takes the avatar away')
    await juliet.settle()
    ok('who has no vCard', await refusal(nurse['xep_0054'].get_vcard(jid('nobody'))) == 'service-unavailable')


run(main)
