/** Images as vCards (XEP-0054, RFC 6350) and nodes of PEP (XEP-0084) carry them: base64, in which white space may stand (XEP-0153 §4.5). */
import { createHash } from 'node:crypto';

export interface Image {
  /** SHA-1 of the image, in hexadecimal digits. */
  readonly hash: string;
  /** Such as `image/png`. */
  readonly type: string;
  readonly bytes: number;
  /** Without white space. */
  readonly base64: string;
}

/**
 * Reads an image whose type is shown by its first bytes, or else declared (XEP-0153 §5: the content counts more than the declaration).
 * @returns undefined if this is not base64, is empty or cannot be an image
 */
export function readImage(text: string, declared: string | undefined): Image | undefined {
  const base64 = text.replace(/[ \t\r\n]+/g, '');
  if (base64 === '' || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  const content = Buffer.from(base64, 'base64');
  const type = typeOf(content) ?? imageType(declared);
  if (type === undefined) return undefined;
  return { hash: createHash('sha1').update(content).digest('hex'), type, bytes: content.length, base64 };
}

/** @returns the media type if it is that of an image */
function imageType(declared = ''): string | undefined {
  const type = declared.trim().toLowerCase();
  return /^image\/[a-z0-9][a-z0-9.+-]{0,60}$/.test(type) ? type : undefined;
}

const beginnings: readonly (readonly [type: string, hex: string])[] = [
  ['image/png', '89504e470d0a1a0a'],
  ['image/jpeg', 'ffd8ff'],
  ['image/gif', '474946383761'],
  ['image/gif', '474946383961'],
];

function typeOf(content: Buffer): string | undefined {
  if (content.toString('latin1', 0, 4) === 'RIFF' && content.toString('latin1', 8, 12) === 'WEBP') return 'image/webp';
  const hex = content.toString('hex', 0, 8);
  return beginnings.find(([, beginning]) => hex.startsWith(beginning))?.[0];
}
