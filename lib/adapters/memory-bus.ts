/**
 * The Bus port within one process.
 *
 * It behaves like NATS core where that could matter: a handler never runs in its sender's stack, payloads are copies, messages
 * from one sender (answers included) keep their order, a request that nobody serves fails at once, and a handler that throws
 * answers nothing. All messages of one turn of the event loop are delivered by one callback.
 */
import type { Bus, BusHandler, Serving } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { Unavailable } from '../ports/store.ts';
import { type Chaos, chaosDice, type Fate } from './bus-chaos.ts';
import { type BusStats, checkSubject, copyPayload, zeroStats } from './bus-messages.ts';
import { adapterLimits } from './limits.ts';
import { PendingReplies } from './pending-replies.ts';
import { RunningHandlers } from './running-handlers.ts';

interface MemoryBusOptions {
  readonly clock: Clock;
  readonly chaos?: Chaos;
}

export interface MemoryBus extends Bus {
  readonly stats: Readonly<BusStats>;
  /** Adds a participant on the same subjects that closes on its own, such as another node of a cluster in one process. */
  join(): MemoryBus;
}

export function memoryBus(options: MemoryBusOptions): MemoryBus {
  return new Participant(new Network(options));
}

/** A publish (`id` 0), a request, or (with `to`) the answer to one. */
interface Message {
  readonly from: Participant;
  readonly to: Participant | undefined;
  readonly id: number;
  readonly subject: string;
  readonly payload: Buffer;
}

interface Member {
  readonly participant: Participant;
  readonly handler: BusHandler;
  isStopped: boolean;
}

/** The arrays are replaced, never changed, because handlers may serve and stop while a message is being delivered. */
interface Route {
  alone: readonly Member[];
  readonly groups: Map<string, { members: readonly Member[]; next: number }>;
}

class Network {
  readonly clock: Clock;
  readonly #roll: (() => Fate) | undefined;
  readonly #routes = new Map<string, Route>();
  #queue: Message[] = [];
  #late: Message[] = [];
  #isScheduled = false;
  #heldMessages = 0;
  #heldBytes = 0;

  constructor(options: MemoryBusOptions) {
    this.clock = options.clock;
    this.#roll = options.chaos && chaosDice(options.chaos);
  }

  add(subject: string, queue: string | undefined, member: Member): void {
    const route: Route = this.#routes.get(subject) ?? { alone: [], groups: new Map() };
    this.#routes.set(subject, route);
    if (queue === undefined) route.alone = [...route.alone, member];
    else {
      const group = route.groups.get(queue) ?? { members: [], next: 0 };
      group.members = [...group.members, member];
      route.groups.set(queue, group);
    }
  }

  remove(subject: string, queue: string | undefined, member: Member): void {
    member.isStopped = true;
    const route = this.#routes.get(subject);
    if (route === undefined) return;
    if (queue === undefined) route.alone = route.alone.filter((other) => other !== member);
    else {
      const group = route.groups.get(queue);
      if (group !== undefined) group.members = group.members.filter((other) => other !== member);
      if (group?.members.length === 0) route.groups.delete(queue);
    }
    if (route.alone.length === 0 && route.groups.size === 0) this.#routes.delete(subject);
  }

  /** @returns false when the bus is full. A message lost to chaos counts as sent, because its sender cannot know. */
  post(message: Message): boolean {
    const { length } = message.payload;
    if (this.#heldMessages >= adapterLimits.busQueuedMax || this.#heldBytes + length > adapterLimits.busHeldBytesMax)
      return false;
    const fate = this.#roll?.();
    if (fate === undefined) {
      this.#hold(message);
      this.#queue.push(message);
    } else this.#suffer(message, fate);
    this.#schedule();
    return true;
  }

  #suffer(message: Message, { copies, delayMs, isLate }: Fate): void {
    if (copies === 0) message.from.stats.lost++;
    for (let copy = 0; copy < copies; copy++) {
      const own = copy === 0 ? message : { ...message, payload: Buffer.from(message.payload) };
      this.#hold(own);
      const queue = isLate ? this.#late : this.#queue;
      if (delayMs === 0) queue.push(own);
      else {
        this.clock.after(delayMs, () => {
          this.#queue.push(own);
          this.#schedule();
        });
      }
    }
  }

  #hold(message: Message): void {
    this.#heldMessages++;
    this.#heldBytes += message.payload.length;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isScheduled = false;
    const batch = this.#queue;
    this.#queue = [];
    for (const message of batch) {
      this.#heldMessages--;
      this.#heldBytes -= message.payload.length;
      if (message.to === undefined) this.#deliver(message);
      else message.to.replies.settle(message.id, message.payload);
    }
    if (this.#late.length > 0) {
      this.#queue.push(...this.#late.splice(0));
    }
    if (this.#queue.length > 0) this.#schedule();
  }

