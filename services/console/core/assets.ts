/** The files that pages load. They are named one by one, so that a name leads nowhere else. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Context, Handler } from 'hono';

const mediaTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export function serveAsset(files: ReadonlyMap<string, string>): Handler {
  const read = new Map<string, Promise<Buffer>>();
  return async (c: Context) => {
    const name = c.req.param('name') ?? '';
    const path = files.get(name);
    if (path === undefined) return c.notFound();
    const reading = read.get(name) ?? readFile(path);
    read.set(name, reading);
    try {
      const bytes = await reading;
      return c.body(new Uint8Array(bytes), 200, {
        'content-type': mediaTypes[extname(name)] ?? 'application/octet-stream',
        'cache-control': 'public, max-age=300',
      });
    } catch (error) {
      read.delete(name);
      throw error;
    }
  };
}
