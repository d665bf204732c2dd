/** Asks the function of the pages for pages, as an HTTP API does. */
import { callFunction } from './function-call.ts';
import type { Variables } from './templates.ts';

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
  const { answers, read } = await callFunction<Page>(
    bundle,
    variables,
    asked.map(([host, path]) => eventOf(host, path)),
  );
  return { pages: answers, read };
}

function eventOf(host: string, path: string): object {
  const http = { method: 'GET', path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.7', userAgent: 'test' };
  return {
    ...{ version: '2.0', routeKey: '$default', rawPath: path, rawQueryString: '', isBase64Encoded: false },
    headers: { host, 'x-forwarded-proto': 'https' },
    requestContext: { http, domainName: host, stage: '$default', requestId: 'r', timeEpoch: 0 },
  };
}
