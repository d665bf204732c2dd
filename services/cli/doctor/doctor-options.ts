/** The options of `skylark doctor`. */
import { isIP } from 'node:net';
import { z } from 'zod';
import {
  countOption,
  type Option,
  type Options,
  pathOption,
  portOption,
  switchOption,
  textOption,
  type Values,
} from '../core/arguments.ts';
import { data, settings } from '../core/options.ts';
import { hostNameOption } from '../dns/dns-options.ts';
import { programLimits } from '../limits.ts';

function resolverOption(text: string): Option<string | undefined> {
  const schema = z
    .string()
    .refine((value) => {
      const [, bracketed, plain, port = '53'] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(value) ?? [];
      return isIP(bracketed ?? plain ?? '') !== 0 && Number(port) >= 1 && Number(port) <= 65_535;
    })
    .optional();
  return {
    placeholder: 'ADDRESS',
    text,
    allowed: 'an IP address with or without a port, such as 9.9.9.9 or 127.0.0.1:5353',
    schema,
  };
}

export const doctorOptions = {
  local: { ...switchOption('instead of a domain: looks at this machine and the data folder'), isFlagOnly: true },
  data,
  settings,
  dns: resolverOption("the DNS server to ask, instead of the system's"),
  ca: pathOption('FILE', 'certificates of authorities to trust besides the public ones, PEM'),
  acmeZone: hostNameOption('ZONE', 'where the _acme-challenge records should point; without it any target will do'),
  webPort: portOption('of HTTPS at the domain, where browsers look for host-meta', 443),
  user: textOption(
    'NAME',
    'an account of the domain, to look at rooms, uploads and servers for calls as it sees them',
    'the part before the @ of an address',
  ),
  password: textOption('TEXT', 'of that account; without it, it is read from the terminal or the input', 'a password'),
  timeout: countOption('for all checks together, seconds', programLimits.doctorSecondsMax, 60),
  json: switchOption('print one JSON object a line instead of text'),
} satisfies Options;

export type DoctorValues = Values<typeof doctorOptions>;
/** What counts for a look from outside. */
export type OutsideValues = Omit<DoctorValues, 'local' | 'data' | 'settings'>;
