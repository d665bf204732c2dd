/** A bus that counts the bytes of what passes: what crosses zones when processes are apart. */
import type { Bus } from '../../lib/ports/bus.ts';

export interface BusMeter {
  readonly bus: Bus;
  /** Requests, their answers and publications, bytes without the headers of a real bus. */
  bytes: number;
  readonly inFlight: number;
  readonly activity: number;
}

export function meterBus(bus: Bus): BusMeter {
  const counts = { inFlight: 0, activity: 0 };
  const meter: BusMeter = {
    bytes: 0,
    get inFlight() {
      return counts.inFlight;
    },
    get activity() {
      return counts.activity;
    },
    bus: {
      serve: (subject, handler, options) => bus.serve(subject, handler, options),
      async request(subject, payload, options) {
        counts.inFlight++;
        counts.activity++;
        meter.bytes += payload.length;
        try {
          const answer = await bus.request(subject, payload, options);
          meter.bytes += answer.length;
          return answer;
        } finally {
          counts.inFlight--;
          counts.activity++;
        }
      },
      publish(subject, payload) {
        counts.activity++;
        meter.bytes += payload.length;
        bus.publish(subject, payload);
      },
      close: () => bus.close(),
    },
  };
  return meter;
}
