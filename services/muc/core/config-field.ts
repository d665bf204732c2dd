/** The shape of a field in the owner's form: XEP-0045 §15.5.3. */
import type { Field, FieldType, SubmittedField } from '../../../lib/xmpp/data-form.ts';
import type { RoomConfig } from './config.ts';

export type ConfigChange = Partial<{ -readonly [Key in keyof RoomConfig]: RoomConfig[Key] }>;

export interface ConfigField {
  readonly var: string;
  /** Other names for the field that clients submit. */
  readonly also?: readonly string[];
  readonly type: FieldType;
  readonly label: string;
  readonly options?: Field['options'];
  readonly range?: Field['range'];
  readonly show: (config: RoomConfig) => string | readonly string[];
  /** @throws {StanzaError} not-acceptable, also for a field without a value that cannot be unset */
  readonly read: (field: SubmittedField) => ConfigChange;
}
