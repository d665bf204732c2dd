/**
 * What a feature remembers of a session, in the entry that all routers read: a part with a key of its own, which the feature declares. Only the
 * feature knows the part's shape, and a part that no feature knows any more stays in the entry until the session ends.
 */
import { type SessionEntry, sessionKeys } from '../../../lib/runtime/sessions.ts';

export interface SessionPart<Value> {
  readonly name: string;
  /** undefined: the feature has not written it. */
  of(entry: SessionEntry): Value | undefined;
  /** The entry with this value; the very same entry when it is there already. */
  with(entry: SessionEntry, value: Value | undefined): SessionEntry;
}

const declared = new Set<string>(Object.keys(sessionKeys));

/** @param name the key in the entry: it stays the same for ever, because routers of two versions read the same entries */
export function sessionPart<Value>(name: string): SessionPart<Value> {
  if (declared.has(name)) throw new Error(`two dependencies of a session's entry are called '${name}'`);
  declared.add(name);
  const of = (entry: SessionEntry) => (entry as unknown as Readonly<Record<string, Value | undefined>>)[name];
  return {
    name,
    of,
    with: (entry, value) => (of(entry) === value ? entry : { ...entry, [name]: value }),
  };
}
