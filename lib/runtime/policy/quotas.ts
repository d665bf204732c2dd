/** How many accounts and rooms a tenant may have. Guests are not counted: they have bounds of their own. */
import { runtimeLimits } from '../limits.ts';
import { numberKey } from './policy-key.ts';

const { accountsMax: accounts, roomsMax: rooms } = runtimeLimits;

export const accountsMax = numberKey('N', 'how many accounts the tenant may have; 0: as many as come', 0, accounts);

export const roomsMax = numberKey('N', 'how many rooms the tenant may have; 0: none', rooms, rooms);
