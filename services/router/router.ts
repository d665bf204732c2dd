/**
 * The router: serves the subject `rt` with others of its kind and keeps nothing between batches.
 */
import { limits } from '../../lib/limits.ts';
import type { Serving } from '../../lib/ports/bus.ts';
import { answering, isOperating, report, toStanzaError } from '../../lib/runtime/faults.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { Latency } from '../../lib/runtime/latency.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import {
  type AdminReply,
  type AdminRequest,
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
import { type Parts, timely } from './core/dependencies.ts';
import { Turn } from './core/turn.ts';
import { perform } from './operations/perform.ts';
import { Step } from './step.ts';

export interface Router {
  /** Batches being handled. */
  readonly busy: number;
  readonly latency: Latency;
  stop(): Promise<void>;
}

export async function startRouter(parts: Parts): Promise<Router> {
  let busy = 0;
  const latency = new Latency(parts.clock);
  const serving: Serving = await parts.bus.serve(
    routerSubject,
    answering(parts.log, async (payload) => {
      busy++;
      const begun = latency.begin();
      try {
        return await handle(parts, payload);
      } finally {
        busy--;
        latency.end(begun);
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
      for (let waited = 0; busy > 0 && waited < limits.shutdownMs; waited += 10) {
        await new Promise<void>((resolve) => void parts.clock.after(10, resolve));
      }
    },
  };
}

function handle(parts: Parts, payload: Uint8Array): Promise<Uint8Array> {
  const { header, bodies } = decodeFrame<RouterRequest>(payload);
  if (header.kind === 'admin') return handleAdmin(parts, header).then((reply) => encodeFrame(reply));
  parts.clock.observe(header.at);
  const work = () =>
    header.kind === 'step'
      ? handleStep(parts, header, bodies)
      : handleInbound(parts, header, bodies).then((reply) => encodeFrame({ ...reply, at: parts.clock.now() }));
  return parts.underWay === undefined ? work() : parts.underWay.run(work);
}

async function handleStep(parts: Parts, request: StepRequest, bodies: readonly Buffer[]): Promise<Uint8Array> {
  try {
    const finding = parts.tenants.find(request.domain);
    const tenant = finding instanceof Promise ? await finding : finding;
    if (!tenant) return encodeFrame(closing('host-unknown', `${request.domain} is not served here`));
    const result = await new Step(parts, tenant, request).run(bodies);
    return encodeFrame({ ...result.reply, at: parts.clock.now() } satisfies StepReply, result.bodies);
  } catch (error) {
    if (isOperating(error)) {
      parts.log.warn({ err: error }, 'batch to be tried again');
      return encodeFrame({ ok: false, out: [], at: parts.clock.now() } satisfies StepReply);
    }
    report(parts.log, error, 'batch failed');
    return encodeFrame(closing('internal-server-error'));
  }
}

function closing(condition: string, text?: string): StepReply {
  return { ok: true, out: [], close: { condition, text } };
}

/** @throws {Unavailable | Conflict} when all of it is to come again */
async function handleInbound(parts: Parts, request: InboundRequest, bodies: readonly Buffer[]): Promise<InboundReply> {
  const tenant = await parts.tenants.find(request.domain);
  if (!tenant) return { ok: true, error: `${request.domain} is not served here` };
  const arrivals = bodies.map((body, index): Arrival => ({ index, stanza: Stanza.parse(body) }));
  const missed = await takeArrivals(parts, tenant, request, arrivals);
  return request.tellsMissed ? { ok: true, missed } : { ok: true };
}

interface Arrival {
  readonly index: number;
  readonly stanza: Stanza;
}

/**
 * What fails for good fails for one stanza: each is taken again by itself, and whoever sent that one is told.
 * @returns the numbers of those that some session has not confirmed
 */
async function takeArrivals(
  parts: Parts,
  tenant: Tenant,
  request: InboundRequest,
  arrivals: readonly Arrival[],
): Promise<readonly number[]> {
  try {
    return await takeTogether(parts, tenant, request, arrivals);
  } catch (error) {
    if (isOperating(error)) throw error;
    if (arrivals.length > 1) {
      const missed: number[] = [];
      for (const arrival of arrivals) missed.push(...(await takeArrivals(parts, tenant, request, [arrival])));
      return missed;
    }
    report(parts.log, error, 'a stanza that arrived could not be handled', { stanza: arrivals[0]?.stanza.name });
    const turn = new Turn(parts);
    for (const { stanza } of arrivals) turn.bounce(tenant, stanza, toStanzaError(error));
    await turn.finish();
    return [];
  }
}

async function takeTogether(
  parts: Parts,
  tenant: Tenant,
  request: InboundRequest,
  arrivals: readonly Arrival[],
): Promise<readonly number[]> {
  const turns: Turn[] = [];
  const inTime = timely(parts, request.until);
  const late = timely(parts, request.until === undefined ? undefined : request.until + limits.lateWriteMs);
  for (const { index, stanza } of arrivals) {
    const id = request.ids[index]!;
    const { to, type = '', attributes } = stanza;
    // The same request may come twice: what one stanza of one ingress makes for a session, the session is given once.
    const once = request.once?.[index] || `${id} ${type} ${attributes.from}`;
    const sender = { jid: attributes.from, incarnation: request.incarnations?.[index] || undefined };
    const turn = new Turn(stanza.name === 'message' ? late : inTime, undefined, { once, sender });
    turns.push(turn);
    if (!to) continue;
    const isHere = to.domain === tenant.domain || (await parts.tenants.place(to.domain))?.tenant.domain === tenant.domain;
    if (isHere) await parts.route(turn, tenant, stanza, id);
    else turn.bounce(tenant, stanza, new StanzaError('item-not-found'));
  }
  await Turn.finishAll(turns);
  return turns.flatMap(({ hasMissed }, at) => (hasMissed ? arrivals[at]!.index : []));
}

async function handleAdmin(parts: Parts, request: AdminRequest): Promise<AdminReply> {
  try {
    return await perform(parts, request);
  } catch (error) {
    report(parts.log, error, 'admin operation failed', { operation: request.operation });
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}
