/**
 * Task protection on ECS. A process asks ECS not to stop it while it holds sessions, and gives the protection up when they are
 * gone. It sends its requests to the agent at `$ECS_AGENT_URI/task-protection/v1/state`.
 *
 * A drained process that ECS does not stop for a while ends by itself. ECS starts another one if it still wants one.
 */
import type { Logger } from 'pino';
import { z } from 'zod';
import { type Clock, repeat, type Timer } from '../../../lib/ports/clock.ts';
import { programLimits } from '../limits.ts';

export interface Holding {
  /** True when the process has any stream or session. */
  readonly holdsAny: boolean;
  readonly isDraining: boolean;
  /** It drains because fewer processes are wanted: somebody is about to tell ECS so, and ECS then stops it. */
  readonly isSurplus: boolean;
}

export interface EcsTaskOptions {
  /** The value of ECS_AGENT_URI. */
  readonly agent: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly look: () => Holding;
  /** Called when the process is drained and nobody has stopped it for a while. */
  readonly onLeft: () => void;
}

const answerSchema = z.object({ protection: z.object({ ProtectionEnabled: z.boolean() }) });

export class EcsTask {
  readonly #options: EcsTaskOptions;
  /** The state that the agent has confirmed. undefined: it is not known, because a request failed. */
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
    const { holdsAny, isDraining, isSurplus } = look();
    if (holdsAny) this.#emptySinceMs = undefined;
    else this.#emptySinceMs ??= now;
    const emptyMs = this.#emptySinceMs === undefined ? -1 : now - this.#emptySinceMs;
    const isWanted = holdsAny || (!isDraining && emptyMs < programLimits.protectionEmptyMs && this.#isProtected !== false);
    const isOld = isWanted && now - this.#setMs > programLimits.protectionRenewMs;
    if ((isWanted !== this.#isProtected || isOld) && now >= this.#notBeforeMs) await this.#set(isWanted);
    if (isDraining && emptyMs > (isSurplus ? programLimits.surplusLingerMs : programLimits.drainedLingerMs)) onLeft();
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
      // The agent has a rate limit, so the pause grows with each failure.
      this.#notBeforeMs =
        clock.monotonic() + Math.min(2 ** this.#failures * programLimits.protectionRetryMs, programLimits.protectionRenewMs / 10);
      log.warn({ err: error, ...state }, 'cannot change the task protection');
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
  /** What is deployed, as `family:revision` of the task definition. */
  readonly release: string;
  /** The first characters of the task id, which no other process has. */
  readonly name: string;
}

/** Reads the identity of this task. @param metadata the value of ECS_CONTAINER_METADATA_URI_V4 */
export async function readTask(metadata: string): Promise<TaskIdentity> {
  const response = await fetch(`${metadata}/task`, { signal: AbortSignal.timeout(programLimits.protectionTimeoutMs) });
  const { Family, Revision, TaskARN } = taskSchema.parse(await response.json());
  return { release: `${Family}:${Revision}`, name: TaskARN.slice(TaskARN.lastIndexOf('/') + 1).slice(0, 12) };
}
