"""XEP-0045 and the archive of a room (XEP-0313)."""
from slixmpp.exceptions import PresenceError

from person import DOMAIN, Person, jid, ok, refusal, run

ROOM = f'verona@conference.{DOMAIN}'


def codes(presence):
    return presence['muc']['status_codes']


def is_from(nick, kind='available', matches=lambda _: True):
    return lambda presence: presence['from'] == f'{ROOM}/{nick}' and presence['type'] == kind and matches(presence)


async def configure(owner, **values):
    form = await owner['xep_0045'].get_room_config(ROOM)
    known = form.get_fields()
    form['type'] = 'submit'
    for name, value in values.items():
        name = f'muc#roomconfig_{name}'
        assert name in known, (name, list(known))
        known[name]['value'] = value
    await owner['xep_0045'].set_room_config(ROOM, form)


async def main():
    juliet = await Person('juliet/balcony').sign_in()
    romeo = await Person('romeo/orchard').sign_in()
    nurse = await Person('nurse/kitchen').sign_in()
    people = (juliet, romeo, nurse)

    created, *_ = await juliet['xep_0045'].join_muc_wait(ROOM, 'juliet', timeout=8)
    ok('create: who enters first owns it', codes(created) >= {110, 201} and (
        created['muc']['affiliation'], created['muc']['role']) == ('owner', 'moderator'), created)
    try:
        await romeo['xep_0045'].join_muc_wait(ROOM, 'romeo', timeout=8)
        locked = None
    except PresenceError as error:
        locked = error.condition
    ok('create: locked until it is configured', locked == 'item-not-found', locked)
    await configure(juliet, roomname='Verona', persistentroom=True)
    info = (await romeo['xep_0030'].get_info(ROOM))['disco_info']
    ok('configure: shows in disco', ('conference', 'text', None, 'Verona') in set(info['identities']) and 'muc_persistent' in info['features'], info)
    items = (await romeo['xep_0030'].get_items(f'conference.{DOMAIN}'))['disco_items']['items']
    ok('the room is listed', ROOM in [str(item[0]) for item in items], items)

    juliet.send_message(ROOM, 'before you came', mtype='groupchat')
    await juliet.hear('before you came')
    _own, _subject, occupants, history = await romeo['xep_0045'].join_muc_wait(ROOM, 'romeo', maxstanzas=10, timeout=8)
    ok('join: who is there', [p['from'].resource for p in occupants] == ['juliet', 'romeo'], occupants)
    ok('join: the history, delayed', [m['body'] for m in history] == ['before you came'] and
       history[0]['delay']['stamp'] is not None, history)
    ok('join: own presence last', 110 in codes(occupants[-1]), occupants)
    await juliet.next('presence', is_from('romeo'))
    ok('join: the others see it')
    try:
        await nurse['xep_0045'].join_muc_wait(ROOM, 'romeo', timeout=8)
        taken = None
    except PresenceError as error:
        taken = error.condition
    ok('a nick that is taken: conflict', taken == 'conflict', taken)
    await nurse['xep_0045'].join_muc_wait(ROOM, 'nurse', timeout=8)

    romeo.send_message(ROOM, 'two households', mtype='groupchat')
    heard = [await person.hear('two households') for person in people]
    ok('message: to everybody, the sender included', {m['from'] for m in heard} == {f'{ROOM}/romeo'}, heard)
    romeo.send_message(f'{ROOM}/juliet', 'in private', mtype='chat')
    ok('message: to one occupant', (await juliet.hear('in private'))['from'] == f'{ROOM}/romeo')

    nurse.send_presence(pto=f'{ROOM}/angelica')
    changed = await juliet.next('presence', is_from('nurse', 'unavailable'))
    ok('nick change: 303 with the new nick', 303 in codes(changed) and 'nick="angelica"' in str(changed), changed)
    await juliet.next('presence', is_from('angelica'))
    ok('nick change: then presence under it')

    juliet['xep_0045'].set_subject(ROOM, 'Star-crossed lovers')
    subject = await romeo.next('message', lambda m: m['subject'] == 'Star-crossed lovers')
    ok('subject', subject['from'] == f'{ROOM}/juliet', subject)
    romeo['xep_0045'].set_subject(ROOM, 'not mine to set')
    error = await romeo.next('message', lambda m: m['type'] == 'error')
    ok('subject: forbidden to a participant', error['error']['condition'] == 'forbidden', error)

    ok('affiliations: forbidden to a participant', await refusal(
        romeo['xep_0045'].set_affiliation(ROOM, 'member', jid=jid('nurse'))) == 'forbidden')
    for affiliation in ('member', 'admin', 'owner', 'member'):
        await juliet['xep_0045'].set_affiliation(ROOM, affiliation, jid=jid('romeo'))
        listed = await juliet['xep_0045'].get_affiliation_list(ROOM, affiliation)
        ok(f'affiliations: {affiliation}', jid('romeo') in [str(j) for j in listed], listed)
        await romeo.next('presence', is_from('romeo', matches=lambda p: p['muc']['affiliation'] == affiliation))
    await juliet['xep_0045'].set_role(ROOM, 'angelica', 'visitor')
    await nurse.next('presence', is_from('angelica', matches=lambda p: p['muc']['role'] == 'visitor'))
    ok('role: voice is taken')
    await configure(juliet, moderatedroom=True)
    nurse.send_message(ROOM, 'may I speak', mtype='groupchat')
    error = await nurse.next('message', lambda m: m['type'] == 'error')
    ok('moderated: a visitor is forbidden to speak', error['error']['condition'] == 'forbidden', error)
    await configure(juliet, moderatedroom=False)

    await juliet['xep_0045'].set_role(ROOM, 'angelica', 'none', reason='enough of this')
    kicked = await nurse.next('presence', is_from('angelica', 'unavailable'))
    ok('kick: 307', {110, 307} <= codes(kicked), kicked)
    await nurse['xep_0045'].join_muc_wait(ROOM, 'nurse', timeout=8)
    ok('kick: may come back')
    await juliet['xep_0045'].set_affiliation(ROOM, 'outcast', jid=jid('nurse'), reason='to bed')
    banned = await nurse.next('presence', is_from('nurse', 'unavailable', lambda p: 303 not in codes(p)))
    ok('ban: 301', {110, 301} <= codes(banned) and banned['muc']['affiliation'] == 'outcast', banned)
    try:
        await nurse['xep_0045'].join_muc_wait(ROOM, 'nurse', timeout=8)
        refused = None
    except PresenceError as error:
        refused = error.condition
    ok('ban: may not come back', refused == 'forbidden', refused)
    await juliet['xep_0045'].set_affiliation(ROOM, 'none', jid=jid('nurse'))

    await configure(juliet, membersonly=True)
    try:
        await nurse['xep_0045'].join_muc_wait(ROOM, 'nurse', timeout=8)
        refused = None
    except PresenceError as error:
        refused = error.condition
    ok('members only: registration-required', refused == 'registration-required', refused)
    juliet['xep_0045'].invite(ROOM, jid('nurse'), reason='come in')
    invited = await nurse.next('message', lambda m: m['from'] == ROOM and 'come in' in str(m))
    ok('invitation', f'from="{ROOM}/juliet"' in str(invited), invited)
    await nurse['xep_0045'].join_muc_wait(ROOM, 'nurse', timeout=8)
    ok('… makes a member')
    await configure(juliet, membersonly=False, passwordprotectedroom=True, roomsecret='sesame')
    await nurse.next('message', lambda m: 104 in m['muc']['status_codes'])
    ok('configure: occupants are told (104)')
    # Not by leave_muc, which forgets the room at once: the own leaving, when it comes back, would end a join that has begun meanwhile.
    nurse.send_presence(pto=f'{ROOM}/nurse', ptype='unavailable', pstatus='to bed')
    left = await juliet.next('presence', is_from('nurse', 'unavailable', lambda p: p['status'] == 'to bed'))
    ok('leave: the others see it, with its words', 307 not in codes(left), left)
    await nurse.next('presence', is_from('nurse', 'unavailable', lambda p: 110 in codes(p) and 303 not in codes(p)))
    try:
        await nurse['xep_0045'].join_muc_wait(ROOM, 'nurse', password='open', timeout=8)
        refused = None
    except PresenceError as error:
        refused = error.condition
    ok('password: not-authorized', refused == 'not-authorized', refused)
    await nurse['xep_0045'].join_muc_wait(ROOM, 'nurse', password='sesame', timeout=8)
    ok('password: accepted')

    for number in range(5):
        juliet.send_message(ROOM, f'line {number}', mtype='groupchat')
    await nurse.hear('line 4')
    archived = [e['mam_result']['forwarded']['stanza'] async for e in nurse['xep_0313'].iterate(jid=ROOM, rsm={'max': 3})]
    found = [m['body'] for m in archived if m['body']]
    ok('archive of the room, page by page', found == ['before you came', 'two households', *(f'line {n}' for n in range(5))], found)
    async for page in nurse['xep_0313'].retrieve(jid=ROOM, iterator=True, reverse=True, rsm={'max': 2}):
        found = [r['mam_result']['forwarded']['stanza']['body'] for r in page['mam']['results']]
        break
    ok('archive: its last page', found == ['line 3', 'line 4'], found)
    outsider = await Person('romeo/outside').sign_in()
    await nurse.leave()
    await juliet.next('presence', is_from('nurse', 'unavailable', lambda p: p['status'] == ''))
    ok('leave: the others see who signs out')

    ok('destroy: forbidden to a member', await refusal(romeo['xep_0045'].destroy(ROOM)) == 'forbidden')
    await juliet['xep_0045'].destroy(ROOM, reason='all are punished')
    gone = await romeo.next('presence', is_from('romeo', 'unavailable'))
    ok('destroy: occupants are told', 'all are punished' in str(gone) and gone['muc']['affiliation'] == 'none', gone)
    ok('destroy: the room is no more', await refusal(outsider['xep_0030'].get_info(ROOM)) == 'item-not-found')
    for person in (juliet, romeo, outsider):
        await person.leave()


run(main)
