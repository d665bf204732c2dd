"""XEP-0198: acknowledgements; the connection is cut underneath and resumed, and nothing is lost on its way to the client or twice.

The other direction is seen with another library: slixmpp 1.8 forgets what was not acknowledged when it resumes.
"""
import asyncio

from person import Person, befriend, jid, ok, run


async def main():
    juliet = await Person('juliet/balcony').sign_in()
    romeo = await Person('romeo/orchard').sign_in()
    await befriend(juliet, romeo)
    ok('enabled, with resumption', juliet['xep_0198'].enabled_in and juliet['xep_0198'].sm_id)

    acknowledged = []
    juliet.add_event_handler('stanza_acked', acknowledged.append)
    juliet.send_message(jid('romeo'), 'acknowledge this', mtype='chat')
    await romeo.hear('acknowledge this')
    juliet['xep_0198'].request_ack()
    for _ in range(100):
        if not juliet['xep_0198'].unacked_queue:
            break
        await asyncio.sleep(0.05)
    ok('acknowledged', [m['body'] for m in acknowledged if m.name == 'message'] == ['acknowledge this'], acknowledged)

    romeo.seen['presence'].clear()
    juliet.seen['presence'].clear()
    for round_ in range(3):
        # The cut comes while these are on their way.
        before = [f'{round_} before {number}' for number in range(20)]
        for body in before:
            juliet.send_message(jid('romeo'), body, mtype='chat')
        await asyncio.sleep(0.01 * round_)
        bound = romeo.boundjid.full
        romeo.cut()
        await asyncio.wait_for(romeo.ended.wait(), 5)
        away = [f'{round_} away {number}' for number in range(20)]
        for body in away:
            juliet.send_message(jid('romeo'), body, mtype='chat')
        await juliet.settle()
        resumed = asyncio.Event()
        romeo.add_event_handler('session_resumed', lambda _: resumed.set(), disposable=True)
        await romeo.sign_in(presence=False)
        ok(f'round {round_}: resumed, as the same resource', resumed.is_set() and romeo.boundjid.full == bound, romeo.boundjid)
        await romeo.settle()
        await romeo.settle()
        ok(f'round {round_}: each once and in order', romeo.bodies() == before + away, romeo.bodies())
        romeo.send_message(jid('juliet'), f'{round_} heard', mtype='chat')
        await juliet.hear(f'{round_} heard')
        ok(f'round {round_}: it may speak again')
        romeo.seen['message'].clear()
    seen = [str(presence) for presence in juliet.seen['presence']]
    ok('its contacts never saw it go', seen == [], seen)

    romeo.cut()
    await asyncio.wait_for(romeo.ended.wait(), 5)
    romeo['xep_0198'].sm_id = 'no-such-session'
    failed = []
    romeo.add_event_handler('sm_failed', failed.append)
    await romeo.sign_in()
    ok('an unknown session: failed, then a new one is bound', len(failed) == 1 and romeo['xep_0198'].enabled_in, failed)
    juliet.send_message(jid('romeo'), 'good morrow', mtype='chat')
    await romeo.hear('good morrow')
    ok('… which works')
    for person in (juliet, romeo):
        await person.leave()


run(main)
