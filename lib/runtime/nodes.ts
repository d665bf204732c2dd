/**
 * The processes of a deployment: each writes one row every `heartbeatMs`; whoever watches calls one dead when
 * its row did not change for `heartbeatDeadMs` by the watcher's own clock, so that clocks need not agree.
 *
 * All rows are in one partition, which takes a thousand writes a second, and so three thousand processes. It does not take it that
 * each of them reads all rows with each heartbeat: who needs the processes of one kind reads those, the more there are the less
 * often, and only a few read all (watch-turn.ts).
 */
import { type Clock, repeat, type Timer } from '../ports/clock.ts';
import { Conflict, type Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { Rows } from './rows.ts';

export type NodeKind = 'connection' | 'router' | 'muc' | 'federation' | 'api' | 'web';

export interface Release {
  /** Deployed as one: `connection`, `web`. */
  readonly service: string;
  /** Any text that is the same for all processes of one deploy and another for the next. */
  readonly id: string;
}

export interface NodeRow {
  readonly kind: NodeKind;
  /** For people: `c1`. */
  readonly name: string;
  readonly startedAt: string;
  /** Grows with each heartbeat. */
  readonly beat: number;
  /** Somebody has begun to clean up after it: if it lives after all, what it holds is void. */
  readonly isCondemned?: true;
  /** The release of what is deployed as one. */
  readonly release?: Release;
  readonly load?: NodeLoad;
  /** One process too many: it is to let go of what it holds. Written by who scales in, and kept by the process itself. */
  readonly isSurplus?: true;
}

/** How much a connection node has to do. */
export interface NodeLoad {
  /** Streams or sessions, whichever are more. 0: the process may end and nobody notices. */
  readonly held: number;
  /** How much of a core it has used since the last beat. */
  readonly cpuPercent: number;
}

/** A node by its subject: `n.<name>.<incarnation>` for connection nodes, `<kind>.<name>.<incarnation>` for others. */
export interface LiveNode extends NodeRow {
  readonly subject: string;
}

/**
 * Where a node is asked for a session. Nodes may publish there and not to each other's own subjects: what is asked here needs the
 * secret of the session, so whoever has taken one node can forge nothing towards the others (decision 21).
 * @param node a node's subject, `n.<node>.<incarnation>`
 */
export function handOverSubject(node: string): string {
  return `h${node.slice(1)}`;
}

const nodes = collection<NodeRow>('node', 'deployment', 'live');

function rowsOf(store: Store): Rows {
  return Rows.ofDeployment(store, 'nodes');
}

export interface HeartbeatOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly kind: NodeKind;
  readonly name: string;
  readonly subject: string;
  readonly release?: Release;
  /** Runs after each beat that was written; a throw is reported by `onError`. */
  readonly onBeat?: () => Promise<void>;
  /** Somebody has called this process dead and cleaned up after it, although it was only slow. Before the row is written again. */
  readonly onForgotten?: () => void;
  readonly load?: () => NodeLoad;
  /** Called once, when somebody has marked this process as one too many. */
  readonly onSurplus?: () => void;
  readonly onError: (error: unknown) => void;
}

