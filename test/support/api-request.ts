/** The request of the REST API that asks for an operation with an input, as a client that was made of the OpenAPI document would send it. */
import type { ApiRoute } from '../../services/api/route.ts';

export interface ApiRequest {
  /** Such as `GET /tenants/a.example/accounts?after=romeo`. */
  readonly line: string;
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

export function apiRequest(
  { method, path, inPath, isQuery }: ApiRoute,
  { jid, ...rest }: Readonly<Record<string, unknown>>,
): ApiRequest {
  const [local, domain] = typeof jid === 'string' ? jid.split('@') : [];
  const all: Readonly<Record<string, unknown>> = { ...rest, ...(local !== undefined && { local, domain }) };
  const named = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(all[name]));
  const left = Object.entries(all).filter(([name]) => !inPath.includes(name));
  const line = `${method.toUpperCase()} ${named}`;
  if (!isQuery) return { line, body: Object.fromEntries(left) };
  const query = left.map(([name, value]) => `${name}=${encoded(value)}`).join('&');
  return { line: query === '' ? line : `${line}?${query}`, body: undefined };
}

/** A lone surrogate cannot be written into an address: what a program would send stands for it. */
function encoded(value: unknown): string {
  return encodeURIComponent(String(value).toWellFormed()) || '%20';
}
