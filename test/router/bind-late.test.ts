/** A request to bind that comes again after its session was replaced (RFC 6120 §7.7.2.2): the node had heard of no answer, and tries once more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeMarks } from '../../lib/runtime/resync.ts';
import { readSessions } from '../../lib/runtime/sessions.ts';
import type { StepReply } from '../../lib/runtime/wire.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { findAccount } from '../../services/router/core/accounts.ts';
import { reapNode } from '../../services/router/sessions/reaper.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const bindIq = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>";

async function bind(
  stage: RouterStage,
  sid: string,
  local: string,
  domain: string,
  node = stage.node.subject,
): Promise<StepReply> {
  const { incarnation } = (await findAccount(stage.store, domain, local))!;
  const session = JSON.stringify({ secure: true, failures: 0, local, incarnation });
  const request = { kind: 'step', node, sid, domain, session } as const;
  const { header } = await stage.ask<StepReply>({ ...request, items: [{ kind: 'stanza', id: 'b', body: true }] }, [bindIq]);
  return header;
}

for (const domain of ['a.example', 'b.example'])
  test(`a session of ${domain} that was replaced does not come back, and takes no place from others`, async (t) => {
    const stage = await openRouter();
    t.after(() => stage.close());
    for (const tenant of ['a.example', 'b.example']) await stage.register(`juliet@${tenant}/x`);
    const sids = async (of: string) => (await readSessions(stage.store, [Jid.parse(`juliet@${of}`)]))[0]!.map(({ sid }) => sid);
    for (const sid of ['first', 'second', 'third'])
      assert.equal((await bind(stage, sid, 'juliet', domain)).bound, `juliet@${domain}/balcony`);
    assert.deepEqual(await sids(domain), ['third']);
    for (const sid of ['first', 'second']) assert.equal((await bind(stage, sid, 'juliet', domain)).close?.condition, 'conflict');
    assert.deepEqual(await sids(domain), ['third']);
    assert.equal((await bind(stage, 'third', 'juliet', domain)).bound, `juliet@${domain}/balcony`, 'its own retry');
    const other = domain === 'a.example' ? 'b.example' : 'a.example';
    assert.equal((await bind(stage, 'first', 'juliet', other)).bound, `juliet@${other}/balcony`, 'tenants share nothing');
  });

test('a node that does not hear that a session was replaced looks at it again, and learns that it is over', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  await stage.register('juliet@a.example/x');
  const deaf = 'n.deaf.1';
  await bind(stage, 'first', 'juliet', 'a.example', deaf);
  await bind(stage, 'second', 'juliet', 'a.example');
  const marked = async () => {
    const found: string[] = [];
    await takeMarks(stage.store, deaf, { limit: 10, after: '' }, (marks) => {
      found.push(...marks.map(({ sid }) => sid));
      return [];
    });
    return found;
  };
  assert.deepEqual(await marked(), ['first']);
  const session = JSON.stringify({ secure: true, failures: 0, local: 'juliet', resource: 'balcony' });
  const request = { kind: 'step', node: deaf, sid: 'first', domain: 'a.example', session } as const;
  const { header } = await stage.ask<StepReply>({ ...request, items: [{ kind: 'catchUp', after: '', seen: [] }] }, []);
  assert.equal(header.close?.condition, 'reset');
  await reapNode(stage.dependencies, deaf);
  assert.deepEqual(await marked(), [], 'nothing is left of a node that is dead');
});
