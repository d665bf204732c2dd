/** A request to bind that comes again after its session was replaced (RFC 6120 §7.7.2.2): the node had heard of no answer, and tries once more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSessions } from '../../lib/runtime/sessions.ts';
import type { StepReply } from '../../lib/runtime/wire.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { findAccount } from '../../services/router/core/accounts.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const bindIq = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>";

async function bind(stage: RouterStage, sid: string, local: string, domain: string): Promise<StepReply> {
  const { incarnation } = (await findAccount(stage.store, domain, local))!;
  const session = JSON.stringify({ secure: true, failures: 0, local, incarnation });
  const request = { kind: 'step', node: stage.node.subject, sid, domain, session } as const;
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
