/** What commands have in common that ask the service for operations. */
import { findDataFolder } from '../compose/data-folder.ts';
import type { Values } from '../core/arguments.ts';
import { UsageError } from '../core/report.ts';
import type { place } from './account-options.ts';
import { type AdminClient, openAdmin, openCloudAdmin } from './admin-client.ts';

type Place = Pick<Values<typeof place>, 'data'> & Partial<Values<typeof place>>;

/** @returns the only argument of a command. @throws {UsageError} when it is missing, or when there are more */
export function one(command: string, name: string, positionals: readonly string[]): string {
  const [value, ...rest] = positionals;
  if (value === undefined) throw new UsageError(`'skylark ${command}' needs a ${name}; see: skylark help ${command}`);
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is an unexpected argument; see: skylark help ${command}`);
  return value;
}

/** @returns the arguments of a command, one for each name. @throws {UsageError} when one is missing, or when there are more */
export function all<const Names extends readonly string[]>(
  command: string,
  names: Names,
  positionals: readonly string[],
): { readonly [At in keyof Names]: string } {
  if (positionals.length < names.length) {
    const text = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
    throw new UsageError(`'skylark ${command}' needs ${text}; see: skylark help ${command}`);
  }
  none(command, positionals.slice(names.length));
  return positionals as unknown as { readonly [At in keyof Names]: string };
}

/**
 * Chooses the tables of a cell (with `--dynamodb`) or a data folder.
 * @throws {Refusal | UsageError} when the data folder does not exist
 */
export function adminOf({ data, dynamodb, region, tablePrefix }: Place): () => Promise<AdminClient> {
  if (dynamodb !== undefined && region !== undefined && tablePrefix !== undefined) {
    return () => openCloudAdmin({ dynamodb, region, tablePrefix });
  }
  const folder = findDataFolder(data);
  return () => openAdmin(folder);
}

export async function withAdmin(open: () => Promise<AdminClient>, work: (admin: AdminClient) => Promise<void>): Promise<number> {
  const admin = await open();
  try {
    await work(admin);
    return 0;
  } finally {
    await admin.close();
  }
}

/** @throws {UsageError} when a command that takes no argument has one */
export function none(command: string, [first]: readonly string[]): void {
  if (first !== undefined) throw new UsageError(`'${first}' is an unexpected argument; see: skylark help ${command}`);
}

/** @throws {UsageError} when there are several arguments */
export function atMostOne(command: string, [value, ...rest]: readonly string[]): string | undefined {
  none(command, rest);
  return value;
}
