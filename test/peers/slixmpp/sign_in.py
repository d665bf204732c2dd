"""STARTTLS and direct TLS with each mechanism that slixmpp has, and what is refused."""
import asyncio

from person import DOMAIN, PORT, Person, ok, run


def with_mechanism(name, password=None):
    return Person('juliet/balcony', password, sasl_mech=name)


async def main():
    for direct in (False, True):
        transport = 'direct TLS' if direct else 'STARTTLS'
        for mechanism in ('SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'):
            juliet = await with_mechanism(mechanism).sign_in(direct=direct)
            used = juliet['feature_mechanisms'].mech
            ok(f'{transport}, {mechanism}', used.name == mechanism, used.name)
            await juliet.leave()
            wrong = with_mechanism(mechanism, 'not the password')
            conditions = []
            wrong.add_event_handler('failed_auth', lambda failure: conditions.append(failure['condition']))
            await wrong.be_refused(direct)
            ok(f'{transport}, {mechanism}, a wrong password', conditions == ['not-authorized'], conditions)
        free = await Person('juliet/balcony').sign_in(direct=direct)
        ok(f'{transport}, as slixmpp chooses', free['feature_mechanisms'].mech.name in ('SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'))
        print('    it chose', free['feature_mechanisms'].mech.name, 'after', sorted(free['feature_mechanisms'].attempted_mechs) or 'no other')
        await free.leave()

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
    plain._always_send_everything = True
    plain.send_raw("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABjYXB1bGV0</auth>")
    for _ in range(100):
        if any(stanza.name in ('failure', 'error', 'stream_error') for stanza in features) or plain.ended.is_set():
            break
        await asyncio.sleep(0.05)
    ok('no TLS: PLAIN is refused', not plain.authenticated and any(
        'encryption-required' in str(s) or 'not-authorized' in str(s) for s in features), [str(s) for s in features])
    print('   ', str(features[-1]), DOMAIN)


run(main)
