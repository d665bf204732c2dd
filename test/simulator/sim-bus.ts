/**
 * The Bus port between simulated processes: like NATS core with one server in the middle. What goes one way keeps its order unless
 * the weather says otherwise; a frozen receiver looks like a slow one; a dead one is missed a little later.
 */
import { type BusStats, checkSubject, copyPayload, zeroStats } from '../../lib/adapters/bus-messages.ts';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { PendingReplies } from '../../lib/adapters/pending-replies.ts';
import { RunningHandlers } from '../../lib/adapters/running-handlers.ts';
import type { Bus, BusHandler, Serving } from '../../lib/ports/bus.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import type { SimProcess } from './process.ts';
import type { Random } from './random.ts';
import type { Weather } from './weather.ts';
import type { EventKind } from './world.ts';

/** The world is one, and so is real time. */
export interface Scheduler {
  readonly nowMs: number;
  schedule(delayMs: number, process: SimProcess | undefined, kind: EventKind, run: () => void): unknown;
}

/** What the checks want to know of the traffic. */
export interface BusObserver {
  /** No answer came in time. */
  unanswered(subject: string, payload: Uint8Array): void;
  answered(from: SimBus, subject: string, payload: Uint8Array, reply: Uint8Array): void;
}

interface Member {
  readonly bus: SimBus;
  readonly subject: string;
  readonly queue: string | undefined;
  readonly handler: BusHandler;
  isStopped: boolean;
}

/** One direction between a process and the server. */
interface Lane {
  /** When what was sent last arrives. */
  untilMs: number;
  isCut: boolean;
}

export class BusNetwork {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly weather: Weather['bus'];
  observer: BusObserver | undefined;
  readonly #members = new Map<string, Member[]>();

  constructor(scheduler: Scheduler, random: Random, weather: Weather) {
    this.scheduler = scheduler;
    this.random = random;
    this.weather = weather.bus;
  }

  join(clock: Clock, process?: SimProcess): SimBus {
    const bus = new SimBus(this, clock, process);
    // The server notices at once, or only when its pings are not answered.
    process?.onDeath(() => {
      const delayMs = this.random.chance(0.8) ? this.random.between(0, 20) : this.random.between(20, 4_000);
      this.scheduler.schedule(delayMs, undefined, 'io', () => bus.stopServing());
    });
    return bus;
  }

  add(member: Member): void {
    this.#members.set(member.subject, [...(this.#members.get(member.subject) ?? []), member]);
  }

  remove(member: Member): void {
    member.isStopped = true;
    const rest = (this.#members.get(member.subject) ?? []).filter((other) => other !== member);
    if (rest.length === 0) this.#members.delete(member.subject);
    else this.#members.set(member.subject, rest);
  }

  /** Sends over a lane: `arrive` runs for each copy that gets there. */
  carry(lane: Lane, to: SimProcess | undefined, arrive: () => void): void {
    const { weather, random, scheduler } = this;
    if (lane.isCut || weather.isAway || random.chance(weather.lose)) return;
    const copies = random.chance(weather.duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      let delayMs = weather.latencyMs === 0 ? 0 : random.between(0.05, weather.latencyMs);
      if (random.chance(weather.stall)) delayMs += random.between(0, weather.stallMs);
      if (random.chance(weather.reorder)) delayMs += random.between(0, weather.reorderMs);
      else {
        lane.untilMs = Math.max(lane.untilMs, scheduler.nowMs + delayMs);
        delayMs = lane.untilMs - scheduler.nowMs;
      }
      scheduler.schedule(delayMs, to, 'io', arrive);
    }
  }

  /** At the server: to all that serve the subject alone, and to one of each queue. @returns whether there is anybody */
  route(subject: string): readonly Member[] {
    const members = this.#members.get(subject) ?? [];
    const queues = new Set(members.map(({ queue }) => queue));
    return [...queues].flatMap((queue) => {
      const group = members.filter((member) => member.queue === queue);
      return queue === undefined ? group : [this.random.pick(group)];
    });
  }
}

export class SimBus implements Bus {
  readonly process: SimProcess | undefined;
  readonly up: Lane = { untilMs: 0, isCut: false };
  readonly down: Lane = { untilMs: 0, isCut: false };
  readonly #network: BusNetwork;
  readonly #clock: Clock;
  readonly #stats: BusStats = zeroStats();
  readonly #replies: PendingReplies;
  readonly #handlers = new RunningHandlers(this.#stats);
  readonly #members = new Set<Member>();
  #closed: Promise<void> | undefined;
  #hasLeft = false;

