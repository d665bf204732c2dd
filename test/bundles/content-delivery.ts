/** Plays the content delivery network before the bucket: passes on what is got, with the headers that make a file harmless. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ContentDelivery {
  readonly url: string;
  stop(): Promise<void>;
}

const safe = {
  'content-disposition': 'attachment',
  'content-security-policy': "default-src 'none'; sandbox",
  'x-content-type-options': 'nosniff',
};

/** @param origin where files are, ending in a slash @param headers with which it proves to the origin that it is the one who may read */
export async function startContentDelivery(
  origin: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<ContentDelivery> {
  const server = createServer(async (request, response) => {
    const asked = { method: request.method, headers };
    const found = await fetch(new URL((request.url ?? '/').slice(1), origin), asked).catch(() => undefined);
    const type = found?.headers.get('content-type');
    const bytes = Buffer.from((await found?.arrayBuffer()) ?? new ArrayBuffer(0));
    response.writeHead(found?.status ?? 502, { ...safe, ...(type && { 'content-type': type }), 'content-length': bytes.length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}
