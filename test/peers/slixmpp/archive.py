"""XEP-0313: pages both ways, filters, metadata and preferences (XEP-0441)."""
from datetime import timezone

from person import Person, jid, ok, run

COUNT = 25


async def entries(person, **query):
    found = []
    async for entry in person['xep_0313'].iterate(**query):
        found.append(entry['mam_result'])
    return found


def bodies(results):
    return [result['forwarded']['stanza']['body'] for result in results]


async def main():
    juliet = await Person('juliet/balcony').sign_in()
    romeo = await Person('romeo/orchard').sign_in()
    nurse = await Person('nurse/kitchen').sign_in()
    said = [f'line {number}' for number in range(COUNT)]
    for number, body in enumerate(said):
        (juliet if number % 2 else romeo).send_message(jid('romeo' if number % 2 else 'juliet'), body, mtype='chat')
        await (romeo if number % 2 else juliet).hear(body)
    nurse.send_message(jid('juliet'), 'madam!', mtype='chat')
    arrived = await juliet.hear('madam!')

    info = (await juliet['xep_0030'].get_info(jid('juliet')))['disco_info']
    ok('offered by the own account', 'urn:xmpp:mam:2' in info['features'], info['features'])
    fields = (await juliet['xep_0313'].get_fields(jid('juliet'))).get_fields()
    ok('the form of the query', {'start', 'end', 'with', 'before-id', 'after-id', 'ids'} <= set(fields), fields)

    everything = await entries(juliet)
    ok('everything, in order, page by page', bodies(everything) == [*said, 'madam!'], bodies(everything))
    ok('… with the id that came with the message', everything[-1]['id'] == arrived['stanza_id']['id'], (everything[-1], arrived))
    ok('the other’s archive has the same lines', bodies(await entries(romeo)) == said)
    page = await juliet['xep_0313'].retrieve(rsm={'max': 10})
    ok('a page has as many as asked', bodies(r['mam_result'] for r in page['mam']['results']) == said[:10])
    backwards = []
    async for result in juliet['xep_0313'].retrieve(iterator=True, reverse=True, rsm={'max': 10}, with_jid=jid('romeo')):
        backwards.append(bodies(r['mam_result'] for r in result['mam']['results']))
    ok('backwards: pages from the last, each in order', backwards == [said[15:], said[5:15], said[:5]], backwards)
    ok('with somebody', bodies(await entries(juliet, with_jid=jid('nurse'))) == ['madam!'])
    middle = everything[10]['forwarded']['delay']['stamp'].replace(tzinfo=timezone.utc)
    later = bodies(await entries(juliet, start=middle))
    earlier = bodies(await entries(juliet, end=middle))
    ok('from a time on', later[-1] == 'madam!' and 14 <= len(later) <= 17, later)
    ok('up to a time', earlier[0] == said[0] and 10 <= len(earlier) <= 12, earlier)
    metadata = await juliet['xep_0313'].get_archive_metadata(jid('juliet'))
    ok('metadata', (metadata['mam_metadata']['start']['id'], metadata['mam_metadata']['end']['id']) == (
        everything[0]['id'], everything[-1]['id']), metadata)
    phone = await Person('juliet/phone').sign_in()
    ok('another resource reads the same', bodies(await entries(phone)) == [*said, 'madam!'])

    default, always, never = await juliet['xep_0441'].get_preferences()
    ok('preferences: the default', default == 'always' and not always and not never, (default, always, never))
    await juliet['xep_0441'].set_preferences('never', always=[jid('romeo')], never=[jid('nurse')])
    default, always, never = await phone['xep_0441'].get_preferences()
    ok('preferences: set by one resource, got by another', (default, {str(j) for j in always}, {str(j) for j in never}) == (
        'never', {jid('romeo')}, {jid('nurse')}), (default, always, never))
    nurse.send_message(jid('juliet'), 'not to be kept', mtype='chat')
    romeo.send_message(jid('juliet'), 'to be kept', mtype='chat')
    await juliet.hear('not to be kept')
    await juliet.hear('to be kept')
    ok('preferences: obeyed', bodies(await entries(juliet, start=middle))[-2:] == ['madam!', 'to be kept'])
    ok('… by the own archive alone', bodies(await entries(nurse)) == ['madam!', 'not to be kept'])
    for person in (juliet, phone, romeo, nurse):
        await person.leave()


run(main)
