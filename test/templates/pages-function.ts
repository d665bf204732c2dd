/** Calls the function of the pages, from its bundle, with the variables of its template and the keys of its role. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Variables } from './templates.ts';

const invoke = fileURLToPath(new URL('./invoke-function.ts', import.meta.url));

export interface Page {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isBase64Encoded?: boolean;
}

interface Called {
  readonly pages: readonly Page[];
  /** The variables of ours that it has looked at. */
  readonly read: readonly string[];
}

/** @param asked host and path of each request, as an HTTP API passes it on (payload 2.0) */
export async function callPages(
  bundle: string,
  variables: Variables,
  asked: readonly (readonly [string, string])[],
): Promise<Called> {
  const child = spawn(process.execPath, [invoke, bundle], { env: { ...variables }, stdio: ['pipe', 'pipe', 'pipe'] });
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  for (const [host, path] of asked) child.stdin.write(`${JSON.stringify(eventOf(host, path))}\n`);
  child.stdin.end();
  const [out, err] = await said;
  const lines = out.split('\n').filter((line) => line.startsWith('{"answer"') || line.startsWith('{"read"'));
  const given = lines.map((line) => JSON.parse(line) as { readonly answer?: Page; readonly read?: string[] });
  const read = given.at(-1)?.read;
  if (read === undefined) throw new Error(`the function ended early: ${out}${err}`);
  return { pages: given.flatMap(({ answer }) => answer ?? []), read };
}

function eventOf(host: string, path: string): object {
  const http = { method: 'GET', path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.7', userAgent: 'test' };
  return {
    ...{ version: '2.0', routeKey: '$default', rawPath: path, rawQueryString: '', isBase64Encoded: false },
    headers: { host, 'x-forwarded-proto': 'https' },
    requestContext: { http, domainName: host, stage: '$default', requestId: 'r', timeEpoch: 0 },
  };
}
