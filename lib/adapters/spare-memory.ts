/**
 * Memory for writes on their way to the writing thread of the embedded store, which gives it back. The system hands out fresh memory page by
 * page when it is touched first, which costs more than to copy a row into it.
 */
import { adapterLimits } from './limits.ts';

export class SpareMemory {
  #spare: ArrayBuffer[] = [];
  /** How much was last used, bytes. */
  #usualBytes: number = adapterLimits.sqliteBatchBytesMin;

  /** @returns memory of any size, with anything in it, that nobody else has */
  take(): Buffer<ArrayBuffer> {
    const found = this.#spare.pop();
    if (found !== undefined && found.byteLength >= this.#usualBytes) return Buffer.from(found);
    return Buffer.allocUnsafeSlow(this.#usualBytes); // what was too small is forgotten
  }

  /** @param bytes how much of the memory that was taken last was needed */
  used(bytes: number): void {
    this.#usualBytes = Math.max(adapterLimits.sqliteBatchBytesMin, bytes);
  }

  giveBack(memory: readonly ArrayBuffer[]): void {
    const { sqliteBatchBytesMax, sqliteSpareMax } = adapterLimits;
    for (const one of memory)
      if (one.byteLength <= 2 * sqliteBatchBytesMax && this.#spare.length < sqliteSpareMax) this.#spare.push(one);
  }
}
