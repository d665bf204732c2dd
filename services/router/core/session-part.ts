/**
 * What a feature remembers about a session. It is kept in the session's entry, which all routers read, under a key that the
 * feature declares. Only the feature knows the shape of its part. A part that no feature knows any more stays until the session
 * ends.
 */
import { type SessionEntry, sessionKeys } from '../../../lib/runtime/sessions.ts';

export interface SessionPart<Value> {
  readonly name: string;
  /** @returns undefined if the feature has not written its part */
  of(entry: SessionEntry): Value | undefined;
  /** @returns the entry with this value, or the same object if it has the value already */
  with(entry: SessionEntry, value: Value | undefined): SessionEntry;
}

const declared = new Set<string>(Object.keys(sessionKeys));

/** @param name the key in the entry. It must never change, because routers of two versions may read the same entry */
export function sessionPart<Value>(name: string): SessionPart<Value> {
  if (declared.has(name)) throw new Error(`the part '${name}' of a session's entry is declared twice`);
  declared.add(name);
  const of = (entry: SessionEntry) => (entry as unknown as Readonly<Record<string, Value | undefined>>)[name];
  return {
    name,
    of,
    with: (entry, value) => (of(entry) === value ? entry : { ...entry, [name]: value }),
  };
}
