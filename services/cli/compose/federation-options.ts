/** The options for federation, and the ports and arguments that follow from them. */
import { closablePortOption, optionalText, pathOption, type Values } from '../core/arguments.ts';
import { isLoopback } from '../core/options.ts';

/** Options for the ports to which other servers connect, and for how other servers prove themselves. */
export const peerPortOptions = {
  s2sPort: closablePortOption(
    'port for other servers, STARTTLS; 0 for none; the default is 5269, and none on a loopback address',
  ),
  s2sTlsPort: closablePortOption(
    'port for other servers, direct TLS; 0 for none; the default is 5270, and none on a loopback address',
  ),
  s2sCa: pathOption('FILE', 'more CAs for the certificates of other servers, PEM, besides those of the system'),
};

/** Options for how other servers are found. */
export const findingOptions = {
  s2sNetworks: optionalText(
    'CIDR,…',
    'private networks where other servers may be; all others are refused',
    'blocks of addresses, such as 10.0.0.0/8,fd00::/8',
    /^[\da-f.:/]+(?:,[\da-f.:/]+)*$/i,
  ),
  s2sResolver: optionalText(
    'ADDRESS[:PORT]',
    'the DNS server that finds other servers; the default is those of the system',
    'an address, and perhaps a port, such as 192.0.2.1:53',
    /^[\da-f.:[\]]+$/i,
  ),
};

export const federationOptions = { ...peerPortOptions, ...findingOptions };

export type PeerPortValues = Pick<Values<typeof peerPortOptions>, 's2sPort' | 's2sTlsPort'>;
export type FindingValues = Values<typeof findingOptions>;

/** The arguments that tell `skylark serve` about federation. Empty without federation. */
export function federationArguments(values: PeerPortValues & { readonly bind: string }): readonly string[] {
  const ports = peerPortsOf(values);
  if (ports === undefined) return [];
  return ['--federation', '--s2s-port', `${ports.s2sPort ?? 0}`, '--s2s-tls-port', `${ports.s2sTlsPort ?? 0}`];
}

export interface PeerPorts {
  readonly s2sPort?: number;
  readonly s2sTlsPort?: number;
}

/**
 * The ports to which other servers connect. A loopback address cannot be reached from outside, so there is no federation on it
 * unless a port is given.
 * @returns undefined when there is no federation
 */
export function peerPortsOf({ s2sPort, s2sTlsPort, bind }: PeerPortValues & { readonly bind: string }): PeerPorts | undefined {
  const isNear = isLoopback(bind);
  const [plain, secure] = [s2sPort ?? (isNear ? 0 : 5269), s2sTlsPort ?? (isNear ? 0 : 5270)];
  if (plain === 0 && secure === 0) return undefined;
  return { ...(plain !== 0 && { s2sPort: plain }), ...(secure !== 0 && { s2sTlsPort: secure }) };
}
