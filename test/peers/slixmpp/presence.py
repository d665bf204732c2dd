"""RFC 6121 §4: broadcast, probes, directed presence, and what others see when a connection is lost."""
from person import Person, befriend, jid, ok, run

# A session under XEP-0198 would be kept for resumption, and its presence with it.
unmanaged = {'without': ('xep_0198',)}


async def main():
    juliet = await Person('juliet/balcony', **unmanaged).sign_in()
    romeo = await Person('romeo/orchard', **unmanaged).sign_in()
    await befriend(juliet, romeo)

    juliet.send_presence(pshow='away', pstatus='at the balcony', ppriority=3)
    seen = await romeo.notice(jid('juliet/balcony'), 'away')
    ok('an update with show, status, priority', (seen['status'], seen['priority']) == ('at the balcony', 3), seen)

    phone = await Person('romeo/phone', **unmanaged).sign_in()
    seen = await phone.notice(jid('juliet/balcony'), 'away')
    ok('a new resource is sent the presence of contacts (probe by the server)', seen['status'] == 'at the balcony', seen)
    await phone.notice(jid('romeo/orchard'))
    await romeo.notice(jid('romeo/phone'))
    ok('… and of its siblings, which see it too')
    await juliet.notice(jid('romeo/phone'))
    ok('… and the contact sees it')

    phone.send_presence(pto=jid('juliet'), ptype='probe')
    seen = await phone.notice(jid('juliet/balcony'), 'away')
    ok('a probe from the client is answered', seen['status'] == 'at the balcony', seen)

    nurse = await Person('nurse/kitchen', **unmanaged).sign_in()
    nurse.send_presence(pto=jid('juliet'), ptype='probe')
    nurse.send_presence(pshow='dnd')
    await nurse.settle()
    await juliet.settle()
    ok('a stranger’s presence and probe show nothing', not [
        p for p in juliet.seen['presence'] if p['from'].bare == jid('nurse')
    ] and not [p for p in nurse.seen['presence'] if p['from'].bare == jid('juliet') and p['type'] == 'away'])
    nurse.send_presence(pto=jid('juliet/balcony'), pstatus='only you')
    seen = await juliet.notice(jid('nurse/kitchen'))
    ok('directed presence reaches a stranger', seen['status'] == 'only you', seen)
    nurse.cut()
    await juliet.notice(jid('nurse/kitchen'), 'unavailable')
    ok('… who is told when the connection is lost')

    juliet.send_presence(ptype='unavailable', pstatus='good night')
    seen = await romeo.notice(jid('juliet/balcony'), 'unavailable')
    ok('unavailable with its status', seen['status'] == 'good night', seen)
    juliet.send_presence()
    await romeo.notice(jid('juliet/balcony'))
    juliet.cut()
    await romeo.notice(jid('juliet/balcony'), 'unavailable')
    await phone.notice(jid('juliet/balcony'), 'unavailable')
    ok('unavailable when the connection is lost')
    await phone.leave()
    await romeo.notice(jid('romeo/phone'), 'unavailable')
    ok('unavailable when the stream is closed')
    await romeo.leave()


run(main)
