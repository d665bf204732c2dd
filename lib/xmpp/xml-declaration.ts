/** The XML declaration that may stand before a stream header or a WebSocket message (XML 1.0 §2.8). */
import { StreamError } from './errors.ts';
import { xmppLimits } from './limits.ts';
import { classes, SPACE } from './xml-characters.ts';

const declarationStart = Buffer.from('<?xml');
/** XML 1.0 §2.8. */
const declaration =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:'1\.0'|"1\.0")(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:'([A-Za-z][\w.-]*)'|"([A-Za-z][\w.-]*)"))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:'(?:yes|no)'|"(?:yes|no)"))?[ \t\r\n]*\?>$/;

/**
 * Measures the XML declaration that begins at `start`.
 * @returns 0 when there is none, -1 when more bytes are needed to tell
 * @throws {StreamError} when it is malformed, or declares an encoding other than UTF-8
 */
export function declarationLength(buffer: Buffer, start: number, end: number): number {
  for (let index = 0; index <= declarationStart.length; index += 1) {
    const byte = buffer[start + index];
    if (start + index >= end || byte === undefined) return -1;
    if (index < declarationStart.length ? byte !== declarationStart[index] : (classes[byte]! & SPACE) === 0) return 0;
  }
  const text = buffer.toString('latin1', start, Math.min(end, start + xmppLimits.declarationBytesMax));
  const length = text.indexOf('?>') + 2;
  if (length < 2) {
    if (text.length < xmppLimits.declarationBytesMax) return -1;
    throw new StreamError('not-well-formed', 'the XML declaration does not end');
  }
  const parts = declaration.exec(text.slice(0, length));
  if (parts === null) throw new StreamError('not-well-formed', 'the XML declaration is malformed');
  const encoding = parts[1] ?? parts[2];
  if (encoding !== undefined && encoding.toLowerCase() !== 'utf-8') throw new StreamError('unsupported-encoding', 'UTF-8 only');
  return length;
}
