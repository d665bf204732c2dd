/**
 * Asks the tenant's LDAP server whether a password is right: somebody binds with it (RFC 4513 §5.1.3), always over TLS. Their DN is made of the
 * name, or is what a search finds, for which a service account binds first. With both, whoever has bound must also be found: by that account, or
 * by themselves if there is none.
 *
 * Hostile: a name that is made to change the DN or the filter; an empty password, which servers take for no password at all and let in; a
 * server that hangs, floods, shows another certificate, or is in an inner network. The guard that dials is that of other servers.
 */
import type { Duplex } from 'node:stream';
import { Client, type ClientOptions, InappropriateAuthError, InvalidCredentialsError, NoSuchObjectError } from 'ldapts';
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { networkOf } from '../../../lib/runtime/networks.ts';
import { ldapName } from '../../../lib/runtime/policy/ldap.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { openPolicySecret } from '../core/policy-secrets.ts';
import { bounded, requestStartTls } from './ldap-stream.ts';
import { outsideLimits } from './limits.ts';
import type { PasswordAttempt, Vouched } from './vouching.ts';

/** Connects to a host that a tenant names, by TCP. @throws {Error} in words @throws the signal's reason */
export type DialHost = (host: string, port: number, signal: AbortSignal) => Promise<Duplex>;

declare module '../core/dependencies.ts' {
  interface Dependencies {
    /** Absent: no tenant's LDAP server is asked. */
    readonly dialHost?: DialHost | undefined;
  }
}

const ports: Readonly<Record<string, number>> = { 'ldap:': 389, 'ldaps:': 636 };

/** @returns undefined when the password is wrong. @throws {SaslFailure} temporary-auth-failure when nobody can tell */
export async function askLdap(dependencies: Dependencies, attempt: PasswordAttempt): Promise<Vouched | undefined> {
  const { clock, log, shares } = dependencies;
  const { tenant, local, address } = attempt;
  const late = new AbortController();
  try {
    const isRight = await shares.asking.run([tenant.domain, networkOf(address), local], async () => {
      const timer = clock.after(outsideLimits.outsideMs, () => late.abort(new Error('it is too slow')));
      try {
        return await isRightPassword(dependencies, attempt, late.signal);
      } finally {
        timer.cancel();
      }
    });
    return isRight ? { way: 'ldap', local } : undefined;
  } catch (error) {
    if (error instanceof Overloaded) throw error;
    log.warn({ err: late.signal.aborted ? late.signal.reason : error, domain: tenant.domain }, 'the LDAP server cannot be asked');
    throw new SaslFailure('temporary-auth-failure', 'passwords cannot be checked now');
  }
}

async function isRightPassword(dependencies: Dependencies, attempt: PasswordAttempt, signal: AbortSignal): Promise<boolean> {
  const { tenant, local, password } = attempt;
  const { ldapUrl, ldapDn, ldapBase, ldapFilter, ldapBindDn } = tenant.policy;
  if (ldapUrl === '' || (ldapDn === '' && ldapBase === '')) throw new Error('the policy does not say whom to ask, or for whom');
  if (password === '') return false;
  const filter = (ldapFilter || `(uid=${ldapName})`).replaceAll(ldapName, escapeInFilter(local));
  const search = async (client: Client) => {
    const { searchEntries } = await client.search(ldapBase, {
      ...{ scope: 'sub', filter, attributes: ['1.1'], sizeLimit: outsideLimits.ldapEntriesMax },
    });
    return searchEntries.length === 1 ? searchEntries[0]!.dn : undefined;
  };
  const within = <Result>(work: (client: Client) => Promise<Result>) => withClient(dependencies, attempt, signal, work);
  const find = () =>
    within(async (client) => {
      if (ldapBindDn !== '')
        await client.bind(ldapBindDn, nonEmpty(await openPolicySecret(dependencies, tenant, 'ldapBindSecret')));
      return search(client);
    });
  if (ldapDn === '') {
    const found = await find();
    return found !== undefined && within((client) => binds(client, found, password));
  }
  const isFoundByThemselves = ldapBase !== '' && ldapBindDn === '';
  const isRight = await within(async (client) => {
    const dn = ldapDn.replaceAll(ldapName, escapeInDn(local));
    return (await binds(client, dn, password)) && (!isFoundByThemselves || (await search(client)) !== undefined);
  });
  return isRight && (ldapBase === '' || isFoundByThemselves || (await find()) !== undefined);
}

/** @throws {Error}: a bind without a password is one of nobody, and would be let in */
function nonEmpty(secret: string | undefined): string {
  if (!secret) throw new Error('there is no password for the account that searches');
  return secret;
}

async function binds(client: Client, dn: string, password: string): Promise<boolean> {
  try {
    await client.bind(dn, password);
    return true;
  } catch (error) {
    const isWrong = [InvalidCredentialsError, InappropriateAuthError, NoSuchObjectError].some((kind) => error instanceof kind);
    if (isWrong) return false;
    throw error;
  }
}

/** Connects by TLS, works, and closes the connection. @throws {Error} */
async function withClient<Result>(
  { dialHost }: Dependencies,
  { tenant: { policy } }: PasswordAttempt,
  signal: AbortSignal,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  if (dialHost === undefined) throw new Error('this process asks no LDAP servers');
  const { protocol, hostname, port } = new URL(policy.ldapUrl);
  const socket = await dialHost(hostname, port === '' ? ports[protocol]! : Number(port), signal);
  socket.on('error', () => {}); // whoever reads is told
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  aborted.catch(() => {});
  let client: Client | undefined;
  try {
    if (protocol === 'ldap:') await Promise.race([requestStartTls(socket), aborted]);
    const tlsOptions: NonNullable<ClientOptions['tlsOptions']> = {
      socket: bounded(socket, outsideLimits.ldapAnswerBytesMax),
      servername: hostname,
      ...(policy.ldapCa !== '' && { ca: policy.ldapCa }),
    };
    const { outsideMs: timeout } = outsideLimits;
    client = new Client({ url: `ldaps://${hostname}`, tlsOptions, timeout, connectTimeout: timeout, strictDN: false });
    return await Promise.race([work(client), aborted]);
  } finally {
    await client?.unbind().catch(() => {});
    setImmediate(() => socket.destroy()); // TLS goes first
  }
}

/** RFC 4514 §2.4: whatever is not plainly a letter or a digit is written as its bytes. */
export function escapeInDn(value: string): string {
  return escaped(value, /[^A-Za-z0-9]/gu);
}

/** RFC 4515 §3. Characters that are not ASCII stand for themselves. */
export function escapeInFilter(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII but letters and digits
  return escaped(value, /[\u0000-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f]/gu);
}

function escaped(value: string, special: RegExp): string {
  return value.replaceAll(special, (character) =>
    [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}
