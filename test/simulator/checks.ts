/** What must hold after a run, when everything has healed: the contract of docs/reliability.md. */
import { isBehindRead } from './behind-read.ts';
import { blockersOf } from './block-history.ts';
import type { ClientSession, History, ReceivedMessage, SentMessage } from './history.ts';
import { checkNews } from './news-checks.ts';
import { checkPushes } from './push-checks.ts';
import { checkRemotes, type RemoteFindings } from './remote/remote-checks.ts';

export type Findings = RemoteFindings;

/** @returns what is wrong, a line each */
export function check(findings: Findings): string[] {
  return [
    ...findings.witness.faults,
    ...checkOnline(findings),
    ...checkLoss(findings),
    ...checkDoubles(findings),
    ...checkPriorities(findings),
    ...checkBlocks(findings),
    ...checkOrder(findings),
    ...checkRooms(findings),
    ...checkArchiveOrder(findings),
    ...checkRoomGaps(findings),
    ...checkPresence(findings),
    ...checkRemotes(findings),
    ...checkPushes(findings),
    ...checkNews(findings),
    ...findings.history.tokens.faults,
  ];
}

function checkOnline({ clients }: Findings): string[] {
  return clients
    .filter(({ isOnline }) => !isOnline)
    .map(({ name }) => `offline: ${name} could not sign in although everything works`);
}

/** What was acknowledged is in both archives, and was received by a client of the account. */
function checkLoss(findings: Findings): string[] {
  const { history, witness, remotes } = findings;
  const receivedBy = new Map<string, Set<string>>();
  for (const { account, received } of history.sessions) {
    const ids = receivedBy.get(account) ?? new Set();
    receivedBy.set(account, ids);
    for (const { id } of received) ids.add(id);
  }
  const faults: string[] = [];
  for (const { id, from, to, state, isRoom, isPrivate, seenAs, atMs } of history.sent.values()) {
    if (state !== 'acknowledged' || isPrivate) continue;
    if (!isRoom && history.blocks.isPossibleSince(to, blockersOf(seenAs), atMs)) continue;
    const isRemote = remotes.some(({ options }) => options.accounts.includes(to));
    const owners = isRoom ? [to] : [...(isRemote ? [] : [to]), from.split('/')[0]!];
    for (const owner of owners)
      if (!witness.isArchived(owner, id)) faults.push(`lost: ${id} was acknowledged and is not in the archive of ${owner}`);
    if (!isRoom && !isRemote && !receivedBy.get(to)?.has(id) && !isBehindRead(findings, to, id))
      faults.push(`undelivered: ${id} was acknowledged and no client of ${to} has it`);
  }
  return faults;
}

/** Nothing twice in one session, however often it was resumed. */
function checkDoubles({ history }: Findings): string[] {
  const faults: string[] = [];
  for (const session of history.sessions) {
    const seen = new Set<string>();
    for (const message of session.received) {
      const sent = history.sent.get(message.id);
      // The sender of one that was refused knows that it may have arrived, and has sent it again.
      if ((history.remote.sent.get(message.id)?.sent ?? 0) > 1) continue; // it was sent again on another stream
      if (sent?.state === 'refused' || (sent?.isRoom && (message.isDelayed || sent.isPrivate))) continue;
      if (seen.has(message.id)) {
        faults.push(`double: session ${session.number} of ${session.client} received ${message.id} twice`);
      }
      seen.add(message.id);
    }
  }
  return faults;
}

/** RFC 6121 §8.5.2.1.1: a session of negative priority gets nothing that is for all. */
function checkPriorities({ history }: Findings): string[] {
  return history.sessions.flatMap(({ client, number, received }) =>
    received
      .filter(({ isUnwanted }) => isUnwanted)
      .map(({ id }) => `unwanted: session ${number} of ${client} received ${id} with a negative priority`),
  );
}

/** XEP-0191 §3.3: nothing comes that was said when its sender was blocked, as was confirmed, before it was asked to end that. */
function checkBlocks({ history }: Findings): string[] {
  return history.sessions.flatMap(({ client, number, account, received }) =>
    received.flatMap(({ id, atMs }) => {
      const sent = history.sent.get(id);
      if (sent === undefined || !history.blocks.isSure(account, blockersOf(sent.seenAs), sent.atMs, atMs)) return [];
      return [`blocked: session ${number} of ${client} received ${id} of ${sent.seenAs}, whom its account has blocked`];
    }),
  );
}

/**
 * What one session sends to an account arrives in its order in each session there, as long as deliveries are confirmed in time:
 * what is read from the archive instead, sooner or later, carries its time (XEP-0203).
 */
function checkOrder({ history, witness }: Findings): string[] {
  const faults: string[] = [];
  for (const session of history.sessions) {
    const last = new Map<string, SentMessage>();
    for (const received of session.received) {
      const sent = history.sent.get(received.id);
      if (sent === undefined && history.remote.sent.has(received.id)) continue;
      if (sent === undefined) {
        faults.push(`unknown: ${session.client} received ${received.id}, which nobody has sent`);
        continue;
      }
      if (sent.isRoom || received.isDelayed || sent.state !== 'acknowledged' || witness.wasLate(received.stanzaId)) continue;
      const lane = `${sent.session} ${sent.to}`;
      const before = last.get(lane);
      if (before !== undefined && before.number > sent.number && before.node === sent.node) {
        faults.push(`order: session ${session.number} of ${session.client} received ${sent.id} after ${before.id}`);
      }
      if (before === undefined || before.number < sent.number) last.set(lane, sent);
    }
  }
  return faults;
}

