/** A store that tells how often it was called, and how many calls are under way. */
import type { Store } from '../../../lib/ports/store.ts';

export function watched(store: Store, activity: { calls: number; underWay: number }): Store {
  return new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | boolean | undefined;
      if (typeof method !== 'function') return method;
      return (...values: unknown[]) => {
        activity.calls++;
        const result = method.apply(target, values);
        if (!(result instanceof Promise)) return result;
        activity.underWay++;
        const done = () => void activity.underWay--;
        result.then(done, done);
        return result;
      };
    },
  });
}
