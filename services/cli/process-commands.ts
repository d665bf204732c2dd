/** The commands about the processes of a service, and about what goes to other servers. */
import { type Command, command } from './command.ts';
import { drainOptions, statusOptions } from './commands/node-options.ts';
import * as peerOptions from './commands/peer-options.ts';

export const processCommands: readonly Command[] = [
  command({
    name: 'status',
    summary: 'prints the processes of the service, with their sessions and rooms',
    text: [
      "A node is 'silent' if it is registered but does not answer: it has just died, or it hangs.",
      'A parked session waits in the store until its client resumes it on any node, or a few minutes are over.',
      'With --json it prints one object a line; the last one has the number of parked sessions.',
    ],
    options: statusOptions,
    run: async (values, positionals) => (await import('./commands/nodes.ts')).status(values, positionals),
  }),
  command({
    name: 'drain',
    positionals: ['NODE'],
    summary: 'moves all sessions away from a node, so that it can be stopped without users noticing',
    text: [
      'Sessions that can be resumed (XEP-0198) are parked in the store, a few hundred a second, and their clients resume them',
      'on another node; all other sessions end. The node accepts no new streams but keeps running. The command returns when',
      'no session is left.',
    ],
    options: drainOptions,
    run: async (values, positionals) => (await import('./commands/nodes.ts')).drain(values, positionals),
  }),
  command({
    name: 'undrain',
    positionals: ['NODE'],
    summary: 'lets a node that drains take streams again',
    text: [
      'Sessions that it still holds stay. Those that are parked come back with their clients, to whichever node these connect to.',
      'A node that drains because a newer release runs, because fewer are wanted, or because it stops, does not take streams again.',
    ],
    options: drainOptions,
    run: async (values, positionals) => (await import('./commands/nodes.ts')).undrain(values, positionals),
  }),
  command({
    name: 'peers',
    summary: 'prints the streams to other servers, and what waits for them',
    text: [
      "'resting' means that something waits for a server that could not be reached, and when it is tried again.",
      'PROOF says how the other server has proved its domain, and how we have proved ours. Below the table stands the last error',
      'of each pair of domains. With --json it prints one object a line.',
    ],
    options: peerOptions.peersOptions,
    run: async (values, positionals) => (await import('./commands/peers.ts')).listPeers(values, positionals),
  }),
  command({
    name: 'peer retry',
    positionals: ['DOMAIN', 'THEIRS'],
    summary: 'tries to reach another server at once, instead of after a pause',
    options: peerOptions.peerRetryOptions,
    run: async (values, positionals) => (await import('./commands/peers.ts')).retryPeer(values, positionals),
  }),
];
