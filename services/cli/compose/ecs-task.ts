/**
 * What a process that holds sessions tells ECS: do not stop me (task protection) while it holds some, and that it may when they are gone.
 * The agent is asked at `$ECS_AGENT_URI/task-protection/v1/state`.
 *
 * A process that is drained and still there after a while ends by itself: whatever ECS wants then, it starts anew.
 */
import type { Logger } from 'pino';
import { z } from 'zod';
import { type Clock, repeat, type Timer } from '../../../lib/ports/clock.ts';
import { programLimits } from '../limits.ts';

export interface Holding {
  /** Streams or sessions. */
  readonly holdsAny: boolean;
  readonly isDraining: boolean;
}

export interface EcsTaskOptions {
  /** ECS_AGENT_URI */
  readonly agent: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly look: () => Holding;
  /** Drained, unprotected, and nobody has stopped it. */
  readonly onLeft: () => void;
}

const answerSchema = z.object({ protection: z.object({ ProtectionEnabled: z.boolean() }) });

export class EcsTask {
  readonly #options: EcsTaskOptions;
  /** As the agent has confirmed it. undefined: it may be either. */
  #isProtected: boolean | undefined = false;
  #setMs = 0;
  #emptySinceMs: number | undefined;
  #failures = 0;
  #notBeforeMs = 0;
  #timer: Timer | undefined;

  constructor(options: EcsTaskOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, log } = this.#options;
    this.#timer = repeat(
      clock,
      () => programLimits.protectionPollMs,
      () => this.#look(),
      (error) => log.error({ err: error }, 'cannot tell whether this process needs protection'),
    );
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { clock, look, onLeft } = this.#options;
    const now = clock.monotonic();
    const { holdsAny, isDraining } = look();
    if (holdsAny) this.#emptySinceMs = undefined;
    else this.#emptySinceMs ??= now;
    const emptyMs = this.#emptySinceMs === undefined ? -1 : now - this.#emptySinceMs;
    const isWanted = holdsAny || (!isDraining && emptyMs < programLimits.protectionEmptyMs && this.#isProtected !== false);
    const isOld = isWanted && now - this.#setMs > programLimits.protectionRenewMs;
    if ((isWanted !== this.#isProtected || isOld) && now >= this.#notBeforeMs) await this.#set(isWanted);
    if (isDraining && emptyMs > programLimits.drainedLingerMs) onLeft();
  }

  async #set(isWanted: boolean): Promise<void> {
    const { agent, clock, log } = this.#options;
    const state = isWanted
      ? { ProtectionEnabled: true, ExpiresInMinutes: programLimits.protectionMinutes }
      : { ProtectionEnabled: false };
    try {
      const response = await fetch(`${agent}/task-protection/v1/state`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(state),
        signal: AbortSignal.timeout(programLimits.protectionTimeoutMs),
      });
      const text = (await response.text()).slice(0, programLimits.protectionAnswerCharactersMax);
      const answer = answerSchema.safeParse(parseJson(text));
      if (!response.ok || answer.data?.protection.ProtectionEnabled !== isWanted) throw new Error(`${response.status} ${text}`);
      this.#isProtected = isWanted;
      this.#setMs = clock.monotonic();
      this.#failures = 0;
      log.info(state, 'task protection');
    } catch (error) {
      this.#isProtected = undefined;
      this.#failures++;
      // The agent has a rate of its own.
      this.#notBeforeMs =
        clock.monotonic() + Math.min(2 ** this.#failures * programLimits.protectionRetryMs, programLimits.protectionRenewMs / 10);
      log.warn({ err: error, ...state }, 'task protection could not be changed');
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const taskSchema = z.object({
  Family: z.string().min(1),
  Revision: z.string().min(1),
  TaskARN: z.string().regex(/\/[0-9a-f]{12,}$/),
});

export interface TaskIdentity {
  /** What is deployed: `family:revision` of the task's definition. */
  readonly release: string;
  /** The beginning of the task's id: no other process has it. */
  readonly name: string;
}

/** @param metadata ECS_CONTAINER_METADATA_URI_V4 */
export async function readTask(metadata: string): Promise<TaskIdentity> {
  const response = await fetch(`${metadata}/task`, { signal: AbortSignal.timeout(programLimits.protectionTimeoutMs) });
  const { Family, Revision, TaskARN } = taskSchema.parse(await response.json());
  return { release: `${Family}:${Revision}`, name: TaskARN.slice(TaskARN.lastIndexOf('/') + 1).slice(0, 12) };
}
