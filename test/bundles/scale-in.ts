/**
 * Fewer connection tasks while people talk: the function of the stacks, called from its bundle as EventBridge calls it, has one task
 * drained after the other; ECS, which is played, stops tasks only when fewer are wanted, and then any that is not protected.
 */
import { join } from 'node:path';
import { awsCredentials } from '../support/aws-server.ts';
import { EcsEndpoint, ecsNames } from '../support/ecs-endpoint.ts';
import { callFunction } from '../templates/function-call.ts';
import { makeBundles } from './container.ts';
import { type Stage, seconds } from './deploys.ts';
import { stopTimeoutMs, type Task } from './tasks.ts';

const counts = { from: 4, to: 2 };
/** 15 minutes in production, and a minute between calls. */
const surplusSeconds = 2;
const callPauseMs = 500;
const ecsPollMs = 100;
const timeoutMs = 150_000;
const spreadTimeoutMs = 30_000;

export async function scaleIn(stage: Stage): Promise<string> {
  const { tasks, cell, complaints } = stage;
  const of = () => tasks.of('connection');
  const { revision } = of()[0]!;
  while (of().length < counts.from) await tasks.start('connection', revision);
  await stage.allWell();
  cell.balancer.cutAll();
  const spread = await within(spreadTimeoutMs, () => of().every(({ agent }) => agent.isProtected));
  if (!spread) complaints.push('a task got no stream, although all clients came back');
  const service = { desired: of().length, running: of().length };
  const endpoint = await EcsEndpoint.start(() => ({
    get desired() {
      return service.desired;
    },
    set desired(wanted) {
      service.desired = wanted;
    },
    running: of().length,
  }));
  const scheduler = new Scheduler(stage, service);
  const began = performance.now();
  try {
    const bundle = join(cell.folder, 'functions', 'scale-in-lambda', 'index.mjs');
    makeBundles(join(cell.folder, 'functions'), 'scale-in-lambda');
    const variables = { ...cell.storeVariables, ...variablesOf(endpoint) };
    while (of().length > counts.to && performance.now() - began < timeoutMs) {
      await callFunction(bundle, variables, [{}]);
      await pause(callPauseMs);
    }
    // Nothing more goes when the least number is there.
    await callFunction(bundle, variables, [{}, {}]);
  } finally {
    await scheduler.stop();
    await endpoint.stop();
  }
  const left = of().length;
  if (left !== counts.to || service.desired !== counts.to)
    complaints.push(`${left} tasks are left and ${service.desired} wanted, not ${counts.to}`);
  return `${counts.from} → ${left} tasks in ${seconds(performance.now() - began)}; ${scheduler.story.join('; ')}`;
}

function variablesOf({ url }: EcsEndpoint): Record<string, string> {
  return {
    ...{ PATH: process.env.PATH!, SKYLARK_REGION: 'eu-central-1', AWS_ENDPOINT_URL_ECS: url },
    ...{ AWS_ACCESS_KEY_ID: awsCredentials.accessKeyId, AWS_SECRET_ACCESS_KEY: awsCredentials.secretAccessKey },
    ...{ SKYLARK_CLUSTER: ecsNames.cluster, SKYLARK_CONNECTION_SERVICE: ecsNames.service },
    ...{ SKYLARK_CONNECTION_TASKS_MIN: `${counts.to}`, SKYLARK_STREAMS_PER_TASK: '1000' },
    SKYLARK_SURPLUS_SECONDS: `${surplusSeconds}`,
  };
}

/** Stops what is not protected while there are more tasks than are wanted. */
class Scheduler {
  readonly story: string[] = [];
  readonly #stage: Stage;
  readonly #service: { readonly desired: number };
  readonly #held = new Map<Task, number>();
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(stage: Stage, service: { readonly desired: number }) {
    this.#stage = stage;
    this.#service = service;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    const { tasks } = this.#stage;
    while (!this.#isStopped) {
      const running = tasks.of('connection');
      for (const task of running) if (task.agent.isProtected) this.#held.set(task, performance.now());
      const free = running.find(({ agent }) => !agent.isProtected);
      if (running.length > this.#service.desired && free !== undefined) await this.#end(free);
      await pause(ecsPollMs);
    }
  }

  async #end(task: Task): Promise<void> {
    const { tasks, complaints } = this.#stage;
    if (!this.#held.has(task)) complaints.push('a task that never held anything was stopped, so nothing was shown');
    const { wasKilled, code, tookMs } = await tasks.stop(task);
    if (wasKilled || code !== 0) complaints.push(`a drained task ended with ${wasKilled ? 'SIGKILL' : code}`);
    if (tookMs > stopTimeoutMs / 2) complaints.push(`a drained task took ${tookMs} ms to stop`);
    this.story.push(`${task.agent.name} ended ${seconds(tookMs)} after SIGTERM`);
  }
}

async function within(ms: number, isSo: () => boolean): Promise<boolean> {
  for (const until = performance.now() + ms; performance.now() < until; await pause(ecsPollMs)) if (isSo()) return true;
  return false;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
