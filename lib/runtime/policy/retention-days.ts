/** How long messages, those of rooms, and files are kept. What is there already keeps the time that it was written with; files in a folder do not. */
import { runtimeLimits } from '../limits.ts';
import { numberKey, type PolicyKey } from './policy-key.ts';

const max = runtimeLimits.retentionDaysMax;

export const retentionDays = numberKey('DAYS', 'how long messages are kept in archives of accounts; 0: for ever', 0, max);

/** Tenants whose rows say nothing else keep everything for one time. */
const asMessages = (text: string): PolicyKey<number> => ({ ...numberKey('DAYS', text, 0, max), follows: 'retentionDays' });

export const roomRetentionDays = asMessages(
  'how long messages are kept in archives of rooms; 0: for ever. Until it is set, as long as those of accounts',
);
export const fileRetentionDays = asMessages(
  'how long uploaded files are kept; 0: for ever. Until it is set, as long as messages of accounts',
);
