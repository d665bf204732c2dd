/**
 * Moves rows to the schema of this program while it serves (decision 26). It goes through the accounts, rooms and nodes of all tenants, a page at a time,
 * and says in the row of the schema how far it is. One process moves at a time; when it dies, another one goes on there. Rows of one owner that are
 * moved twice are as if they were moved once, and what is written meanwhile is in the new form already.
 */
import type { Logger } from 'pino';
import { type Clock, repeat, sleep } from '../ports/clock.ts';
import { Conflict, type Store } from '../ports/store.ts';
import { accountNames, listNames, nodeNames, roomNames } from './directory.ts';
import { runtimeLimits } from './limits.ts';
import {
  firstSchema,
  knownSchema,
  type Place,
  placeKinds,
  type RowMove,
  rowMoves,
  type SchemaRow,
  schemaRows,
  schemas,
} from './row-schema.ts';
import { type Item, Rows } from './rows.ts';
import { Tenants } from './tenants.ts';

interface Moving {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** The name of this process. */
  readonly by: string;
  readonly moves?: readonly RowMove[];
}

type Held = Item<SchemaRow>;

const places = {
  account: { names: accountNames, rowsOf: Rows.ofAccount },
  room: { names: roomNames, rowsOf: Rows.ofRoom },
  pubsub: { names: nodeNames, rowsOf: Rows.ofPubsub },
} as const;

/** Begins at once, if there is anything to move, and looks again until all is moved. */
export function moveRows(moving: Moving): { stop(): void } {
  const { clock, log } = moving;
  const over = new AbortController();
  const onError = (error: unknown) => {
    if (!over.signal.aborted)
      log.warn({ err: error }, 'rows could not be moved to the schema of this program; it is tried again');
  };
  const mover = new Mover(moving, over.signal);
  const timer = repeat(
    clock,
    (round) => (round === 0 ? 0 : runtimeLimits.schemaLookMs),
    () => mover.run(),
    onError,
  );
  return {
    stop() {
      over.abort();
      timer.cancel();
    },
  };
}

class Mover {
  readonly #moving: Required<Moving>;
  readonly #over: AbortSignal;
  #isDone = false;

  constructor(moving: Moving, over: AbortSignal) {
    this.#moving = { moves: rowMoves, ...moving };
    this.#over = over;
  }

  /** Does all moves that are left, unless another process does. */
  async run(): Promise<void> {
    if (this.#isDone || this.#over.aborted) return;
    const { store, log, moves } = this.#moving;
    let held: Held | undefined = await schemaRows(store).get(schemas);
    held ??= await this.#write(await this.#asFound(), undefined);
    for (const move of moves) {
      if (held === undefined) return; // another process was faster; this one looks again
      if (move.to <= held.value.number) continue;
      held = await this.#take(held, move);
      held &&= await this.#walk(held, move);
      if (held) log.info({ schema: move.to, what: move.what }, 'all rows were moved to a newer schema');
    }
    this.#isDone = held !== undefined;
  }

  /** What the first process says of a store that has no number. Without tenants it is new, and nothing in it is older than this program. */
  async #asFound(): Promise<SchemaRow> {
    const { store, clock, moves } = this.#moving;
    const isNew = (await new Tenants(store, clock).list(1)).length === 0;
    if (!isNew) return firstSchema;
    return { number: knownSchema(moves), needs: knownSchema(moves.filter(({ isBreaking }) => isBreaking)) };
  }

  async #take(held: Held, { isBreaking, to }: RowMove): Promise<Held | undefined> {
    const { by, clock } = this.#moving;
    const { mover, needs } = held.value;
    const nowMs = clock.now();
    if (mover !== undefined && mover.by !== by && nowMs - mover.atMs < runtimeLimits.schemaMoverMs) return undefined;
    // From here on a program that cannot read what is written does not start any more.
    return this.#write({ ...held.value, needs: isBreaking ? Math.max(needs, to) : needs, mover: { by, atMs: nowMs } }, held);
  }

  /** @returns undefined when another process has taken over, or this one stops */
  async #walk(taken: Held, move: RowMove): Promise<Held | undefined> {
    const { store, clock, by } = this.#moving;
    let held: Held | undefined = taken;
    for await (const page of this.#placesBehind(taken.value.at)) {
      for (const { domain, kind, name } of page) await move.move(places[kind].rowsOf(store, domain, name), kind);
      held = await this.#write({ ...held.value, at: page.at(-1)!, mover: { by, atMs: clock.now() } }, held);
      if (held === undefined) return undefined;
      await sleep(clock, runtimeLimits.schemaPauseMs);
      if (this.#over.aborted) return undefined;
    }
    return this.#write({ number: move.to, needs: held.value.needs }, held);
  }

  /** Pages of accounts, rooms and nodes, tenant by tenant. */
  async *#placesBehind(at: Place | undefined): AsyncGenerator<readonly Place[], void, undefined> {
    const { store } = this.#moving;
    const limit = runtimeLimits.schemaPageMax;
    for await (const domain of this.#domainsFrom(at?.domain))
      for (const kind of placeKinds) {
        const begun = at?.domain === domain ? at : undefined;
        if (begun && placeKinds.indexOf(kind) < placeKinds.indexOf(begun.kind)) continue;
        let after = begun?.kind === kind ? begun.name : undefined;
        for (;;) {
          const names = await listNames(store, domain, places[kind].names, limit, after);
          if (names.length > 0) yield names.map((name) => ({ domain, kind, name }));
          if (names.length < limit) break;
          after = names.at(-1);
        }
      }
  }

  /** @param from comes first: it is under way */
  async *#domainsFrom(from: string | undefined): AsyncGenerator<string, void, undefined> {
    const { store, clock } = this.#moving;
    const tenants = new Tenants(store, clock);
    const limit = runtimeLimits.schemaPageMax;
    if (from !== undefined) yield from;
    for (let after = from; ; ) {
      const page = await tenants.list(limit, after);
      for (const { domain } of page) yield domain;
      if (page.length < limit) return;
      after = page.at(-1)!.domain;
    }
  }

  /** @returns undefined when another process was faster */
  async #write(row: SchemaRow, held: Held | undefined): Promise<Held | undefined> {
    try {
      const condition = held ? { version: held.version } : 'absent';
      return { key: '', value: row, version: await schemaRows(this.#moving.store).put(schemas, '', row, condition) };
    } catch (error) {
      if (error instanceof Conflict) return undefined;
      throw error;
    }
  }
}
