/** A store of which each call that is made for a traced stanza is a span. */
import type { Store } from '../ports/store.ts';
import type { Tracing } from '../ports/tracing.ts';
import { spanning } from './spanning.ts';

const calls: ReadonlySet<string> = new Set<keyof Store>([
  ...(['get', 'batchGet', 'query', 'search', 'put', 'batchPut', 'delete', 'batchDelete', 'add'] as const),
]);

export function tracedStore<Of extends Store>(store: Of, tracing: Tracing): Of {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const call = member.bind(target) as (...parameters: unknown[]) => Promise<unknown>;
      if (typeof name !== 'string' || !calls.has(name)) return call;
      return (...parameters: unknown[]) => {
        const span = tracing.begin({ name: `store ${name}`, side: 'stores' });
        return span === undefined ? call(...parameters) : spanning(span, () => call(...parameters));
      };
    },
  });
}
