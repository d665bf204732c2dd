/**
 * A store of which each call is timed. The caller gets the promise of the store itself: nothing comes later, or in another order, because of
 * this.
 */
import type { Clock } from '../ports/clock.ts';
import { Conflict, type Store, Unavailable } from '../ports/store.ts';
import { Timing } from './timing.ts';

export const storeCalls = new Timing(
  'store_call_seconds',
  'Calls of the program to its store, by operation and result: `done`, `conflict`, `unavailable`, or `error`',
  ['operation', 'result'],
);

const operations: ReadonlySet<string | symbol> = new Set<keyof Store>([
  ...(['get', 'batchGet', 'query', 'search', 'put', 'batchPut', 'delete', 'batchDelete', 'add', 'index'] as const),
]);

/** No call has more than two parameters. A list of them would be one more object for each call. */
type Call = (first: unknown, second: unknown) => Promise<unknown>;

export function measuredStore<Of extends Store>(store: Of, clock: Clock): Of {
  const calls = new Map<string | symbol, Call>();
  return new Proxy(store, {
    get(target, name) {
      const known = calls.get(name);
      if (known !== undefined) return known;
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const bound = member.bind(target) as Call;
      const call = operations.has(name) ? measured(bound, String(name), clock) : bound;
      calls.set(name, call);
      return call;
    },
  });
}

function measured(call: Call, operation: string, clock: Clock): Call {
  const done = storeCalls.of(operation, 'done');
  return (first, second) => {
    const begunMs = clock.monotonic();
    const answer = call(first, second);
    answer.then(
      () => done.add(clock.monotonic() - begunMs),
      (error: unknown) => storeCalls.of(operation, resultOf(error)).add(clock.monotonic() - begunMs),
    );
    return answer;
  };
}

function resultOf(error: unknown): string {
  if (error instanceof Conflict) return 'conflict';
  return error instanceof Unavailable ? 'unavailable' : 'error';
}
