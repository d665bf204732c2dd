/**
 * `skylark import FILE`: takes in the accounts of a file of XEP-0227. The file is read once, and each account is handed to the service in pieces,
 * so that neither has to fit into memory.
 */
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { accountImport } from '../../router/operations/portable.ts';
import { portableLimits as ofRouter } from '../../router/portable/limits.ts';
import { pieNs } from '../../router/portable/take-piece.ts';
import type { Values } from '../core/arguments.ts';
import { quoted, Refusal, say, UsageError } from '../core/report.ts';
import { portableLimits } from '../portable/limits.ts';
import { NestedWriter } from '../portable/nested-writer.ts';
import { type Found, readServerData } from '../portable/server-data.ts';
import type { AdminClient } from './admin-client.ts';
import { adminOf, none, withAdmin } from './admin-command.ts';
import type { importOptions } from './portable-options.ts';

type ImportValues = Values<typeof importOptions>;

export async function importFile(values: ImportValues, positionals: readonly string[]): Promise<number> {
  const [file, domain, ...rest] = positionals;
  none('import', rest);
  if (file === undefined) throw new UsageError("'skylark import' needs a FILE; see: skylark help import");
  if ((domain !== undefined) === values.all)
    throw new UsageError('name the DOMAIN whose accounts are taken in, or give --all; see: skylark help import');
  const wanted = domain === undefined ? undefined : Jid.tryDomain(domain);
  if (domain !== undefined && wanted === undefined) throw new UsageError(`'${domain}' is not a domain name`);
  let isWhole = false;
  await withAdmin(adminOf(values), async (admin) => {
    isWhole = await new Import(admin, values, wanted).run(file);
  });
  return isWhole ? 0 : 1;
}

class Import {
  readonly #admin: AdminClient;
  readonly #values: ImportValues;
  readonly #wanted: string | undefined;
  readonly #others = new Set<string>();
  #account: AccountImport | undefined;
  #count = 0;
  #refused = 0;
  #hasDomain = false;

  constructor(admin: AdminClient, values: ImportValues, wanted: string | undefined) {
    this.#admin = admin;
    this.#values = values;
    this.#wanted = wanted;
  }

