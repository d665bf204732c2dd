/**
 * The notifications themselves (XEP-0357 §7): at most one a second for each registration. What rings before its time is counted, and
 * goes with the next one, which is due as soon as it may be sent.
 *
 * A push is on its way before the batch that has rung is answered, or is named in the store. So when a router dies, another one does
 * it again. The app server may get one twice, but none is lost.
 */
import { Count } from '../../../lib/runtime/counts.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { type Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { Account } from '../core/account.ts';
import { type Dependencies, withoutDeadline } from '../core/dependencies.ts';
import type { Turns } from '../core/feature.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { fieldsOf, lastMessage } from './last-message.ts';
import { type Due, listDue, putDue, type Registration, registrations, removeDue, removeListedDue } from './registrations.ts';
import { askRooms } from './unheard-in-rooms.ts';

const NS_PUSH = 'urn:xmpp:push:0';
const NS_PUBSUB = 'http://jabber.org/protocol/pubsub';
const NS_DATA = 'jabber:x:data';
const summaryType = 'urn:xmpp:push:summary';

export const pushes = new Count('pushes_total', 'Notifications to app servers, and the errors that these have answered', [
  'result',
]);

/** A request for a subscription, or messages, of which the last may be told. */
export type Ringing = 'request' | readonly Stanza[];

/** Counts what has rung, and sends a push now or when it may be sent. */
export async function pushTo(account: Account, key: string, what: Ringing): Promise<void> {
  const messages = what === 'request' ? [] : what;
  const last = lastMessage(account.tenant, messages.at(-1));
  const { dependencies } = account.turn;
  const now = dependencies.clock.now();
  let isNow = false;
  let isFirst = false;
  const rung = await update(account.rows, registrations, key, (before) => {
    if (before === undefined) return undefined;
    isNow = before.dueMs === undefined && (before.nextMs ?? 0) <= now;
    isFirst = !isNow && before.dueMs === undefined;
    const counted = {
      ...before,
      rungMs: now,
      messages: before.messages + messages.length,
      requests: before.requests + (what === 'request' ? 1 : 0),
      ...(what !== 'request' && { last }),
    };
    return isNow ? { ...counted, nextMs: now + routerLimits.pushPauseMs } : { ...counted, dueMs: before.dueMs ?? before.nextMs };
  });
  if (rung === undefined) return;
  if (isNow) return publish(account, key, rung);
  const due = { owner: account, key };
  // Also when it was due already: whoever said so may have died before the row was written.
  await putDue(dependencies, rung.dueMs!, due);
  if (isFirst) sendLater(dependencies, account.tenant, due, rung.dueMs! - now);
}

/**
 * The client was there: it has heard what rang before. Between then and now its node may have said that it hears no more.
 * @param known the row as it is now
 * @param heardMs when it was there, by the deployment's clock: what has rung since it may not have heard
 */
export async function forgetRung(account: Account, key: string, known: Registration, heardMs: number): Promise<void> {
  const { sid, messages, requests, rungMs = 0 } = known;
  if (messages + requests === 0 || rungMs > heardMs) return;
  await update(account.rows, registrations, key, (row) => {
    const isSame = row?.sid === sid && row.messages === messages && row.requests === requests;
    return isSame ? { ...row, messages: 0, requests: 0, last: undefined } : row;
  });
}

function sendLater(dependencies: Dependencies, tenant: Tenant, due: Due, inMs: number): void {
  const lasting = withoutDeadline(dependencies);
  const { clock, log } = dependencies;
  clock.after(Math.max(0, inMs), () => {
    sendDue(lasting, tenant, due).catch((error: unknown) => log.info({ err: error }, 'a push that was due is left to others'));
  });
}

async function sendDue(dependencies: Dependencies, tenant: Tenant, { owner, key }: Due): Promise<void> {
  const account = new Account(new Turn(dependencies), tenant, owner.local);
  const found = await account.get(registrations, key);
  if (found?.dueMs === undefined) return;
  const { dueMs, messages, requests } = found;
  if (messages + requests > 0) await publish(account, key, found);
  const nextMs = dependencies.clock.now() + routerLimits.pushPauseMs;
  const after = await update(account.rows, registrations, key, (row) => {
    if (row?.dueMs !== dueMs) return row;
    // What has rung since the row was read is in no push yet.
    const isMore = row.messages !== messages || row.requests !== requests;
    return { ...row, dueMs: isMore ? nextMs : undefined, nextMs };
  });
  if (after?.dueMs === nextMs) {
    await putDue(dependencies, nextMs, { owner, key });
    sendLater(dependencies, tenant, { owner, key }, routerLimits.pushPauseMs);
  }
  await removeDue(dependencies, dueMs, { owner, key });
}

/** Sends what another router was to send and has not. */
export async function sendOverdue(dependencies: Dependencies, turn: Turns): Promise<void> {
  for (const listed of await listDue(dependencies, dependencies.clock.now() - routerLimits.pushOverdueMs, turn)) {
    const { value: due } = listed;
    const tenant = await dependencies.tenants.find(due.owner.domain);
    if (tenant && due.unheard !== undefined) await askRooms(dependencies, due);
    else if (tenant) await sendDue(dependencies, tenant, due);
    await removeListedDue(dependencies, listed);
  }
}

async function publish(account: Account, key: string, registration: Registration): Promise<void> {
  const { dependencies } = account.turn;
  const turn = new Turn(dependencies);
  const id = dependencies.ids.mint();
  const iq = xml(
    'iq',
    { type: 'set', from: account.jid.toString(), to: registration.jid, id: `push-${key}-${id}` },
    publishRequest(account.tenant, registration),
  );
  turn.post(account.tenant, Buffer.from(iq.toString()), id, 'bounce');
  await turn.finish();
  pushes.add(account.domain, 1, 'sent');
}

function publishRequest(tenant: Tenant, { node, options, messages, requests, last }: Registration): Element {
  const fields: (readonly [string, string])[] = [['message-count', `${messages}`]];
  if (requests > 0) fields.push(['pending-subscription-count', `${requests}`]);
  if (messages > 0) fields.push(...fieldsOf(tenant, last));
  const summary = xml(
    'x',
    { xmlns: NS_DATA, type: 'submit' },
    field('FORM_TYPE', summaryType, 'hidden'),
    fields.map(([name, value]) => field(name, value)),
  );
  const notification = xml('notification', { xmlns: NS_PUSH }, summary);
  return xml(
    'pubsub',
    { xmlns: NS_PUBSUB },
    xml('publish', { node }, xml('item', {}, notification)),
    options === undefined ? undefined : xml('publish-options', {}, parseElement(options)),
  );
}

function field(name: string, value: string, type?: 'hidden'): Element {
  return xml('field', { var: name, type }, xml('value', {}, value));
}
