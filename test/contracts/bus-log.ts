/** What the cases of the Bus contract share. */
import type { Bus } from '../../lib/ports/bus.ts';

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
export const read = (payload: Uint8Array): string => new TextDecoder().decode(payload);

/** Bytes that repeat nowhere near a power of two, so that a shifted or doubled chunk is noticed. */
export function pattern(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (index % 251) ^ (index >> 11));
}

export interface Log {
  readonly items: string[];
  readonly payloads: Uint8Array[];
  readonly full: Promise<void>;
}

/** Serves the subject and keeps what arrives. */
export async function collect(bus: Bus, subject: string, length: number): Promise<Log> {
  const { promise: full, resolve } = Promise.withResolvers<void>();
  const log: Log = { items: [], payloads: [], full };
  await bus.serve(subject, (payload) => {
    log.items.push(read(payload));
    log.payloads.push(payload);
    if (log.items.length === length) resolve();
    return undefined;
  });
  return log;
}
