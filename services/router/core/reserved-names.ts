/**
 * Names that cannot be registered, because people trust whoever has them: the mailboxes of RFC 2142, the addresses that
 * certificate authorities write to, and common names of operators and services. Only an operator can add such an account.
 */
import { latinLook } from '../../../lib/xmpp/look-alike.ts';

const reserved: ReadonlySet<string> = new Set(
  [
    // RFC 2142 §3 to §6
    [
      'info',
      'marketing',
      'sales',
      'support',
      'abuse',
      'noc',
      'security',
      'postmaster',
      'hostmaster',
      'usenet',
      'news',
      'webmaster',
      'www',
    ],
    ['uucp', 'ftp'],
    // The baseline requirements of certificate authorities (§3.2.2.4.4)
    ['admin', 'administrator'],
    // Operators and services
    [
      'admins',
      'administrators',
      'root',
      'superuser',
      'sysadmin',
      'sysop',
      'operator',
      'operators',
      'moderator',
      'staff',
      'owner',
      'helpdesk',
    ],
    [
      'help',
      'system',
      'server',
      'service',
      'services',
      'xmpp',
      'jabber',
      'mailerdaemon',
      'daemon',
      'noreply',
      'donotreply',
      'ssladmin',
    ],
    [
      'ssladministrator',
      'sslwebmaster',
      'account',
      'accounts',
      'billing',
      'payments',
      'trust',
      'safety',
      'official',
      'registrar',
      'register',
    ],
    ['conference', 'upload', 'pubsub', 'skylark', 'localhost'],
  ].flat(),
);

/** Digits and signs that people take for letters. */
const readAs: Readonly<Record<string, string>> = { 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', $: 's', '!': 'i', '|': 'i' };

/**
 * Is this name reserved, in whatever way it is written? It may use another alphabet, accents, dots or dashes, and digits for
 * letters.
 * @param local a prepared local part
 */
export function isReserved(local: string): boolean {
  const plain = latinLook(local.normalize('NFD').replaceAll(/\p{M}/gu, ''));
  const letters = [...plain].map((letter) => readAs[letter] ?? letter).join('');
  const word = letters.replaceAll(/[^\p{L}\p{N}]/gu, '');
  return reserved.has(word) || reserved.has(word.replaceAll('l', 'i')) || reserved.has(plain.replaceAll(/[^\p{L}\p{N}]/gu, ''));
}
