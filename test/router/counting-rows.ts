/** A store that counts what it gives out, for tests of what a request costs. */
import type { EmbeddedParts } from './embedded-parts.ts';

/** Counts the rows that the store gives out. */
export function countingRows(count: (rows: number) => void): (parts: EmbeddedParts) => EmbeddedParts {
  return (parts) => {
    const store = new Proxy(parts.store, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...values: unknown[]) => {
          const answer: unknown = method.apply(target, values);
          if (name === 'query') void (answer as Promise<unknown[]>).then((rows) => count(rows.length));
          else count(name === 'batchGet' ? (values[0] as unknown[]).length : 1);
          return answer;
        };
      },
    });
    return { ...parts, store, close: parts.close };
  };
}
