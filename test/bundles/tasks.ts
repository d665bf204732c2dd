/**
 * Plays ECS: runs tasks of a service with an agent beside each, starts those of a new revision, and stops those of an old one when they
 * are not protected (any more): SIGTERM, and SIGKILL to whoever is still there after the stop timeout.
 */
import { EcsAgent } from '../support/ecs-agent.ts';
import type { Cell, Service } from './cell.ts';
import type { Container } from './container.ts';

/** `stopTimeout`; 120 s on Fargate. */
export const stopTimeoutMs = 20_000;
const pollMs = 100;
const leaveTimeoutMs = 60_000;

export interface Task {
  readonly service: Service;
  readonly revision: string;
  readonly agent: EcsAgent;
  readonly container: Container;
}

export interface Stopped {
  readonly wasKilled: boolean;
  readonly code: number | null;
  readonly tookMs: number;
}

export class Tasks {
  readonly #cell: Cell;
  running: Task[] = [];
  /** What agents were asked for that they do not have. */
  readonly strange: string[] = [];

  constructor(cell: Cell) {
    this.#cell = cell;
  }

  of(service: Service): Task[] {
    return this.running.filter((task) => task.service === service);
  }

  async start(service: Service, revision: string): Promise<Task> {
    const agent = await EcsAgent.start(revision);
    const variables = { ECS_AGENT_URI: agent.uri, ECS_CONTAINER_METADATA_URI_V4: agent.uri };
    const container = await this.#cell.run(service, agent.name, variables);
    const task = { service, revision, agent, container };
    this.running.push(task);
    return task;
  }

  /** SIGTERM, and more if need be. */
  async stop(task: Task): Promise<Stopped> {
    const begun = performance.now();
    this.#cell.balancer.deregister(task.agent.name);
    this.running = this.running.filter((other) => other !== task);
    let wasKilled = false;
    const timer = setTimeout(() => {
      wasKilled = true;
      task.container.signal('SIGKILL');
    }, stopTimeoutMs);
    const { code } = await task.container.stop();
    clearTimeout(timer);
    this.strange.push(...task.agent.strange);
    await task.agent.stop();
    return { wasKilled, code, tookMs: performance.now() - begun };
  }

  /** Waits until the task gives up its protection. @returns how long that took, milliseconds. @throws when it does not in time */
  async unprotected({ agent }: Task): Promise<number> {
    const begun = performance.now();
    while (agent.isProtected) {
      if (performance.now() - begun > leaveTimeoutMs) throw new Error(`${agent.name} is protected for ${leaveTimeoutMs} ms`);
      await new Promise((resolve) => void setTimeout(resolve, pollMs));
    }
    return performance.now() - begun;
  }
}
