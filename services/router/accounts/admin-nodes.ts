/** What operators ask about the processes of the deployment: how they are, and that one lets go of its sessions. */
import { limits } from '../../../lib/limits.ts';
import { askControl } from '../../../lib/runtime/control.ts';
import { type LiveNode, listNodes } from '../../../lib/runtime/nodes.ts';
import { countParked } from '../../../lib/runtime/parked.ts';
import type { AdminRequest } from '../../../lib/runtime/wire.ts';
import type { Parts } from '../core/dependencies.ts';
import { Refusal } from './admin-refusal.ts';

type State = 'up' | 'draining' | 'silent';

interface NodeStatus {
  readonly name: string;
  readonly kind: string;
  readonly subject: string;
  readonly since: string;
  readonly state: State;
  readonly figures: Readonly<Record<string, number>>;
}

/** All whose rows stand there; `parked` counts the sessions in the store, up to what one query gives. */
export async function describeNodes(parts: Parts): Promise<{ nodes: NodeStatus[]; parked: number }> {
  const [nodes, parked] = await Promise.all([listNodes(parts.store), countParked(parts.store, limits.storeQueryRowsMax)]);
  const described = await Promise.all(nodes.map((node) => describe(parts, node)));
  return { nodes: described.sort((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1)), parked };
}

async function describe({ bus }: Parts, { name, kind, subject, startedAt }: LiveNode): Promise<NodeStatus> {
  const reply = await askControl(bus, subject, 'status');
  const state = reply === undefined ? 'silent' : reply.isDraining ? 'draining' : 'up';
  return { name, kind, subject, since: startedAt, state, figures: reply?.figures ?? {} };
}

/** Begins; `status` tells how far it got. @throws {Refusal} */
export async function drainNode(parts: Parts, given: AdminRequest['arguments']) {
  const wanted = given.node ?? '';
  const all = await listNodes(parts.store);
  const found = all.filter(({ name, subject }) => name === wanted || subject === wanted);
  if (found.length === 0) {
    const names = all.filter(({ kind }) => kind === 'connection').map(({ name }) => name);
    throw new Refusal(`there is no node '${wanted}'; there are: ${names.sort().join(', ') || 'none'}`);
  }
  const replies = await Promise.all(found.map(({ subject }) => askControl(parts.bus, subject, 'drain')));
  const index = replies.findIndex((reply) => reply !== undefined);
  if (index < 0) throw new Refusal(`node '${wanted}' does not answer`);
  if (found.length > 1 && replies.filter((reply) => reply !== undefined).length > 1) {
    throw new Refusal(`there are several nodes '${wanted}': name one of ${found.map(({ subject }) => subject).join(', ')}`);
  }
  const { error } = replies[index]!;
  if (error !== undefined) throw new Refusal(`node '${wanted}' cannot be drained: ${error}`);
  return { name: found[index]!.name, subject: found[index]!.subject };
}
