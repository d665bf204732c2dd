"""Shared roster groups, announcements and the message of the day: what an admin does by ad-hoc commands, and what clients see of it."""
import asyncio

from slixmpp import JID
from slixmpp.exceptions import IqError

from person import DOMAIN, Person, jid, ok, run

ADMIN = 'http://jabber.org/protocol/admin'
OURS = 'urn:skylark:operation:'


async def command(person, node, form_type, **fields):
    asked = await person['xep_0050'].send_command(DOMAIN, node)
    ok(f'{node}: a form with its fields', set(fields) <= set(asked['command']['form'].get_fields()))
    filled = person['xep_0004'].make_form(ftype='submit')
    filled.add_field(var='FORM_TYPE', ftype='hidden', value=form_type)
    for var, value in fields.items():
        filled.add_field(var=var, value=value)
    done = await person['xep_0050'].send_command(
        DOMAIN, node, action='complete', payload=filled, sessionid=asked['command']['sessionid'])
    ok(f'{node}: done', done['command']['status'] == 'completed', done)


async def ours(person, name, **fields):
    await command(person, OURS + name, OURS + name, **fields)


def item(stanza, address):
    return stanza['roster']['items'].get(JID(address))


async def main():
    nurse = await Person('nurse/hall').sign_in()
    nurse.register_plugin('xep_0050')
    juliet = await Person('juliet/balcony').sign_in()
    romeo = await Person('romeo/orchard').sign_in()

    await ours(nurse, 'roster-group-set', group='Verona', members=[f'{jid("juliet")} Juliet C.', jid('romeo')])
    push = await romeo.next('roster', lambda iq: iq['type'] == 'set' and item(iq, jid('juliet')))
    seen = item(push, jid('juliet'))
    ok('a member is pushed', (seen['subscription'], seen['name'], seen['groups']) == ('both', 'Juliet C.', ['Verona']), seen)
    await romeo.notice('%s/balcony' % jid('juliet'))
    ok('… and seen online')
    await juliet.notice('%s/orchard' % jid('romeo'))
    ok('… by both')
    juliet.send_presence(pstatus='by the window')
    await romeo.notice('%s/balcony' % jid('juliet'), matches=lambda presence: presence['status'] == 'by the window')
    ok('presence goes on')
    try:
        await romeo.del_roster_item(jid('juliet'))
        ok('a client cannot take a member out', False)
    except IqError as error:
        ok('a client cannot take a member out', error.condition == 'not-allowed', error)
    await romeo.leave()
    romeo = await Person('romeo/garden').sign_in(presence=False)
    answer = await romeo.get_roster()
    ok('a new client finds the member', item(answer, jid('juliet'))['subscription'] == 'both', answer)
    romeo.send_presence()
    await romeo.notice('%s/balcony' % jid('juliet'))
    ok('… and is shown it')
    await ours(nurse, 'roster-group-drop', group='Verona', member=jid('romeo'))
    gone = await romeo.next('roster', lambda iq: iq['type'] == 'set' and item(iq, jid('juliet')))
    ok('who is taken out is told', item(gone, jid('juliet'))['subscription'] == 'remove', gone)
    await romeo.notice('%s/balcony' % jid('juliet'), 'unavailable')
    ok('… and sees nothing more')

    await command(nurse, f'{ADMIN}#announce', ADMIN, subject='Tonight', announcement=['Down at eight.', 'Back at nine.'])
    for person in (juliet, romeo):
        heard = await person.hear('Down at eight.\nBack at nine.')
        ok('those online hear an announcement', (heard['from'], heard['type'], heard['subject']) == (DOMAIN, 'headline', 'Tonight'), heard)
    await command(nurse, f'{ADMIN}#set-motd', ADMIN, motd='Be kind')
    await romeo.leave()
    await asyncio.sleep(1.5)  # a change of the tenant is felt within a second
    romeo = await Person('romeo/garden').sign_in()
    ok('the message of the day comes with the next presence', (await romeo.hear('Be kind'))['from'] == DOMAIN)
    for person in (nurse, juliet, romeo):
        await person.leave()


run(main)
