/** What must hold between us and remote servers when everything has healed: the contract of docs/reliability.md. */
import { isBehindRead } from '../behind-read.ts';
import type { SimClient } from '../client.ts';
import type { History, SentMessage } from '../history.ts';
import type { StoreRows } from '../store-rows.ts';
import type { Witness } from '../witness.ts';
import type { TakenMessage } from './remote-history.ts';
import type { RemoteServer } from './remote-server.ts';

export interface RemoteFindings {
  readonly history: History;
  readonly clients: readonly SimClient[];
  readonly witness: Witness;
  readonly remotes: readonly RemoteServer[];
  readonly rows: StoreRows;
  /** What waits may have been given up, which of presence is said to nobody. */
  readonly isGivenUp: boolean;
}

/** @returns what is wrong, a line each */
export function checkRemotes(findings: RemoteFindings): string[] {
  return [
    ...findings.history.remote.faults,
    ...checkNeither(findings),
    ...checkOrder(findings),
    ...checkRows(findings),
    ...checkArrivals(findings),
    ...checkPresence(findings),
  ];
}

function accountsOf(remotes: readonly RemoteServer[]): ReadonlySet<string> {
  return new Set(remotes.flatMap(({ options }) => options.accounts));
}

/** What was acknowledged has reached the other server, or its sender was told that it has not. */
function checkNeither({ history, remotes }: RemoteFindings): string[] {
  const accounts = accountsOf(remotes);
  const { bounced } = history.remote;
  return [...history.sent.values()]
    .filter(({ to, state }) => accounts.has(to) && state === 'acknowledged')
    .filter(({ id }) => history.remote.lastOf(id) === undefined && !bounced.has(id))
    .map(({ id, to }) => `neither: ${id} was acknowledged, and ${to} has it not, nor was its sender told`);
}

/** What one session sends to an account arrives there in its order; what came twice counts the first time. */
function checkOrder({ history }: RemoteFindings): string[] {
  const faults: string[] = [];
  const last = new Map<string, SentMessage>();
  for (const { id } of firstOnes(history.remote.taken)) {
    const sent = history.sent.get(id);
    if (sent === undefined || sent.state !== 'acknowledged') continue;
    const lane = `${sent.session} ${sent.to}`;
    const before = last.get(lane);
    if (before !== undefined && before.number > sent.number && before.node === sent.node)
      faults.push(`order: ${sent.to} got ${sent.id} after ${before.id}`);
    if (before === undefined || before.number < sent.number) last.set(lane, sent);
  }
  return faults;
}

function firstOnes(taken: readonly TakenMessage[]): readonly TakenMessage[] {
  const seen = new Set<string>();
  return taken.filter(({ id, to }) => {
    const isNew = !seen.has(`${id} ${to}`);
    seen.add(`${id} ${to}`);
    return isNew;
  });
}

/** Nothing waits any more. Who was not told that a batch was taken may find a part of it in the store. */
function checkRows({ history, rows }: RemoteFindings): string[] {
  return rows
    .all('live')
    .filter(({ sort }) => sort.startsWith('out/'))
    .filter(({ value }) =>
      [...`${value}`.matchAll(/<body>([^<]*)</g)].some(([, id]) => history.sent.get(id!)?.state === 'acknowledged'),
    )
    .map(({ partition, sort }) => `row: ${partition} ${sort} is still there`);
}

/** What we have confirmed to a remote server is in the archive of its recipient and was received, or it was sent back. */
function checkArrivals(findings: RemoteFindings): string[] {
  const { history, witness } = findings;
  const received = new Map<string, Set<string>>();
  for (const session of history.sessions) {
    const ids = received.get(session.account) ?? new Set();
    received.set(session.account, ids);
    for (const { id } of session.received) ids.add(id);
  }
  return [...history.remote.sent.values()]
    .filter(({ isConfirmed, isBounced }) => isConfirmed && !isBounced)
    .flatMap(({ id, to }) => {
      if (!witness.isArchived(to, id)) return [`lost: ${id} was confirmed and is not in the archive of ${to}`];
      return received.get(to)?.has(id) || isBehindRead(findings, to, id)
        ? []
        : [`undelivered: ${id} was confirmed and no client of ${to} has it`];
    });
}

/** Remote contacts see of ours exactly those who are there, and what they last said; and ours see them. */
function checkPresence({ clients, remotes, witness, isGivenUp }: RemoteFindings): string[] {
  const faults: string[] = [];
  const online = clients.filter(({ isOnline }) => isOnline);
  for (const remote of remotes) {
    for (const account of remote.options.accounts) {
      const view = remote.views.get(account) ?? new Map<string, string>();
      for (const { jid, said } of online) {
        if (view.get(jid) !== said.status && !isGivenUp)
          faults.push(`presence: ${account} sees ${jid} as ${view.get(jid) ?? 'away'}, which is ${said.status}`);
      }
      for (const jid of view.keys())
        if (!isGivenUp && !online.some((client) => client.jid === jid) && jid.includes('/') && !jid.includes('conference.'))
          faults.push(`presence: ${account} sees ${jid}, which is not there`);
      const session = `${account}/pc`;
      for (const client of remote.hasBrokenSilently || isGivenUp ? [] : online) {
        const seen = client.said.view.get(session);
        if (seen === remote.statusOf(account) || witness.missedPresence(client.jid) || witness.lostPresence(session)) continue;
        faults.push(`presence: ${client.jid} sees ${session} as ${seen ?? 'away'}, which is ${remote.statusOf(account)}`);
      }
    }
  }
  return faults;
}
