/** Which subject a room's stanzas go to: rooms are spread over a fixed number of shards. */
import { createHash } from 'node:crypto';
import { shardCount } from './wire.ts';

export function shardOf(domain: string, room: string): number {
  return createHash('sha1').update(`${domain}/${room}`).digest().readUInt16BE() % shardCount;
}

/** The bus subject that the room's worker serves. */
export function roomShard(domain: string, room: string): string {
  return `m.${shardOf(domain, room)}`;
}
