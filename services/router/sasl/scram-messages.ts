/** Parses the client's SCRAM messages by the grammar of RFC 5802 §7. Any deviation is `malformed-request`. */
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import { decodeBase64 } from './base64.ts';

export interface ClientFirst {
  /** The GS2 header as it was sent, such as `n,,`; it is compared with `c=` later. */
  readonly header: string;
  /**
   * n: the client does not support channel binding; y: it does, and thinks that the server does not; p: it uses channel binding.
   */
  readonly flag: 'n' | 'y' | 'p';
  /** The type of channel binding with flag p, such as `tls-exporter`. */
  readonly bindingType: string | undefined;
  readonly authzid: string | undefined;
  readonly username: string;
  readonly nonce: string;
  /** The message without its header, as it was sent. */
  readonly bare: string;
}

export interface ClientFinal {
  readonly binding: Buffer;
  readonly nonce: string;
  readonly proof: Buffer;
  readonly withoutProof: string;
}

/** §5.1: printable ASCII without comma. */
const printable = '[!-+\\--~]+';
const headerPattern = /^(?:([ny])|p=([A-Za-z0-9.-]+)),(?:a=([^,]+))?,/;
const nonceAttribute = new RegExp(`^r=(${printable})$`);

function malformed(what: string): SaslFailure {
  return new SaslFailure('malformed-request', what);
}

/** @throws {SaslFailure} */
export function parseClientFirst(text: string): ClientFirst {
  const header = headerPattern.exec(text);
  if (!header) throw malformed('the message does not start with a GS2 header');
  const [whole, flag, bindingType, authzid] = header;
  const bare = text.slice(whole.length);
  const [username = '', nonce = '', ...extensions] = bare.split(',');
  checkExtensions([username, nonce, ...extensions]);
  const nonceValue = nonceAttribute.exec(nonce)?.[1];
  if (!username.startsWith('n=') || nonceValue === undefined)
    throw malformed('the message does not have n= and r= in this order');
  return {
    header: whole,
    flag: bindingType === undefined ? (flag as 'n' | 'y') : 'p',
    bindingType,
    authzid: authzid === undefined ? undefined : decodeName(authzid),
    username: decodeName(username.slice(2)),
    nonce: nonceValue,
    bare,
  };
}

/** @throws {SaslFailure} */
export function parseClientFinal(text: string): ClientFinal {
  const attributes = text.split(',');
  checkExtensions(attributes);
  const [binding = '', nonce = ''] = attributes;
  const proof = attributes.at(-1) ?? '';
  const nonceValue = nonceAttribute.exec(nonce)?.[1];
  if (attributes.length < 3 || !binding.startsWith('c=') || nonceValue === undefined || !proof.startsWith('p=')) {
    throw malformed('the message does not have c=, r= and p= in this order');
  }
  return {
    binding: decodeValue(binding),
    nonce: nonceValue,
    proof: decodeValue(proof),
    withoutProof: text.slice(0, -proof.length - 1),
  };
}

/** §5.1: `m=` names a mandatory extension, and none is supported. Other attributes of the form `x=…` may be ignored. */
function checkExtensions(attributes: readonly string[]): void {
  for (const attribute of attributes) {
    if (attribute.startsWith('m=')) throw malformed('mandatory extensions are not supported');
    if (!/^[A-Za-z]=[^\0]+$/.test(attribute)) throw malformed('an attribute is not of the form x=value');
  }
}

function decodeValue(attribute: string): Buffer {
  const bytes = decodeBase64(attribute.slice(2));
  if (!bytes || bytes.length === 0) throw malformed(`the value of ${attribute.slice(0, 2)} is not base64`);
  return bytes;
}

/** §5.1: a comma is sent as `=2C` and an equals sign as `=3D`. Any other `=` is an error. */
function decodeName(text: string): string {
  if (/=(?!2C|3D)/i.test(text) || text.includes('\0')) throw malformed('a name contains an = that is not part of =2C or =3D');
  return text.replace(/=2C/gi, ',').replace(/=3D/gi, '=');
}
