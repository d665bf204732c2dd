/** A tenant whose people sign in by LDAP, over the guard that dials other servers, and certificates for a server on loopback. */
import 'reflect-metadata';
import pino from 'pino';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { PolicyChange } from '../../lib/runtime/policy/tenant-policy.ts';
import { Finder } from '../../services/federation/finding/finder.ts';
import { Resolver } from '../../services/federation/finding/resolver.ts';
import type { PostDocument } from '../../services/router/core/signed-post.ts';
import { identityOf, make } from '../federation/proof-certificates.ts';
import { openSignInGround, type SignInGround } from './sign-in-ground.ts';

export interface ServerIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A certificate for `localhost`, and its CA. */
export async function ldapIdentity(name = 'localhost'): Promise<ServerIdentity> {
  const root = await make('CN=Root', { ca: -1 });
  const leaf = await make(`CN=${name}`, { by: root, dns: [name] });
  return { ca: root.certificate.toString('pem'), ...(await identityOf(leaf)) };
}

export interface LdapGround extends SignInGround {
  /** Sets the policy as an operator does. */
  ask(policy: PolicyChange, domain?: string): Promise<void>;
}

export async function openLdapGround(
  policy: PolicyChange,
  networks: readonly string[] = ['127.0.0.0/8'],
  postDocument?: PostDocument,
): Promise<LdapGround> {
  const log = pino({ level: 'silent' });
  const resolver = new Resolver({ clock: systemClock, servers: [] });
  const finder = new Finder({ resolver, clock: systemClock, log, networks });
  const ground = await openSignInGround((parts) => ({
    ...parts,
    dialHost: (host, port, signal) => finder.dialHost(host, port, signal),
    postDocument,
  }));
  const ask = async (change: PolicyChange, domain = 'a.example') => {
    await ground.operate('tenant-set', { domain, ...change });
    await ground.set({}, domain); // what the router knows of the tenant is read again
  };
  await ask({ signIn: ['ldap'], ...policy });
  return Object.assign(ground, { ask });
}
