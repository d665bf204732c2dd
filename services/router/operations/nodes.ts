/** Operations on the processes of the deployment: how they are, and that one lets go of its sessions, or takes some again. */
import { z } from 'zod';
import { portLimits } from '../../../lib/ports/limits.ts';
import { askControl } from '../../../lib/runtime/control.ts';
import { type LiveNode, listNodes } from '../../../lib/runtime/nodes.ts';
import { countParked } from '../../../lib/runtime/parked.ts';
import type { ControlReply } from '../../../lib/runtime/wire.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const nodeStatus = z.object({
  name: z.string(),
  kind: z.string(),
  subject: z.string(),
  since: z.string(),
  /** `silent`: the node has a row and does not answer. */
  state: z.enum(['up', 'draining', 'silent']),
  /** The deploy that it came with; absent where processes are not told of one. */
  release: z.string().optional(),
  figures: z.record(z.string(), z.number()),
});

export const status = operation({
  name: 'status',
  input: z.strictObject({}),
  /** `parked` counts the sessions in the store, up to what one query gives. */
  output: z.object({ nodes: z.array(nodeStatus), parked: z.number() }),
  right: 'deployment.see',
  isRepeatable: true,
  help: 'Tells which processes the service has, and what they hold.',
  commands: ['status', 'drain'],
  http: { method: 'get', path: '/nodes' },
  async run(dependencies) {
    const [nodes, parked] = await Promise.all([
      listNodes(dependencies.store),
      countParked(dependencies.store, portLimits.storeQueryRowsMax),
    ]);
    const described = await Promise.all(nodes.map((node) => describe(dependencies, node)));
    return { nodes: described.sort((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1)), parked };
  },
});

async function describe(
  { bus }: Dependencies,
  { name, kind, subject, startedAt, release }: LiveNode,
): Promise<z.input<typeof nodeStatus>> {
  const reply = await askControl(bus, subject, 'status');
  const state = reply === undefined ? 'silent' : reply.isDraining ? 'draining' : 'up';
  return { name, kind, subject, since: startedAt, state, release: release?.id, figures: { ...reply?.figures } };
}

/** Begins; `status` tells how far it got. */
export const nodeDrain = operation({
  name: 'node-drain',
  /** A name, or a subject where several nodes have the name. */
  input: z.strictObject({ node: z.string().default('') }),
  output: z.object({ name: z.string(), subject: z.string() }),
  right: 'deployment.run',
  isRepeatable: true,
  help: 'Makes a node let go of its sessions, so that it can be stopped and nobody notices.',
  commands: ['drain'],
  http: { method: 'post', path: '/nodes/{node}/drain' },
  async run(dependencies, { node }) {
    const { name, subject, error } = await askNode(dependencies, node, 'drain');
    if (error !== undefined) throw new Refusal('unanswered', `node '${node}' cannot be drained: ${error}`);
    return { name, subject };
  },
});

export const nodeUndrain = operation({
  name: 'node-undrain',
  input: nodeDrain.input,
  output: nodeDrain.output,
  right: 'deployment.run',
  isRepeatable: true,
  help: 'Lets a node that drains take streams again. Parked sessions come back with their clients.',
  commands: ['undrain'],
  http: { method: 'post', path: '/nodes/{node}/undrain' },
  async run(dependencies, { node }) {
    const { name, subject, error, isDraining } = await askNode(dependencies, node, 'undrain');
    // A program from before there was such a request leaves it undone.
    const why = error ?? (isDraining ? 'it does not know how' : undefined);
    if (why !== undefined) throw new Refusal('conflict', `node '${node}' cannot take streams again: ${why}`);
    return { name, subject };
  },
});

/** @param wanted a name, or a subject where several nodes have the name */
async function askNode(
  { store, bus }: Dependencies,
  wanted: string,
  kind: 'drain' | 'undrain',
): Promise<LiveNode & ControlReply> {
  const all = await listNodes(store);
  const found = all.filter(({ name, subject }) => name === wanted || subject === wanted);
  if (found.length === 0) {
    const names = all.filter((node) => node.kind === 'connection').map(({ name }) => name);
    throw new Refusal('absent', `there is no node '${wanted}'; there are: ${names.sort().join(', ') || 'none'}`);
  }
  const replies = await Promise.all(found.map(({ subject }) => askControl(bus, subject, kind)));
  const index = replies.findIndex((reply) => reply !== undefined);
  if (index < 0) throw new Refusal('unanswered', `node '${wanted}' does not answer`);
  if (found.length > 1 && replies.filter((reply) => reply !== undefined).length > 1) {
    throw new Refusal(
      'conflict',
      `there are several nodes '${wanted}': name one of ${found.map(({ subject }) => subject).join(', ')}`,
    );
  }
  return { ...found[index]!, ...replies[index]! };
}
