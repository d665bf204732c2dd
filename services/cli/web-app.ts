/** The pages with the client that npm brought. */
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import type { Hono } from 'hono';
import { type WebParts, webApp } from '../web/app.ts';
import { Refusal } from './report.ts';

export function composeWebApp(parts: Omit<WebParts, 'clientFolder'>): Hono {
  const manifest = findPackageJSON('converse.js', import.meta.url);
  if (manifest === undefined) throw new Refusal('the npm package converse.js is missing; get it with: npm ci');
  return webApp({ ...parts, clientFolder: join(dirname(manifest), 'dist') });
}
