/** What is known of a round when it is over. */
import type { Archived } from './archive-reader.ts';
import type { Journal, Said } from './journal.ts';

export interface Evidence {
  readonly journal: Journal;
  readonly round: number;
  /** By address: of each account, and of each room. */
  readonly archives: ReadonlyMap<string, readonly Archived[]>;
  /** Who hears what is said there: an account itself, or everyone in the room. */
  hearersOf(to: string): readonly string[];
  /** Accounts at somebody else's server, whose archives are not read. */
  readonly unread?: ReadonlySet<string>;
  /** Somebody else's server has confirmed it and lost it, or was to deliver it: nothing is said of it. */
  isTheirs?(said: Said): boolean;
}

/** The server has promised it. A message that was acknowledged and answered with an error was not taken. */
export function isKept({ ackedMs, refused }: Said): boolean {
  return ackedMs !== undefined && refused === undefined;
}
