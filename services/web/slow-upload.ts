/** A body that must keep coming: whoever holds a slot could otherwise hold a socket, and a file open, for ever. */
import { limits } from '../../lib/limits.ts';
import type { Clock } from '../../lib/ports/clock.ts';

export class SlowUpload extends Error {
  override name = 'SlowUpload';
}

/** @throws {SlowUpload} after a silence, or when all of it takes longer than the slowest network that is borne */
export async function* timed(
  body: ReadableStream<Uint8Array> | null,
  sizeBytes: number,
  clock: Clock,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === null) return;
  const endMs = clock.monotonic() + limits.uploadIdleMs + (sizeBytes / limits.uploadBytesPerSecondMin) * 1000;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await within(clock, Math.min(limits.uploadIdleMs, endMs - clock.monotonic()), reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // it has broken off
  }
}

async function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = clock.after(Math.max(ms, 0), () => late.reject(new SlowUpload('The file came too slowly')));
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    timer.cancel();
    work.catch(() => {}); // whoever lost the race is heard by nobody
  }
}
