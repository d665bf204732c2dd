/** What must hold of rows of which the last change counts (client-settings.ts): nothing that was confirmed is undone by what came before. */
import type { Put } from '../../lib/ports/store.ts';
import type { World } from './world.ts';

/** `<client>.<number>` in a row of ours. */
const valueInRow = /[a-z]+-[a-z]+\.\d+/;
const isOurs = (sort: string): boolean =>
  sort === 'vcard/' || sort.startsWith('private/own urn:own:') || (sort.startsWith('roster/') && sort.endsWith('@c.example'));

export class Settings {
  readonly faults: string[] = [];
  readonly #world: World;
  readonly #rows = new Map<string, string>();
  readonly #written = new Set<string>();
  readonly #confirmed = new Set<string>();
  /** By row and client: the last number that was confirmed. */
  readonly #last = new Map<string, number>();
  readonly #rowOf = new Map<string, string>();
  readonly #looks: (() => void)[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  get count(): number {
    return this.#confirmed.size;
  }

  put({ table, partition, sort, value: text }: Put): void {
    if (table !== 'core' || !isOurs(sort)) return;
    const value = valueInRow.exec(text)?.[0];
    if (value === undefined) return;
    const row = `${partition} ${sort}`;
    const before = this.#rows.get(row);
    this.#rows.set(row, value);
    this.#written.add(value);
    this.#rowOf.set(value, row);
    if (before === value) return;
    const [client = '', number] = value.split('.');
    const isUndone = this.#confirmed.has(value) || Number(number) < (this.#last.get(`${row} ${client}`) ?? 0);
    if (isUndone) this.fault(`${value} came back over ${before} in ${row}`);
  }

  /** Looks for what is wrong when all is over. */
  atEnd(look: () => void): void {
    this.#looks.push(look);
  }

  check(): readonly string[] {
    for (const look of this.#looks) look();
    return this.faults;
  }

  /** The client was told so. */
  confirmed(value: string): void {
    this.#confirmed.add(value);
    this.#world.note(`  ${value} is confirmed`);
    const [client = '', number] = value.split('.');
    if (!this.#written.has(value)) this.fault(`${value} was confirmed and never written`);
    const lane = `${this.#rowOf.get(value)} ${client}`;
    this.#last.set(lane, Math.max(Number(number), this.#last.get(lane) ?? 0));
  }

  fault(text: string): void {
    this.#world.note('FAULT', text);
    this.faults.push(`setting: ${text}`);
  }
}
