/** The servers for calls that clients are told of (XEP-0215), as the URIs of RFC 7064 and RFC 7065. */
import { z } from 'zod';
import { runtimeLimits } from '../limits.ts';
import type { PolicyKey } from './policy-key.ts';

export interface CallServer {
  readonly type: 'stun' | 'stuns' | 'turn' | 'turns';
  /** A name or an IP address. */
  readonly host: string;
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
}

const pattern =
  /^(stuns?|turns?):(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/;

/** RFC 7065 §3.1: without a port or a transport, the usual ones. @returns undefined for what is not such a URI */
export function parseCallServer(uri: string): CallServer | undefined {
  const [, type, host, port, transport] = pattern.exec(uri.trim().toLowerCase()) ?? [];
  if (type === undefined || host === undefined) return undefined;
  const isTls = type.endsWith('s');
  const number = port === undefined ? (isTls ? 5_349 : 3_478) : Number(port);
  if (number < 1 || number > 65_535) return undefined;
  return {
    type: type as CallServer['type'],
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: number,
    transport: (transport as CallServer['transport'] | undefined) ?? (isTls ? 'tcp' : 'udp'),
  };
}

function uriOf({ type, host, port, transport }: CallServer): string {
  return `${type}:${host.includes(':') ? `[${host}]` : host}:${port}?transport=${transport}`;
}

const { callServersMax } = runtimeLimits;
const uri = z.string({ error: 'a list of servers takes text' }).transform((given, context) => {
  const server = parseCallServer(given);
  if (server !== undefined) return uriOf(server);
  context.addIssue(`'${given.slice(0, 100)}' is not a server for calls, such as turn:turn.example.org:3478?transport=udp`);
  return z.NEVER;
});
const schema = z.array(uri).max(callServersMax, { error: `a list has at most ${callServersMax} servers` });

export const callServers: PolicyKey<readonly string[]> = {
  schema: schema as unknown as z.ZodType<readonly string[], readonly string[]>,
  ...{ preset: [], strictest: [], placeholder: 'URI,…', text: 'STUN and TURN servers for calls, such as turn:turn.example.org' },
  allowed: `at most ${callServersMax} URIs of stun, stuns, turn or turns with commas between them, or 'none'`,
  fromText: (typed) => (typed === 'none' ? [] : typed.split(',').map((one) => one.trim())),
};
