/** What happens to a cell in one round of the rehearsal: deploys as ECS makes them, and stops as it forces them. */
import type { Cell } from './cell.ts';
import { stopTimeoutMs, type Task, type Tasks } from './tasks.ts';

export interface Stage {
  readonly tasks: Tasks;
  readonly cell: Cell;
  allWell(): Promise<void>;
  /** What went wrong although nobody lost anything. */
  readonly complaints: string[];
}

const connectionCount = 2;

/** Rolling, with room for twice the tasks: connections when they let go by themselves, the rest at once. */
export async function deploy(stage: Stage, revision: string): Promise<string> {
  const { tasks, complaints } = stage;
  const leaving = tasks.of('connection');
  if (!leaving.some(({ agent }) => agent.isProtected)) complaints.push('no task was protected although people were there');
  const began = performance.now();
  await Promise.all((['router', 'muc'] as const).map((service) => replace(stage, tasks.of(service), revision)));
  await Promise.all(Array.from({ length: connectionCount }, () => tasks.start('connection', revision)));
  await stage.allWell();
  const starts = performance.now() - began;
  const stops = await Promise.all(
    leaving.map(async (task) => {
      const heldMs = await tasks.unprotected(task);
      const { wasKilled, code, tookMs } = await tasks.stop(task);
      if (wasKilled || code !== 0) complaints.push(`a drained task ended with ${wasKilled ? 'SIGKILL' : code}`);
      if (tookMs > stopTimeoutMs / 2) complaints.push(`a drained task took ${tookMs} ms to stop`);
      return `let go after ${seconds(heldMs)}, ended ${seconds(tookMs)} after SIGTERM`;
    }),
  );
  return `revision ${revision} up in ${seconds(starts)}; old tasks ${stops.join('; ')}`;
}

/** A new one, then the end of an old one; they hold nothing and are not protected. */
async function replace({ tasks, complaints }: Stage, old: readonly Task[], revision: string): Promise<void> {
  for (const task of old) {
    await tasks.start(task.service, revision);
    const { wasKilled, code } = await tasks.stop(task);
    if (wasKilled || code !== 0) complaints.push(`${task.service} ended with ${wasKilled ? 'SIGKILL' : code}`);
  }
}

/** Somebody stops a task that is protected: SIGTERM finds it full. */
export async function force({ tasks, complaints, allWell }: Stage): Promise<string> {
  const [task] = tasks.of('connection');
  await tasks.start('connection', task!.revision);
  await allWell();
  const { wasKilled, code, tookMs } = await tasks.stop(task!);
  if (wasKilled || code !== 0) complaints.push(`SIGTERM to a full task ended with ${wasKilled ? 'SIGKILL' : code}`);
  return `SIGTERM to a protected task, which ended with ${code} in ${seconds(tookMs)}`;
}

/** A task that stands still hears no SIGTERM. */
export async function hang({ tasks, complaints, allWell }: Stage): Promise<string> {
  const [task] = tasks.of('connection');
  await tasks.start('connection', task!.revision);
  await allWell();
  task!.container.signal('SIGSTOP');
  const { wasKilled, tookMs } = await tasks.stop(task!);
  if (!wasKilled) complaints.push('a task that stood still ended by itself');
  return `a task stood still, and was killed after ${seconds(tookMs)}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