  constructor(network: BusNetwork, clock: Clock, process: SimProcess | undefined) {
    this.#network = network;
    this.#clock = clock;
    this.process = process;
    this.#replies = new PendingReplies(clock, this.#stats);
  }

  /** Nothing gets in or out. */
  cut(isCut: boolean): void {
    this.up.isCut = isCut;
    this.down.isCut = isCut;
  }

  async serve(subject: string, handler: BusHandler, { queue }: { readonly queue?: string } = {}): Promise<Serving> {
    checkSubject(subject);
    if (queue !== undefined) checkSubject(queue);
    if (this.#closed !== undefined) throw new Unavailable(`cannot serve ${subject}: the bus was closed`);
    const member: Member = { bus: this, subject, queue, handler, isStopped: false };
    const stop = async (): Promise<void> => {
      if (this.#members.delete(member)) this.#network.remove(member);
    };
    if (this.process?.isDead) return { stop };
    this.#members.add(member);
    this.#network.add(member);
    return { stop };
  }

  async request(subject: string, payload: Uint8Array, { timeoutMs }: { readonly timeoutMs: number }): Promise<Uint8Array> {
    checkSubject(subject);
    const copy = copyPayload(payload);
    if (this.process?.isDead) return new Promise(() => {});
    if (this.#hasLeft) throw new Unavailable(`cannot request ${subject}: the bus was closed`);
    const { id, reply } = this.#replies.open(subject, timeoutMs);
    const { random, weather, observer } = this.#network;
    if (random.chance(weather.falseRefusal)) this.#later(() => this.#replies.fail(id, 'no one serves it, it is said'));
    else this.#send(subject, copy, id);
    if (observer === undefined) return reply;
    try {
      const answer = await reply;
      observer.answered(this, subject, copy, answer);
      return answer;
    } catch (error) {
      observer.unanswered(subject, copy);
      throw error;
    }
  }

  publish(subject: string, payload: Uint8Array): void {
    checkSubject(subject);
    this.#send(subject, copyPayload(payload), 0);
  }

  close(): Promise<void> {
    this.#closed ??= this.#leave();
    return this.#closed;
  }

  stopServing(): void {
    for (const member of this.#members) this.#network.remove(member);
    this.#members.clear();
  }

  #send(subject: string, payload: Buffer, id: number): void {
    if (this.#hasLeft || this.process?.isDead) return;
    const network = this.#network;
    network.carry(this.up, undefined, () => {
      const members = network.route(subject);
      if (members.length === 0 && id !== 0) this.#later(() => this.#replies.fail(id, 'no one serves it'));
      for (const member of members) {
        const { bus } = member;
        network.carry(bus.down, bus.process, () => {
          if (!member.isStopped) bus.#handle(member, Buffer.from(payload), id === 0 ? undefined : { to: this, id });
        });
      }
    });
  }

  #handle({ handler, subject }: Member, payload: Buffer, asked: { readonly to: SimBus; readonly id: number } | undefined): void {
    const answer = asked && ((reply: Uint8Array): void => this.#answer(asked, copyPayload(reply)));
    this.#handlers.run(handler, payload, subject, answer);
  }

  #answer({ to, id }: { readonly to: SimBus; readonly id: number }, reply: Buffer): void {
    if (this.#hasLeft || this.process?.isDead) return;
    const network = this.#network;
    network.carry(this.up, undefined, () => network.carry(to.down, to.process, () => to.#replies.settle(id, Buffer.from(reply))));
  }

  #later(run: () => void): void {
    this.#network.scheduler.schedule(0, this.process, 'io', run);
  }

  /** Until the handlers have finished they may still request and publish. */
  async #leave(): Promise<void> {
    this.stopServing();
    await this.#handlers.idleWithin(this.#clock, adapterLimits.busCloseMs);
    this.#hasLeft = true;
    this.#replies.failAll('the bus was closed');
  }
}
