/**
 * The keys of uploaded files (XEP-0363). What a file is for stands in its key, so that whoever serves or sweeps files knows how long they are
 * kept without asking anybody:
 *
 *     example.org/<random>/rose.png              as long as the tenant keeps files
 *     example.org/keep.<random>/rose.png         as long as its account is there
 *     example.org/until.<ms, base 36>.<random>/rose.png    until that time, and no longer than other files
 *
 * The random part is base64url, which has no dots.
 */
export type FilePurpose = 'message' | 'profile' | 'ephemeral' | 'permanent';

export interface FilePlace {
  readonly domain: string;
  readonly random: string;
  readonly name: string;
  readonly purpose: FilePurpose;
  /** For `ephemeral`, ms since the epoch. */
  readonly untilMs?: number | undefined;
}

export function fileKeyFor({ domain, random, name, purpose, untilMs }: FilePlace): string {
  return `${domain}/${markOf(purpose, untilMs)}${random}/${name}`;
}

function markOf(purpose: FilePurpose, untilMs = 0): string {
  if (purpose === 'ephemeral') return `until.${Math.floor(untilMs).toString(36)}.`;
  return purpose === 'message' ? '' : 'keep.';
}

/** May nobody get the file any more? */
export function hasExpired(key: string, nowMs: number): boolean {
  const untilMs = endOf(key);
  return untilMs !== undefined && untilMs <= nowMs;
}

/** When an ephemeral file ends, ms since the epoch. */
export function endOf(key: string): number | undefined {
  const [, end] = /^[^/]+\/until\.([0-9a-z]{1,11})\.[^/]*\//.exec(key) ?? [];
  return end === undefined ? undefined : Number.parseInt(end, 36);
}

/** Is the file kept however old it is? */
export function isKept(key: string): boolean {
  return /^[^/]+\/keep\./.test(key);
}

/** How old a file may become, ms; undefined: as old as it likes. @param keptDays that its tenant keeps files; 0: for ever */
export function fileKeepMs(key: string, nowMs: number, keptDays: number): number | undefined {
  if (isKept(key)) return undefined;
  if (hasExpired(key, nowMs)) return 0;
  return keptDays > 0 ? keptDays * 24 * 60 * 60 * 1_000 : undefined;
}
