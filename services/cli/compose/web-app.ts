/** Makes the web application. Its client comes from the npm package, or from the bundle if there is one. */
import { existsSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Hono } from 'hono';
import { type WebDependencies, webApp } from '../../web/app.ts';
import { Refusal } from '../core/report.ts';

export function composeWebApp(dependencies: Omit<WebDependencies, 'clientFolder'>): Hono {
  return webApp({ ...dependencies, clientFolder: findClient() });
}

/** @returns the folder of the web client. @throws {Refusal} when the npm package is missing */
function findClient(): string {
  const bundled = fileURLToPath(new URL('client', import.meta.url));
  if (existsSync(bundled)) return bundled;
  const manifest = findPackageJSON('converse.js', import.meta.url);
  if (manifest === undefined) throw new Refusal('the npm package converse.js is missing; get it with: npm ci');
  return join(dirname(manifest), 'dist');
}
