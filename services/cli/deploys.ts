/** What makes a process with sessions leave when a newer release is there, and ECS wait until it has (docs/decisions/0005). */
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { NodeWatch } from '../../lib/runtime/nodes.ts';
import { type Release, ReleaseWatch } from '../../lib/runtime/releases.ts';
import type { ConnectionNode } from '../connection/node.ts';
import type { Ports } from './connection-part.ts';
import { EcsTask, readRelease } from './ecs-task.ts';
import type { Serving } from './serving.ts';

/** undefined: this process takes no part in such deploys. */
export async function findRelease({ values, log }: Serving, service: string): Promise<Release | undefined> {
  const metadata = process.env.ECS_CONTAINER_METADATA_URI_V4;
  if (values.release !== undefined) return { service, id: values.release };
  if (!metadata) return undefined;
  try {
    return { service, id: await readRelease(metadata) };
  } catch (error) {
    log.warn({ err: error }, 'the release is not known: this process drains by command only');
    return undefined;
  }
}

interface Stoppable {
  readonly node: ConnectionNode;
  readonly release: Release | undefined;
}

export async function makeStoppable(serving: Serving, { store }: Ports, { node, release }: Stoppable): Promise<void> {
  const { values, log, undoing, end } = serving;
  const agent = process.env.ECS_AGENT_URI;
  if (agent) {
    const look = () => {
      const { streams, sessions } = node.stats;
      return { holdsAny: streams + sessions > 0, isDraining: node.isDraining };
    };
    const task = new EcsTask({ agent, clock, log, look, onLeft: () => end('drained') });
    task.start();
    undoing.add('task', () => task.stop());
  }
  if (release === undefined) return;
  const watch = new ReleaseWatch({ clock, subject: node.subject, release, settleMs: values.settleSeconds * 1_000 });
  const nodes = new NodeWatch({
    store,
    clock,
    onLook(live) {
      if (node.isDraining || !watch.look(live)) return;
      log.info({ release }, 'a newer release is there');
      void node.drain();
    },
    onError: (error) => log.warn({ err: error }, 'the nodes could not be looked at'),
  });
  await nodes.start();
  undoing.add('releases', () => nodes.stop());
}
