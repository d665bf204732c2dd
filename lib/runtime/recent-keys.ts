/** The last keys that were added, up to a bound. */
export class RecentKeys {
  readonly #max: number;
  readonly #keys = new Set<string>();
  /** Who asks for a key often asks for it several times in a row. */
  #newest: string | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  has(key: string): boolean {
    return key === this.#newest || this.#keys.has(key);
  }

  add(key: string): void {
    if (key === this.#newest) return;
    this.#newest = key;
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= this.#max) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return;
    }
  }
}
