"""RFC 6121 §2 and §3: the roster with versions and pushes, and all four kinds of subscription presence."""
from slixmpp import JID

from person import Person, befriend, jid, ok, refusal, run


def item(stanza, address):
    return stanza['roster']['items'].get(JID(address))


async def read_roster(person, version=''):
    """None: nothing but pushes since `version`. (`get_roster` sends the version that slixmpp knows.)"""
    request = person.make_iq_get()
    request['roster']['ver'] = version
    answer = await request.send()
    return answer if answer.xml.find('{jabber:iq:roster}query') is not None else None


async def main():
    juliet = await Person('juliet/balcony').sign_in()
    phone = await Person('juliet/phone').sign_in()
    romeo = await Person('romeo/orchard').sign_in()
    for person in (juliet, phone, romeo):
        person.seen['roster'].clear()

    ok('roster versions are offered', 'rosterver' in juliet.features)
    ok('pre-approval is offered', 'preapproval' in juliet.features)
    await juliet.update_roster(jid('nurse'), name='Angelica', groups=['Household', 'Verona'])
    roster = await read_roster(juliet)
    stored = item(roster, jid('nurse'))
    ok('an item is set and got', stored['name'] == 'Angelica' and sorted(stored['groups']) == ['Household', 'Verona'], stored)
    push = await phone.next('roster', lambda iq: iq['type'] == 'set' and item(iq, jid('nurse')))
    ok('a push reaches the second resource', push['roster']['ver'] != '', push)
    version = roster['roster']['ver']
    ok('… with the version that a get answers', push['roster']['ver'] == version, (push['roster']['ver'], version))

    phone.cut()
    await juliet.update_roster(jid('nurse'), name='Nurse', groups=['Household'])
    await juliet.del_roster_item(jid('nurse'))
    await juliet.update_roster(jid('tybalt'), name='Tybalt')
    again = await Person('juliet/phone').sign_in(presence=False)
    ok('a get with an older version is answered empty', await read_roster(again, version) is None)
    gone = await again.next('roster', lambda iq: item(iq, jid('nurse')))
    ok('… then what was removed is pushed', item(gone, jid('nurse'))['subscription'] == 'remove', gone)
    added = await again.next('roster', lambda iq: item(iq, jid('tybalt')))
    ok('… and what was added', item(added, jid('tybalt'))['name'] == 'Tybalt', added)
    ok('a get with the present version is answered empty', await read_roster(again, added['roster']['ver']) is None)
    ok('removing who is not there: item-not-found', await refusal(juliet.del_roster_item(jid('mercutio'))) == 'item-not-found')
    await juliet.del_roster_item(jid('tybalt'))
    for person in (juliet, romeo):
        person.seen['roster'].clear()

    juliet.send_presence(pto=jid('romeo'), ptype='subscribe')
    asked = await juliet.next('roster', lambda iq: item(iq, jid('romeo')))
    ok('subscribe: the item waits with ask', item(asked, jid('romeo'))['ask'] == 'subscribe', asked)
    request = await romeo.notice(jid('juliet'), 'subscribe')
    ok('subscribe: comes from the bare JID', request['from'] == jid('juliet'), request)
    romeo.send_presence(pto=jid('juliet'), ptype='unsubscribed')
    await juliet.notice(jid('romeo'), 'unsubscribed')
    denied = await juliet.next('roster', lambda iq: item(iq, jid('romeo')) and not item(iq, jid('romeo'))['ask'])
    ok('unsubscribed: denies the request', item(denied, jid('romeo'))['subscription'] == 'none', denied)

    await befriend(juliet, romeo)
    roster = await read_roster(juliet)
    ok('subscribe and subscribed, both ways', item(roster, jid('romeo'))['subscription'] == 'both', roster)
    juliet.send_presence(pto=jid('romeo'), ptype='unsubscribe')
    await romeo.notice(jid('juliet'), 'unsubscribe')
    await juliet.notice(jid('romeo/orchard'), 'unavailable')
    ok('unsubscribe: told to the contact, whose presence ends')
    roster = await read_roster(juliet)
    ok('unsubscribe: leaves from', item(roster, jid('romeo'))['subscription'] == 'from', roster)
    romeo.send_presence(pto=jid('juliet'), ptype='subscribed')  # pre-approval, since juliet has not asked again
    juliet.send_presence(pto=jid('romeo'), ptype='subscribe')
    await juliet.notice(jid('romeo/orchard'))
    ok('pre-approval: granted at once')

    await juliet.del_roster_item(jid('romeo'))
    await romeo.notice(jid('juliet'), 'unsubscribe')
    await romeo.notice(jid('juliet'), 'unsubscribed')
    roster = await read_roster(romeo)
    ok('removing an item ends both subscriptions', item(roster, jid('juliet'))['subscription'] == 'none', roster)

    juliet.send_presence(pto=jid('nurse'), ptype='subscribe')
    await juliet.settle()
    nurse = await Person('nurse/kitchen').sign_in()
    await nurse.notice(jid('juliet'), 'subscribe')
    ok('a request waits for who is away')
    for person in (juliet, again, romeo, nurse):
        await person.leave()


run(main)