/** Clocks of two processes may be this far apart for a moment: half of the overlap. */
const apartMs = 5_000;

/** Archives are in the order of acceptance: what was sent when another message had been there for long stands behind it. */
function checkArchiveOrder({ history, witness }: Findings): string[] {
  const faults: string[] = [];
  for (const owner of witness.owners) {
    let newest: { readonly id: string; readonly sentMs: number } | undefined;
    for (const { id, keptMs } of witness.archiveOf(owner)) {
      const sentMs = history.sent.get(id)?.atMs;
      if (sentMs === undefined) continue;
      if (newest !== undefined && keptMs + apartMs < newest.sentMs) {
        faults.push(`archive order: in the archive of ${owner}, ${id} stands behind ${newest.id}, which was sent later`);
      }
      if (newest === undefined || sentMs > newest.sentMs) newest = { id, sentMs };
    }
  }
  return faults;
}

/** Everybody sees a room's messages in the order of its archive; what is read from there later carries its time (XEP-0203). */
function checkRooms({ history }: Findings): string[] {
  const faults: string[] = [];
  for (const session of history.sessions) {
    const last = new Map<string, ReceivedMessage>();
    for (const received of session.received) {
      const sent = history.sent.get(received.id);
      if (!sent?.isRoom || sent.isPrivate || received.isDelayed || received.stanzaId === undefined) continue;
      // What was said meanwhile may come again when it is allowed, if its sender was not told that the room has it.
      if (history.blocks.isPossibleSince(session.account, blockersOf(sent.seenAs), sent.atMs)) continue;
      const before = last.get(sent.to);
      if (before?.stanzaId !== undefined && before.stanzaId > received.stanzaId) {
        faults.push(`room order: session ${session.number} of ${session.client} received ${received.id} after ${before.id}`);
      }
      last.set(sent.to, received);
    }
  }
  return faults;
}

/** A room that an account blocks is left by its sessions: each hears the room again when it has entered it again. */
function hasLeftBlocked({ blocks }: History, session: ClientSession, room: string, atMs: number): boolean {
  const endMs = blocks.lastEnd(session.account, blockersOf(room), atMs);
  return endMs !== undefined && !session.entered.get(room)?.some((enteredMs) => endMs <= enteredMs && enteredMs <= atMs);
}

/** Between the first and the last that an occupant has heard of a room it has heard all, live or from the archive. */
function checkRoomGaps({ history, witness }: Findings): string[] {
  const faults: string[] = [];
  for (const room of witness.rooms) {
    const said = witness.saidIn(room);
    for (const session of history.sessions) {
      const heard = new Set(session.received.map(({ stanzaId }) => stanzaId));
      const first = said.findIndex(({ stanzaId }) => heard.has(stanzaId));
      const last = said.findLastIndex(({ stanzaId }) => heard.has(stanzaId));
      for (const { stanzaId, id } of said.slice(Math.max(0, first), last + 1)) {
        const sent = history.sent.get(id);
        if (heard.has(stanzaId) || sent?.state !== 'acknowledged') continue;
        // Once blocked, it is not sent later either.
        if (history.blocks.isPossibleSince(session.account, blockersOf(sent.seenAs), sent.atMs)) continue;
        if (hasLeftBlocked(history, session, room, sent.atMs)) continue;
        faults.push(`unheard: session ${session.number} of ${session.client} did not get ${id} in ${room}`);
      }
    }
  }
  return faults;
}

/** Each client sees of each contact exactly those who are there, and what they last said. */
function checkPresence({ clients, witness, history, remotes }: Findings): string[] {
  const faults: string[] = [];
  const wasBlocked = (account: string, jid: string): boolean => history.blocks.isPossibleSince(account, blockersOf(jid), 0);
  const truth = new Map(clients.filter(({ isOnline }) => isOnline).map(({ jid, said }) => [jid, said.status]));
  for (const client of clients) {
    if (!client.isOnline || witness.missedPresence(client.jid)) continue;
    for (const [jid, status] of truth) {
      if (wasBlocked(client.account, jid) || wasBlocked(jid.split('/')[0]!, client.jid)) continue;
      if (jid === client.jid || client.said.view.get(jid) === status || witness.lostPresence(jid)) continue;
      faults.push(`presence: ${client.jid} sees ${jid} as ${client.said.view.get(jid) ?? 'away'}, which is ${status}`);
    }
    for (const jid of client.said.view.keys()) {
      if (!truth.has(jid) && !remotes.some(({ sessions }) => sessions.includes(jid)))
        faults.push(`presence: ${client.jid} sees ${jid}, which is not there`);
    }
  }
  return faults;
}

/** Ids of messages that came twice to a session, of rooms; their history, which is shown to whoever enters, does not count. */
export function repeatedInRooms({ sessions, sent }: History): Set<string> {
  const repeated = new Set<string>();
  for (const { received } of sessions) {
    const seen = new Set<string>();
    for (const { id, isDelayed } of received) {
      const message = sent.get(id);
      if (isDelayed || !message?.isRoom || message.isPrivate) continue;
      if (seen.has(id)) repeated.add(id);
      seen.add(id);
    }
  }
  return repeated;
}
