"""PEP (XEP-0163): an avatar (XEP-0084) that contacts hear of, see and fetch; what is for the account alone; who comes later."""
import asyncio
import hashlib

from person import Person, befriend, jid, ok, refusal, run

PICTURE = bytes(range(256)) * 100
ID = hashlib.sha1(PICTURE).hexdigest()
METADATA = 'urn:xmpp:avatar:metadata'
INFO = {'id': ID, 'type': 'image/png', 'bytes': len(PICTURE)}


class Viewer(Person):
    """Keeps the ids of the avatars that it is told of, with the account whose it is."""

    def __init__(self, who, **options):
        super().__init__(who, **options)
        for plugin in ('xep_0060', 'xep_0163', 'xep_0084', 'xep_0172', 'xep_0223'):
            self.register_plugin(plugin)
        self.told = asyncio.Queue()
        self.add_event_handler('avatar_metadata_publish', self.tell)

    def tell(self, message):
        items = message['pubsub_event']['items']
        self.told.put_nowait((str(message['from']), [info['id'] for info in items['item']['avatar_metadata']['items']]))

    async def sign_in(self, **options):
        await super().sign_in(presence=False, **options)
        # slixmpp knows what it is interested in when the resource is bound; its hash follows
        await self['xep_0115'].update_caps(broadcast=False)
        await self.get_roster()
        self.send_presence()
        await self.next('presence', lambda p: p['from'] == self.boundjid and p['type'] == 'available')
        await self.settle()  # by then it has been asked for its features
        await self.settle()
        return self

    async def hear_of(self):
        return await asyncio.wait_for(self.told.get(), 8)


async def main():
    juliet = await Viewer('juliet/balcony').sign_in()
    romeo = await Viewer('romeo/orchard').sign_in()
    nurse = await Viewer('nurse/house').sign_in()
    await befriend(juliet, romeo)

    info = (await juliet['xep_0030'].get_info(jid('juliet')))['disco_info']
    ok('the account is a pubsub service of type pep', ('pubsub', 'pep') in {i[:2] for i in info['identities']}, info)
    await juliet['xep_0084'].publish_avatar(PICTURE)
    await juliet['xep_0084'].publish_avatar_metadata([INFO])
    expected = (jid('juliet'), [ID])
    found = await romeo.hear_of()
    ok('a contact is told of an avatar', found == expected, found)
    found = await juliet.hear_of()
    ok('… and the own resource', found == expected, found)
    item = (await romeo['xep_0084'].retrieve_avatar(jid('juliet'), ID))['pubsub']['items']['item']
    ok('… and gets the picture whole', item['avatar_data']['value'] == PICTURE, item)
    found = await refusal(nurse['xep_0084'].retrieve_avatar(jid('juliet'), ID))
    ok('a stranger does not', found == 'not-authorized', found)
    await nurse.settle()
    ok('… and was told of nothing', nurse.told.empty())

    street = await Viewer('romeo/street').sign_in()
    found = await street.hear_of()
    ok('who comes later is told', found == expected, found)
    nodes = (await romeo['xep_0030'].get_items(jid('juliet')))['disco_items']['items']
    ok('the nodes are listed', {item[1] for item in nodes} == {METADATA, 'urn:xmpp:avatar:data'}, nodes)

    form = await juliet['xep_0060'].get_node_config(jid('juliet'), METADATA)
    values = form['pubsub_owner']['configure']['form'].get_values()
    ok('the configuration is a form', values.get('pubsub#access_model') == 'presence', values)
    found = await refusal(romeo['xep_0060'].delete_node(jid('juliet'), METADATA))
    ok('somebody else cannot delete a node', found == 'forbidden', found)
    await juliet['xep_0084'].stop()
    ok('an avatar is taken back', (await romeo.hear_of()) == (jid('juliet'), []))
    await juliet['xep_0060'].delete_node(jid('juliet'), METADATA)
    found = await refusal(romeo['xep_0060'].get_items(jid('juliet'), METADATA))
    ok('a node that was deleted is gone', found == 'item-not-found', found)


run(main)
