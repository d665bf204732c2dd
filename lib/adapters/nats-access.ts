/**
 * Who may do what on a NATS server, as JWTs (https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt): the
 * server's configuration has one account with a signing key for each tier, and each key has the rights of its tier. A process makes a
 * key pair of its own when it starts, and signs with the tier's key that it belongs to the tier. The server demands the proof of the
 * private key, takes the rights from the signing key alone, and puts the public key into them.
 *
 * Leaves out revocation lists: a signing key that is no longer in the configuration lets nobody in.
 */
import { encodeAccount, encodeOperator, encodeUser, newScopedSigner } from '@nats-io/jwt';
import { type Authenticator, jwtAuthenticator, nkeys } from '@nats-io/transport-node';
import { z } from 'zod';
import { adapterLimits } from './limits.ts';

/** Subjects that a tier may serve and ask; the token `OWN` is the public key of the process. */
interface Rights {
  readonly serves: readonly string[];
  readonly asks: readonly string[];
}

/** What a process needs to sign in. It is secret. */
export interface NatsAccess {
  /** The public key of the account, `A…`. */
  readonly account: string;
  /** The seed of the tier's signing key, `SA…`. */
  readonly seed: string;
  /** The authorities of the servers' certificates, PEM. Without them the connection is in the clear. */
  readonly ca?: string | undefined;
}

const accessForm = z.strictObject({
  account: z.string().regex(/^A[A-Z2-7]{55}$/),
  seed: z.string().regex(/^SA[A-Z2-7]{56}$/),
  ca: z.string().includes('BEGIN CERTIFICATE').optional(),
});

/** @throws {RangeError} that says what is wrong, without the text: it is secret */
export function parseNatsAccess(text: string): NatsAccess {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RangeError('it is not JSON');
  }
  const { data, error } = accessForm.safeParse(value);
  if (error) throw new RangeError(`its '${error.issues[0]!.path.join('.') || 'fields'}' is not as expected`);
  return data;
}

export interface NatsIdentity {
  /** The public key, `U…`. */
  readonly token: string;
  readonly authenticator: Authenticator;
}

/** A key pair for this process, and the proof that it belongs to the tier. @param name shown by the server's monitoring */
export async function makeNatsIdentity({ account, seed }: NatsAccess, name: string): Promise<NatsIdentity> {
  const user = nkeys.createUser();
  const signer = nkeys.fromSeed(Buffer.from(seed));
  const token = user.getPublicKey();
  // As a scoped user it must bring no rights of its own.
  const jwt = await encodeUser(name, token, account, {}, { signer, scopedUser: true });
  return { token, authenticator: jwtAuthenticator(jwt, user.getSeed()) };
}

export interface NatsKey {
  readonly seed: string;
  readonly publicKey: string;
}

/** @param kind the operator's and the account's keys never leave whoever signs; a signing key belongs to the account */
export function makeNatsKey(kind: 'operator' | 'account'): NatsKey {
  const pair = kind === 'operator' ? nkeys.createOperator() : nkeys.createAccount();
  return { seed: Buffer.from(pair.getSeed()).toString(), publicKey: pair.getPublicKey() };
}

export interface NatsSigner {
  readonly name: string;
  readonly publicKey: string;
  readonly rights: Rights;
}

export interface NatsTrust {
  readonly operator: NatsKey;
  readonly account: NatsKey;
  /** Several of one tier while keys are exchanged. */
  readonly signers: readonly NatsSigner[];
}

const unlimited = -1;

/** The part of a server's configuration that says whom it lets in. It contains no secret. */
export async function natsTrustConfig({ operator, account, signers }: NatsTrust): Promise<string> {
  const operatorPair = nkeys.fromSeed(Buffer.from(operator.seed));
  const limits = { subs: unlimited, data: unlimited, payload: unlimited };
  const scoped = signers.map(({ name, publicKey, rights }) =>
    newScopedSigner(publicKey, name, {
      ...limits,
      pub: { allow: rights.asks.map(template) },
      sub: { allow: [...rights.serves.map(template), template('_INBOX.OWN.*')] },
      // Whoever was asked may answer once, and publish to no inbox otherwise.
      resp: { max: 1, ttl: adapterLimits.natsAnswerMs * 1e6 /* ns */ },
    }),
  );
  const claims = {
    limits: { ...limits, imports: 0, exports: 0, wildcards: false, conn: unlimited, leaf: 0 },
    signing_keys: scoped,
  };
  const accountJwt = await encodeAccount('skylark', account.publicKey, claims, { signer: operatorPair });
  const operatorJwt = await encodeOperator('skylark', operatorPair);
  return `operator: ${operatorJwt}\nresolver: MEMORY\nresolver_preload: {\n  ${account.publicKey}: ${accountJwt}\n}\n`;
}

function template(subject: string): string {
  return subject.replace(/(?<=\.)OWN(?=\.|$)/, '{{subject()}}');
}