/** Writes this process's row until stopped; a store that is away is tried again with the next beat. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #startedAt: string;
  #beat = 0;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #leases = 0;
  #isSurplus = false;
  /** The version of the row as we wrote it last. */
  #version: string | undefined;
  #timer: Timer | undefined;

  private constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#startedAt = new Date(options.clock.now()).toISOString();
  }

  /** Resolves when the first beat is written. */
  static async start(options: HeartbeatOptions): Promise<Heartbeat> {
    const heartbeat = new Heartbeat(options);
    await heartbeat.#write();
    heartbeat.#timer = repeat(
      options.clock,
      () => runtimeLimits.heartbeatMs,
      () => heartbeat.#beatAgain(),
      options.onError,
    );
    return heartbeat;
  }

  /**
   * Nobody takes this process for dead yet: others wait for longer after they have seen its row change. A lease that was over for a
   * moment has another number: others may have taken meanwhile what this process had.
   */
  get lease(): { readonly isHeld: boolean; readonly number: number } {
    return { isHeld: this.#isHeldAt(this.#options.clock.monotonic()), number: this.#leases };
  }

  #isHeldAt(nowMs: number): boolean {
    return nowMs - this.#writtenAtMs < runtimeLimits.heartbeatDeadMs - runtimeLimits.clocksDifferMs;
  }

  /** Takes the row away, so that nobody waits for a death. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await rowsOf(this.#options.store).delete(nodes, this.#options.subject);
  }

  /** Leaves the row as it is: somebody has to clean up after this process. */
  abandon(): void {
    this.#timer?.cancel();
  }

  async #write(): Promise<void> {
    const begunMs = this.#options.clock.monotonic();
    await this.#writeRow();
    if (!this.#isHeldAt(this.#options.clock.monotonic())) this.#leases++;
    this.#writtenAtMs = begunMs;
  }

  async #writeRow(): Promise<void> {
    const { store, subject, onForgotten, onSurplus } = this.#options;
    const rows = rowsOf(store);
    const row = this.#nextRow();
    if (this.#version === undefined) {
      this.#version = await rows.put(nodes, subject, row);
      return;
    }
    try {
      this.#version = await rows.put(nodes, subject, row, { version: this.#version });
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      // A beat whose answer was lost has another version than we know; only a row that is condemned or gone tells of an end.
      const found = await rows.get(nodes, subject);
      if (found === undefined || found.value.isCondemned) onForgotten?.();
      if (found?.value.isSurplus && !this.#isSurplus) {
        this.#isSurplus = true;
        onSurplus?.();
      }
      const next = this.#isSurplus ? { ...row, isSurplus: true as const } : row;
      this.#version = await rows.put(nodes, subject, next, found ? { version: found.version } : 'absent');
    }
  }

  #nextRow(): NodeRow {
    const { kind, name, release, load } = this.#options;
    return {
      ...{ kind, name, startedAt: this.#startedAt, beat: this.#beat++, release },
      ...(load && { load: load() }),
      ...(this.#isSurplus && { isSurplus: true }),
    };
  }

  async #beatAgain(): Promise<void> {
    await this.#write();
    await this.#options.onBeat?.();
  }
}

interface Seen {
  readonly beat: number;
  readonly sinceMs: number;
}

/** In the order of their subjects. @param kind only these */
export async function listNodes(store: Store, kind?: NodeKind): Promise<LiveNode[]> {
  const found: LiveNode[] = [];
  const { nodesMax, nodesPageMax } = runtimeLimits;
  for (let after: string | undefined; found.length < nodesMax; after = found.at(-1)!.subject) {
    const page = await pageOfNodes(store, nodesPageMax, kind, after);
    found.push(...page);
    if (page.length < nodesPageMax) break;
  }
  return found;
}

/** @param after a subject */
export async function pageOfNodes(store: Store, limit: number, kind?: NodeKind, after?: string): Promise<LiveNode[]> {
  const prefix = kind === 'connection' ? 'n' : kind;
  const ofKind = prefix === undefined ? {} : { after: `${prefix}.`, before: `${prefix}/` };
  const items = await rowsOf(store).list(nodes, { limit, ...ofKind, ...(after !== undefined && { after }) });
  return items.map(({ key, value }) => ({ subject: key, ...value }));
}

/**
 * Before anything of a dead node is cleaned up, so that it learns of it even if whoever does so dies half-way.
 * @returns false when the node has shown a sign of life, or is gone
 */
