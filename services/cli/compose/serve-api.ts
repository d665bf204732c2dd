/**
 * `skylark serve api`: the console, the REST API and the pages of invites and of new passwords, for a CDN in front (decision 23). It asks
 * routers over the bus, and holds nothing: no streams, no certificates, no sessions.
 */
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { composeConsole } from './console.ts';
import { lingerMsOf, startFrontPart } from './front-part.ts';
import { type Addresses, addressesOf } from './listening.ts';
import { beat, openPorts } from './serve-services.ts';
import type { Serving } from './serving.ts';
import { composeWebApp } from './web-app.ts';

export async function serveApi(serving: Serving): Promise<Addresses> {
  const { values, log, cleanup, health, outside } = serving;
  const ports = await openPorts(serving);
  const pages = {
    tenants: new Tenants(ports.store, ports.clock),
    ...{ log, defaultDomain: values.domain, webSocketUrl: values.websocketUrl },
  };
  // What this process does is of no interest, and the domain is not looked at from here: a console elsewhere in the network sees other ways.
  const { recordsOf } = outside;
  const console = composeConsole({ ...ports, cleanup, outside: { ...(recordsOf && { recordsOf }) } });
  const front = await startFrontPart(serving, composeWebApp({ ...pages, console }, ports), { lingerMs: lingerMsOf(values) });
  await beat(serving, ports, 'api', ports.figures);
  health.started();
  return addressesOf(front);
}
