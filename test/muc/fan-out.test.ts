/** What a room sends to sessions of its tenant, and what it notes of those that were not reached. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { Deliverer } from '../../lib/runtime/deliverer.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import type { DeliverRequest } from '../../lib/runtime/wire.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import type { Dependencies } from '../../services/muc/core/dependencies.ts';
import { fanOut } from '../../services/muc/core/fan-out.ts';

const node = 'n.one.1';

/** An occupant whose session is called as they are. */
const occupant = (local: string, domain: string) => ({
  jid: Jid.parse(`${local}@${domain}/x`),
  address: { node, sid: local },
});

test('messages that a session did not get are noted in the order in which they were sent, whoever else gets them', async () => {
  const bus = memoryBus({ clock });
  await bus.serve(node, (payload) => {
    const { header } = decodeFrame<DeliverRequest>(payload);
    const sids = header.items.flatMap((item) => item.sids);
    return encodeFrame({ missing: sids.filter((sid) => sid === 'juliet'), away: sids.filter((sid) => sid === 'romeo') });
  });
  const dependencies = { deliverer: new Deliverer(bus), isFederated: false } as unknown as Dependencies;
  const [juliet, romeo] = [occupant('juliet', 'a.example'), occupant('romeo', 'b.example')];
  const sent = [[romeo, juliet], [juliet], [juliet, romeo], [juliet]];
  const sendings = sent.map((recipients, index) => ({ bytes: Buffer.from(`<m${index}/>`), recipients }));
  const { undelivered, unheard } = await fanOut(dependencies, sendings);
  const textOf = ({ bytes }: { readonly bytes: Buffer }) => `${bytes}`;
  assert.deepEqual(
    undelivered.map(({ recipient, stanzas }) => [`${recipient.jid}`, stanzas.map(textOf)]),
    [['juliet@a.example/x', ['<m0/>', '<m1/>', '<m2/>', '<m3/>']]],
  );
  assert.deepEqual(
    unheard.map(({ recipient, sending }) => [`${recipient.jid}`, textOf(sending)]),
    [
      ['romeo@b.example/x', '<m0/>'],
      ['romeo@b.example/x', '<m2/>'],
    ],
  );
});
