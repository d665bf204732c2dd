/** What a task is, and what tasks have in common. */
import type { Given, WayName } from './ways.ts';

export interface Place {
  readonly way: WayName;
  readonly domain: string;
  /** A tenant that is added and removed. */
  readonly other: string;
  /** An https address that takes events. */
  readonly hook: string;
  readonly certificate: { readonly files: readonly string[]; readonly chain: string; readonly key: string };
  /** A file of another server with an account of the tenant, and one that is not there yet. */
  readonly theirFile: string;
  readonly newFile: string;
  /** Somebody in the tenant, and a second account. */
  readonly romeo: string;
  readonly nurse: string;
}

/** Reads by the REST API, as somebody else than those who do the tasks. */
export type Look = (path: string) => Promise<Readonly<Record<string, readonly Given[]>>>;

export interface Task {
  readonly operation: string;
  /** Absent where no command asks for it. */
  readonly command?: (place: Place, id: string) => readonly string[];
  /** Absent where only a command asks for it. */
  readonly given?: (place: Place, id: string) => Given;
  /** What everybody is shown who does it; each operation that changes nothing has it. */
  readonly shows?: (place: Place, id: string) => string | RegExp;
  /** The id of what it is about. */
  readonly id?: (place: Place, look: Look) => Promise<unknown>;
  /** The sentence with which it may be refused where this deployment cannot do it, in each way. */
  readonly refusal?: RegExp;
  /** Who does it in the console has a right that comes with no role. */
  readonly isContent?: true;
  /** The test that does it, where that takes what this deployment lacks. It has no way then. */
  readonly elsewhere?: string;
  /** It goes on while others are done, and none of them needs what it takes away. */
  readonly isLong?: true;
}

export const tenantPath = ({ domain }: Place) => `/tenants/${domain}`;
export const first = async (look: Look, path: string, list: string) => (await look(path))[list]![0]!.id;
export const ofDomain = ({ domain }: Place) => ({ domain });
export const ofId = ({ domain }: Place, id: string) => ({ domain, id });
