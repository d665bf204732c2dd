import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepReply } from '../../lib/runtime/wire.ts';
import { openStage } from './harness.ts';

test('RFC 6120 §7, RFC 3921 §3: bind and the optional session are announced after SASL', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const request = {
    kind: 'step',
    node: 'n.stage.1',
    sid: 'x',
    domain: 'a.example',
    session: JSON.stringify({ secure: true, failures: 0, local: 'juliet' }),
  };
  const { bodies } = await stage.ask<StepReply>({ ...request, items: [{ k: 'open', secure: true, binding: {} }] }, []);
  const features = bodies[0]!.toString();
  assert.ok(features.includes(`<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`));
  assert.ok(features.includes(`<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>`));
});

test('RFC 3921 §3: a session is granted by the account and by the host', async (t) => {
  const stage = await openStage();
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
