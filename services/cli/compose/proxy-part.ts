/** The proxy for bytestreams (XEP-0065), where the whole service is one process. */
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import { BytestreamProxy } from '../../connection/bytestreams/bytestream-proxy.ts';
import type { ProxyPlace } from '../../router/core/dependencies.ts';
import type { Cleanup } from './lifetime.ts';
import { listening } from './listening.ts';
import type { StartValues } from './start-options.ts';

interface ProxyParts {
  readonly values: Pick<StartValues, 'bind'> & Partial<Pick<StartValues, 'proxyPort' | 'proxyHost'>>;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly cleanup: Cleanup;
}

/** @returns undefined without a port. @throws {Refusal} when the port cannot be had */
export async function startProxy({
  values: { bind, proxyPort = 0, proxyHost },
  cleanup,
  ...parts
}: ProxyParts): Promise<{ readonly place: ProxyPlace; readonly address: AddressInfo } | undefined> {
  if (proxyPort === 0) return undefined;
  const proxy = await listening(bind, { proxyPort }, () => BytestreamProxy.start({ ...parts, bind, port: proxyPort }));
  cleanup.add('proxy', () => proxy.stop());
  const { address } = proxy;
  return { place: { host: proxyHost, port: address.port }, address };
}