  /** @returns whether every account that was to be taken in was */
  async run(file: string): Promise<boolean> {
    for await (const found of readServerData(file)) await this.#take(found);
    if (!this.#hasDomain) {
      const others = [...this.#others].map((host) => quoted(host)).join(', ');
      throw new Refusal(`there are no accounts of '${this.#wanted}' in '${file}'; it has ${others || 'no host'}`);
    }
    if (!this.#values.json) {
      const { size } = this.#others;
      const passed = size === 0 ? '' : `; ${size} other ${size === 1 ? 'domain was' : 'domains were'} passed over`;
      say(`${this.#count} ${this.#count === 1 ? 'account' : 'accounts'}${passed}`);
    }
    return this.#refused === 0;
  }

  async #take(found: Found): Promise<void> {
    switch (found.kind) {
      case 'host':
        if (this.#isWanted(found.jid)) this.#hasDomain = true;
        else this.#others.add(found.jid);
        return;
      case 'user':
        this.#account = this.#isWanted(found.host) ? new AccountImport(this.#admin, this.#values, found) : undefined;
        return;
      case 'part':
        await this.#account?.add(found);
        return;
      case 'user-end':
        if (this.#account === undefined) return;
        this.#count += 1;
        if (!(await this.#account.finish())) this.#refused += 1;
        this.#account = undefined;
        return;
      case 'unknown':
        warn(`${found.place}: passed over ${found.what}, which is not known there`);
    }
  }

  #isWanted(host: string): boolean {
    return this.#wanted === undefined || Jid.tryDomain(host) === this.#wanted;
  }
}

/** One account on its way. What the service refuses of it ends this account, and the next one goes on. */
class AccountImport {
  readonly #admin: AdminClient;
  readonly #values: ImportValues;
  readonly #place: string;
  readonly #jid: string;
  readonly #user: string;
  readonly #taken = new Map<string, number>();
  #texts: string[] = [];
  #writer = this.#newWriter();
  #bytes = 0;
  #afterMs = 0;
  #leftOut = 0;
  #outcome: 'taken' | 'exists' | 'refused' | undefined;
  #isNew = false;
  #hasPassword = false;
  #reason = '';

  constructor(admin: AdminClient, values: ImportValues, { host, name, password, place }: Found & { kind: 'user' }) {
    this.#admin = admin;
    this.#values = values;
    this.#place = place;
    this.#jid = `${name}@${host}`;
    const secret = password === undefined ? '' : ` password='${escapeAttribute(password)}'`;
    this.#user = `<user xmlns='${pieNs}' name='${escapeAttribute(name)}'${secret}>`;
  }

  async add({ within, element, place }: Found & { kind: 'part' }): Promise<void> {
    if (this.#outcome === 'exists' || this.#outcome === 'refused') return;
    const text = element.toString();
    const bytes = Buffer.byteLength(text);
    if (bytes > ofRouter.pieceBytesMax - portableLimits.pieceBytes) {
      this.#warn(place, `<${element.getName()}/> is left out: it has ${bytes} bytes`);
      return;
    }
    if (this.#bytes > 0 && this.#bytes + bytes > portableLimits.pieceBytes) await this.#send(false);
    this.#bytes += bytes;
    this.#writer.add([this.#user, ...within], text);
  }

  /** @returns whether it was taken in, or left alone because it is there */
  async finish(): Promise<boolean> {
    if (this.#outcome === undefined || this.#outcome === 'taken') await this.#send(true);
    const outcome = this.#outcome === 'taken' ? (this.#isNew ? 'imported' : 'merged') : this.#outcome!;
    if (outcome !== 'refused' && outcome !== 'exists' && !this.#hasPassword)
      this.#warn(this.#place, `${this.#jid} has no password; to give it one: skylark user password ${this.#jid}`);
    const taken = Object.fromEntries(this.#taken);
    if (this.#values.json)
      say(JSON.stringify({ jid: this.#jid, outcome, taken, leftOut: this.#leftOut, reason: this.#reason || undefined }));
    else say(`${outcome} ${this.#jid}${this.#told(taken)}`);
    return outcome !== 'refused';
  }

  #told(taken: Readonly<Record<string, number>>): string {
    if (this.#outcome === 'exists') return ': it is there already, and was left alone';
    if (this.#outcome === 'refused') return `: ${this.#reason}`;
    const counts = Object.entries(taken).map(([what, count]) => `${what} ${count}`);
    const leftOut = this.#leftOut === 0 ? [] : [`${this.#leftOut} left out`];
    const all = [...counts, ...leftOut].join(', ');
    return all === '' ? '' : `: ${all}`;
  }

  async #send(isLast: boolean): Promise<void> {
    this.#writer.enter([this.#user]);
    this.#writer.enter([]);
    const piece = this.#texts.join('');
    this.#texts = [];
    this.#bytes = 0;
    this.#writer = this.#newWriter();
    try {
      const { merge } = this.#values;
      const done = await this.#admin.ask(accountImport, { jid: this.#jid, piece, isLast, merge, afterMs: this.#afterMs });
      this.#outcome = done.outcome;
      this.#afterMs = done.afterMs;
      this.#isNew = done.isNew;
      this.#hasPassword = done.hasPassword;
      for (const [what, count] of Object.entries(done.taken)) this.#taken.set(what, (this.#taken.get(what) ?? 0) + count);
      for (const one of done.leftOut) this.#warn(this.#place, `${this.#jid}: left out ${one}`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#outcome = 'refused';
      this.#reason = error.message;
    }
  }

  #warn(place: string, what: string): void {
    this.#leftOut += 1;
    warn(`${place}: ${what}`);
  }

  #newWriter(): NestedWriter {
    return new NestedWriter((text) => this.#texts.push(text));
  }
}

function warn(line: string): void {
  process.stderr.write(`${quoted(line).slice(1, -1).replaceAll('\\"', '"')}\n`);
}
