/**
 * Why a domain's server cannot be reached. What its senders are told depends on the kind: `NoSuchDomain` and `Forbidden` stand for as long
 * as DNS says so; after `Unreachable`, and after `Unavailable` (lib/ports/store.ts) of name servers, trying again later may work.
 */

/** The domain has no XMPP server: the name does not exist, or says so (RFC 2782: target "."), or its records cannot be used. */
export class NoSuchDomain extends Error {
  override name = 'NoSuchDomain';
}

/** DNS leads only to addresses or ports that we do not connect to. */
export class Forbidden extends Error {
  override name = 'Forbidden';
}

/** All targets were tried. The message names each, with what went wrong. */
export class Unreachable extends Error {
  override name = 'Unreachable';
}
