/**
 * The router. All routers serve the subject `rt` together, and none keeps anything between two requests.
 */
import { hash } from 'node:crypto';
import type { Serving } from '../../lib/ports/bus.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import type { AdminReply, AdminRequest } from '../../lib/runtime/admin-wire.ts';
import type { ConsoleReply, ConsoleRequest } from '../../lib/runtime/console-wire.ts';
import { Overloaded } from '../../lib/runtime/fair-queue.ts';
import { answering, isOperating, report, toStanzaError } from '../../lib/runtime/faults.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import type { LinkReply, LinkRequest } from '../../lib/runtime/invite-wire.ts';
import { Latency } from '../../lib/runtime/latency.ts';
import { allowsPeer } from '../../lib/runtime/policy/peer-policy.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import {
  type DoneReply,
  type InboundReply,
  type InboundRequest,
  type RouterRequest,
  routerQueue,
  routerSubject,
  type StepReply,
  type StepRequest,
} from '../../lib/runtime/wire.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { answerLink } from './accounts/answer-links.ts';
import { type Dependencies, withDeadline } from './core/dependencies.ts';
import { LongBatches } from './core/long-batches.ts';
import { Prefetched } from './core/prefetch.ts';
import { Turn } from './core/turn.ts';
import { Writer } from './core/writers.ts';
import { areMessages, countArrivals, countItems } from './count-batch.ts';
import { routerLimits } from './limits.ts';
import { answerConsole } from './operations/console-sessions.ts';
import { perform } from './operations/perform.ts';
import { stopFanOuts } from './pubsub/fan-outs.ts';
import { refusalOf } from './routing/remote-senders.ts';
import { wakeOccupants } from './routing/wake-occupants.ts';
import { Step } from './step.ts';

export interface Router {
  /** How many requests are being handled. */
  readonly busy: number;
  readonly latency: Latency;
  stop(): Promise<void>;
}

export async function startRouter(dependencies: Dependencies): Promise<Router> {
  let busy = 0;
  const latency = new Latency(dependencies.clock);
  const longBatches = new LongBatches(dependencies.clock);
  const serving: Serving = await dependencies.bus.serve(
    routerSubject,
    answering(dependencies.log, (payload) => {
      busy++;
      const begun = latency.begin();
      const ended = (): void => {
        busy--;
        latency.end(begun);
      };
      try {
        const answer = handle(dependencies, payload, longBatches);
        answer.then(ended, ended);
        return answer;
      } catch (error) {
        ended();
        throw error;
      }
    }),
    { queue: routerQueue },
  );
  return {
    get busy() {
      return busy;
    },
    latency,
    async stop() {
      await serving.stop();
      await stopFanOuts(dependencies);
      for (let waited = 0; busy > 0 && waited < serviceLimits.shutdownMs; waited += routerLimits.stopPollMs) {
        await new Promise<void>((resolve) => void dependencies.clock.after(routerLimits.stopPollMs, resolve));
      }
    },
  };
}

function handle(dependencies: Dependencies, payload: Uint8Array, longBatches: LongBatches): Promise<Uint8Array> {
  const { header, bodies } = decodeFrame<RouterRequest>(payload);
  if (header.kind === 'admin') return handleAdmin(dependencies, header).then((reply) => encodeFrame(reply));
  if (header.kind === 'console') return handleConsole(dependencies, header).then((reply) => encodeFrame(reply));
  if (header.kind === 'link') return handleLink(dependencies, header).then((reply) => encodeFrame(reply));
  dependencies.clock.observe(header.at);
  const timed = (reply: DoneReply) => encodeFrame({ ...reply, at: dependencies.clock.now() });
  let working: Promise<Uint8Array>;
  if (header.kind === 'step') working = handleStep(dependencies, header, bodies, longBatches);
  else if (header.kind === 'ring') working = wakeOccupants(dependencies, header, bodies).then(timed);
  else working = handleInbound(dependencies, header, bodies).then(timed);
  return dependencies.underWay?.track(working) ?? working;
}

interface StepResult {
  readonly reply: StepReply;
  readonly bodies: readonly Buffer[];
}

/** Not async: most often the tenant is known, and a batch would pay for one more promise. */
function handleStep(
  dependencies: Dependencies,
  request: StepRequest,
  bodies: readonly Buffer[],
  longBatches: LongBatches,
): Promise<Uint8Array> {
  const failed = (error: unknown): Buffer => failedStep(dependencies, error);
  try {
    const finding = dependencies.tenants.find(request.domain);
    const run = (tenant: Tenant | undefined): Promise<StepResult> => runStep(dependencies, tenant, request, bodies, longBatches);
    const running = finding instanceof Promise ? finding.then(run) : run(finding);
    return running.then(encodeStep).catch(failed);
  } catch (error) {
    return Promise.resolve(failed(error));
  }
}

