/** What operators ask a process for. Each process has its own subject: `ctl.<subject of its row>`. */
import type { Logger } from 'pino';
import type { Bus, Serving } from '../ports/bus.ts';
import { Unavailable } from '../ports/store.ts';
import { answering, ask } from './faults.ts';
import { decodeFrame, encodeFrame } from './frame.ts';
import { runtimeLimits } from './limits.ts';
import { type ControlReply, type ControlRequest, controlAnswer } from './wire.ts';

export interface Controlled {
  readonly log: Logger;
  readonly isDraining?: () => boolean;
  /** Figures by name, as in {@link ControlReply.figures}. */
  readonly figures: () => Readonly<Record<string, number>>;
  /** Begins to drain. Undefined for a process without sessions. */
  readonly drain?: () => undefined;
  /** Ends a drain. @returns why it cannot */
  readonly undrain?: () => Promise<string | undefined>;
}

export function serveControl(
  bus: Bus,
  subject: string,
  { log, isDraining, figures, drain, undrain }: Controlled,
): Promise<Serving> {
  const act = async (kind: ControlRequest['kind']): Promise<string | undefined> => {
    if (kind === 'status') return undefined;
    if (drain === undefined || undrain === undefined) return 'it holds no sessions';
    return kind === 'drain' ? drain() : undrain();
  };
  const handler = answering(log, async (payload) => {
    const error = await act(decodeFrame<ControlRequest>(payload).header.kind);
    return encodeFrame({ isDraining: isDraining?.() ?? false, figures: figures(), error } satisfies ControlReply);
  });
  return bus.serve(`ctl.${subject}`, handler);
}

/** @returns undefined when the process does not answer */
export async function askControl(bus: Bus, subject: string, kind: ControlRequest['kind']): Promise<ControlReply | undefined> {
  const request: ControlRequest = { kind };
  try {
    const reply = await ask(bus, controlAnswer, `ctl.${subject}`, encodeFrame(request), runtimeLimits.statusTimeoutMs);
    return { isDraining: reply.take('isDraining'), figures: reply.take('figures'), error: reply.take('error') };
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}
