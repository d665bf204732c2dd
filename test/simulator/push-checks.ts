/** Push (XEP-0357): who slept while something was to ring was woken at least once after that, and nobody is woken without end. */
import { blockersOf } from './block-history.ts';
import type { ClientSession, History, SentMessage } from './history.ts';
import type { Sleep } from './push-history.ts';
import type { Witness } from './witness.ts';

/** The longest that a client which is gone may go unnoticed, and its node's death after that: what the product promises, and some more. */
const noticeMs = 30_000;
/** Pushes to one client in `burstMs`: one a second, and each of them twice when a router dies. What the bus doubles counts once. */
const burstMax = 10;
const burstMs = 4_000;

export interface PushFindings {
  readonly history: History;
  readonly witness: Witness;
}

export function checkPushes(findings: PushFindings): string[] {
  return [...checkUnrung(findings), ...checkBursts(findings)];
}

/**
 * A client was told at least once of each message that it slept through, as the count says. A message that rings twice counts twice, so not
 * each one that is left out is found.
 */
function checkUnrung({ history, witness }: PushFindings): string[] {
  const faults: string[] = [];
  const kept = new Map<string, ReadonlyMap<string, number>>();
  for (const owner of witness.owners) kept.set(owner, new Map(witness.archiveOf(owner).map(({ id, keptMs }) => [id, keptMs])));
  for (const [client, sleeps] of history.push.sleeps) {
    const account = history.accountOf.get(client)!;
    for (const sleep of sleeps) {
      const missed = [...history.sent.values()].flatMap((message) => {
        const atMs = kept.get(message.isRoom ? message.to : account)?.get(message.id);
        return atMs !== undefined && isMissed(history, { client, account, sleep }, message, atMs)
          ? [{ id: message.id, atMs }]
          : [];
      });
      const pushes = (history.push.pushes.get(client) ?? []).filter(({ atMs }) => atMs >= sleep.openMs && atMs <= sleep.toMs);
      const said = `${client}, who slept from ${sleep.fromMs.toFixed()},`;
      for (const { id, atMs } of missed)
        if (!pushes.some((push) => push.atMs >= atMs))
          faults.push(`unrung: ${said} was not woken after ${id} of ${atMs.toFixed()}`);
      const told = Math.max(0, ...pushes.map(({ count }) => count));
      if (told < missed.length) faults.push(`unrung: ${said} was told of ${told} of ${missed.map(({ id }) => id).join(' ')}`);
    }
  }
  return faults;
}

interface Sleeper {
  readonly client: string;
  readonly account: string;
  readonly sleep: Sleep;
}

/** Is it for the client, which slept through it or before it had read it? */
function isMissed(history: History, sleeper: Sleeper, message: SentMessage, keptMs: number): boolean {
  const { fromMs, toMs, openMs, rooms } = sleeper.sleep;
  if (keptMs < (message.isRoom ? fromMs : openMs) || toMs - Math.max(fromMs, keptMs) < noticeMs) return false;
  if (message.state !== 'acknowledged' || (message.isRoom && !rooms.includes(message.to))) return false;
  return isFor(history, sleeper, message, keptMs);
}

function isFor(history: History, { client, account, sleep }: Sleeper, message: SentMessage, keptMs: number): boolean {
  const { id, to, from, isRoom, isPrivate, seenAs, atMs, mentions } = message;
  if (isPrivate || from.startsWith(`${account}/`)) return false;
  if (isRoom ? mentions !== account || history.push.dayStepsMs.some((ms) => ms <= keptMs) : to !== account) return false;
  if (history.blocks.isPossibleSince(account, blockersOf(seenAs), atMs)) return false;
  if (isRoom && history.blocks.isPossibleSince(account, blockersOf(to), 0)) return false;
  const hasGot = ({ received }: ClientSession, untilMs: number) => received.some((one) => one.id === id && one.atMs <= untilMs);
  const isOther = (session: ClientSession) => session.client !== client && session.account === account;
  // What another client has taken rings when the node is found dead, unless the time has gone too far meanwhile (docs/reliability.md).
  const isFarStep = history.push.dayStepsMs.some((ms) => ms <= sleep.toMs);
  if (isFarStep && history.sessions.some((session) => isOther(session) && hasGot(session, sleep.toMs))) return false;
  return !history.sessions.some((session) => session.client === client && hasGot(session, sleep.fromMs));
}

function checkBursts({ history }: PushFindings): string[] {
  return [...history.push.pushes].flatMap(([client, pushes]) => {
    const times = pushes.filter(({ id }, at) => pushes.findIndex((one) => one.id === id) === at);
    return times
      .filter(({ atMs }, at) => (times[at + burstMax]?.atMs ?? Number.POSITIVE_INFINITY) - atMs < burstMs)
      .slice(0, 1)
      .map(({ atMs }) => `woken: ${client} was woken more than ${burstMax} times from ${atMs.toFixed()} on`);
  });
}