  #deliver(message: Message): void {
    const route = this.#routes.get(message.subject);
    if (route === undefined) {
      if (message.id !== 0) message.from.refuse(message.id);
      return;
    }
    const only = onlyMember(route);
    if (only !== undefined) {
      if (!only.isStopped) only.participant.handle(only.handler, message, message.payload);
      return;
    }
    const members = [...route.alone];
    for (const group of route.groups.values()) {
      members.push(group.members[group.next % group.members.length]!);
      group.next = (group.next + 1) % group.members.length;
    }
    // The last member takes the sender's copy and the others take copies of it: a handler may write into its payload.
    members.forEach((member, index) => {
      const payload = index === members.length - 1 ? message.payload : Buffer.from(message.payload);
      if (!member.isStopped) member.participant.handle(member.handler, message, payload);
    });
  }
}

/** Most subjects have one member: nothing must be copied for others, and no group has to take turns. */
function onlyMember({ alone, groups }: Route): Member | undefined {
  if (groups.size === 0) return alone.length === 1 ? alone[0] : undefined;
  if (groups.size > 1 || alone.length > 0) return undefined;
  for (const { members } of groups.values()) return members.length === 1 ? members[0] : undefined;
}

class Participant implements MemoryBus {
  readonly stats = zeroStats();
  readonly replies: PendingReplies;
  readonly #network: Network;
  readonly #handlers = new RunningHandlers(this.stats);
  readonly #stops = new Set<() => void>();
  #closed: Promise<void> | undefined;
  #hasLeft = false;

  constructor(network: Network) {
    this.#network = network;
    this.replies = new PendingReplies(network.clock, this.stats);
  }

  join(): MemoryBus {
    return new Participant(this.#network);
  }

  async serve(subject: string, handler: BusHandler, { queue }: { readonly queue?: string } = {}): Promise<Serving> {
    checkSubject(subject);
    if (queue !== undefined) checkSubject(queue);
    if (this.#closed !== undefined) throw new Unavailable(`cannot serve ${subject}: the bus was closed`);
    const member: Member = { participant: this, handler, isStopped: false };
    this.#network.add(subject, queue, member);
    const stop = (): void => {
      if (this.#stops.delete(stop)) this.#network.remove(subject, queue, member);
    };
    this.#stops.add(stop);
    return { stop: async () => stop() };
  }

  /** Not async: that would add one promise for each message, and three turns of the microtask queue. */
  request(subject: string, payload: Uint8Array, { timeoutMs }: { readonly timeoutMs: number }): Promise<Uint8Array> {
    try {
      return this.#request(subject, payload, timeoutMs);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    checkSubject(subject);
    const copy = copyPayload(payload);
    if (this.#hasLeft) throw new Unavailable(`cannot request ${subject}: the bus was closed`);
    const { id, reply } = this.replies.open(subject, timeoutMs);
    if (!this.#post({ from: this, to: undefined, id, subject, payload: copy })) this.replies.fail(id, 'the bus is full');
    return reply;
  }

  publish(subject: string, payload: Uint8Array): void {
    checkSubject(subject);
    this.#post({ from: this, to: undefined, id: 0, subject, payload: copyPayload(payload) });
  }

  close(): Promise<void> {
    this.#closed ??= this.#leave();
    return this.#closed;
  }

  /** The network calls this with a message for one of this participant's handlers. */
  handle(handler: BusHandler, { from, id, subject }: Message, payload: Buffer): void {
    const answer =
      id === 0
        ? undefined
        : (reply: Uint8Array): void => {
            this.#post({ from: this, to: from, id, subject, payload: copyPayload(reply) });
          };
    this.#handlers.run(handler, payload, subject, answer);
  }

  /** The network calls this when nobody serves what this participant requested. */
  refuse(id: number): void {
    this.stats.noResponders++;
    this.replies.fail(id, 'no one serves it');
  }

  #post(message: Message): boolean {
    const isPosted = !this.#hasLeft && this.#network.post(message);
    if (isPosted) this.stats.sent++;
    else this.stats.lost++;
    return isPosted;
  }

  /** Handlers that still run may request and publish until they have finished. */
  async #leave(): Promise<void> {
    for (const stop of this.#stops) stop();
    await this.#handlers.idleWithin(this.#network.clock, adapterLimits.busCloseMs);
    this.#hasLeft = true;
    this.replies.failAll('the bus was closed');
  }
}