function runStep(
  dependencies: Dependencies,
  tenant: Tenant | undefined,
  request: StepRequest,
  bodies: readonly Buffer[],
  longBatches: LongBatches,
): Promise<StepResult> {
  const { domain, items } = request;
  if (!tenant) return whyUnserved(dependencies, domain).then((why) => ({ reply: closing('host-unknown', why), bodies: [] }));
  countItems(tenant.domain, items);
  const step = new Step(dependencies, tenant, request);
  return longBatches.run(tenant.domain, items.length, areMessages(items, bodies), () => step.run(bodies));
}

function encodeStep({ reply, bodies }: StepResult): Uint8Array {
  return encodeFrame(reply, bodies);
}

function failedStep({ log, clock }: Dependencies, error: unknown): Buffer {
  if (isOperating(error) || error instanceof Overloaded) {
    log.warn({ err: error }, 'a batch failed and must be tried again');
    return encodeFrame({ ok: false, out: [], at: clock.now() } satisfies StepReply);
  }
  report(log, error, 'a batch failed');
  return encodeFrame(closing('internal-server-error'));
}

async function whyUnserved({ tenants }: Dependencies, domain: string): Promise<string> {
  const isPending = (await tenants.findAny(domain))?.isUnproven === true;
  return isPending ? `${domain} is not served yet: its DNS does not prove that it may be` : `${domain} is not served here`;
}

function closing(condition: string, text?: string): StepReply {
  return { ok: true, out: [], close: { condition, text } };
}

/** Handles stanzas that other services hand over. @throws {Unavailable | Conflict} when the whole request must be tried again */
async function handleInbound(
  dependencies: Dependencies,
  request: InboundRequest,
  bodies: readonly Buffer[],
): Promise<InboundReply> {
  const tenant = await dependencies.tenants.find(request.domain);
  if (!tenant) return { ok: true, error: `${request.domain} is not served here` };
  countArrivals(request, bodies);
  const arrivals = bodies.map((body, index): Arrival => {
    const stanza = Stanza.parse(body);
    return { index, stanza: request.isFromPeer ? withoutShorthand(stanza) : stanza };
  });
  const isFromServer = request.isFromPeer === true && !request.isFromComponent;
  if (isFromServer && !mayArrive(tenant, request, arrivals)) return { ok: true, isForbidden: true };
  if (isFromServer) notePair(dependencies, arrivals);
  const { missed, away } = await takeArrivals(dependencies, tenant, request, arrivals);
  return request.tellsMissed ? { ok: true, missed, away } : { ok: true };
}

/** The policy may have changed since the stream began. A batch has one pair of domains. */
function mayArrive({ policy }: Tenant, { isCertified }: InboundRequest, [first]: readonly Arrival[]): boolean {
  const peer = first?.stanza.from?.domain;
  return peer === undefined || (allowsPeer(policy, peer) && (isCertified === true || policy.proof !== 'certificate'));
}

/** Answers to the peer cost nobody's share of new servers. */
function notePair({ outbox }: Dependencies, [first]: readonly Arrival[]): void {
  const { from, to } = first?.stanza ?? {};
  if (from && to) outbox?.newPairs.know({ host: to.domain, peer: from.domain });
}

/** A probe that names PEP nodes is what our own routers ask each other with: other servers probe for presence (RFC 6121 §4.3). */
function withoutShorthand(stanza: Stanza): Stanza {
  const isNaming = stanza.name === 'presence' && stanza.type === 'probe' && stanza.children.length > 0;
  return isNaming ? Stanza.parse(stanza.render(stanza.attributes, { drop: () => true })) : stanza;
}

interface Arrival {
  readonly index: number;
  readonly stanza: Stanza;
}

/** Indexes of stanzas: those that some session has not confirmed, and those that a client has not heard whose session did. */
type NotHeard = Required<Pick<InboundReply, 'missed' | 'away'>>;

/** Handles the stanzas together. If that fails for good, each is handled by itself, so that only the sender of the bad one is told. */
async function takeArrivals(
  dependencies: Dependencies,
  tenant: Tenant,
  request: InboundRequest,
  arrivals: readonly Arrival[],
): Promise<NotHeard> {
  try {
    return await takeTogether(dependencies, tenant, request, arrivals);
  } catch (error) {
    if (isOperating(error)) throw error;
    if (arrivals.length > 1) {
      const alone: NotHeard[] = [];
      for (const arrival of arrivals) alone.push(await takeArrivals(dependencies, tenant, request, [arrival]));
      return { missed: alone.flatMap(({ missed }) => missed), away: alone.flatMap(({ away }) => away) };
    }
    report(dependencies.log, error, 'could not handle a stanza that arrived', { stanza: arrivals[0]?.stanza.name });
    const turn = new Turn(dependencies);
    for (const { stanza } of arrivals) turn.bounce(tenant, stanza, toStanzaError(error));
    await turn.finish();
    return { missed: [], away: [] };
  }
}

