/**
 * Clients of xmpp.js, with a race of its own taken out. It begins to wait for the header of our stream only when the system has taken its
 * own, so on a busy machine our header is there before, nobody hears it, and signing in ends with a TimeoutError.
 */
import { type Client, client } from '@xmpp/client';

const patienceMs = 10_000;

export function xmppjs(options: Parameters<typeof client>[0]): Client {
  const xmpp = client(options);
  xmpp.timeout = patienceMs;
  const write = xmpp.write.bind(xmpp);
  xmpp.write = (text) => {
    const written = write(text);
    if (!/^(?:<\?xml[^>]*>\s*)?<(?:stream:stream|open)\s/.test(text)) return written;
    written.catch(() => undefined); // the connection is over, which xmpp.js is told too
    return Promise.resolve();
  };
  return xmpp;
}
