/** `skylark audit-verify` checks exports of an audit log: whether they are as they were written, without the service and its store. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { z } from 'zod';
import { findBreak } from '../../../lib/runtime/audit.ts';
import { auditList } from '../../router/operations/audit.ts';
import type { Values } from '../core/arguments.ts';
import { Refusal, reasonOf, say, UsageError } from '../core/report.ts';
import type { auditVerifyOptions } from './key-options.ts';

const entrySchema = auditList.output.shape.entries.element;
type Entry = z.output<typeof entrySchema>;

/** @param files of `skylark audit --json`, in the order in which they follow each other. @returns 1 when an entry is missing or was changed */
export async function verifyAudit(values: Values<typeof auditVerifyOptions>, files: readonly string[]): Promise<number> {
  if (files.length === 0)
    throw new UsageError("'skylark audit-verify' needs a FILE of 'skylark audit --json'; see: skylark help audit-verify");
  let first: Entry | undefined;
  let last: Entry | undefined;
  for await (const entry of entriesOf(files)) {
    // The hash of an entry covers that of the one before. Where that is not in the files, the first entry is taken as it is.
    const isTaken = first === undefined && entry.number > 1;
    const brokenAt = isTaken ? undefined : findBreak([entry], last);
    if (brokenAt !== undefined) {
      process.stderr.write(`skylark: the log is not whole: entry ${brokenAt} is missing or was changed\n`);
      return 1;
    }
    first ??= entry;
    last = entry;
  }
  if (first === undefined || last === undefined) throw new Refusal('there is no entry in it');
  if (values.json) {
    say(JSON.stringify({ first: first.number, last: last.number, hash: last.hash }));
    return 0;
  }
  say(`entries ${first.number} to ${last.number} are whole; the last has the hash ${last.hash}`);
  if (first.number > 1) say(`entry ${first.number} is taken as it is: what came before it is in another file`);
  return 0;
}

/** @throws {Refusal} for a file that cannot be read, and a line that is not an entry */
async function* entriesOf(files: readonly string[]): AsyncGenerator<Entry, void, undefined> {
  for (const file of files) {
    const input = createReadStream(file);
    const failed = new Promise<never>((_, reject) => void input.once('error', reject));
    failed.catch(() => {}); // told below
    let line = 0;
    try {
      for await (const text of createInterface({ input })) {
        line++;
        if (text.trim() !== '') yield entryIn(text, `${file}, line ${line}`);
      }
      if (input.errored) await failed;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal(`'${file}' cannot be read: ${reasonOf(error)}`);
    }
  }
}

function entryIn(text: string, where: string): Entry {
  try {
    return entrySchema.parse(JSON.parse(text));
  } catch {
    throw new Refusal(`${where}: it is not an entry of 'skylark audit --json'`);
  }
}