async function takeTogether(
  dependencies: Dependencies,
  tenant: Tenant,
  request: InboundRequest,
  arrivals: readonly Arrival[],
): Promise<NotHeard> {
  const turns: Turn[] = [];
  const inTime = withDeadline(dependencies, request.deadline);
  const late = withDeadline(
    dependencies,
    request.deadline === undefined ? undefined : request.deadline + routerLimits.lateWriteMs,
  );
  const isFromServer = request.isFromPeer === true && !request.isFromComponent;
  const prefetching = prefetch(dependencies, tenant, arrivals);
  const prefetched = prefetching && (await prefetching);
  for (const { index, stanza } of arrivals) {
    const id = request.ids[index]!;
    const { to, type = '', attributes } = stanza;
    // The same request may come twice. A node delivers only one stanza with the same key to a session.
    const dedupeKey = request.dedupeKey?.[index] || `${id} ${type} ${attributes.from}`;
    const sender = { jid: attributes.from, incarnation: request.incarnations?.[index] || undefined };
    const by = writerOf(stanza, id);
    const options = { dedupeKey, sender, leavesRinging: request.tellsMissed, prefetched, by };
    const turn = new Turn(stanza.name === 'message' ? late : inTime, undefined, options);
    turns.push(turn);
    if (!to) continue;
    const isHere = to.domain === tenant.domain || (await dependencies.tenants.place(to.domain))?.tenant.domain === tenant.domain;
    if (request.isFromComponent && (await isTaken(turn, tenant, stanza, id))) continue;
    const looking = isFromServer && isHere ? refusalOf(dependencies, tenant, stanza) : undefined;
    const refusal = looking instanceof Promise ? await looking : looking;
    if (refusal !== undefined) refuse(turn, tenant, stanza, refusal);
    else if (isHere || request.isFromComponent) {
      const routing = dependencies.route(turn, tenant, stanza, id);
      if (routing !== undefined) await routing;
    } else turn.bounce(tenant, stanza, new StanzaError('item-not-found'));
  }
  await Turn.finishAll(turns);
  return {
    missed: turns.flatMap(({ hasMissed }, at) => (hasMissed ? arrivals[at]!.index : [])),
    away: turns.flatMap(({ hasMissed, unreached }, at) => (!hasMissed && unreached !== undefined ? arrivals[at]!.index : [])),
  };
}

/** A request that comes again late must not undo what its sender has asked for since. Its address stands for its session. */
function writerOf({ name, type, attributes }: Stanza, id: string): Writer | undefined {
  if (name !== 'iq' || type !== 'set') return undefined;
  return new Writer(hash('sha1', attributes.from ?? '', 'base64url'), id);
}

/** What messages to accounts look at, by one read. Presence and requests between them could change it. */
function prefetch(dependencies: Dependencies, tenant: Tenant, arrivals: readonly Arrival[]): Promise<Prefetched> | undefined {
  if (arrivals.some(({ stanza }) => stanza.name !== 'message')) return undefined;
  return Prefetched.read(dependencies, tenant, undefined, arrivals);
}

/** Presence is dropped: whoever is shown nobody is shown just that. */
function refuse(turn: Turn, tenant: Tenant, stanza: Stanza, refusal: StanzaError): void {
  if (stanza.name !== 'presence' || stanza.type === 'subscribe') turn.bounce(tenant, stanza, refusal);
}

/** A feature may treat what a component of the tenant says in its own way. */
async function isTaken(turn: Turn, tenant: Tenant, stanza: Stanza, id: string): Promise<boolean> {
  for (const fromComponent of turn.dependencies.features.of('fromComponent'))
    if (await fromComponent(turn, tenant, stanza, id)) return true;
  return false;
}

async function handleAdmin(dependencies: Dependencies, request: AdminRequest): Promise<AdminReply> {
  try {
    return await perform(dependencies, request);
  } catch (error) {
    if (error instanceof Unavailable) return { ok: false, error: error.message, refusal: 'away' };
    report(dependencies.log, error, 'an operation of an operator failed', { operation: request.operation });
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

async function handleConsole(dependencies: Dependencies, request: ConsoleRequest): Promise<ConsoleReply> {
  try {
    return await answerConsole(dependencies, request);
  } catch (error) {
    report(dependencies.log, error, 'a request of the console failed', { verb: request.verb });
    return { isFailure: true };
  }
}

async function handleLink(dependencies: Dependencies, request: LinkRequest): Promise<LinkReply> {
  try {
    return await answerLink(dependencies, request);
  } catch (error) {
    report(dependencies.log, error, 'a page could not be answered', { verb: request.verb });
    return { isFailure: true };
  }
}
