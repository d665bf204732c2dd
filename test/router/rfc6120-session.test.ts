import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepReply } from '../../lib/runtime/wire.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { deriveKeys } from '../../services/router/sasl/passwords.ts';
import { openRouter } from '../support/stage/router-stage.ts';

test('RFC 6120 §7, RFC 3921 §3: bind and the optional session are announced after SASL', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const request = {
    kind: 'step',
    node: 'n.stage.1',
    sid: 'x',
    domain: 'a.example',
    session: JSON.stringify({ secure: true, failures: 0, local: 'juliet' }),
  };
  const { bodies } = await stage.ask<StepReply>({ ...request, items: [{ kind: 'open', secure: true, binding: {} }] }, []);
  const features = bodies[0]!.toString();
  assert.ok(features.includes(`<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`));
  assert.ok(features.includes(`<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>`));
});

test('RFC 6120 §6.4.6: success says what the restarted stream offers; an answer to a new stream says for how long it is good', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const { store, clock } = stage.dependencies;
  await createAccount(store, 'a.example', 'juliet', {
    createdAt: '2026-01-01T00:00:00Z',
    scram: await deriveKeys('secret', clock),
  });
  const request = { kind: 'step', node: 'n.stage.1', sid: 'x', domain: 'a.example' } as const;
  const open = { kind: 'open', secure: true, binding: {} } as const;
  const first = await stage.ask<StepReply>({ ...request, session: '', items: [open] }, []);
  assert.equal(first.header.keepMs, routerLimits.greetingKeepMs);
  const { session = '' } = first.header;
  const auth = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from('\0juliet\0secret').toString('base64')}</auth>`;
  const success = await stage.ask<StepReply>({ ...request, session, items: [{ kind: 'sasl', binding: {}, body: true }] }, [auth]);
  assert.equal(success.header.account, 'juliet@a.example');
  const again = await stage.ask<StepReply>({ ...request, session: success.header.session!, items: [open] }, []);
  assert.equal(again.header.keepMs, undefined);
  assert.equal(success.header.features, again.bodies[0]!.toString());
});

test('RFC 3921 §3: a session is granted by the account and by the host', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.join('juliet@a.example/balcony');
  const session = `<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>`;
  await stage.play(
    [juliet, 'sends', `<iq type='set' id='s'>${session}</iq>`],
    [juliet, 'receives', `<iq type='result' id='s' to='${juliet.jid}'/>`],
    [juliet, 'sends', `<iq type='set' id='s' to='a.example'>${session}</iq>`],
    [juliet, 'receives', `<iq type='result' id='s' from='a.example' to='${juliet.jid}'/>`],
  );
});
