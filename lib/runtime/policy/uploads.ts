/** What an account may upload (XEP-0363), in MiB. The bytes are counted when a slot is asked for, whether it is used or not. */
import { runtimeLimits } from '../limits.ts';
import { countKey, numberKey } from './policy-key.ts';

const { fileMegabytesMax, uploadMegabytes: month, keptMegabytes: kept, uploadMegabytesMax: most } = runtimeLimits;

export const fileMegabytes = countKey('MIB', 'how large a file may be, MiB', fileMegabytesMax, fileMegabytesMax);

export const uploadMegabytes = numberKey('MIB', 'how much an account may upload in a month, MiB; 0: nothing', month, most);

export const keptMegabytes = numberKey(
  'MIB',
  'how much an account may upload for good (XEP-0363, permanent), MiB; 0: nothing',
  kept,
  most,
);
