/** How long things of one kind take, by labels of few values, since the process began. Unlike a count, it does not tell tenants apart. */
import { Durations } from './latency.ts';

export interface TimingLine {
  readonly values: readonly string[];
  readonly durations: Durations;
}

export class Timing {
  /** In Prometheus, after `skylark_`. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly #lines = new Map<string, TimingLine>();

  constructor(name: string, help: string, labels: readonly string[]) {
    this.name = name;
    this.help = help;
    this.labels = labels;
  }

  get lines(): Iterable<TimingLine> {
    return this.#lines.values();
  }

  /** @param values of the labels in their order, from a closed list */
  of(...values: string[]): Durations {
    const key = values.join(' ');
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = { values, durations: new Durations() };
      this.#lines.set(key, line);
    }
    return line.durations;
  }
}
