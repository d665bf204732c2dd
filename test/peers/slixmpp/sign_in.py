"""STARTTLS and direct TLS with each mechanism that slixmpp has, and what is refused."""
import asyncio

from person import PORT, Person, ok, run


async def main():
    for direct in (False, True):
        transport = 'direct TLS' if direct else 'STARTTLS'
        for mechanism in ('SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'):
            juliet = await Person('juliet/balcony', sasl_mech=mechanism).sign_in(direct=direct)
            used = juliet['feature_mechanisms'].mech
            ok(f'{transport}, {mechanism}', used.name == mechanism, used.name)
            await juliet.leave()
            wrong = Person('juliet/balcony', 'not the password', sasl_mech=mechanism)
            conditions = []
            wrong.add_event_handler('failed_auth', lambda failure: conditions.append(failure['condition']))
            await wrong.be_refused(direct)
            ok(f'{transport}, {mechanism}, a wrong password', conditions == ['not-authorized'], conditions)
        default = await Person('juliet/balcony', says_binding=True).sign_in(direct=direct)
        used = default['feature_mechanisms'].mech.name
        ok(f'{transport}, as slixmpp comes: by the last that it has', used == 'PLAIN', used)
        await default.leave()
        chosen = await Person('juliet/balcony').sign_in(direct=direct)
        used = chosen['feature_mechanisms'].mech.name
        ok(f'{transport}, without channel binding: by the best', used == 'SCRAM-SHA-256', used)
        await chosen.leave()

    # Without TLS: nothing is offered, and what is sent all the same is refused.
    plain = Person('juliet/balcony')
    features = []
    plain.add_filter('in', lambda stanza: features.append(stanza) or stanza)
    plain.connect(('127.0.0.1', PORT), force_starttls=False, disable_starttls=True)
    for _ in range(100):
        if any(stanza.name == 'features' for stanza in features):
            break
        await asyncio.sleep(0.05)
    offered = str(features[0])
    ok('no TLS: STARTTLS is required and no mechanism offered', 'required' in offered and 'mechanism' not in offered, offered)
    plain.remove_handler('SASL Failure')  # it did not begin any of this
    plain.send_raw("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABjYXB1bGV0</auth>")
    for _ in range(100):
        if any(stanza.name in ('failure', 'error', 'stream_error') for stanza in features) or plain.ended.is_set():
            break
        await asyncio.sleep(0.05)
    answer = str(features[-1])
    ok('no TLS: PLAIN is refused', '<failure' in answer and 'encryption-required' in answer, answer)


run(main)
