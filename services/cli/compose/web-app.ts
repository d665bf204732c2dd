/** Makes the web application and the REST API. Files of npm packages come from the bundle if there is one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Hono } from 'hono';
import { type ApiDependencies, apiApp } from '../../api/app.ts';
import { operations } from '../../router/operations/index.ts';
import { type WebDependencies, webApp } from '../../web/app.ts';
import { peopleApp } from '../../web/people/app.ts';
import { version } from '../core/version.ts';
import { packageFolder } from './package-folder.ts';

type Given = Omit<WebDependencies, 'clientFolder' | 'api' | 'people'>;

/** @param api what the REST API needs; absent: this process does not serve it */
export function composeWebApp(dependencies: Given, api?: Pick<ApiDependencies, 'bus' | 'clock'>): Hono {
  return webApp({
    ...dependencies,
    clientFolder: findFiles('client', 'converse.js', 'dist'),
    ...(api && {
      people: peopleApp({ bus: api.bus, tenants: dependencies.tenants, log: dependencies.log }),
      api: apiApp({
        ...api,
        log: dependencies.log,
        operations,
        version,
        referenceFolder: findFiles('api-reference', 'swagger-ui-dist', '.'),
      }),
    }),
  });
}

/**
 * @param bundled the folder's name in a bundle. @param name of the npm package, and the folder in it
 * @throws {Refusal} when the npm package is missing
 */
function findFiles(bundled: string, name: string, inside: string): string {
  const folder = fileURLToPath(new URL(bundled, import.meta.url));
  if (existsSync(folder)) return folder;
  return join(packageFolder(name), inside);
}
