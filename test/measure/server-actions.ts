/**
 * What passes between people here and people at another server, measured as in actions.ts: one action at a time, on streams that are open.
 * The first message of a pair of domains in a minute writes which pair it is, too (docs/decisions/0014-outbox.md).
 */
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import type { Actions } from './actions.ts';
import { appear, bare, chat, onCell, people } from './actions.ts';
import { type Cell, domain } from './cell.ts';

const peer = 'other.example';
const anna = `anna@${peer}`;
/** Messages that somebody sends at once. */
const burst = 20;

export function measureServers(): Promise<Actions> {
  return onCell(serverActions, { peer });
}

async function serverActions(cell: Cell): Promise<Actions> {
  const { outside } = cell;
  if (outside === undefined) throw new Error('the cell has no other server');
  const [name = ''] = await people(cell, 's', 1);
  const juliet = await cell.during(appear(cell, name));
  const send = (ids: readonly string[]) => () =>
    outside.leaving(ids.length, () => juliet.send(ids.map((id) => chat(`${anna}/there`, id)).join('')));
  const receive = (ids: readonly string[]) => async () => {
    const before = juliet.bodies.length;
    const from = ` from='${anna}/there'`;
    const stanzas = ids.map((id) => chat(juliet.jid, id).replace('<message', `<message${from}`));
    await outside.arriving(domain, stanzas);
    await juliet.until(() => juliet.bodies.length >= before + ids.length, 'what was sent');
  };
  const many = (prefix: string) => Array.from({ length: burst }, (_, index) => `${prefix}${index}`);
  const subscription = (type: string) => `<presence type='${type}' from='${anna}' to='${bare(name)}'/>`;

  await cell.during(send(['opens'])());
  await cell.settle();
  await cell.clock.advance(runtimeLimits.outboxDueMs);
  const first = await cell.measure(send(['first']));
  const leaving = await cell.measure(send(['second']));
  const leavingBurst = await cell.measure(send(many('out')));
  await cell.measure(receive(['opens-too']));
  const arriving = await cell.measure(receive(['one']));
  const arrivingBurst = await cell.measure(receive(many('in')));

  await cell.during(outside.leaving(1, () => juliet.send(`<presence type='subscribe' to='${anna}'/>`)));
  await cell.during(outside.arriving(domain, ['subscribed', 'subscribe'].map(subscription)));
  // She is told that it is allowed, and who is there.
  await cell.during(outside.leaving(2, () => juliet.send(`<presence type='subscribed' to='${anna}'/>`)));
  const shown = await cell.measure(() => outside.leaving(1, () => juliet.send('<presence><show>away</show></presence>')));
  const seen = await cell.measure(() =>
    outside.arriving(domain, [`<presence from='${anna}/there' to='${bare(name)}'><show>away</show></presence>`]),
  );
  juliet.client.cut();
  return {
    'message to another server, first in a minute': first,
    'message to another server': leaving,
    [`${burst} messages to another server at once`]: leavingBurst,
    'message from another server': arriving,
    [`${burst} messages from another server at once`]: arrivingBurst,
    'presence to another server': shown,
    'presence from another server': seen,
  };
}
