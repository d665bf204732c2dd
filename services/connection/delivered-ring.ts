/** The last archive ids that a session was given, against doubles (DESIGN §2). */
import { limits } from '../../lib/limits.ts';

export class DeliveredRing {
  /** In order of insertion. */
  readonly #ids = new Set<string>();

  constructor(ids: readonly string[] = []) {
    for (const id of ids) this.add(id);
  }

  get ids(): readonly string[] {
    return [...this.#ids];
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= limits.deliveredRingMax) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }

  /** It was never sent after all. */
  remove(id: string): void {
    this.#ids.delete(id);
  }
}
