/** The three ways in which an operator asks a running service for something: the command line, the REST API, the pages of the console. */
import type { z } from 'zod';
import type { OperationDescription } from '../../../lib/runtime/operation.ts';
import { routesOf } from '../../../services/api/route.ts';
import { operations } from '../../../services/router/operations/index.ts';
import { skylark } from '../../cli/skylark-command.ts';
import { apiRequest } from '../../support/api-request.ts';

export type Given = Readonly<Record<string, unknown>>;

export const wayNames = ['command', 'api', 'console'] as const;
export type WayName = (typeof wayNames)[number];

const routes = new Map(routesOf(operations).map((route) => [route.operation.name, route]));

/** @throws with what it was told when the command fails */
export async function byCommand(args: readonly string[], data: string): Promise<string> {
  const { out, err, code } = await skylark([...args, '--data', data], { input: 'secret\n' });
  if (code !== 0) throw new Error(err);
  return out;
}

/** @param origin of the web pages. @throws with the detail of the problem */
export async function byApi(origin: string, token: string, operation: string, given: Given): Promise<string> {
  const { line, body } = apiRequest(routes.get(operation)!, given);
  const [method, path] = line.split(' ') as [string, string];
  const response = await fetch(`${origin}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error((JSON.parse(text) as { readonly detail: string }).detail);
  return text;
}

/** A browser without scripts that is in the console. */
export class ConsoleSession {
  readonly #origin: string;
  readonly #cookie: string;

  private constructor(origin: string, cookie: string) {
    this.#origin = origin;
    this.#cookie = cookie;
  }

  /** @param shown the token of a link, or an address and a password */
  static async enter(origin: string, shown: Readonly<Record<string, string>>): Promise<ConsoleSession> {
    const response = await fetch(`${origin}/console/enter`, submission(origin, shown));
    const cookie = response.headers.getSetCookie()[0]?.split(';', 1)[0];
    if (response.status !== 303 || cookie === undefined) throw new Error(`it did not get in: ${textOf(await response.text())}`);
    return new ConsoleSession(origin, cookie);
  }

  /** Opens the form of the operation, fills it in and sends it. @returns what is shown then. @throws with the text of the page */
  async does(operation: OperationDescription, given: Given): Promise<string> {
    const path = `${this.#origin}/console/do/${operation.name}`;
    const form = await (await fetch(`${path}?_back=/console/operations`, { headers: { cookie: this.#cookie } })).text();
    const csrf = /name="_csrf" value="([\w-]{43})"/.exec(form)?.[1];
    if (csrf === undefined) throw new Error(`there is no form of ${operation.name}: ${textOf(form)}`);
    const fields = Object.keys((operation.input as z.ZodObject).shape).filter((name) => given[name] !== undefined);
    for (const name of fields) if (!form.includes(`name="${name}"`)) throw new Error(`the form has no field ${name}: ${form}`);
    const filled = Object.fromEntries(fields.map((name) => [name, asTyped(given[name])]));
    const sent = submission(this.#origin, { _csrf: csrf, _back: '/console/operations', ...filled }, this.#cookie);
    const response = await fetch(path, sent);
    const text = await response.text();
    if (response.status === 303) {
      const to = new URL(response.headers.get('location')!, this.#origin);
      if (to.searchParams.get('done') === operation.name) return '';
      throw new Error(`it leads to ${to}`);
    }
    const alert = /role="alert">([^<]*)</.exec(text)?.[1];
    if (response.status !== 200) throw new Error(alert === undefined ? textOf(text) : unescaped(alert));
    return textOf(text);
  }
}

function submission(origin: string, fields: Readonly<Record<string, string>>, cookie?: string): RequestInit {
  return {
    ...{ method: 'POST', redirect: 'manual', body: new URLSearchParams(fields).toString() },
    headers: {
      ...{ origin, 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
      ...(cookie !== undefined && { cookie }),
    },
  };
}

/** As somebody types it into the field. */
function asTyped(value: unknown): string {
  if (Array.isArray(value)) return value.join('\n');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, one]) => `${name}=${String(one)}`)
    .join('\n');
}

function textOf(page: string): string {
  const body = page.slice(Math.max(page.indexOf('<main'), 0));
  return unescaped(body.replaceAll(/<[^>]*>/g, ' ')).replaceAll(/\s+/g, ' ');
}

function unescaped(text: string): string {
  const characters: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };
  return text.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, (found) => characters[found]!);
}