export async function condemnNode(store: Store, { subject, beat }: LiveNode): Promise<boolean> {
  const rows = rowsOf(store);
  const found = await rows.get(nodes, subject);
  if (found === undefined || found.value.beat !== beat) return false;
  if (found.value.isCondemned) return true;
  try {
    await rows.put(nodes, subject, { ...found.value, isCondemned: true }, { version: found.version });
    return true;
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}

/**
 * Asks a process to let go of what it holds: it finds the mark with its next beat.
 * @returns false when it is gone, or its own beats were faster each time
 */
export async function markSurplus(store: Store, subject: string): Promise<boolean> {
  const rows = rowsOf(store);
  for (let tries = 0; tries < runtimeLimits.updateTriesMax; tries++) {
    const found = await rows.get(nodes, subject);
    if (found === undefined || found.value.isSurplus) return found !== undefined;
    try {
      await rows.put(nodes, subject, { ...found.value, isSurplus: true }, { version: found.version });
      return true;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
  return false;
}

export async function isCondemned(store: Store, subject: string): Promise<boolean> {
  return (await rowsOf(store).get(nodes, subject))?.value.isCondemned === true;
}

/** Takes a dead node's row away when its remains are cleaned up. @returns whether it was there */
export function forgetNode(store: Store, subject: string): Promise<boolean> {
  return rowsOf(store).delete(nodes, subject);
}

/** Reads the rows every `heartbeatMs`, or less often where there are many, and tells who lives. */
export class NodeWatch {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #seen = new Map<string, Seen>();
  readonly #onLook: (live: readonly LiveNode[], dead: readonly LiveNode[]) => Promise<void> | void;
  readonly #onError: (error: unknown) => void;
  readonly #kind: NodeKind | undefined;
  readonly #isMyTurn: (() => Promise<boolean>) | undefined;
  #timer: Timer | undefined;
  #isStopped = false;
  #intervalMs: number = runtimeLimits.heartbeatMs;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #live: readonly LiveNode[] = [];

  constructor(options: {
    readonly store: Store;
    readonly clock: Clock;
    /** After each look: who lives, and whose rows stand there although they are dead. */
    readonly onLook: (live: readonly LiveNode[], dead: readonly LiveNode[]) => Promise<void> | void;
    readonly onError: (error: unknown) => void;
    /** Only processes of this kind are wanted. */
    readonly kind?: NodeKind;
    /** false: others watch, and this process does not look. */
    readonly isMyTurn?: () => Promise<boolean>;
  }) {
    this.#kind = options.kind;
    this.#isMyTurn = options.isMyTurn;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#onLook = options.onLook;
    this.#onError = options.onError;
  }

  get live(): readonly LiveNode[] {
    return this.#live;
  }

  async start(): Promise<void> {
    await this.look();
    // When the store is away, what was known stays.
    if (!this.#isStopped)
      this.#timer = repeat(
        this.#clock,
        () => this.#intervalMs,
        () => this.look(),
        this.#onError,
      );
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async look(): Promise<void> {
    if ((await this.#isMyTurn?.()) === false) return;
    const listed = await listNodes(this.#store, this.#kind);
    const now = this.#clock.monotonic();
    // Who could not look (the store was away, or we stood still) has seen nobody's silence.
    if (now - this.#lookedMs > 2 * this.#intervalMs) {
      for (const [subject, { beat }] of this.#seen) this.#seen.set(subject, { beat, sinceMs: now });
    }
    this.#lookedMs = now;
    // Who takes turns is one of a few.
    if (this.#isMyTurn === undefined)
      this.#intervalMs = Math.max(runtimeLimits.heartbeatMs, listed.length * runtimeLimits.nodeLookMs);
    const present = new Set(listed.map(({ subject }) => subject));
    for (const subject of this.#seen.keys()) if (!present.has(subject)) this.#seen.delete(subject);
    const dead: LiveNode[] = [];
    const live: LiveNode[] = [];
    for (const node of listed) {
      const seen = this.#seen.get(node.subject);
      if (seen?.beat !== node.beat) this.#seen.set(node.subject, { beat: node.beat, sinceMs: now });
      const isSilent = seen?.beat === node.beat && now - seen.sinceMs > runtimeLimits.heartbeatDeadMs;
      (isSilent || node.isCondemned ? dead : live).push(node);
    }
    this.#live = live;
    await this.#onLook(live, dead);
  }
}
