import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepReply } from '../../lib/runtime/wire.ts';
import { capsHash } from '../../services/router/core/disco-info.ts';
import { openStage } from '../support/stage/whole-stage.ts';

test('XEP-0115 §5.2: the example’s hash', () => {
  const features = [
    'http://jabber.org/protocol/caps',
    'http://jabber.org/protocol/disco#info',
    'http://jabber.org/protocol/disco#items',
    'http://jabber.org/protocol/muc',
  ];
  const identities = [{ category: 'client', type: 'pc', name: 'Exodus 0.9.1' }];
  assert.equal(capsHash({ identities, features: features.toReversed(), forms: [] }), 'QgayPKawpkPSDYmwT/WM94uAlu0=');
});

test('XEP-0115 §6.2, §6.3: the stream features hold the host’s hash, and its node answers with what was hashed', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const request = {
    kind: 'step',
    node: 'n.stage.1',
    sid: 'x',
    domain: 'a.example',
    session: JSON.stringify({ secure: true, failures: 0, local: 'juliet' }),
  };
  const { bodies } = await stage.ask<StepReply>({ ...request, items: [{ kind: 'open', secure: true, binding: {} }] }, []);
  const [, node, ver] = /<c xmlns='http:\/\/jabber.org\/protocol\/caps' hash='sha-1' node='([^']+)' ver='([^']+)'\/>/.exec(
    bodies[0]!.toString(),
  )!;
  const juliet = await stage.join('juliet@a.example/balcony');
  await juliet.send(
    `<iq type='get' id='d' to='a.example'><query xmlns='http://jabber.org/protocol/disco#info' node='${node}#${ver}'/></iq>`,
  );
  const answer = await juliet.next();
  assert.ok(answer.includes(`node='${node}#${ver}'`));
  const features = [...answer.matchAll(/<feature var='([^']+)'/g)].map((match) => match[1]!);
  assert.ok(features.length > 5);
  assert.equal(capsHash({ identities: [{ category: 'server', type: 'im', name: 'Skylark' }], features, forms: [] }), ver);
  await juliet.send(
    `<iq type='get' id='d' to='a.example'><query xmlns='http://jabber.org/protocol/disco#info' node='${node}#x'/></iq>`,
  );
  assert.match(await juliet.next(), /<item-not-found /);
});
