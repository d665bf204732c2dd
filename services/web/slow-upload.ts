/** An upload must keep sending: otherwise the holder of a slot could hold a socket and an open file for ever. */
import type { Clock } from '../../lib/ports/clock.ts';
import { webLimits } from './limits.ts';

export class SlowUpload extends Error {
  override name = 'SlowUpload';
}

/** @throws {SlowUpload} after a silence, or when the whole upload takes longer than the slowest tolerated network would */
export async function* timed(
  body: ReadableStream<Uint8Array> | null,
  sizeBytes: number,
  clock: Clock,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === null) return;
  const endMs = clock.monotonic() + webLimits.uploadIdleMs + (sizeBytes / webLimits.uploadBytesPerSecondMin) * 1000;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await within(clock, Math.min(webLimits.uploadIdleMs, endMs - clock.monotonic()), reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // the body may already have failed
  }
}

async function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = clock.after(Math.max(ms, 0), () => late.reject(new SlowUpload('The upload was too slow')));
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    timer.cancel();
    work.catch(() => {}); // ignore a failure after the race is over
  }
}
