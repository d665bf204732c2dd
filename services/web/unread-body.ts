/**
 * What becomes of a request's body that nobody reads, because the answer was a refusal: the client may go on sending without end. Node would
 * read it all, to use the connection again; but cutting at once would lose the answer where bytes are on the way (RFC 9112 §9.6). So some more
 * is read and thrown away: a client that ends then keeps its connection, and from any other it is taken.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { webLimits } from './limits.ts';

/** To be called before anything reads the request. */
export function boundUnread(request: IncomingMessage, response: ServerResponse): void {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  if (length === '0' && encoding === undefined) return;
  request.read(0); // Node reads away, and tells nobody, what was not touched before the answer
  response.once('finish', () => {
    if (!request.complete) readSome(request);
  });
}

function readSome(request: IncomingMessage): void {
  let left: number = webLimits.unreadBytesMax;
  const cut = () => request.socket.destroy();
  const timer = setTimeout(cut, webLimits.unreadMs).unref();
  request.on('data', (chunk: Uint8Array) => {
    left -= chunk.length;
    if (left < 0) cut();
  });
  for (const event of ['end', 'close']) request.once(event, () => clearTimeout(timer));
  request.resume();
}
