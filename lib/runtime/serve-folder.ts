/** Serves the files of one folder over HTTP. A path that leads outside of it is not found. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { Readable } from 'node:stream';
import type { Context, Handler } from 'hono';

const mediaTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.gif': 'image/gif',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.webp': 'image/webp',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
};

export function serveFolder(prefix: string, folder: string): Handler {
  return async (c: Context) => {
    const name = decoded(c.req.path.slice(prefix.length));
    if (name === undefined) return c.notFound();
    const path = normalize(join(folder, name));
    const type = mediaTypes[extname(path)];
    if (!path.startsWith(folder + sep) || !type) return c.notFound();
    const info = await stat(path).catch(() => undefined);
    if (!info?.isFile()) return c.notFound();
    const etag = `"${info.size.toString(36)}-${Math.floor(info.mtimeMs).toString(36)}"`;
    const headers = { 'cache-control': 'public, max-age=300', etag };
    if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
    const body = Readable.toWeb(createReadStream(path)) as ReadableStream;
    return c.body(body, 200, { ...headers, 'content-type': type, 'content-length': `${info.size}` });
  };
}

/** @returns undefined when the text is not percent-encoded UTF-8 */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
