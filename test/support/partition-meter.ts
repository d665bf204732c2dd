/**
 * Counts what is asked of each partition in each second, in DynamoDB's units, and refuses what is more than a partition gives: 1,000 units
 * of writing and 3,000 of reading a second, whatever the capacity of the table.
 */
import { type Key, type Row, Unavailable } from '../../lib/ports/store.ts';

export const partitionLimits = { write: 1_000, read: 3_000 } as const;
type Kind = keyof typeof partitionLimits;

/** Names of attributes, the version, and the time of expiry. */
const overheadBytes = 60;

export interface Peak {
  readonly partition: string;
  readonly kind: Kind;
  /** Units in the busiest second. */
  readonly units: number;
}

function bytesOf({ partition, sort, value }: Pick<Row, 'partition' | 'sort' | 'value'>): number {
  return partition.length + sort.length + value.length + overheadBytes;
}

export class PartitionMeter {
  readonly #nowMs: () => number;
  readonly #limits: Readonly<Record<Kind, number>>;
  readonly #partitionOf: (key: Pick<Key, 'partition'>) => string;
  readonly #peaks = new Map<string, Peak>();
  #counts = new Map<string, number>();
  /** Units of all partitions since the beginning. */
  readonly totals: Record<Kind, number> = { write: 0, read: 0 };
  #second = Number.NaN;

  /**
   * @param limits what is refused with {@link Unavailable}; a meter that only counts has none
   * @param partitionOf another name for a partition, as if its rows were elsewhere
   */
  constructor(
    nowMs: () => number,
    limits: Readonly<Record<Kind, number>> = partitionLimits,
    partitionOf: (key: Pick<Key, 'partition'>) => string = ({ partition }) => partition,
  ) {
    this.#nowMs = nowMs;
    this.#limits = limits;
    this.#partitionOf = partitionOf;
  }

  /** Units of the busiest second of each partition, the busiest first. */
  get peaks(): readonly Peak[] {
    return [...this.#peaks.values()].sort((a, b) => b.units - a.units);
  }

  /** Partitions that were asked for more than they give. */
  get beyond(): readonly Peak[] {
    return this.peaks.filter(({ kind, units }) => units > partitionLimits[kind]);
  }

  write(key: Key, value = ''): void {
    this.#count(key, 'write', Math.ceil(bytesOf({ ...key, value }) / 1_024));
  }

  read(key: Pick<Key, 'table' | 'partition'>, rows: readonly (Row | undefined)[], isConsistent: boolean): void {
    const bytes = rows.reduce((sum, row) => sum + (row === undefined ? 0 : bytesOf(row)), 0);
    this.#count(key, 'read', Math.max(1, Math.ceil(bytes / 4_096)) * (isConsistent ? 1 : 0.5));
  }

  #count(key: Pick<Key, 'table' | 'partition'>, kind: Kind, units: number): void {
    this.totals[kind] += units;
    const second = Math.floor(this.#nowMs() / 1_000);
    if (second !== this.#second) {
      this.#counts = new Map();
      this.#second = second;
    }
    const partition = `${key.table} ${this.#partitionOf(key)}`;
    const name = `${kind} ${partition}`;
    const sum = (this.#counts.get(name) ?? 0) + units;
    this.#counts.set(name, sum);
    if (sum > (this.#peaks.get(name)?.units ?? 0)) this.#peaks.set(name, { partition, kind, units: sum });
    if (sum > this.#limits[kind]) throw new Unavailable(`throttled: ${partition} gives ${this.#limits[kind]} units (${kind})`);
  }
}
