/** Connection tasks with real heartbeats on a clock that stands, and ECS, which starts tasks that are missing and stops those it may. */
import assert from 'node:assert/strict';
import type { Store } from '../../lib/ports/store.ts';
import { Heartbeat, listNodes } from '../../lib/runtime/nodes.ts';
import type { Plan } from '../../services/scale-in/plan.ts';
import { scaleInOnce } from '../../services/scale-in/scale-in.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { SimStore } from '../simulator/sim-store.ts';
import { StoreRows } from '../simulator/store-rows.ts';

export const place = { cluster: 'skylark', ecsService: 'connection', tasksMin: 2, streamsPerTask: 1_000, surplusMs: 60_000 };
/** How many streams a task lets go of in a step. */
const drainStep = 100;

export interface PlayedTask {
  readonly name: string;
  readonly heartbeat: Heartbeat;
  held: number;
  isDraining: boolean;
}

export class PlayedTasks {
  readonly clock = new ManualClock();
  readonly store = new SimStore(new StoreRows(() => this.clock.now()), async (apply) => apply());
  tasks: PlayedTask[] = [];
  desired = 0;
  isDeploying = false;
  /** ECS has done it, and its answer is lost. */
  losesAnswers = false;
  /** How many streams tasks held when ECS stopped them. */
  readonly heldAtStop: number[] = [];
  readonly numbers: number[] = [];
  /** How many streams those held that were drained, when ECS was told that fewer are wanted. */
  readonly heldAtLower: number[] = [];
  #started = 0;

  async start(held: number): Promise<PlayedTask> {
    const name = `t${++this.#started}`;
    const { store, clock } = this;
    const onError = (error: unknown) => assert.fail(`${error}`);
    const made: { task?: PlayedTask } = {};
    const heartbeat = await Heartbeat.start({
      ...{
        store,
        clock,
        kind: 'connection',
        name,
        subject: `n.${name}.1`,
        release: { service: 'connection', id: 'x:1' },
        onError,
      },
      load: () => ({ held: made.task?.held ?? held, cpuPercent: 5 }),
      onSurplus() {
        made.task!.isDraining = true;
      },
    });
    made.task = { name, heartbeat, held, isDraining: false };
    this.tasks.push(made.task);
    return made.task;
  }

  /** @param store through which the function looks */
  async run(store: Store = this.store): Promise<Plan> {
    const ecs = {
      describe: async () => ({
        ...{ desired: this.desired, running: this.tasks.length, pending: 0, isDeploying: this.isDeploying },
      }),
      setDesired: async (_cluster: string, _service: string, desired: number) => {
        this.numbers.push(desired);
        const drained = this.tasks.filter(({ isDraining }) => isDraining);
        this.heldAtLower.push(...drained.map(({ held }) => held));
        this.desired = desired;
        if (this.losesAnswers) throw new Error('the answer is lost');
      },
    };
    return scaleInOnce({ store, clock: this.clock, ecs }, place);
  }

  /** Some seconds pass: streams of those who drain come back at others, and ECS looks at its tasks. */
  async pass(ms = 6_000): Promise<void> {
    await this.clock.advance(ms);
    for (const task of this.tasks.filter(({ isDraining }) => isDraining)) {
      const others = this.tasks.filter(({ isDraining }) => !isDraining).sort((a, b) => a.held - b.held);
      const moved = others.length === 0 ? 0 : Math.min(task.held, drainStep);
      task.held -= moved;
      if (moved > 0) others[0]!.held += moved;
    }
    // A task that holds anything is protected.
    const free = this.tasks.filter(({ held }) => held === 0).sort((a, b) => Number(b.isDraining) - Number(a.isDraining));
    while (this.tasks.length > this.desired && free.length > 0) await this.stop(free.shift()!);
    while (this.tasks.length < this.desired) await this.start(0);
    await this.clock.advance(6_000);
  }

  async stop(task: PlayedTask): Promise<void> {
    this.heldAtStop.push(task.held);
    this.tasks = this.tasks.filter((one) => one !== task);
    await task.heartbeat.stop();
  }

  async marked(): Promise<string[]> {
    return (await listNodes(this.store, 'connection')).filter(({ isSurplus }) => isSurplus).map(({ name }) => name);
  }

  end(): void {
    this.clock.forget();
  }
}
