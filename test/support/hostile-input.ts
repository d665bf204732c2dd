/** What hostile peers send. */
import { createHash } from 'node:crypto';

export function many(count: number, one: (n: number) => string): string {
  return Array.from({ length: count }, (_, n) => one(n)).join('');
}

export function nested(depth: number): string {
  return '<a>'.repeat(depth) + '</a>'.repeat(depth);
}

/** The same every time. @param bytes a multiple of 64 */
export function garbage(bytes: number): Buffer {
  return Buffer.concat(Array.from({ length: bytes / 64 }, (_, n) => createHash('sha512').update(`${n}`).digest()));
}

/** Bytes that are not UTF-8, within text. */
export function around(start: string, middle: readonly number[], end: string): Buffer {
  return Buffer.concat([Buffer.from(start), Buffer.from(middle), Buffer.from(end)]);
}

/** A message to `mallory@localhost` of exactly so many bytes. */
export function messageOf(bytes: number): string {
  const [start, end] = ["<message id='big' type='chat' to='mallory@localhost'><body>", '</body></message>'];
  return start + 'x'.repeat(bytes - start.length - end.length) + end;
}
