/**
 * Makes a process with sessions drain when a newer release runs, and makes ECS wait until it has drained (decisions 5 and 22).
 */

import type { Logger } from 'pino';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import { NodeWatch } from '../../../lib/runtime/nodes.ts';
import { ReleaseWatch } from '../../../lib/runtime/releases.ts';
import type { ConnectionNode } from '../../connection/node.ts';
import type { Ports } from './connection-part.ts';
import { EcsTask, readTask, type TaskIdentity } from './ecs-task.ts';
import type { ServeValues } from './serve-options.ts';
import type { Serving } from './serving.ts';

/**
 * Finds the name and the release of this process: from its options, or from ECS. A process that gets neither makes up a name, and
 * takes no part in deploys.
 */
export async function identify(values: ServeValues, log: Logger): Promise<{ readonly name: string; readonly release?: string }> {
  const { name, release } = values;
  const metadata = process.env.ECS_CONTAINER_METADATA_URI_V4;
  const task = metadata && (name === undefined || release === undefined) ? await askTask(metadata, log) : undefined;
  return { name: name ?? task?.name ?? `node-${clock.randomBytes(4).toString('hex')}`, release: release ?? task?.release };
}

async function askTask(metadata: string, log: Logger): Promise<TaskIdentity | undefined> {
  try {
    return await readTask(metadata);
  } catch (error) {
    log.warn({ err: error }, 'cannot read the task metadata of ECS, so the release is unknown');
    return undefined;
  }
}

interface Stoppable {
  readonly node: ConnectionNode;
  /** Whether it drains because fewer processes are wanted. */
  isSurplus(): boolean;
  /** Told how many nodes drain at this time, so that they share what the store takes. */
  readonly drains: { nodes: number };
}

/** Starts task protection on ECS and the watch for newer releases. Call it when the node accepts streams. */
export async function makeStoppable(serving: Serving, { store }: Ports, { node, drains, isSurplus }: Stoppable): Promise<void> {
  const { values, release, log, cleanup, end } = serving;
  const agent = process.env.ECS_AGENT_URI;
  if (agent) {
    const look = () => {
      const { streams, sessions } = node.stats;
      return { holdsAny: streams + sessions > 0, isDraining: node.isDraining, isSurplus: isSurplus() };
    };
    const task = new EcsTask({ agent, clock, log, look, onLeft: () => end('drained') });
    task.start();
    cleanup.add('task', () => task.stop());
  }
  if (release === undefined) return;
  const watch = new ReleaseWatch({ clock, subject: node.subject, release, settleMs: values.settleSeconds * 1_000 });
  const nodes = new NodeWatch({
    store,
    clock,
    kind: 'connection',
    onLook(live) {
      const isDue = watch.look(live);
      drains.nodes = Math.max(1, watch.outdated);
      if (!isDue) return;
      if (!node.isDraining) log.info({ release }, 'a newer release runs');
      void node.drain('a newer release runs');
    },
    onError: (error) => log.warn({ err: error }, 'cannot read the list of nodes'),
  });
  await nodes.start();
  cleanup.add('releases', () => nodes.stop());
}
