/** A store that counts what it gives out, for tests of what a request costs. */
import type { EmbeddedDependencies } from '../support/stage/parts.ts';

/** Counts the rows that the store gives out. */
export function countingRows(count: (rows: number) => void): (dependencies: EmbeddedDependencies) => EmbeddedDependencies {
  return (dependencies) => {
    const store = new Proxy(dependencies.store, {
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
    return { ...dependencies, store, close: dependencies.close };
  };
}
